//! One reader's way through a log: catch up from its cursors, then live.

use std::time::Duration;

use futures::{StreamExt, stream};
use proto::events::v1::{Cursor, Envelope};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::{
    BATCH_BYTES, BATCH_EVENTS, EventLog, PARTITIONS,
    log::Heads,
    source::{Deliveries, Delivery, SourceError, away},
};

/// A sign of life at least this often.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Hints may be lost and other replicas write too: look at the table at least this often.
const POLL: Duration = Duration::from_millis(250);

/// A place in one partition.
#[derive(Clone)]
struct Place {
    position: u64,
    event_id: Vec<u8>,
}

/// Reads a log on demand: nothing is read that was not asked for, so a slow reader costs no memory.
pub(crate) struct Tail {
    log: EventLog,
    places: [Option<Place>; PARTITIONS],
    unchecked: Vec<Cursor>,
    hints: watch::Receiver<Heads>,
    heads: Heads,
    next_heartbeat: Instant,
    first_partition: usize,
    limit: usize,
}

impl Tail {
    /// # Errors
    /// When a cursor names no partition, or one twice.
    pub(crate) fn new(log: EventLog, cursors: &[Cursor]) -> Result<Self, SourceError> {
        let mut places = [const { None }; PARTITIONS];
        for cursor in cursors {
            let place = places
                .get_mut(cursor.partition as usize)
                .filter(|place| place.is_none())
                .ok_or_else(|| away("a cursor names no partition, or one twice"))?;
            *place = Some(Place {
                position: cursor.position,
                event_id: cursor.event_id.clone(),
            });
        }
        let hints = log.watch_heads();
        Ok(Self {
            log,
            places,
            unchecked: cursors.to_vec(),
            hints,
            heads: [0; PARTITIONS],
            // the first answer says where the log stands, even when there is nothing to send
            next_heartbeat: Instant::now(),
            first_partition: 0,
            limit: BATCH_EVENTS,
        })
    }

    pub(crate) fn deliveries(self) -> Deliveries {
        stream::unfold(Some(self), |tail| async move {
            let mut tail = tail?;
            match tail.next().await {
                Ok(delivery) => Some((Ok(delivery), Some(tail))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Delivery, SourceError> {
        if !self.unchecked.is_empty() {
            self.heads = self.log.refresh_heads().await.map_err(away)?;
            for cursor in std::mem::take(&mut self.unchecked) {
                self.check(&cursor).await?;
            }
        }
        loop {
            let events = self.catch_up().await?;
            if !events.is_empty() {
                return Ok(Delivery::Batch(events));
            }
            if Instant::now() >= self.next_heartbeat {
                self.next_heartbeat = Instant::now() + HEARTBEAT;
                let heads = self.log.head_cursors().await.map_err(away)?;
                return Ok(Delivery::Heartbeat(heads));
            }
            let until = self.next_heartbeat.min(Instant::now() + POLL);
            self.heads = match timeout_at(until, self.hints.changed()).await {
                Ok(Ok(())) => *self.hints.borrow_and_update(),
                _ => self.log.refresh_heads().await.map_err(away)?,
            };
        }
    }

    /// The event at the cursor must be the one the reader applied: otherwise the log was restored or
    /// forked, and what follows belongs to another history.
    async fn check(&self, cursor: &Cursor) -> Result<(), SourceError> {
        let partition = cursor.partition as usize;
        let id = self.log.event_id_at(partition, cursor.position);
        let id = id.await.map_err(away)?;
        // after the event: one that was pruned in between is then below or at the floor
        let (floor, floor_id) = self.log.floor(partition).await.map_err(away)?;
        if cursor.position == 0 {
            return if floor == 0 {
                Ok(())
            } else {
                Err(SourceError::OutOfRange { partition })
            };
        }
        if cursor.log_epoch != self.log.epoch() {
            return Err(SourceError::Diverged { partition });
        }
        if cursor.position < floor {
            return Err(SourceError::OutOfRange { partition });
        }
        let known = id.or((cursor.position == floor).then_some(floor_id));
        if known.as_deref() == Some(&cursor.event_id) {
            Ok(())
        } else {
            Err(SourceError::Diverged { partition })
        }
    }

    async fn catch_up(&mut self) -> Result<Vec<Envelope>, SourceError> {
        let mut batch: Vec<Envelope> = Vec::new();
        let mut bytes = 0;
        let mut full = false;
        // start with another partition each time, so that a busy one starves nobody
        self.first_partition = (self.first_partition + 1) % PARTITIONS;
        for step in 0..PARTITIONS {
            let partition = (self.first_partition + step) % PARTITIONS;
            let Some(place) = &mut self.places[partition] else {
                continue;
            };
            if place.position >= self.heads[partition] || batch.len() >= self.limit || full {
                continue;
            }
            let events = self
                .log
                .read(partition, place.position, self.limit - batch.len())
                .await
                .map_err(away)?;
            for mut event in events {
                if event.position != place.position + 1 {
                    return Err(SourceError::OutOfRange { partition });
                }
                full = bytes > 0 && bytes + event.payload.len() > BATCH_BYTES;
                if full {
                    break;
                }
                bytes += event.payload.len();
                event.prev_event_id =
                    std::mem::replace(&mut place.event_id, event.event_id.clone());
                place.position = event.position;
                batch.push(event);
            }
        }
        // large events: what does not fit is not read, or read twice at the most
        self.limit = if full { 2 * batch.len() } else { BATCH_EVENTS };
        self.limit = self.limit.min(BATCH_EVENTS);
        Ok(batch)
    }
}
