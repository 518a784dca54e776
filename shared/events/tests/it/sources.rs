//! Sources that misbehave.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use events::{Delivery, EventLog, EventSource, LocalSource, SourceError, source::*};
use futures::{
    FutureExt, StreamExt,
    future::{self, BoxFuture},
    stream,
};
use parking_lot::Mutex;
use proto::events::v1::{Cursor, Envelope};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use testing::conformance::{owner::Things, reader::origin};

pub fn local(log: &EventLog) -> Arc<dyn EventSource> {
    let things = Arc::new(Things(log.database().clone()));
    Arc::new(LocalSource::new(log.clone(), things))
}

pub type Hook<I, O> =
    Box<dyn Fn(I) -> Option<BoxFuture<'static, Result<O, SourceError>>> + Send + Sync>;

/// A source of which a test answers some calls itself. Keeps the cursors of each subscription.
pub struct Hooked {
    pub inner: Arc<dyn EventSource>,
    pub subscriptions: Mutex<Vec<Vec<Cursor>>>,
    pub on_subscribe: Hook<Vec<Cursor>, Deliveries>,
    pub on_read: Hook<(usize, u64), Vec<Envelope>>,
    pub on_snapshot: Hook<(), Snapshot>,
}

impl Hooked {
    pub fn new(inner: Arc<dyn EventSource>) -> Self {
        Self {
            inner,
            subscriptions: Mutex::default(),
            on_subscribe: Box::new(|_| None),
            on_read: Box::new(|_| None),
            on_snapshot: Box::new(|()| None),
        }
    }
}

impl EventSource for Hooked {
    fn subscribe(&self, cursors: Vec<Cursor>) -> BoxFuture<'_, Result<Deliveries, SourceError>> {
        self.subscriptions.lock().push(cursors.clone());
        (self.on_subscribe)(cursors.clone()).unwrap_or_else(|| {
            let inner = self.inner.clone();
            async move { inner.subscribe(cursors).await }.boxed()
        })
    }

    fn read(&self, p: usize, after: u64) -> BoxFuture<'_, Result<Vec<Envelope>, SourceError>> {
        (self.on_read)((p, after)).unwrap_or_else(|| {
            let inner = self.inner.clone();
            async move { inner.read(p, after).await }.boxed()
        })
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Cursor>, SourceError>> {
        self.inner.heads()
    }

    fn snapshot(
        &self,
        of: Option<Vec<ContactRef>>,
    ) -> BoxFuture<'_, Result<Snapshot, SourceError>> {
        (self.on_snapshot)(()).unwrap_or_else(|| {
            let inner = self.inner.clone();
            async move { inner.snapshot(of).await }.boxed()
        })
    }
}

/// Delivers late, twice, in disorder, with gaps, from too early, and breaks off; never another history.
pub struct Hostile {
    inner: Arc<dyn EventSource>,
    seed: AtomicU64,
}

impl Hostile {
    pub fn new(inner: Arc<dyn EventSource>, seed: u64) -> Arc<Self> {
        let seed = AtomicU64::new(seed << 32);
        Arc::new(Self { inner, seed })
    }

    fn random(&self) -> StdRng {
        StdRng::seed_from_u64(self.seed.fetch_add(1, Ordering::Relaxed))
    }
}

impl EventSource for Hostile {
    fn subscribe(&self, cursors: Vec<Cursor>) -> BoxFuture<'_, Result<Deliveries, SourceError>> {
        async move {
            let mut random = self.random();
            if random.gen_bool(0.2) {
                return Err(away());
            }
            // some partitions from their beginning
            let from = cursors.into_iter().zip(origin()).map(|(cursor, origin)| {
                if random.gen_bool(0.2) { origin } else { cursor }
            });
            let stream = self.inner.subscribe(from.collect()).await?;
            Ok(mangled(stream, random))
        }
        .boxed()
    }

    fn read(&self, p: usize, after: u64) -> BoxFuture<'_, Result<Vec<Envelope>, SourceError>> {
        async move {
            let mut random = self.random();
            let early = after.saturating_sub(random.gen_range(0..3));
            let mut events = self.inner.read(p, early).await?;
            events.truncate(random.gen_range(0..20));
            if random.gen_bool(0.2) {
                Err(away())
            } else {
                Ok(events)
            }
        }
        .boxed()
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Cursor>, SourceError>> {
        self.inner.heads()
    }

    fn snapshot(
        &self,
        of: Option<Vec<ContactRef>>,
    ) -> BoxFuture<'_, Result<Snapshot, SourceError>> {
        self.inner.snapshot(of)
    }
}

fn away() -> SourceError {
    SourceError::Unavailable("a bad network".into())
}

fn mangled(stream: Deliveries, mut random: StdRng) -> Deliveries {
    let end = match random.gen_range(0..2) {
        0 => Some(Err(away())),
        _ => None,
    };
    // it breaks off before long, since what it dropped last shows only then
    let stream = stream.take(random.gen_range(1..5));
    let late: VecDeque<Envelope> = VecDeque::new();
    stream
        .scan((random, late), |(random, late), delivery| {
            let delivery = delivery.map(|delivery| match delivery {
                Delivery::Batch(events) => Delivery::Batch(mangle(events, random, late)),
                heartbeat => heartbeat,
            });
            future::ready(Some(delivery))
        })
        .chain(stream::iter(end))
        .boxed()
}

fn mangle(
    events: Vec<Envelope>,
    random: &mut StdRng,
    late: &mut VecDeque<Envelope>,
) -> Vec<Envelope> {
    let mut sent = Vec::new();
    for event in events {
        match random.gen_range(0..10) {
            0 => {}
            1 => late.push_back(event),
            2 => sent.extend([event.clone(), event]),
            _ => sent.push(event),
        }
    }
    let old = random.gen_range(0..=late.len());
    sent.extend(late.drain(..old));
    if random.gen_bool(0.4) {
        sent.shuffle(random);
    }
    sent.truncate(random.gen_range(1..=40));
    sent
}
