//! Which way events come: over NATS where it proves itself, and from the owner wherever it does not.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use events::{Delivery, EventLog, EventSource, PARTITIONS, source::Deliveries};
use jetstream::{JetStreamSource, StreamSettings, Streams};
use testing::{
    Proxy,
    conformance::{
        Reader,
        owner::{contact_in, write, write_many},
        reader::next,
    },
};
use tokio_util::sync::CancellationToken;

use crate::{
    feed::{Watched, local},
    owner::{Owner, Relaying, Removed, hold},
    server,
};

const PARTITION: usize = 6;

struct Setting {
    log: EventLog,
    streams: Removed,
    proxy: Arc<Proxy>,
    source: Arc<dyn EventSource>,
    /// Events that came from the owner's feed.
    brought: Arc<AtomicUsize>,
    /// The owner does not say where its log stands.
    silent: Arc<AtomicBool>,
    unanswered: Arc<AtomicUsize>,
    owner: Owner,
}

impl Setting {
    async fn start(server: SocketAddr) -> Self {
        let owner = Owner::start().await;
        let streams = owner.streams(server).await;
        let log = owner.log();
        streams.0.ensure(&log).await.unwrap();
        let proxy = Proxy::start(server).await;
        let nats = server::connect(proxy.address()).await;
        let feed = Arc::new(Watched::new(local(&log), CancellationToken::new()));
        let (brought, silent) = (feed.brought.clone(), feed.silent.clone());
        let unanswered = feed.unanswered.clone();
        let near = Streams::new(nats, log.source(), StreamSettings::default());
        Self {
            source: Arc::new(JetStreamSource::new(near, feed)),
            log,
            streams,
            proxy,
            brought,
            silent,
            unanswered,
            owner,
        }
    }

    /// With a relay, and a reader to whom events come over NATS.
    async fn over_nats(server: SocketAddr) -> (Self, Relaying, Reader, Deliveries) {
        let setting = Self::start(server).await;
        let relay = setting.owner.relay(server).await;
        let mut reader = Reader::new(&setting.log);
        let mut stream = reader.subscribe(&setting.source).await;
        setting.returns_to_nats(&mut reader, &mut stream).await;
        (setting, relay, reader, stream)
    }

    fn brought(&self) -> usize {
        self.brought.load(Ordering::Relaxed)
    }

    /// Writes an event and reads until it is there.
    async fn arrives(&self, reader: &mut Reader, stream: &mut Deliveries) {
        write(&self.log, &contact_in(PARTITION, 0), "thing").await;
        self.up_to_date(reader, stream).await;
    }

    async fn up_to_date(&self, reader: &mut Reader, stream: &mut Deliveries) {
        let heads = self.source.heads().await.unwrap();
        reader.reach(stream, &heads).await;
    }

