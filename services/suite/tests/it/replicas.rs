//! Two replicas of each service on one database: whichever does the work, all show it.

use events::{
    ContactRef, Delivery, EventSource, SourceError,
    source::{Deliveries, Snapshot},
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use jetstream::{NatsArgs, Transport};
use proto::{
    events::v1::{Cursor, Envelope},
    notifications::v1::Inbox,
    tickets::v1::StateCategory,
};
use testing::{NatsServer, on_postgres_for};

use crate::cluster::{Cluster, Watch};

/// Changes at both replicas of each service in turn, each shown to whoever watches wherever. What is on the
/// card afterwards begins with this title.
async fn a_day(cluster: &mut Cluster, watches: &mut [Watch], title: &str) {
    let mut ticket = cluster.open(0, title).await;
    for turn in 0..6 {
        let (here, there) = (turn % 2, (turn + 1) % 2);
        let category = match turn % 3 {
            0 => StateCategory::InProgress,
            1 => StateCategory::WaitingOnCustomer,
            _ => StateCategory::Submitted,
        };
        ticket = cluster.change(here, &ticket, category).await;
        let seq = cluster.say(there, &ticket, "Hello").await;
        let newest = |inbox: &Inbox| {
            let first = inbox.recent_tickets.first();
            first.is_some_and(|first| first.revision >= ticket.revision && first.title == title)
        };
        for at in 0..2 {
            let inbox = cluster.inbox(at, true).await;
            assert!(newest(&inbox), "turn {turn} at {at}: {inbox:?}");
        }
        for (at, watch) in watches.iter_mut().enumerate() {
            watch.until(&format!("turn {turn} at {at}"), newest).await;
        }
        if turn % 2 == 0 {
            cluster.show(there, &ticket).await;
        } else {
            cluster.read(here, &ticket, seq).await;
        }
    }
    the_same_everywhere(cluster, watches).await;
}

/// Both replicas and each watch come to the same.
async fn the_same_everywhere(cluster: &Cluster, watches: &mut [Watch]) {
    let version = |inbox: &Inbox| {
        inbox
            .version
            .map(|version| (version.epoch, version.version))
    };
    // the last stamps may still be on their way
    for _ in 0..20 {
        let end = cluster.inbox(0, true).await;
        if version(&cluster.inbox(1, true).await) != version(&end) {
            continue;
        }
        let mut all = true;
        for (at, watch) in watches.iter_mut().enumerate() {
            let reached = |inbox: &Inbox| version(inbox) >= version(&end);
            let last = watch.until(&format!("the end at {at}"), reached).await;
            all &= version(&last) == version(&end);
            assert!(
                last == end || version(&last) != version(&end),
                "{last:?} is not {end:?}"
            );
        }
        if all {
            return;
        }
    }
    panic!("they never came to the same");
}

async fn a_watch_at_each(cluster: &Cluster) -> [Watch; 2] {
    [cluster.watch(0).await, cluster.watch(1).await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_at_any_replica_is_seen_by_a_watch_at_each() {
    if !on_postgres_for("replicas") {
        return;
    }
    let mut cluster = Cluster::start(None).await;
    let mut watches = a_watch_at_each(&cluster).await;
    a_day(&mut cluster, &mut watches, "Printer").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_at_any_replica_is_seen_by_a_watch_at_each_over_nats() {
    if !on_postgres_for("replicas") {
        return;
    }
    let Some(nats) = NatsServer::start().await else {
        return;
    };
    let mut cluster = Cluster::start(Some(nats.url())).await;
    let mut watches = a_watch_at_each(&cluster).await;
    a_day(&mut cluster, &mut watches, "Printer").await;
    carried(&nats, &cluster, "Printer").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_stop_and_start_again_go_on() {
    if !on_postgres_for("replicas") {
        return;
    }
    let mut cluster = Cluster::start(None).await;
    for (at, title) in [(0, "Printer"), (1, "Scanner")] {
        for service in crate::cluster::SERVICES {
            cluster.stop(service, at).await;
        }
        let other = 1 - at;
        let ticket = cluster.open(other, title).await;
        let ticket = cluster
            .change(other, &ticket, StateCategory::InProgress)
            .await;
        for service in crate::cluster::SERVICES {
            cluster.serve(service, at).await;
        }
        let first = cluster.inbox(at, true).await.recent_tickets.swap_remove(0);
        assert_eq!(
            (first.title.as_str(), first.revision),
            (title, ticket.revision)
        );
        the_same_everywhere(&cluster, &mut []).await;
    }
    let mut watches = a_watch_at_each(&cluster).await;
    a_day(&mut cluster, &mut watches, "Telephone").await;
}

/// B3: read on one device is read on every other, wherever each is connected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_shown_at_one_replica_has_no_badge_at_the_other() {
    if !on_postgres_for("replicas") {
        return;
    }
    let mut cluster = Cluster::start(None).await;
    let mut watches = a_watch_at_each(&cluster).await;
    for turn in 0..4 {
        let ticket = cluster.open(turn % 2, &format!("Printer {turn}")).await;
        for (at, watch) in watches.iter_mut().enumerate() {
            assert_eq!(cluster.inbox(at, true).await.unread_tickets, 1);
            watch
                .until("the badge", |inbox| inbox.unread_tickets == 1)
                .await;
        }
        let (here, there) = (turn % 2, (turn + 1) % 2);
        assert_eq!(cluster.show(here, &ticket).await.unread_tickets, 0);
        // at once, and nothing was said that the call could wait for
        assert_eq!(cluster.inbox(there, false).await.unread_tickets, 0);
        for watch in &mut watches {
            watch
                .until("no badge", |inbox| inbox.unread_tickets == 0)
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_at_one_replica_is_seen_at_the_other() {
    if !on_postgres_for("replicas") {
        return;
    }
    let mut cluster = Cluster::start(None).await;
    let mut watches = a_watch_at_each(&cluster).await;
    cluster.open(0, "Printer").await;
    let before = cluster.inbox(1, true).await.version.unwrap();
    cluster.rebuild(0).await;
    let after = cluster.inbox(1, false).await.version.unwrap();
    assert!(after.epoch > before.epoch, "{after:?}");
    let newer = |inbox: &Inbox| {
        inbox
            .version
            .is_some_and(|version| version.epoch > before.epoch)
    };
    for watch in &mut watches {
        watch.until("the new epoch", newer).await;
    }
    a_day(&mut cluster, &mut watches, "Scanner").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nats_stops_and_starts_nothing_is_lost_and_it_carries_events_again_afterwards() {
    if !on_postgres_for("replicas") {
        return;
    }
    let Some(mut nats) = NatsServer::start().await else {
        return;
    };
    let mut cluster = Cluster::start(Some(nats.url())).await;
    let mut watches = a_watch_at_each(&cluster).await;
    a_day(&mut cluster, &mut watches, "Printer").await;
    nats.down().await;
    a_day(&mut cluster, &mut watches, "Scanner").await;
    nats.up().await;
    a_day(&mut cluster, &mut watches, "Telephone").await;
    carried(&nats, &cluster, "Telephone").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_nats_at_the_start_everything_serves_and_it_carries_events_once_it_is_there() {
    if !on_postgres_for("replicas") {
        return;
    }
    let Some(mut nats) = NatsServer::prepare() else {
        return;
    };
    let mut cluster = Cluster::start(Some(nats.url())).await;
    let mut watches = a_watch_at_each(&cluster).await;
    a_day(&mut cluster, &mut watches, "Printer").await;
    nats.up().await;
    a_day(&mut cluster, &mut watches, "Scanner").await;
    carried(&nats, &cluster, "Scanner").await;
}

/// Waits until NATS alone, with no owner to ask, tells of a ticket of Ada's.
async fn carried(nats: &NatsServer, cluster: &Cluster, title: &str) {
    let transport = Transport::open(&NatsArgs::at(nats.url()), "a test")
        .await
        .unwrap();
    let source = transport.reader("tickets", Nobody);
    let read = async {
        loop {
            let origin = (0..16).map(|partition| Cursor {
                partition,
                ..Cursor::default()
            });
            let Ok(mut told) = source.subscribe(origin.collect()).await else {
                continue;
            };
            while let Some(Ok(said)) = told.next().await {
                let Delivery::Batch(events) = said else {
                    continue;
                };
                let is_it = |event: &Envelope| {
                    event.contact_id == cluster.ada.as_str()
                        && event
                            .payload
                            .windows(title.len())
                            .any(|part| part == title.as_bytes())
                };
                if events.iter().any(is_it) {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    let read = tokio::time::timeout(patience, read).await;
    assert!(read.is_ok(), "NATS does not carry events");
}

/// An owner that never answers.
struct Nobody;

impl Nobody {
    fn away<T: Send + 'static>() -> BoxFuture<'static, Result<T, SourceError>> {
        async { Err(SourceError::Unavailable("nobody".into())) }.boxed()
    }
}

impl EventSource for Nobody {
    fn subscribe(&self, _: Vec<Cursor>) -> BoxFuture<'_, Result<Deliveries, SourceError>> {
        Self::away()
    }

    fn read(&self, _: usize, _: u64) -> BoxFuture<'_, Result<Vec<Envelope>, SourceError>> {
        Self::away()
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Cursor>, SourceError>> {
        Self::away()
    }

    fn snapshot(&self, _: Option<Vec<ContactRef>>) -> BoxFuture<'_, Result<Snapshot, SourceError>> {
        Self::away()
    }
}
