//! Following a feed.

use std::{convert::Infallible, time::Duration};

use futures::StreamExt;
use proto::events::v1::{Cursor, Envelope};
use sea_orm::DbErr;
use tokio::time::timeout;
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
                Stop::Lost => Duration::ZERO,
                Stop::Retry(why) => {
                    tracing::warn!(
                        source = self.source_name,
                        projection = self.projection.name(),
                        why,
                        "feed interrupted"
                    );
                    backoff
                }
                Stop::Rebuild(why) => {
                    tracing::error!(source = self.source_name, projection = self.projection.name(), %why, "rebuilding from a snapshot");
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
        let mut feed = match timeout(WATCHDOG, self.source.subscribe(cursors.clone())).await {
            Ok(feed) => feed.map_err(stop)?,
            Err(_) => return Err(Stop::Retry("no answer to the subscription".into())),
        };
        // where the log stood when it was first heard of: under load its heads run ahead for ever
        let mut start = None;
        loop {
            let delivery = match timeout(WATCHDOG, feed.next()).await {
                Ok(Some(delivery)) => delivery.map_err(stop)?,
                Ok(None) => return Err(Stop::Retry("the feed ended".into())),
                Err(_) => return Err(Stop::Retry("the feed went silent".into())),
            };
            match delivery {
                Delivery::Batch(events) => self.accept(&mut cursors, events).await?,
                Delivery::Heartbeat(heads) => {
                    start.get_or_insert(heads);
                }
            }
            *backoff = BACKOFF;
            if let Some(heads) = &start {
                self.progress.compare(&cursors, heads);
            }
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
        }
        self.flush(cursors, &mut pending).await
    }

    /// Reads what follows the last event taken of a partition.
    async fn fill(&self, pending: &mut Pending, partition: usize) -> Result<(), Stop> {
        let before = pending.position(partition);
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
