//! From the log into its streams: each event at the sequence of its position, or not at all.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_nats::jetstream::{
    self, ErrorCode,
    context::{PublishAckFuture, PublishError, PublishErrorKind},
    message::PublishMessage,
};
use events::{Delivery, EventLog, EventSource, LocalSource, PARTITIONS, SourceError, log::Heads};
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, try_join_all},
    stream::{BoxStream, FuturesUnordered},
};
use metrics::gauge;
use prost::Message;
use proto::events::v1::{Cursor, Envelope};
use rand::Rng;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{Error, Streams, mark::Mark, mark::hex, streams::epoch_of};

/// Publishes that wait for their acknowledgement at the most.
const WINDOW: usize = 256;
/// The log says something every 2 s; three missed and it is asked anew.
const SILENCE: Duration = Duration::from_secs(6);
/// How often a relay with nothing to do looks whether the streams are still what it left.
const LOOK: Duration = Duration::from_secs(5);
/// How often a relay that lost a race looks whether the winner goes on.
const STAND_BY: Duration = Duration::from_secs(1);
/// First wait after a failure.
const BACKOFF: Duration = Duration::from_millis(50);
/// Longest wait after repeated failures.
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// A wait this long is no election of the servers any more: somebody should know.
const WORTH_TELLING: Duration = Duration::from_millis(1_600);
/// How often the streams forget what the log has forgotten.
const TIDY: Duration = Duration::from_secs(3_600);

/// Copies a log into its streams. Any number may run at once: for each message the server takes one, and
/// the others stand by until the streams fall behind.
pub struct Relay {
    log: EventLog,
    streams: Streams,
    progress: watch::Sender<Heads>,
    /// What the log of the process says of it: told when it changes, not at each try.
    stands_still: AtomicBool,
}

/// Why a relay reads the streams again.
enum Stop {
    /// Another relay was first.
    Fenced,
    /// A stream does not hold the log's history, or the log no longer holds what would follow.
    Anew(usize),
    Retry(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Retry(error.to_string())
    }
}

/// An acknowledgement on its way, and the place it is for.
type Published = BoxFuture<'static, Result<(usize, u64), Stop>>;

impl Relay {
    /// Of the owner's log; nothing happens before [`Relay::run`].
    pub fn new(log: EventLog, streams: Streams) -> Self {
        Self {
            log,
            streams,
            progress: watch::Sender::new([0; PARTITIONS]),
            stands_still: AtomicBool::new(false),
        }
    }

    /// The position up to which each partition is in its stream, as far as this relay knows. It goes back
    /// when a stream does.
    pub fn progress(&self) -> watch::Receiver<Heads> {
        self.progress.subscribe()
    }

    /// Runs until told to stop. Failures are logged and tried again.
    pub async fn run(self, stop: CancellationToken) {
        let both = futures::future::join(self.run_for_ever(), self.tidy_for_ever());
        stop.run_until_cancelled(both).await;
    }

    /// Lets the streams forget what the log has forgotten; done by [`Relay::run`] every hour.
    ///
    /// # Errors
    /// When NATS is away, or the log cannot be read.
    pub async fn tidy(&self) -> Result<(), Error> {
        for partition in 0..PARTITIONS {
            let floor = self.log.floor(partition).await;
            let (floor, _) = floor.map_err(|e| Error::new("the log's floor", e))?;
            let Some(info) = self.streams.look(partition).await? else {
                continue;
            };
            // of another history, or behind: that is made good elsewhere, and never by emptying it
            let ours = epoch_of(&info) == Some(&hex(&self.log.epoch()));
            let up_to = floor.min(info.state.last_sequence);
            if ours && info.state.first_sequence <= up_to {
                self.streams.prune(partition, up_to).await?;
            }
        }
        Ok(())
    }

    async fn tidy_for_ever(&self) -> Infallible {
        loop {
            // replicas started together do not do it together
            let wait = rand::thread_rng().gen_range(TIDY / 2..=TIDY);
            tokio::time::sleep(wait).await;
            if let Err(why) = self.tidy().await {
                tracing::debug!(source = self.log.source(), %why, "the streams are tidied later");
            }
        }
    }

