use std::collections::VecDeque;

use events::source::{ContactRef, Deliveries, Snapshot};
use futures::{
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    future::BoxFuture,
};
use parking_lot::Mutex;
use proto::settings::v1::MessengerSettings;
use testing::{ManualClock, Scratch};

use super::*;
use crate::{
    clients::{Addresses, Clients},
    limits::{LimitArgs, Limits},
};

type Delivered = Result<Delivery, SourceError>;

/// A feed that a test writes.
#[derive(Default)]
struct Script {
    heads: Mutex<u64>,
    asked_for_heads: Mutex<usize>,
    streams: Mutex<VecDeque<UnboundedReceiver<Delivered>>>,
    /// The cursors of partition 0 that were subscribed from.
    started_at: Mutex<Vec<u64>>,
}

impl EventSource for Script {
    fn subscribe(&self, cursors: Vec<Cursor>) -> BoxFuture<'_, Result<Deliveries, SourceError>> {
        self.started_at.lock().push(cursors[0].position);
        let stream = self.streams.lock().pop_front();
        Box::pin(async {
            match stream {
                Some(stream) => Ok(stream.boxed()),
                None => Err(SourceError::Unavailable("no stream is written".into())),
            }
        })
    }

    fn read(&self, _: usize, _: u64) -> BoxFuture<'_, Result<Vec<Envelope>, SourceError>> {
        unreachable!("a hole is not filled: everything is asked for again")
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Cursor>, SourceError>> {
        *self.asked_for_heads.lock() += 1;
        let heads = (0..16)
            .map(|partition| cursor(partition, *self.heads.lock()))
            .collect();
        Box::pin(async { Ok(heads) })
    }

    fn snapshot(&self, _: Option<Vec<ContactRef>>) -> BoxFuture<'_, Result<Snapshot, SourceError>> {
        unreachable!("nothing here is durable")
    }
}

fn cursor(partition: u32, position: u64) -> Cursor {
    Cursor {
        partition,
        position,
        ..Default::default()
    }
}

fn event(position: u64, kind: &str, payload: Vec<u8>) -> Envelope {
    Envelope {
        partition: 0,
        position,
        r#type: kind.into(),
        payload,
        ..Default::default()
    }
}

fn heartbeat(position: u64) -> Delivered {
    Ok(Delivery::Heartbeat(vec![cursor(0, position)]))
}

fn batch(events: Vec<Envelope>) -> Delivered {
    Ok(Delivery::Batch(events))
}

/// A followed feed and what it is followed for.
struct Stage {
    script: Arc<Script>,
    freshness: Arc<Freshness>,
    sessions: Arc<Sessions>,
    clock: ManualClock,
    following: watch::Receiver<bool>,
    stop: CancellationToken,
    _scratch: Scratch,
}

impl Stage {
    /// Followed from position 7 on, over as many streams as are asked for.
    fn new(streams: usize) -> (Self, Vec<UnboundedSender<Delivered>>) {
        let scratch = Scratch::new();
        scratch.keys(&["bff"]);
        let nowhere = "http://127.0.0.1:1";
        let at = Addresses {
            tickets: nowhere,
            conversations: nowhere,
            settings: nowhere,
            notifications: nowhere,
        };
        let clients = Arc::new(Clients::new(scratch.ring("bff"), &at).unwrap());
        let clock = ManualClock::new();
        let freshness = Arc::new(Freshness::new(Arc::new(clock.clone())));
        let workspaces = Arc::new(Workspaces::new(freshness.clone()));
        let limits = Arc::new(Limits::new(&LimitArgs::default()));
        let apps = Apps::new(
            clients.clone(),
            freshness.clone(),
            limits.clone(),
            Vec::new(),
        );
        let sessions = Sessions::new(clients, workspaces.clone(), freshness.clone(), limits);
        let sessions = Arc::new(sessions);
        let script = Arc::new(Script::default());
        *script.heads.lock() = 7;
        let mut senders = Vec::new();
        for _ in 0..streams {
            let (sender, receiver) = unbounded();
            script.streams.lock().push_back(receiver);
            senders.push(sender);
        }
        let feed = Feed::new(
            script.clone(),
            sessions.clone(),
            workspaces,
            Arc::new(apps),
            freshness.clone(),
        );
        let following = feed.following();
        let stop = CancellationToken::new();
        let tasks = runtime::Tasks::new();
        tasks.spawn(feed.run(stop.clone()));
        let stage = Self {
            script,
            freshness,
            sessions,
            clock,
            following,
            stop,
            _scratch: scratch,
        };
        (stage, senders)
    }

