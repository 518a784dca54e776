//! What is done every hour, and at the start: finishing what a stopped process left half done, and
//! removing what nobody asks for any more.

use std::time::Duration;

use events::EventLog;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use types::micros;

use crate::{Error, service, store};

const EVERY: Duration = Duration::from_secs(3_600);
const HOUR_MICROS: i64 = 3_600 * 1_000_000;
/// How long events stay readable.
const EVENTS_KEPT_MICROS: i64 = 30 * 24 * HOUR_MICROS;
/// How long a session outlives its time: clocks differ.
const SESSIONS_KEPT_MICROS: i64 = HOUR_MICROS;
/// Revoked keys looked at in one query.
const KEYS: i32 = 100;

/// Runs until told to stop. A failure is logged and tried again in an hour.
pub(crate) async fn run(log: EventLog, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            outcome = once(&log) => if let Err(error) = outcome {
                tracing::warn!(%error, "housekeeping failed");
            }
        }
    }
}

async fn once(log: &EventLog) -> Result<(), Error> {
    let now = micros(log.clock().now());
    finish_revocations(log, now).await?;
    loop {
        let tx = log.database().begin().await?;
        let ended = now - SESSIONS_KEPT_MICROS;
        let removed = store::sessions::remove_old(&tx, ended).await?
            + store::console_sessions::remove_old(&tx, ended).await?;
        tx.commit().await?;
        if removed == 0 {
            break;
        }
    }
    log.prune_before(now - EVENTS_KEPT_MICROS).await?;
    Ok(())
}

/// A process that stopped while it ended the sessions of a revoked key has left some: nobody finds
/// them any more, but those who found them before must be told.
async fn finish_revocations(log: &EventLog, now: i64) -> Result<(), Error> {
    loop {
        let keys =
            store::sessions::unfinished_revocations(log.database().read(), now, KEYS).await?;
        if keys.is_empty() {
            return Ok(());
        }
        for (workspace, key) in keys {
            service::end_all_of_key(log, &workspace, &key).await?;
        }
    }
}
