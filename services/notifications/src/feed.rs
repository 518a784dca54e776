//! What becomes of other services' events.

use std::{sync::Arc, time::Duration};

use events::{ApplyError, Progress, Projection, UnitOfWork};
use proto::events::v1::Envelope;
use sea_orm::DbErr;
use tokio::time::Instant;

use crate::{
    convert,
    inboxes::Inboxes,
    store::{self, Source},
};

/// Keeps the rows that mirror one service.
pub struct Mirror {
    source: Source,
    inboxes: Arc<Inboxes>,
}

impl Mirror {
    /// Of one service's events.
    pub fn new(source: Source, inboxes: Arc<Inboxes>) -> Self {
        Self { source, inboxes }
    }
}

#[async_trait::async_trait]
impl Projection for Mirror {
    fn name(&self) -> &'static str {
        "inbox"
    }

    async fn apply(&self, work: &mut UnitOfWork, events: &[Envelope]) -> Result<(), ApplyError> {
        let mut parsed = Vec::with_capacity(events.len());
        for envelope in events {
            parsed.extend(convert::event(envelope).map_err(ApplyError::Poison)?);
        }
        store::apply(work.tx(), parsed).await?;
        Ok(())
    }

    async fn reset(&self, work: &mut UnitOfWork) -> Result<(), DbErr> {
        store::blank(work.tx(), self.source).await?;
        store::begin_epoch(work.tx(), 0).await?;
        Ok(())
    }

    async fn went_back(&self, work: &mut UnitOfWork) -> Result<(), DbErr> {
        let epoch = store::begin_epoch(work.tx(), self.inboxes.newest_epoch()).await?;
        tracing::warn!(
            epoch,
            "the database is behind what was shown; everything is shown anew"
        );
        Ok(())
    }

    async fn committed(&self, events: &[Envelope]) {
        for event in events {
            if let Some(id) = convert::inbox_id(event) {
                self.inboxes.changed_by(&id, &event.traceparent);
            }
        }
    }

    async fn moved(&self) {
        self.inboxes.all_changed();
    }
}

/// A place in a service's log that was given to a client as the place of their write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Whose log.
    pub source: Source,
    /// 0 to 15.
    pub partition: usize,
    /// The place.
    pub position: u64,
}

/// How far the mirrors have come.
#[derive(Clone)]
pub struct Mirrored {
    /// In Tickets' log.
    pub tickets: Progress,
    /// In Conversations' log.
    pub conversations: Progress,
}

impl Mirrored {
    /// Waits until all of these places were applied; false when `limit` passes first.
    pub async fn reached(&self, positions: &[Position], limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        for Position {
            source,
            partition,
            position,
        } in positions
        {
            let progress = match source {
                Source::Tickets => &self.tickets,
                Source::Conversations => &self.conversations,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if !progress.reached(*partition, *position, left).await {
                return false;
            }
        }
        true
    }
}
