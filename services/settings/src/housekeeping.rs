//! What is done every hour, and at the start: finishing what a stopped process left half done, and
//! removing what nobody asks for any more.

use std::{sync::Arc, time::Duration};

use events::EventLog;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use types::micros;

use crate::{
    Error,
    sealing::{self, SealingKeys},
    service, store,
};

const EVERY: Duration = Duration::from_secs(3_600);
const HOUR_MICROS: i64 = 3_600 * 1_000_000;
/// How long events stay readable.
const EVENTS_KEPT_MICROS: i64 = 30 * 24 * HOUR_MICROS;
/// How long a session outlives its time: clocks differ.
const SESSIONS_KEPT_MICROS: i64 = HOUR_MICROS;
/// Revoked keys, and contacts, looked at in one query.
const OPENERS: i32 = 100;

/// Runs until told to stop. A failure is logged and tried again in an hour.
pub(crate) async fn run(log: EventLog, keys: Arc<SealingKeys>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            outcome = once(&log, &keys) => if let Err(error) = outcome {
                tracing::warn!(%error, "housekeeping failed");
            }
        }
    }
}

/// Whatever cannot be done keeps nothing else from being done; the first failure is answered.
async fn once(log: &EventLog, keys: &SealingKeys) -> Result<(), Error> {
    let now = micros(log.clock().now());
    let finished = finish_revocations(log, now).await;
    let removed = remove_old(log, now).await;
    let pruned = log.prune_before(now - EVENTS_KEPT_MICROS).await;
    // a replica of the version before, or with an older file, may have added some
    let sealed = sealing::seal_all(keys, log).await;
    finished.and(removed)?;
    pruned?;
    sealed
}

async fn remove_old(log: &EventLog, now: i64) -> Result<(), Error> {
    loop {
        let tx = log.database().begin().await?;
        let removed = store::sessions::remove_old(&tx, now - SESSIONS_KEPT_MICROS).await?
            + store::visitors::remove_old(&tx, now).await?
            + store::replays::remove_old(&tx, now).await?
            + store::console_sessions::remove_old(&tx, now - SESSIONS_KEPT_MICROS).await?;
        tx.commit().await?;
        if removed == 0 {
            return Ok(());
        }
    }
}

/// A process that stopped while it ended the sessions of a revoked key, or of a merged or erased contact,
/// has left some: nobody finds them any more, but those who found them before must be told.
async fn finish_revocations(log: &EventLog, now: i64) -> Result<(), Error> {
    loop {
        let unfinished =
            store::sessions::unfinished_revocations(log.database().read(), now, OPENERS).await?;
        if unfinished.is_empty() {
            return Ok(());
        }
        for (workspace, opener) in unfinished {
            service::end_all(log, &workspace, &opener).await?;
        }
    }
}
