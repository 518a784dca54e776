//! One reader's way through a log: catch up from its cursors, then live.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use proto::events::v1::{Cursor, Envelope};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::{
    BATCH_BYTES, BATCH_EVENTS, EventLog, PARTITIONS,
    log::{End, Heads, Look},
    source::{Deliveries, Delivery, SourceError, away},
};

/// A sign of life at least this often.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Hints may be lost and other replicas write too: look at the table at least this often.
const POLL: Duration = Duration::from_millis(250);

/// Reads a log on demand: nothing is read that was not asked for, so a slow reader costs no memory.
pub(crate) struct Tail {
    log: EventLog,
    places: [Option<End>; PARTITIONS],
    /// A partition whose cursor is of another log.
    foreign: Option<usize>,
    hints: watch::Receiver<Heads>,
    heads: Heads,
    /// When a place moved last: only a look that began later can tell that the log does not have it.
    moved: Instant,
    looked: Instant,
    next_heartbeat: Instant,
    /// Where the log stood when a sign of life was due.
    sign: Option<Vec<Cursor>>,
    first_partition: usize,
    limit: usize,
}

impl Tail {
    /// # Errors
    /// When a cursor names no partition, or one twice.
    pub(crate) fn new(log: EventLog, cursors: &[Cursor]) -> Result<Self, SourceError> {
        let mut places = [const { None }; PARTITIONS];
        let mut foreign = None;
        for cursor in cursors {
            let partition = cursor.partition as usize;
            let place = places
                .get_mut(partition)
                .filter(|place| place.is_none())
                .ok_or_else(|| away("a cursor names no partition, or one twice"))?;
            *place = Some(match cursor.position {
                0 => End::default(),
                position => End {
                    position,
                    event_id: cursor.event_id.clone(),
                },
            });
            if cursor.position > 0 && cursor.log_epoch != log.epoch() {
                foreign = Some(partition);
            }
        }
        let hints = log.watch_heads();
        let now = Instant::now();
        Ok(Self {
            log,
            places,
            foreign,
            hints,
            heads: [0; PARTITIONS],
            moved: now,
            looked: now,
            // the first answer says where the log stands, even when there is nothing to send
            next_heartbeat: now,
            sign: None,
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
        if let Some(partition) = self.foreign {
            return Err(SourceError::Diverged { partition });
        }
        if let Some(heads) = self.sign.take() {
            return Ok(Delivery::Heartbeat(heads));
        }
        loop {
            if Instant::now() >= self.next_heartbeat {
                let look = self.look(self.moved.max(long_ago())).await?;
                self.sign = Some(self.log.cursors_at(&look));
                self.next_heartbeat = Instant::now() + HEARTBEAT;
            }
            // the sign of life is said behind a batch: who keeps up has all that it tells of by then
            let events = self.catch_up().await?;
            if !events.is_empty() {
                return Ok(Delivery::Batch(events));
            }
            if let Some(heads) = self.sign.take() {
                return Ok(Delivery::Heartbeat(heads));
            }
            let until = self.next_heartbeat.min(self.looked + POLL);
            match timeout_at(until, self.hints.changed()).await {
                Ok(Ok(())) => self.heads = *self.hints.borrow_and_update(),
                _ => {
                    self.look(self.looked).await?;
                }
            }
        }
    }

    /// Where the log stands, seen after a moment, by this reader or another of the process.
    async fn look(&mut self, after: Instant) -> Result<Arc<Look>, SourceError> {
        let look = self.log.look_after(after).await.map_err(away)?;
        self.looked = look.began;
        self.heads = look.positions();
        if look.began > self.moved {
            self.compare(&look)?;
        }
        Ok(look)
    }

    /// A log that ends before what this reader was sent, or ends with another event there, was restored, or its
    /// database failed over to a server that had not heard of everything: another history, whatever follows. Where
    /// it goes on behind this reader's place, reading on compares.
    fn compare(&self, look: &Look) -> Result<(), SourceError> {
        let ends = self.places.iter().zip(&look.heads).zip(&look.floors);
        for (partition, ((place, head), floor)) in ends.enumerate() {
            let Some(place) = place else { continue };
            if place.position < floor.position {
                return Err(SourceError::OutOfRange { partition });
            }
            let is_other =
                |end: &End| place.position == end.position && place.event_id != end.event_id;
            if place.position > head.position || is_other(head) || is_other(floor) {
                return Err(SourceError::Diverged { partition });
            }
        }
        Ok(())
    }

    /// What is wrong when what follows a place does not follow the event there; nothing if that was pruned since.
    async fn judge(&self, partition: usize, place: &End, found: &[u8]) -> Result<(), SourceError> {
        // after the read: one that was pruned in between is at or below the floor now
        let (floor, floor_id) = self.log.floor(partition).await.map_err(away)?;
        if !found.is_empty() || place.position > floor {
            Err(SourceError::Diverged { partition })
        } else if place.position < floor {
            Err(SourceError::OutOfRange { partition })
        } else if place.event_id != floor_id {
            Err(SourceError::Diverged { partition })
        } else {
            Ok(())
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
            let Some(place) = &self.places[partition] else {
                continue;
            };
            if place.position >= self.heads[partition] || batch.len() >= self.limit || full {
                continue;
            }
            let mut place = place.clone();
            let limit = self.limit - batch.len();
            let mut events = self
                .log
                .follow(partition, place.position, &place.event_id, limit)
                .await
                .map_err(away)?;
            if let Some(first) = events.first_mut()
                && first.prev_event_id != place.event_id
            {
                self.judge(partition, &place, &first.prev_event_id).await?;
                first.prev_event_id.clone_from(&place.event_id);
            }
            for event in events {
                if event.position != place.position + 1 {
                    return Err(SourceError::OutOfRange { partition });
                }
                full = bytes > 0 && bytes + event.payload.len() > BATCH_BYTES;
                if full {
                    break;
                }
                bytes += event.payload.len();
                place.position = event.position;
                place.event_id.clone_from(&event.event_id);
                batch.push(event);
            }
            self.places[partition] = Some(place);
        }
        if !batch.is_empty() {
            self.moved = Instant::now();
        }
        // large events: what does not fit is not read, or read twice at the most
        self.limit = if full { 2 * batch.len() } else { BATCH_EVENTS };
        self.limit = self.limit.min(BATCH_EVENTS);
        Ok(batch)
    }
}

/// Before this a look is too old for a sign of life.
fn long_ago() -> Instant {
    let now = Instant::now();
    now.checked_sub(POLL).unwrap_or(now)
}