    /// Writes an event after each sign of life, until one comes over NATS.
    async fn returns_to_nats(&self, reader: &mut Reader, stream: &mut Deliveries) {
        for _ in 0..10 {
            let before = self.brought();
            self.arrives(reader, stream).await;
            if self.brought() == before {
                return;
            }
            while let Delivery::Batch(_) = next(stream).await.unwrap().unwrap() {}
        }
        panic!("NATS is there, and not read from");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nats_there_the_owner_is_asked_for_no_event() {
    let Some(server) = server::running() else {
        return;
    };
    let setting = Setting::start(server).await;
    let relay = setting.owner.relay(server).await;
    for partition in 0..PARTITIONS {
        write_many(&setting.log, &contact_in(partition, 0), 400, 300).await;
    }
    relay.in_step(&setting.log).await;
    let mut reader = Reader::new(&setting.log);
    let mut stream = reader.subscribe(&setting.source).await;
    setting.up_to_date(&mut reader, &mut stream).await;
    for _ in 0..20 {
        setting.arrives(&mut reader, &mut stream).await;
    }
    assert_eq!(reader.events.len(), PARTITIONS * 400 + 20);
    assert_eq!(setting.brought(), 0);
    // and a quiet reader stays where it is
    for _ in 0..4 {
        assert!(matches!(
            next(&mut stream).await,
            Some(Ok(Delivery::Heartbeat(_)))
        ));
    }
    setting.arrives(&mut reader, &mut stream).await;
    assert_eq!(setting.brought(), 0);
}

/// Some readers take a sign of life with heads as proof that they have everything: only the owner can give it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_owner_is_silent_events_come_and_nobody_is_told_that_nothing_is_missing() {
    let Some(server) = server::running() else {
        return;
    };
    let (setting, relay, mut reader, mut stream) = Setting::over_nats(server).await;
    setting.silent.store(true, Ordering::Relaxed);
    for _ in 0..6 {
        write(&setting.log, &contact_in(PARTITION, 0), "thing").await;
    }
    let all = reader.events.len() + 6;
    let mut signs = 0;
    // the owner is asked while the reader waits
    while reader.events.len() < all || setting.unanswered.load(Ordering::Relaxed) < 3 {
        let waited = Duration::from_millis(100);
        if let Ok(delivery) = tokio::time::timeout(waited, next(&mut stream)).await {
            let delivery = delivery.unwrap().unwrap();
            signs += usize::from(matches!(delivery, Delivery::Heartbeat(_)));
            reader.take(delivery);
        }
    }
    assert!(signs <= 1, "{signs}: more than was on its way");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_and_starts_again_loses_nothing() {
    let Some(mut server) = server::Server::start().await else {
        return;
    };
    let setting = Setting::start(server.address()).await;
    let relay = setting.owner.relay(server.address()).await;
    let mut reader = Reader::new(&setting.log);
    let mut stream = reader.subscribe(&setting.source).await;
    setting.returns_to_nats(&mut reader, &mut stream).await;
    for _ in 0..2 {
        server.down().await;
        let before = setting.brought();
        for _ in 0..30 {
            setting.arrives(&mut reader, &mut stream).await;
        }
        assert!(setting.brought() > before, "the owner's feed carried them");
        server.up().await;
        setting.returns_to_nats(&mut reader, &mut stream).await;
    }
    relay.in_step(&setting.log).await;
    hold(
        &setting.streams.0,
        &setting.log,
        [0; PARTITIONS],
        server.address(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_swallows_everything_is_noticed() {
    let Some(server) = server::running() else {
        return;
    };
    let (setting, relay, mut reader, mut stream) = Setting::over_nats(server).await;
    setting.proxy.freeze(true);
    let before = setting.brought();
    setting.arrives(&mut reader, &mut stream).await;
    assert!(setting.brought() > before);
    setting.proxy.freeze(false);
    setting.returns_to_nats(&mut reader, &mut stream).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stream_no_longer_has_comes_from_the_owner_until_it_has_the_rest() {
    let Some(server) = server::running() else {
        return;
    };
    let setting = Setting::start(server).await;
    let relay = setting.owner.relay(server).await;
    write_many(&setting.log, &contact_in(PARTITION, 0), 700, 100).await;
    relay.in_step(&setting.log).await;
    setting.streams.0.prune(PARTITION, 600).await.unwrap();
    let mut reader = Reader::new(&setting.log);
    let mut stream = reader.subscribe(&setting.source).await;
    setting.up_to_date(&mut reader, &mut stream).await;
    assert_eq!(reader.events.len(), 700);
    assert!(setting.brought() >= 600);
    setting.returns_to_nats(&mut reader, &mut stream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_nobody_fills_are_left_for_the_owners_feed() {
    let Some(server) = server::running() else {
        return;
    };
    let (setting, relay, mut reader, mut stream) = Setting::over_nats(server).await;
    relay.in_step(&setting.log).await;
    relay.kill().await;
    let before = setting.brought();
    setting.arrives(&mut reader, &mut stream).await;
    assert!(setting.brought() > before);
    let relay = setting.owner.relay(server).await;
    setting.returns_to_nats(&mut reader, &mut stream).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_log_does_not_hold_is_never_delivered() {
    let Some(server) = server::running() else {
        return;
    };
    let (setting, relay, mut reader, mut stream) = Setting::over_nats(server).await;
    relay.in_step(&setting.log).await;
    relay.kill().await;
    // the same service in another history writes where this one's next event belongs
    let other = Owner::start().await;
    let end = reader.cursors[PARTITION].position as usize;
    write_many(&other.log(), &contact_in(PARTITION, 0), end + 1, 32).await;
    let event = other.log().read(PARTITION, end as u64, 1).await.unwrap();
    let client = async_nats::connect(server.to_string()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let body = prost::Message::encode_to_vec(&event[0]);
    let subject = setting.streams.0.subject(PARTITION);
    let published = context.publish(subject, body.into()).await.unwrap();
    published.await.unwrap();
    // the reader asserts that each event is of its own log
    setting.arrives(&mut reader, &mut stream).await;
    let relay = setting.owner.relay(server).await;
    setting.returns_to_nats(&mut reader, &mut stream).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_taken_away_and_come_back_lose_nothing() {
    let Some(server) = server::running() else {
        return;
    };
    let (setting, relay, mut reader, mut stream) = Setting::over_nats(server).await;
    setting.streams.0.remove().await.unwrap();
    for _ in 0..5 {
        setting.arrives(&mut reader, &mut stream).await;
    }
    relay.in_step(&setting.log).await;
    setting.returns_to_nats(&mut reader, &mut stream).await;
}
