//! The transport within a process.

use std::sync::Arc;

use events::{EventLog, EventSource, LocalSource, SourceError, source::*};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use parking_lot::Mutex;
use proto::events::v1::{Cursor, Envelope};
use testing::conformance::{Transport, owner::Things};
use tokio_util::sync::CancellationToken;

use crate::owner::Owner;

testing::conformance!(start);
// over NATS the owner is asked where its log stands, beside what is delivered
testing::conformance!(start: flow::a_backlog_does_not_hold_up_the_signs_of_life);

struct Local {
    owner: Owner,
    connection: Mutex<CancellationToken>,
}

async fn start() -> Local {
    Local {
        owner: Owner::start().await,
        connection: Mutex::default(),
    }
}

#[async_trait::async_trait]
impl Transport for Local {
    fn log(&self) -> EventLog {
        self.owner.log()
    }

    async fn other_process(&self) -> EventLog {
        self.owner.other_process().await
    }

    fn source(&self) -> Arc<dyn EventSource> {
        let log = self.owner.log();
        let things = Arc::new(Things(log.database().clone()));
        Arc::new(Breakable {
            source: LocalSource::new(log, things),
            connection: self.connection.lock().clone(),
        })
    }

    async fn interrupt(&self) {
        std::mem::take(&mut *self.connection.lock()).cancel();
    }

    async fn back_up(&self) {
        self.owner.back_up().await;
    }

    async fn restore(&self) {
        self.interrupt().await;
        self.owner.restore().await;
    }
}

/// Nothing breaks within a process by itself.
struct Breakable {
    source: LocalSource,
    connection: CancellationToken,
}

impl EventSource for Breakable {
    fn subscribe(&self, cursors: Vec<Cursor>) -> BoxFuture<'_, Result<Deliveries, SourceError>> {
        let cut = self.connection.clone().cancelled_owned();
        async move {
            let end = stream::once(async { Err(SourceError::Unavailable("cut".into())) });
            let stream = self.source.subscribe(cursors).await?;
            Ok(stream.take_until(cut).chain(end).boxed())
        }
        .boxed()
    }

    fn read(&self, p: usize, after: u64) -> BoxFuture<'_, Result<Vec<Envelope>, SourceError>> {
        self.source.read(p, after)
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Cursor>, SourceError>> {
        self.source.heads()
    }

    fn snapshot(
        &self,
        of: Option<Vec<ContactRef>>,
    ) -> BoxFuture<'_, Result<Snapshot, SourceError>> {
        self.source.snapshot(of)
    }
}
