//! Several replicas of a service, of which some die, drain, come back, or never were.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use runtime::{
    Running, ServerArgs,
    client::{ServiceChannel, call, service_channel},
    error::reason_of,
};
use testing::{Scratch, eventually};
use tokio::{net::TcpListener, task::JoinSet};
use tonic::{Code, Status};

use crate::sample::{ECHO, ENDLESS, Sample, read, watch};

const LIMIT: Duration = Duration::from_secs(10);

/// Replicas, each with its own count of calls.
struct Cluster {
    scratch: Scratch,
    replicas: Vec<(Sample, Option<Running>, SocketAddr)>,
}

impl Cluster {
    async fn of(count: usize) -> Self {
        let scratch = Scratch::new();
        scratch.keys(&["sample", "caller", "bff"]);
        let mut cluster = Self {
            scratch,
            replicas: Vec::new(),
        };
        for _ in 0..count {
            let (sample, running) = cluster.start("127.0.0.1:0".parse().unwrap()).await;
            let address = running.address();
            cluster.replicas.push((sample, Some(running), address));
        }
        cluster
    }

    async fn start(&self, listen: SocketAddr) -> (Sample, Running) {
        let sample = Sample::default();
        let mut args = ServerArgs::loopback(self.scratch.keys(&["sample"]));
        args.listen = listen;
        args.drain_seconds = 5;
        let running = sample.start(&self.scratch, &args).await.unwrap();
        (sample, running)
    }

    fn client(&self, beside: &[SocketAddr]) -> EventFeedServiceClient<ServiceChannel> {
        let known = self.replicas.iter().map(|(_, _, address)| address);
        let all: Vec<String> = known
            .chain(beside)
            .map(|address| format!("http://{address}"))
            .collect();
        let ring = self.scratch.ring("caller");
        let channel = service_channel(&all.join(","), ring, &["sample:read"]).unwrap();
        EventFeedServiceClient::new(channel)
    }

    async fn stop(&mut self, which: usize) {
        self.replicas[which].1.take().unwrap().drain().await;
    }

    async fn start_again(&mut self, which: usize) {
        let (sample, running) = self.start(self.replicas[which].2).await;
        self.replicas[which].0 = sample;
        self.replicas[which].1 = Some(running);
    }

    fn handled(&self) -> Vec<u32> {
        let samples = self.replicas.iter();
        samples.map(|(sample, _, _)| sample.handled()).collect()
    }
}

async fn ask(client: &EventFeedServiceClient<ServiceChannel>) -> Result<(), Status> {
    call(false, LIMIT, |_| {
        let mut client = client.clone();
        async move { client.read(read(ECHO)).await }
    })
    .await
    .map(|_| ())
}

/// Calls without a pause until told to stop; says how many succeeded and what failed.
fn callers(
    client: &EventFeedServiceClient<ServiceChannel>,
    stop: &Arc<AtomicBool>,
    done: &Arc<AtomicU32>,
) -> JoinSet<Result<(), Status>> {
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let (client, stop, done) = (client.clone(), stop.clone(), done.clone());
        callers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                ask(&client).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    callers
}

async fn nobody_listens() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn calls_are_spread_over_the_replicas_and_a_dead_address_gets_none() {
    let cluster = Cluster::of(3).await;
    let client = cluster.client(&[nobody_listens().await]);
    ask(&client).await.unwrap();
    // all three are known before they are counted
    eventually("three replicas in use", || async {
        ask(&client).await.unwrap();
        cluster
            .handled()
            .iter()
            .all(|count| *count > 0)
            .then_some(())
    })
    .await;
    let before: u32 = cluster.handled().iter().sum();
    for _ in 0..150 {
        ask(&client).await.unwrap();
    }
    let handled = cluster.handled();
    assert_eq!(handled.iter().sum::<u32>(), before + 150);
    assert!(handled.iter().all(|count| *count > 20), "{handled:?}");
}

/// A call with an effect, which nothing may send twice, survives too: none is begun at a replica that is
/// about to go, and one that was never sent is sent elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_call() {
    let mut cluster = Cluster::of(3).await;
    let client = cluster.client(&[]);
    ask(&client).await.unwrap();
    let (stop, done) = (Arc::default(), Arc::default());
    let mut callers = callers(&client, &stop, &done);
    for which in 0..3 {
        cluster.stop(which).await;
        cluster.start_again(which).await;
        eventually("the new one to be used", || async {
            (cluster.handled()[which] > 0).then_some(())
        })
        .await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(outcome) = callers.join_next().await {
        outcome.unwrap().unwrap();
    }
    assert!(done.load(Ordering::Relaxed) > 100);
}

#[tokio::test]
async fn a_call_waits_for_a_replica_that_is_about_to_come() {
    let cluster = Cluster::of(0).await;
    let address = nobody_listens().await;
    let client = cluster.client(&[address, nobody_listens().await]);
    let calling = tokio::spawn(async move { ask(&client).await });
    let (sample, running) = cluster.start(address).await;
    calling.await.unwrap().unwrap();
    assert_eq!(sample.handled(), 1);
    running.drain().await;
}

#[tokio::test]
async fn without_any_replica_a_call_fails_soon_as_unavailable() {
    let cluster = Cluster::of(0).await;
    let client = cluster.client(&[nobody_listens().await, nobody_listens().await]);
    let began = Instant::now();
    let status = ask(&client).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(reason_of(&status), "UNAVAILABLE");
    assert!(began.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn an_open_stream_counts_so_that_watches_are_spread_evenly() {
    let cluster = Cluster::of(2).await;
    let client = cluster.client(&[]);
    eventually("both replicas in use", || async {
        ask(&client).await.unwrap();
        cluster
            .handled()
            .iter()
            .all(|count| *count > 0)
            .then_some(())
    })
    .await;
    let before = cluster.handled();
    let mut open = Vec::new();
    for _ in 0..20 {
        let stream = client.clone().subscribe(watch(ENDLESS)).await.unwrap();
        open.push(stream.into_inner());
    }
    let opened: Vec<u32> = cluster
        .handled()
        .iter()
        .zip(before)
        .map(|(now, before)| now - before)
        .collect();
    assert_eq!(opened, [10, 10]);
}

/// A server's drain waits for its streams: one that nobody ends would hold it up.
#[tokio::test]
async fn who_watches_a_replicas_health_does_not_hold_its_drain_up() {
    let mut cluster = Cluster::of(2).await;
    let client = cluster.client(&[]);
    ask(&client).await.unwrap();
    let began = Instant::now();
    cluster.stop(0).await;
    assert!(began.elapsed() < Duration::from_secs(4));
    ask(&client).await.unwrap();
}
