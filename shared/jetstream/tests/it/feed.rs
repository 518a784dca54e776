//! The owner's feed as a reader has it: counted, and breakable.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use events::{Delivery, EventLog, EventSource, LocalSource, SourceError, source::*};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use proto::events::v1::{Cursor, Envelope};
use testing::conformance::owner::Things;
use tokio_util::sync::CancellationToken;

pub fn local(log: &EventLog) -> Arc<dyn EventSource> {
    let things = Arc::new(Things(log.database().clone()));
    Arc::new(LocalSource::new(log.clone(), things))
}

/// A source whose streams can be cut, and which counts the events they brought.
pub struct Watched {
    pub inner: Arc<dyn EventSource>,
    pub connection: CancellationToken,
    pub brought: Arc<AtomicUsize>,
    /// It does not say where the log stands.
    pub silent: Arc<AtomicBool>,
    /// How often it did not say so.
    pub unanswered: Arc<AtomicUsize>,
}

impl Watched {
    pub fn new(inner: Arc<dyn EventSource>, connection: CancellationToken) -> Self {
        Self {
            inner,
            connection,
            brought: Arc::default(),
            silent: Arc::default(),
            unanswered: Arc::default(),
        }
    }
}

impl EventSource for Watched {
    fn subscribe(&self, cursors: Vec<Cursor>) -> BoxFuture<'_, Result<Deliveries, SourceError>> {
        let cut = self.connection.clone().cancelled_owned();
        let brought = self.brought.clone();
        async move {
            let end = stream::once(async { Err(SourceError::Unavailable("cut".into())) });
            let stream = self.inner.subscribe(cursors).await?.inspect(move |said| {
                if let Ok(Delivery::Batch(events)) = said {
                    brought.fetch_add(events.len(), Ordering::Relaxed);
                }
            });
            Ok(stream.take_until(cut).chain(end).boxed())
        }
        .boxed()
    }

    fn read(&self, p: usize, after: u64) -> BoxFuture<'_, Result<Vec<Envelope>, SourceError>> {
        self.inner.read(p, after)
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Cursor>, SourceError>> {
        if self.silent.load(Ordering::Relaxed) {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            return async { Err(SourceError::Unavailable("silent".into())) }.boxed();
        }
        self.inner.heads()
    }

    fn snapshot(
        &self,
        of: Option<Vec<ContactRef>>,
    ) -> BoxFuture<'_, Result<Snapshot, SourceError>> {
        self.inner.snapshot(of)
    }
}
