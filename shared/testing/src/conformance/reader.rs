//! A reader that believes nothing: each event it takes must be the next of its partition.

use std::{future::Future, sync::Arc};

use events::{
    Delivery, EventLog, EventSource, PARTITIONS, SourceError,
    source::{Deliveries, Snapshot, SnapshotPiece},
};
use futures::StreamExt;
use proto::events::v1::{Cursor, Envelope};

/// What a subscription says next.
///
/// # Panics
/// When it says nothing for 20 s.
pub async fn next(stream: &mut Deliveries) -> Option<Result<Delivery, SourceError>> {
    soon("a delivery", stream.next()).await
}

/// The future's value.
///
/// # Panics
/// When it takes more than 20 s.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(crate::PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("never came: {what}"))
}

/// The source's answer; asks again while it is away, as after an interruption.
///
/// # Panics
/// When it stays away for 20 s, or says something else.
pub async fn connected<T, F, Fut>(what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, SourceError>>,
{
    let answer = crate::eventually(what, || {
        let answer = ask();
        async {
            match soon(what, answer).await {
                Err(SourceError::Unavailable(_)) => None,
                answer => Some(answer),
            }
        }
    });
    answer.await.unwrap()
}

/// A cursor before the first event of every partition.
pub fn origin() -> Vec<Cursor> {
    (0..PARTITIONS as u32)
        .map(|partition| Cursor {
            partition,
            ..Cursor::default()
        })
        .collect()
}

/// The place after an event.
pub fn after(event: &Envelope) -> Cursor {
    Cursor {
        partition: event.partition,
        position: event.position,
        event_id: event.event_id.clone(),
        log_epoch: event.log_epoch.clone(),
    }
}

/// The first error of a subscription, and what came before it.
///
/// # Panics
/// When there is none.
pub async fn refusal(source: &Arc<dyn EventSource>, cursors: Vec<Cursor>) -> SourceError {
    let mut stream = match soon("a subscription", source.subscribe(cursors)).await {
        Ok(stream) => stream,
        Err(error) => return error,
    };
    loop {
        match next(&mut stream).await.expect("the stream just ended") {
            Ok(Delivery::Heartbeat(_)) => {}
            Ok(Delivery::Batch(events)) => panic!("events came: {events:?}"),
            Err(error) => return error,
        }
    }
}

/// Every piece of a snapshot: its cursors and states.
///
/// # Panics
/// When it fails, or does not start with its cursors.
pub async fn whole(mut snapshot: Snapshot) -> (Vec<Cursor>, Vec<Envelope>) {
    let first = soon("the cursors", snapshot.next()).await;
    let Some(Ok(SnapshotPiece::Cursors(cursors))) = first else {
        panic!("a snapshot starts with its cursors, not with {first:?}");
    };
    let mut states = Vec::new();
    while let Some(piece) = soon("a page", snapshot.next()).await {
        match piece.unwrap() {
            SnapshotPiece::State(events) => states.extend(events),
            SnapshotPiece::Cursors(_) => panic!("cursors again"),
        }
    }
    (cursors, states)
}

/// Follows a log strictly, and keeps all it was given.
pub struct Reader {
    epoch: [u8; 16],
    name: &'static str,
    /// Its place in each partition asked for.
    pub cursors: Vec<Cursor>,
    /// What it took, in order of arrival.
    pub events: Vec<Envelope>,
}

impl Reader {
    /// Of a whole log, from its beginning.
    pub fn new(log: &EventLog) -> Self {
        Self::at(log, origin())
    }

    /// From these places.
    pub fn at(log: &EventLog, cursors: Vec<Cursor>) -> Self {
        Self {
            epoch: log.epoch(),
            name: log.source(),
            cursors,
            events: Vec::new(),
        }
    }

    /// A subscription from where it is; asks again while the source is away.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn subscribe(&self, source: &Arc<dyn EventSource>) -> Deliveries {
        connected("a subscription", || source.subscribe(self.cursors.clone())).await
    }

    /// Takes a delivery.
    ///
    /// # Panics
    /// When an event is not the next of its partition, or not of this log.
    pub fn take(&mut self, delivery: Delivery) {
        let Delivery::Batch(events) = delivery else {
            return;
        };
        assert!(!events.is_empty(), "a batch without events");
        for event in events {
            let cursor = self
                .cursors
                .iter_mut()
                .find(|cursor| cursor.partition == event.partition)
                .unwrap_or_else(|| panic!("partition {} was not asked for", event.partition));
            assert_eq!(
                event.position,
                cursor.position + 1,
                "partition {}",
                event.partition
            );
            assert_eq!(
                event.prev_event_id, cursor.event_id,
                "the chain at {}",
                event.position
            );
            assert_eq!(event.log_epoch, self.epoch);
            assert_eq!(event.source, self.name);
            assert_eq!(event.event_id.len(), 16);
            *cursor = after(&event);
            self.events.push(event);
        }
    }

    /// Takes deliveries until it has reached these places.
    ///
    /// # Panics
    /// When the stream ends or fails before.
    pub async fn reach(&mut self, stream: &mut Deliveries, heads: &[Cursor]) {
        while !self.is_at(heads) {
            let delivery = next(stream).await.expect("the stream ended");
            self.take(delivery.unwrap());
        }
    }

    /// It has come to these places, as far as it reads their partitions.
    pub fn is_at(&self, heads: &[Cursor]) -> bool {
        self.cursors.iter().all(|cursor| {
            heads
                .iter()
                .all(|head| head.partition != cursor.partition || head.position <= cursor.position)
        })
    }

    /// Reads all there is now.
    ///
    /// # Panics
    /// When the log cannot be read.
    pub async fn catch_up(&mut self, source: &Arc<dyn EventSource>) {
        let heads = connected("the heads", || source.heads()).await;
        let mut stream = self.subscribe(source).await;
        self.reach(&mut stream, &heads).await;
    }
}
