//! The consumer over a real database, with sources and projections that fail in every way.

mod exactly_once;
mod forks;
mod gaps;
mod outrun;
mod poison;
mod progress;
mod rebuild;
mod repair;
mod watchdog;

use events::{Consumer, EventLog};
use proto::events::v1::Cursor;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Runs until the guard is dropped.
fn run(consumer: Consumer) -> DropGuard {
    let stop = CancellationToken::new();
    tokio::spawn(consumer.run(stop.clone()));
    stop.drop_guard()
}

async fn heads(log: &EventLog) -> Vec<Cursor> {
    log.head_cursors().await.unwrap()
}
