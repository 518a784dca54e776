//! What is removed every hour: answers nobody asks for again, and events everybody has read.

use std::time::Duration;

use database::requests;
use events::EventLog;
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
            () = once(&log) => {}
        }
    }
}

/// Whatever cannot be removed keeps nothing else from being removed.
async fn once(log: &EventLog) {
    let now = micros(log.clock().now());
    if let Err(error) = requests::forget_old(log.database(), now).await {
        tracing::warn!(%error, "old answers were not removed; tried again in an hour");
    }
    if let Err(error) = log.prune_before(now - EVENTS_KEPT_MICROS).await {
        tracing::warn!(%error, "old events were not removed; tried again in an hour");
    }
}