    async fn followed(&mut self) {
        self.following
            .wait_for(|following| *following)
            .await
            .unwrap();
    }

    /// Lets the feed do what it can do by now.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_feed_goes_on_where_it_was_and_forgets_nothing() {
    let (mut stage, streams) = Stage::new(2);
    streams[0].unbounded_send(heartbeat(7)).unwrap();
    stage.followed().await;
    let learned = stage.freshness.learning();
    let two = vec![event(8, "unknown", vec![]), event(9, "unknown", vec![])];
    streams[0].unbounded_send(batch(two.clone())).unwrap();
    let away = SourceError::Unavailable("restarting".into());
    streams[0].unbounded_send(Err(away)).unwrap();
    // what comes twice counts once
    streams[1].unbounded_send(batch(two)).unwrap();
    stage.settle().await;
    assert_eq!(*stage.script.started_at.lock(), [7, 9]);
    assert_eq!(*stage.script.asked_for_heads.lock(), 1);
    assert!(stage.freshness.holds(learned, stage.freshness.now()));
}

#[tokio::test(start_paused = true)]
async fn a_hole_a_reset_or_what_cannot_be_read_makes_everything_be_asked_for_again() {
    let strange = Envelope {
        must_understand: true,
        ..event(8, "unknown", vec![])
    };
    let settings = "messenger.settings.v1.MessengerSettingsChanged";
    let security = "messenger.settings.v1.MessengerSecurityChanged";
    let merged = "messenger.settings.v1.ContactMerged";
    for what in [
        batch(vec![event(9, "unknown", vec![])]),
        batch(vec![strange]),
        batch(vec![event(8, settings, vec![0xff])]),
        batch(vec![event(8, security, vec![])]),
        batch(vec![event(8, merged, vec![0xff])]),
        batch(vec![event(
            8,
            settings,
            MessengerSettings::default().encode_to_vec(),
        )]),
        Err(SourceError::OutOfRange { partition: 3 }),
        Err(SourceError::Diverged { partition: 3 }),
    ] {
        let (mut stage, streams) = Stage::new(2);
        streams[0].unbounded_send(heartbeat(7)).unwrap();
        stage.followed().await;
        let learned = stage.freshness.learning();
        *stage.script.heads.lock() = 20;
        streams[0].unbounded_send(what.clone()).unwrap();
        stage.settle().await;
        assert_eq!(*stage.script.started_at.lock(), [7, 20], "{what:?}");
        let now = stage.freshness.now();
        assert!(!stage.freshness.holds(learned, now), "{what:?}");
    }
}

/// D3 counts from the last moment at which nothing can have been missed
#[tokio::test(start_paused = true)]
async fn a_feed_that_is_always_behind_by_a_little_is_alive() {
    let (mut stage, streams) = Stage::new(1);
    streams[0].unbounded_send(heartbeat(7)).unwrap();
    stage.followed().await;
    let learned = stage.freshness.learning();
    for step in 0..200 {
        stage.clock.advance(jiff::SignedDuration::from_secs(2));
        // each time the newest event is still on its way, and still so at the next sign of life
        streams[0].unbounded_send(heartbeat(9 + step)).unwrap();
        let event = event(8 + step, "unknown", vec![]);
        streams[0].unbounded_send(batch(vec![event])).unwrap();
    }
    stage.settle().await;
    let now = stage.freshness.now();
    assert!(stage.freshness.holds(learned, now));
    // an announcement alone is no proof that what it announces has come
    for _ in 0..200 {
        stage.clock.advance(jiff::SignedDuration::from_secs(2));
        streams[0].unbounded_send(heartbeat(500)).unwrap();
        stage.settle().await;
    }
    assert!(!stage.freshness.holds(learned, stage.freshness.now()));
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_goes_silent_is_left_for_another() {
    let (mut stage, streams) = Stage::new(2);
    streams[0].unbounded_send(heartbeat(7)).unwrap();
    stage.followed().await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(*stage.script.started_at.lock(), [7, 7]);
    let revoked = SessionRevoked {
        session_id: "ses_1".into(),
    };
    let event = event(
        8,
        "messenger.settings.v1.SessionRevoked",
        revoked.encode_to_vec(),
    );
    streams[1].unbounded_send(batch(vec![event])).unwrap();
    stage.settle().await;
    assert!(stage.sessions.is_revoked("ses_1"));
}