    async fn run_for_ever(&self) -> Infallible {
        let mut backoff = BACKOFF;
        loop {
            let start = Instant::now();
            let stop = match self.relay().await {
                Ok(never) => match never {},
                Err(stop) => stop,
            };
            if start.elapsed() > LOOK {
                backoff = BACKOFF;
            }
            let source = self.log.source();
            let why = match stop {
                Stop::Fenced => {
                    tracing::debug!(source, "another relay is first");
                    self.stand_by().await;
                    continue;
                }
                Stop::Anew(partition) => {
                    tracing::warn!(source, partition, "a stream is made anew from the log");
                    match self.streams.anew(&self.log, partition).await {
                        Ok(()) => "a stream was not the log's".to_owned(),
                        Err(error) => error.to_string(),
                    }
                }
                Stop::Retry(why) => why,
            };
            if backoff >= WORTH_TELLING && !self.stands_still.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    source,
                    why,
                    "events are not carried to NATS; readers use the feed"
                );
            } else {
                tracing::debug!(source, why, "relaying again");
            }
            let wait = rand::thread_rng().gen_range(backoff / 2..=backoff);
            tokio::time::sleep(wait).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    /// Publishes from where the streams are, for ever.
    async fn relay(&self) -> Result<Infallible, Stop> {
        self.streams.ensure(&self.log).await?;
        let places = try_join_all((0..PARTITIONS).map(|partition| self.place(partition))).await?;
        let mut at = [0; PARTITIONS];
        for (at, place) in at.iter_mut().zip(&places) {
            *at = place.position;
        }
        self.progress.send_replace(at);
        if self.stands_still.swap(false, Ordering::Relaxed) {
            tracing::info!(
                source = self.log.source(),
                "events are carried to NATS again"
            );
        }
        // the log checks that the last event of each stream is its own
        let log = LocalSource::of_log(self.log.clone());
        let mut feed = log.subscribe(places).await.map_err(stop)?;
        let mut window = FuturesUnordered::new();
        let mut next_look = Instant::now() + LOOK;
        // where the log stood at a time, until the streams have come there: while it is written they never rest
        let mut goal: Option<(Heads, i64)> = None;
        loop {
            tokio::select! {
                Some(place) = window.next() => self.arrived(place?),
                said = said(&mut feed) => match said? {
                    Delivery::Batch(events) => {
                        for event in events {
                            let full = window.len() >= WINDOW;
                            if full && let Some(place) = window.next().await {
                                self.arrived(place?);
                            }
                            let published = self.publish(event).await?;
                            window.push(published);
                        }
                    }
                    Delivery::Heartbeat(heads) => {
                        let mut due = [0; PARTITIONS];
                        for head in heads {
                            if let Some(due) = due.get_mut(head.partition as usize) {
                                *due = head.position;
                            }
                        }
                        self.measure(&due);
                        goal.get_or_insert((due, self.log.clock().now().as_second()));
                        if window.is_empty() && Instant::now() > next_look {
                            next_look = Instant::now() + LOOK;
                            if self.check().await? != *self.progress.borrow() {
                                return Err(Stop::Retry("the streams moved by themselves".into()));
                            }
                        }
                    }
                },
            }
            let at = *self.progress.borrow();
            let reached = |heads: &Heads| at.iter().zip(heads).all(|(at, head)| at >= head);
            if let Some((_, then)) = goal.take_if(|(heads, _)| reached(heads)) {
                self.is_current(then);
            }
        }
    }

    /// The last place of a stream, as a cursor into the log.
    async fn place(&self, partition: usize) -> Result<Cursor, Stop> {
        let Some(info) = self.streams.look(partition).await? else {
            return Err(Stop::Retry("a stream vanished".into()));
        };
        if epoch_of(&info) != Some(&hex(&self.log.epoch())) {
            return Err(Stop::Anew(partition));
        }
        let position = info.state.last_sequence;
        let mut place = Cursor {
            partition: partition as u32,
            position,
            ..Cursor::default()
        };
        if position == 0 {
            return Ok(place);
        }
        (place.event_id, place.log_epoch) = match self.streams.mark_at(partition, position).await? {
            Some(Some(mark)) => (mark.id, mark.epoch),
            Some(None) => return Err(Stop::Anew(partition)),
            // Emptied by age, or new above a pruned stretch: only the number is left to go by, and readers
            // check the chain themselves.
            None => match self.id_at(partition, position).await? {
                Some(id) => (id, self.log.epoch().to_vec()),
                None => return Err(Stop::Anew(partition)),
            },
        };
        Ok(place)
    }

