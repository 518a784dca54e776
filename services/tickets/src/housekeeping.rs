//! What is removed every hour: answers nobody asks for again, and events everybody has read.

use std::time::Duration;

use database::requests;
use events::EventLog;
use sea_orm::DbErr;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use types::micros;

const EVERY: Duration = Duration::from_secs(3_600);
/// How long events stay readable.
const EVENTS_KEPT_MICROS: i64 = 30 * 24 * 3_600 * 1_000_000;

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

async fn once(log: &EventLog) -> Result<(), DbErr> {
    let now = micros(log.clock().now());
    let tx = log.database().begin().await?;
    requests::forget_old(&tx, now).await?;
    tx.commit().await?;
    log.prune_before(now - EVENTS_KEPT_MICROS).await
}
