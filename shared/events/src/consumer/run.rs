//! Following a feed.

use std::{convert::Infallible, time::Duration};

use futures::StreamExt;
use proto::events::v1::{Cursor, Envelope};
use sea_orm::DbErr;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Consumer,
    pending::{Misfit, Pending, Verdict},
};
use crate::{
    BATCH_EVENTS,
    source::{Delivery, SourceError},
};

/// A feed says something every 2 s; three missed and the connection is taken for dead.
pub(super) const WATCHDOG: Duration = Duration::from_secs(6);
/// First wait after a failure.
const BACKOFF: Duration = Duration::from_millis(50);
/// Longest wait after repeated failures.
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// Deliveries taken at once, if so many have arrived: a live feed sends one for each event.
const DELIVERIES: usize = BATCH_EVENTS;
/// A wait this long is no neighbour's restart any more: somebody should know.
const WORTH_TELLING: Duration = Duration::from_millis(1_600);

pub(super) enum Stop {
    Retry(String),
    /// Somebody else moved a cursor: read it again, at once.
    Lost,
    Rebuild(SourceError),
}

impl From<DbErr> for Stop {
    fn from(error: DbErr) -> Self {
        Self::Retry(error.to_string())
    }
}

impl Consumer {
    /// Runs until told to stop. Failures are logged and tried again.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled_owned(self.run_for_ever()).await;
    }

    async fn run_for_ever(self) -> Infallible {
        let mut backoff = BACKOFF;
        loop {
            let wait = match self.follow(&mut backoff).await {
                Stop::Lost => {
                    self.count("feed_lost_batches_total", 1);
                    Duration::ZERO
                }
                Stop::Retry(why) => {
                    let (source, projection) = (self.source_name, self.projection.name());
                    if backoff < WORTH_TELLING {
                        tracing::debug!(source, projection, why, "feed interrupted");
                    } else {
                        tracing::warn!(source, projection, why, "feed interrupted");
                    }
                    backoff
                }
                Stop::Rebuild(why) => {
                    tracing::error!(source = self.source_name, projection = self.projection.name(), %why, "rebuilding from a snapshot");
                    self.count("feed_rebuilds_total", 1);
                    if let Err(error) = self.rebuild().await {
                        tracing::error!(source = self.source_name, %error, "the rebuild failed");
                    }
                    // even after a good one: a source that forks again and again is not read whole in a loop
                    backoff
                }
            };
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
                backoff = (backoff * 2).min(MAX_BACKOFF);
            }
        }
    }

    /// Follows the feed until something stops it.
    async fn follow(&self, backoff: &mut Duration) -> Stop {
        match self.try_follow(backoff).await {
            Ok(never) => match never {},
            Err(stop) => stop,
        }
    }

    async fn try_follow(&self, backoff: &mut Duration) -> Result<Infallible, Stop> {
        let mut cursors = self.load_cursors().await?;
        if self.progress.differs(&cursors) {
            self.projection.moved().await;
        }
        self.progress.publish(&cursors);
        let feed = match timeout(WATCHDOG, self.source.subscribe(cursors.clone())).await {
            Ok(feed) => feed.map_err(stop)?,
            Err(_) => return Err(Stop::Retry("no answer to the subscription".into())),
        };
        // what arrived while the last transaction ran shares the next one: the commit is what costs
        let mut feed = feed.ready_chunks(DELIVERIES);
        // where the log stood when it was first heard of: under load its heads run ahead for ever
        let mut start: Option<Vec<Cursor>> = None;
        let mut last_heads = Vec::new();
        loop {
            let deliveries = match timeout(WATCHDOG, feed.next()).await {
                Ok(Some(deliveries)) => deliveries,
                Ok(None) => return Err(Stop::Retry("the feed ended".into())),
                Err(_) => return Err(Stop::Retry("the feed went silent".into())),
            };
            let next = Instant::now() + self.spacing;
            let mut events = Vec::new();
            let mut beat = None;
            let mut broken = None;
            for delivery in deliveries {
                match delivery {
                    Ok(Delivery::Batch(more)) => events.extend(more),
                    Ok(Delivery::Heartbeat(heads)) => beat = Some(heads),
                    Err(error) => broken = Some(stop(error)),
                }
            }
            // a backlog is worked off without a pause
            let crowded = events.len() >= BATCH_EVENTS;
            self.accept(&mut cursors, events).await?;
            if let Some(heads) = beat {
                self.look_around(&mut cursors, &last_heads).await?;
                self.tell_lag(&cursors, &heads);
                start.get_or_insert_with(|| heads.clone());
                last_heads = heads;
            }
            if let Some(broken) = broken {
                return Err(broken);
            }
            *backoff = BACKOFF;
            if let Some(heads) = &start {
                self.progress.compare(&cursors, heads);
            }
            if !crowded {
                sleep_until(next).await;
            }
        }
    }

    /// What no event tells. A rebuild elsewhere moves the cursors back: they are read again, since nothing
    /// would be delivered again otherwise. And what the heartbeat before knew of was sent by now: whatever
    /// of it is missing got lost, and no later event shows the gap yet.
    async fn look_around(&self, cursors: &mut [Cursor], heads: &[Cursor]) -> Result<(), Stop> {
        let stored = self.read_cursors(self.log.database().read()).await?;
        if stored != cursors {
            return Err(Stop::Lost);
        }
        let mut pending = Pending::after(cursors);
        for head in heads {
            let partition = head.partition as usize;
            if cursors
                .get(partition)
                .is_some_and(|cursor| cursor.position < head.position)
            {
                self.fill(&mut pending, partition).await?;
            }
        }
        self.flush(cursors, &mut pending).await
    }

    fn tell_lag(&self, cursors: &[Cursor], heads: &[Cursor]) {
        let behind = |head: &Cursor| {
            let cursor = cursors.get(head.partition as usize);
            head.position
                .saturating_sub(cursor.map_or(0, |cursor| cursor.position))
        };
        let behind: u64 = heads.iter().map(behind).sum();
        self.gauge("feed_behind_events", behind as f64);
        if behind == 0 {
            let now = self.log.clock().now().as_second();
            self.gauge("feed_current_time_seconds", now as f64);
        }
    }

    /// Drops what was applied, fills gaps, and applies the rest.
    async fn accept(&self, cursors: &mut [Cursor], events: Vec<Envelope>) -> Result<(), Stop> {
        let mut pending = Pending::after(cursors);
        for event in events {
            while pending.verdict(&event)? == Verdict::Gap {
                self.fill(&mut pending, event.partition as usize).await?;
                // a long gap is applied in steps
                if pending.len() >= BATCH_EVENTS {
                    self.flush(cursors, &mut pending).await?;
                }
            }
            pending.take(event)?;
            if pending.len() >= BATCH_EVENTS {
                self.flush(cursors, &mut pending).await?;
            }
        }
        self.flush(cursors, &mut pending).await
    }

    /// Reads what follows the last event taken of a partition.
    async fn fill(&self, pending: &mut Pending, partition: usize) -> Result<(), Stop> {
        let before = pending.position(partition);
        self.count("feed_filled_gaps_total", 1);
        let missing = timeout(WATCHDOG, self.source.read(partition, before))
            .await
            .map_err(|_| Stop::Retry("no answer to a read".into()))?
            .map_err(stop)?;
        for event in missing {
            pending.take(event)?;
        }
        if pending.position(partition) == before {
            return Err(Misfit::Hole { partition }.into());
        }
        Ok(())
    }

    async fn flush(&self, cursors: &mut [Cursor], pending: &mut Pending) -> Result<(), Stop> {
        let (events, next) = pending.flush();
        if events.is_empty() {
            return Ok(());
        }
        self.apply_or_park(cursors, next, events).await
    }
}

impl From<Misfit> for Stop {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Fork { partition } => Self::Rebuild(SourceError::Diverged { partition }),
            misfit => Self::Retry(misfit.to_string()),
        }
    }
}

fn stop(error: SourceError) -> Stop {
    match error {
        SourceError::Unavailable(why) => Stop::Retry(why),
        SourceError::OutOfRange { .. } | SourceError::Diverged { .. } => Stop::Rebuild(error),
    }
}
