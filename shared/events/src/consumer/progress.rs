//! How far a consumer has come, for those who wait for it.

use std::time::Duration;

use proto::events::v1::Cursor;
use tokio::{sync::watch, time::timeout};

use crate::{PARTITIONS, log::Heads};

/// How far a consumer has come.
#[derive(Debug, Clone)]
pub struct Progress {
    applied: watch::Sender<Heads>,
    caught_up: watch::Sender<bool>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            applied: watch::Sender::new([0; PARTITIONS]),
            caught_up: watch::Sender::new(false),
        }
    }

    /// Waits until a position was applied; false when `limit` passes first.
    pub async fn reached(&self, partition: usize, position: u64, limit: Duration) -> bool {
        let mut applied = self.applied.subscribe();
        let wait =
            applied.wait_for(|heads| heads.get(partition).is_some_and(|head| *head >= position));
        matches!(timeout(limit, wait).await, Ok(Ok(_)))
    }

    /// Positions applied by now.
    pub fn applied(&self) -> Heads {
        *self.applied.borrow()
    }

    /// Waits until everything that was in the log at the start was applied; false when `limit` passes first.
    pub async fn caught_up(&self, limit: Duration) -> bool {
        let mut caught_up = self.caught_up.subscribe();
        matches!(
            timeout(limit, caught_up.wait_for(|done| *done)).await,
            Ok(Ok(_))
        )
    }

    pub(super) fn publish(&self, cursors: &[Cursor]) {
        self.applied.send_modify(|applied| {
            for cursor in cursors {
                if let Some(place) = applied.get_mut(cursor.partition as usize) {
                    *place = cursor.position;
                }
            }
        });
    }

    pub(super) fn publish_heads(&self, heads: &Heads) {
        self.applied.send_replace(*heads);
    }

    /// More was applied than is stored now.
    pub(super) fn is_ahead_of(&self, cursors: &[Cursor]) -> bool {
        let applied = self.applied.borrow();
        cursors.iter().any(|cursor| {
            let applied = applied.get(cursor.partition as usize);
            applied.is_some_and(|applied| *applied > cursor.position)
        })
    }

    /// Others have moved the cursors since they were published last.
    pub(super) fn differs(&self, cursors: &[Cursor]) -> bool {
        let applied = self.applied.borrow();
        cursors
            .iter()
            .any(|cursor| applied.get(cursor.partition as usize) != Some(&cursor.position))
    }

    /// Says so when the cursors have come to where the log stood at the start.
    pub(super) fn has_caught_up(&self) {
        if !*self.caught_up.borrow() {
            self.caught_up.send_replace(true);
        }
    }
}
