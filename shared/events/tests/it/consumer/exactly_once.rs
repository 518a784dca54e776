//! Whatever is delivered and whoever crashes, each event has its effect once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures::future::join_all;
use rand::{Rng, SeedableRng, rngs::StdRng};
use testing::conformance::owner::{change, contact_in, write, write_many};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{heads, run};
use crate::{
    journal::{Journal, Reader, Script},
    owner::Owner,
    sources::{Hooked, Hostile, local},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_competing_consumers_that_crash_apply_each_event_once() {
    let owner = Owner::start().await;
    let reader = Arc::new(Reader::new().await);
    // long enough between the statements and the commit that most crashes fall there
    *reader.script.dawdle.lock() = 2_000;
    let enough = CancellationToken::new();
    let crashes = Arc::new(AtomicU32::new(0));
    let mut processes = JoinSet::new();
    for process in 0..3 {
        let consumer = reader.other_process(local(&owner.log())).await;
        let (enough, crashes) = (enough.clone(), crashes.clone());
        processes.spawn(async move {
            let mut random = StdRng::seed_from_u64(process);
            while !enough.is_cancelled() {
                let life = random.gen_range(20..200);
                if dropped_after(life, consumer.clone().run(enough.clone())).await {
                    crashes.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    let mut random = StdRng::seed_from_u64(99);
    while crashes.load(Ordering::Relaxed) < 60 {
        let mut work = owner.log().begin().await.unwrap();
        for _ in 0..random.gen_range(1..4) {
            let contact = contact_in(random.gen_range(0..5), 0);
            change(&mut work, &contact, "thing", 16).await.unwrap();
        }
        work.commit().await.unwrap();
    }
    let heads = heads(&owner.log()).await;
    reader.reaches(&heads).await;
    enough.cancel();
    while let Some(ended) = processes.join_next().await {
        ended.unwrap();
    }
    reader.assert_each_once(&heads).await;
    // it was a competition: some tries came to nothing
    let tries: usize = reader.script.tries.lock().iter().map(Vec::len).sum();
    assert!(tries > reader.effects().await.len());
}

/// A crash: the future is dropped wherever it is when it was polled so often, however fast the machine is.
async fn dropped_after(polls: u32, future: impl Future<Output = ()>) -> bool {
    let mut future = Box::pin(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(false),
            Poll::Pending if left == 0 => Poll::Ready(true),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Real transactions, so far fewer cases than the pure property beside the checker has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_gaps_disorder_and_breaks_leave_each_event_applied_once() {
    join_all((0..8).map(survives)).await;
}

async fn survives(seed: u64) {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let source = Hostile::new(local(&owner.log()), seed);
    write_many(&owner.log(), &contact_in(0, 0), 60, 8).await;
    let _running = [
        run(reader.consumer(source.clone())),
        run(reader.consumer(source)),
    ];
    for n in 0..30 {
        write(&owner.log(), &contact_in(n % 3, 0), "thing").await;
    }
    let heads = heads(&owner.log()).await;
    reader.reaches(&heads).await;
    reader.assert_each_once(&heads).await;
}

/// Whoever applied it: each drops from memory what changed, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_second_hears_of_each_event_all_the_same_and_keeps_its_stream() {
    const ROUND: u64 = 50;
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let replicas: Vec<_> = (0..2)
        .map(|_| {
            let source = Arc::new(Hooked::new(local(&owner.log())));
            let script = Arc::new(Script::default());
            *script.dawdle.lock() = 500;
            let journal = Arc::new(Journal(script.clone()));
            let consumer =
                events::Consumer::new(reader.log.clone(), "sample", source.clone(), journal);
            (source, script, consumer.progress(), run(consumer))
        })
        .collect();
    let mut written = 0;
    // one of the two may come first for long, and who never tried proves nothing
    let competed = || {
        replicas
            .iter()
            .all(|(_, script, ..)| !script.tries.lock().is_empty())
    };
    while written < 3 * ROUND || (!competed() && written < 100 * ROUND) {
        for _ in 0..ROUND {
            write(&owner.log(), &contact_in(6, 0), "thing").await;
        }
        written += ROUND;
        for (_, script, progress, _) in &replicas {
            assert!(progress.reached(6, written, Duration::from_secs(20)).await);
            // told before whoever waits for the position
            assert_eq!(script.committed.lock().len() as u64, written);
        }
    }
    assert!(competed(), "it was no competition");
    let all: Vec<_> = (1..=written).map(|position| (6, position)).collect();
    for (source, script, _, _) in &replicas {
        assert_eq!(*script.committed.lock(), all);
        assert_eq!(*script.moved.lock(), 0);
        assert_eq!(source.subscriptions.lock().len(), 1);
    }
    reader.assert_each_once(&heads(&owner.log()).await).await;
}

#[tokio::test]
async fn a_consumer_that_starts_again_goes_on_from_its_stored_cursors() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    for round in 1..4 {
        for n in 0..20 {
            write(&owner.log(), &contact_in(n % 4, 0), "thing").await;
        }
        let before = reader.cursors().await;
        let source = Arc::new(Hooked::new(local(&owner.log())));
        let consumer = reader.consumer(source.clone());
        let progress = consumer.progress();
        let running = run(consumer);
        let heads = heads(&owner.log()).await;
        reader.reaches(&heads).await;
        drop(running);
        if round > 1 {
            assert_eq!(source.subscriptions.lock()[0], before);
        }
        reader.assert_each_once(&heads).await;
        assert!(
            progress
                .reached(0, heads[0].position, Duration::from_secs(5))
                .await
        );
    }
    // nothing was tried a second time
    let tries: usize = reader.script.tries.lock().iter().map(Vec::len).sum();
    assert_eq!(tries, 60);
    assert_eq!(reader.script.committed.lock().len(), 60);
}

#[tokio::test]
async fn two_projections_of_one_source_have_cursors_of_their_own() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    write(&owner.log(), &contact_in(0, 0), "thing").await;
    let mine = reader.consumer(local(&owner.log()));
    let of_another_source = events::Consumer::new(
        reader.log.clone(),
        "another",
        local(&owner.log()),
        Arc::new(crate::journal::Journal(reader.script.clone())),
    );
    for consumer in [mine, of_another_source] {
        let progress = consumer.progress();
        let _running = run(consumer);
        assert!(progress.reached(0, 1, Duration::from_secs(20)).await);
    }
    assert_eq!(reader.effects().await, [(0, 1), (0, 1)]);
    assert_eq!(reader.cursors().await.len(), 32);
}

#[tokio::test]
async fn a_batch_of_several_partitions_is_applied_in_one_transaction() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    for partition in [1, 4, 9] {
        write_many(&owner.log(), &contact_in(partition, 0), 5, 8).await;
    }
    *reader.script.failures.lock() = 1;
    let consumer = reader.consumer(local(&owner.log()));
    let _running = run(consumer);
    let heads = heads(&owner.log()).await;
    reader.reaches(&heads).await;
    let tries = reader.script.tries.lock().clone();
    let sizes: Vec<usize> = tries.iter().map(Vec::len).collect();
    // all at once, and after the failure all again: no partition's cursor had moved
    assert_eq!(sizes, [15, 15]);
    reader.assert_each_once(&heads).await;
}
