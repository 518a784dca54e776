//! What the other replicas on this database do that no feed tells: explicit reads and rebuilds.
//!
//! Every replica follows both feeds, so it hears of each event whoever applied it. An explicit read comes in
//! no feed. Where the database is shared it is an event of this service's own log, in the transaction of the
//! read, and each replica tails that log: nothing is missed, within the time that the log is looked at, a
//! quarter of a second. Hints make it sooner where there are any. A rebuild begins an epoch, which is looked
//! at every 2 s. What a call reads is not left to any of this: see [`Inboxes::read`].

#[cfg(test)]
mod tests;

use std::{convert::Infallible, sync::Arc, time::Duration};

use events::{Delivery, EventLog, EventSource, LocalSource, SourceError};
use futures::StreamExt;
use jetstream::Hints;
use proto::events::v1::Cursor;
use sea_orm::DbErr;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use types::micros;

use crate::{convert, error::Error, inboxes::Inboxes, store, store::InboxId};

/// The log says something every 2 s; three missed and it is asked anew.
const SILENCE: Duration = Duration::from_secs(6);
/// Wait before the log is asked anew.
const AGAIN: Duration = Duration::from_millis(500);
/// How often events that everybody has heard of are removed.
const TIDY: Duration = Duration::from_secs(600);
/// How long they are kept; a replica that was away longer takes everything for changed.
const KEPT_MICROS: i64 = 3_600 * 1_000_000;

/// This replica's ear for the others.
pub struct Replicas {
    log: EventLog,
    inboxes: Arc<Inboxes>,
    hints: Hints,
    cursors: Vec<Cursor>,
    epoch: u64,
}

impl Replicas {
    /// Hears everything from now on: to be called before any inbox is read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn listen(log: EventLog, inboxes: Arc<Inboxes>, hints: Hints) -> Result<Self, Error> {
        Ok(Self {
            cursors: log.head_cursors().await?,
            epoch: inboxes.epoch().await?,
            log,
            inboxes,
            hints,
        })
    }

    /// Runs until told to stop. Where the database is this process's alone there is nobody to hear of.
    pub async fn run(self, stop: CancellationToken) {
        if !self.inboxes.are_shared() {
            return;
        }
        let (log, inboxes, hints) = (self.log.clone(), self.inboxes.clone(), self.hints.clone());
        let all = futures::future::join3(self.follow(), heed(inboxes, hints), tidy(log));
        stop.run_until_cancelled(all).await;
    }

    async fn follow(mut self) -> Infallible {
        let mut away = false;
        loop {
            let stopped = match self.try_follow(&mut away).await {
                Ok(never) => match never {},
                Err(stopped) => stopped,
            };
            match stopped {
                // cut off for long, or the database lost its newest: begin at its end
                SourceError::OutOfRange { .. } | SourceError::Diverged { .. } => {
                    match self.begin_at_the_end(&stopped).await {
                        Ok(()) => {
                            tracing::warn!(why = %stopped, "what other replicas did is not known");
                        }
                        Err(error) => tracing::debug!(%error, "the log cannot be read"),
                    }
                }
                SourceError::Unavailable(why) if away => tracing::debug!(why, "still deaf"),
                SourceError::Unavailable(why) => {
                    away = true;
                    tracing::warn!(why, "what other replicas do is heard later");
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Where the newest is lost, so are versions that clients were shown: those that follow have to be newer all
    /// the same, and only an epoch makes them so.
    async fn begin_at_the_end(&mut self, why: &SourceError) -> Result<(), DbErr> {
        let heads = self.log.head_cursors().await?;
        if matches!(why, SourceError::Diverged { .. }) {
            let work = self.log.begin().await?;
            store::begin_epoch(work.tx(), self.inboxes.newest_epoch()).await?;
            work.commit().await?;
        }
        self.cursors = heads;
        self.inboxes.all_changed();
        Ok(())
    }

    async fn try_follow(&mut self, away: &mut bool) -> Result<Infallible, SourceError> {
        let source = LocalSource::of_log(self.log.clone());
        let mut told = source.subscribe(self.cursors.clone()).await?;
        loop {
            let silent = || SourceError::Unavailable("the log is silent".into());
            let said = tokio::time::timeout(SILENCE, told.next()).await;
            let said = said.ok().flatten().ok_or_else(silent)??;
            *away = false;
            match said {
                Delivery::Batch(events) => {
                    for event in events {
                        if let Some(id) = convert::inbox_id(&event) {
                            self.inboxes.changed_by(&id, &event.traceparent);
                        }
                        if let Some(cursor) = self.cursors.get_mut(event.partition as usize) {
                            cursor.position = event.position;
                            cursor.event_id = event.event_id;
                            cursor.log_epoch = event.log_epoch;
                        }
                    }
                }
                Delivery::Heartbeat(_) => {
                    let epoch = self.inboxes.epoch().await;
                    let epoch = epoch.map_err(|e| SourceError::Unavailable(e.to_string()))?;
                    if epoch != self.epoch {
                        self.epoch = epoch;
                        self.inboxes.all_changed();
                    }
                }
            }
        }
    }
}

/// The same sooner, and perhaps not at all.
async fn heed(inboxes: Arc<Inboxes>, hints: Hints) -> Infallible {
    let mut heard = match hints.listen().await {
        Ok(heard) => heard,
        Err(why) => {
            tracing::warn!(%why, "what other replicas do is heard later");
            return std::future::pending().await;
        }
    };
    loop {
        let (workspace, contact) = heard.next().await;
        inboxes.changed(&InboxId { workspace, contact });
    }
}

async fn tidy(log: EventLog) -> Infallible {
    let mut ticks = tokio::time::interval(TIDY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = micros(log.clock().now());
        if let Err(error) = log.prune_before(now - KEPT_MICROS).await {
            tracing::warn!(%error, "old events were not removed; tried again later");
        }
    }
}
