//! The owner of a sample log, with relays to NATS, which can be taken back to a backup.

use std::{net::SocketAddr, time::Duration};

use database::Database;
use events::{EventLog, PARTITIONS, log::Heads};
use futures::{StreamExt, stream};
use jetstream::{Relay, StreamSettings, Streams};
use parking_lot::Mutex;
use prost::Message;
use proto::events::v1::Envelope;
use testing::{Scratch, conformance::SampleOwner, eventually};
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use types::SystemClock;

use crate::server::connect;

pub struct Owner {
    scratch: Scratch,
    log: Mutex<EventLog>,
    /// Tests share a server: each has streams of its own.
    name: &'static str,
}

impl Owner {
    pub async fn start() -> Self {
        let scratch = Scratch::new();
        let name = format!("sample{}", types::id::uuid().simple());
        let name = Box::leak(name.into_boxed_str());
        Self {
            log: Mutex::new(open(&scratch, name).await),
            scratch,
            name,
        }
    }

    pub fn log(&self) -> EventLog {
        self.log.lock().clone()
    }

    pub async fn other_process(&self) -> EventLog {
        open(&self.scratch, self.name).await
    }

    pub async fn back_up(&self) {
        let log = self.log();
        self.scratch.back_up("owner", log.database()).await;
    }

    /// Nobody may have the database open any more.
    pub async fn restore(&self) {
        self.log().database().clone().close().await.unwrap();
        self.scratch.restore("owner");
        *self.log.lock() = open(&self.scratch, self.name).await;
    }

    /// Its streams, over a connection of their own. They are removed with the value.
    pub async fn streams(&self, server: SocketAddr) -> Removed {
        Removed(streams(self.name, server).await)
    }

    /// A relay of a process of its own.
    pub async fn relay(&self, server: SocketAddr) -> Relaying {
        Relaying::start(self.log(), streams(self.name, server).await)
    }
}

async fn open(scratch: &Scratch, name: &'static str) -> EventLog {
    let db: Database = scratch.database::<SampleOwner>("owner").await;
    let clock = std::sync::Arc::new(SystemClock);
    EventLog::open(db, name, clock).await.unwrap()
}

async fn streams(name: &str, server: SocketAddr) -> Streams {
    let settings = StreamSettings {
        max_age: Duration::from_secs(3_600),
        // a server reserves what it promises
        max_bytes: 64 << 20,
        ..StreamSettings::default()
    };
    Streams::new(connect(server).await, name, settings)
}

/// Streams that go when the test does.
pub struct Removed(pub Streams);

impl Drop for Removed {
    fn drop(&mut self) {
        // a test that failed has said so already
        tokio::task::block_in_place(|| {
            Handle::current().block_on(async {
                let _ = tokio::time::timeout(Duration::from_secs(5), self.0.remove()).await;
            });
        });
    }
}

/// A relay at work.
pub struct Relaying {
    pub progress: watch::Receiver<Heads>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Relaying {
    pub fn start(log: EventLog, streams: Streams) -> Self {
        let relay = Relay::new(log, streams);
        let stop = CancellationToken::new();
        Self {
            progress: relay.progress(),
            task: tokio::spawn(relay.run(stop.clone())),
            stop,
        }
    }

    /// Dropped wherever it is, as by the death of its process.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Told to stop.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// Everything in the log is in the streams.
    pub async fn in_step(&self, log: &EventLog) {
        eventually("the streams hold the log", || async {
            let heads = log.refresh_heads().await.unwrap();
            (*self.progress.borrow() == heads).then_some(())
        })
        .await;
    }
}

/// Asserts that the streams hold the log from these positions on, each event at its own sequence.
pub async fn hold(streams: &Streams, log: &EventLog, from: Heads, server: SocketAddr) {
    let client = async_nats::connect(server.to_string()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let heads = log.refresh_heads().await.unwrap();
    for partition in 0..PARTITIONS {
        let stream = context.get_stream(streams.name(partition)).await.unwrap();
        let state = stream.cached_info().state.clone();
        assert_eq!(
            state.last_sequence, heads[partition],
            "partition {partition}"
        );
        assert_eq!(state.messages, heads[partition] - from[partition]);
        let stream = &stream;
        let mut copies = stream::iter(from[partition] + 1..=heads[partition])
            .map(|at| async move { stream.get_raw_message(at).await.unwrap() })
            .buffered(64);
        let mut at = from[partition];
        while at < heads[partition] {
            for event in log.read(partition, at, 256).await.unwrap() {
                at += 1;
                let message = copies.next().await.unwrap();
                assert_eq!(message.sequence, at);
                assert_eq!(message.subject.as_str(), streams.subject(partition));
                let found = Envelope::decode(message.payload).unwrap();
                assert_eq!((found.position, found.event_id), (at, event.event_id));
            }
        }
    }
}