    /// The id of the log's event at a position, the last pruned one included.
    async fn id_at(&self, partition: usize, position: u64) -> Result<Option<Vec<u8>>, Stop> {
        let id = self.log.event_id_at(partition, position).await;
        if let Some(id) = id.map_err(unreadable)? {
            return Ok(Some(id));
        }
        let (floor, id) = self.log.floor(partition).await.map_err(unreadable)?;
        Ok((floor == position && position > 0).then_some(id))
    }

    /// Where the streams are, each checked to end in the log's own history.
    async fn check(&self) -> Result<Heads, Stop> {
        let mut at = [0; PARTITIONS];
        let each = (0..PARTITIONS).map(|partition| async move {
            let place = self.place(partition).await?;
            let own = self.id_at(partition, place.position).await?;
            if place.position > 0 && own.as_ref() != Some(&place.event_id) {
                return Err(Stop::Anew(partition));
            }
            Ok(place.position)
        });
        for (at, position) in at.iter_mut().zip(try_join_all(each).await?) {
            *at = position;
        }
        Ok(at)
    }

    /// Waits until what the log held a while ago is still not in the streams, or they cannot be told.
    async fn stand_by(&self) {
        let mut due = [0; PARTITIONS];
        loop {
            let Ok(heads) = self.log.refresh_heads().await else {
                return;
            };
            let Ok(at) = self.check().await else { return };
            self.progress.send_replace(at);
            self.measure(&heads);
            if at.iter().zip(&due).any(|(at, due)| at < due) {
                return;
            }
            due = heads;
            tokio::time::sleep(STAND_BY).await;
        }
    }

    async fn publish(&self, event: Envelope) -> Result<Published, Stop> {
        let (partition, position) = (event.partition as usize, event.position);
        let message = PublishMessage::build()
            .headers(Mark::headers(&event))
            .payload(event.encode_to_vec().into())
            .expected_stream(self.streams.name(partition))
            .expected_last_sequence(position.saturating_sub(1));
        let subject = self.streams.subject(partition);
        let jetstream = self.streams.nats().jetstream();
        let ack: PublishAckFuture = jetstream
            .send_publish(subject, message)
            .await
            .map_err(refused)?;
        Ok(async move {
            let ack = ack.await.map_err(refused)?;
            if ack.sequence == position {
                Ok((partition, position))
            } else {
                Err(Stop::Anew(partition))
            }
        }
        .boxed())
    }

    /// Tells operators how far the streams are behind these places in the log.
    fn measure(&self, heads: &Heads) {
        let at = *self.progress.borrow();
        let behind = |(head, at): (&u64, &u64)| head.saturating_sub(*at);
        let behind: u64 = heads.iter().zip(&at).map(behind).sum();
        let log = self.log.source();
        gauge!("relay_behind_events", "log" => log).set(behind as f64);
        if behind == 0 {
            self.is_current(self.log.clock().now().as_second());
        }
    }

    fn is_current(&self, then: i64) {
        let log = self.log.source();
        gauge!("relay_current_time_seconds", "log" => log).set(then as f64);
    }

    fn arrived(&self, (partition, position): (usize, u64)) {
        self.progress.send_modify(|at| {
            at[partition] = position.max(at[partition]);
        });
    }
}

/// What the log says next.
async fn said(
    feed: &mut BoxStream<'static, Result<Delivery, SourceError>>,
) -> Result<Delivery, Stop> {
    match tokio::time::timeout(SILENCE, feed.next()).await {
        Ok(Some(said)) => said.map_err(stop),
        Ok(None) => Err(Stop::Retry("the log ended".into())),
        Err(_) => Err(Stop::Retry("the log went silent".into())),
    }
}

fn stop(error: SourceError) -> Stop {
    match error {
        SourceError::OutOfRange { partition } | SourceError::Diverged { partition } => {
            Stop::Anew(partition)
        }
        SourceError::Unavailable(why) => Stop::Retry(why),
    }
}

fn unreadable(error: impl std::fmt::Display) -> Stop {
    Stop::Retry(format!("the log cannot be read: {error}"))
}

fn refused(error: PublishError) -> Stop {
    let code = std::error::Error::source(&error)
        .and_then(|e| e.downcast_ref::<jetstream::Error>())
        .map(jetstream::Error::error_code);
    let fenced = error.kind() == PublishErrorKind::WrongLastSequence
        || code == Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT);
    if fenced {
        Stop::Fenced
    } else {
        Stop::Retry(format!("a publish failed: {error}"))
    }
}
