//! What a consumer says about how far it is.

use std::{sync::Arc, time::Duration};

use testing::conformance::owner::{contact_in, write, write_many};
use tokio::sync::Semaphore;

use super::run;
use crate::{journal::Reader, owner::Owner, sources::local};

const SHORT: Duration = Duration::from_millis(30);
const LONG: Duration = Duration::from_secs(20);

/// Not before the commit, and then at once.
#[tokio::test]
async fn a_position_is_reached_when_its_effect_can_be_read() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let gate = Arc::new(Semaphore::new(0));
    *reader.script.gate.lock() = Some(gate.clone());
    let consumer = reader.consumer(local(&owner.log()));
    let progress = consumer.progress();
    let _running = run(consumer);
    let place = write(&owner.log(), &contact_in(6, 0), "thing").await;
    testing::eventually("a try", || async {
        (!reader.script.tries.lock().is_empty()).then_some(())
    })
    .await;
    assert!(
        !progress.reached(6, place.position, SHORT).await,
        "it is not committed"
    );
    assert_eq!(progress.applied(), [0; 16]);
    gate.add_permits(1);
    assert!(progress.reached(6, place.position, LONG).await);
    assert_eq!(reader.effects().await, [(6, 1)]);
    assert_eq!(progress.applied()[6], 1);
    assert!(
        progress.reached(6, 0, SHORT).await,
        "what is past is reached"
    );
    assert!(!progress.reached(6, 2, SHORT).await);
    assert!(!progress.reached(7, 1, SHORT).await);
    assert!(!progress.reached(16, 0, SHORT).await, "no such partition");
}

/// What a replica applied elsewhere counts once this one has seen it.
#[tokio::test]
async fn what_another_replica_applied_is_reached_too() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let first = reader.consumer(local(&owner.log()));
    let second = reader.consumer(local(&owner.log()));
    let (one, two) = (first.progress(), second.progress());
    let _running = [run(first), run(second)];
    for n in 1..=20 {
        let place = write(&owner.log(), &contact_in(6, 0), "thing").await;
        assert_eq!(place.position, n);
        assert!(one.reached(6, n, LONG).await);
        assert!(two.reached(6, n, LONG).await);
    }
    assert_eq!(reader.effects().await.len(), 20);
}

/// With all that was there at the start, and not before.
#[tokio::test]
async fn a_consumer_is_caught_up_when_it_applied_what_was_there_at_the_start() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    write_many(&owner.log(), &contact_in(6, 0), 600, 8).await;
    let gate = Arc::new(Semaphore::new(2));
    *reader.script.gate.lock() = Some(gate.clone());
    let consumer = reader.consumer(local(&owner.log()));
    let progress = consumer.progress();
    assert!(!progress.caught_up(SHORT).await, "it does not even run");
    let _running = run(consumer);
    assert!(progress.reached(6, 512, LONG).await);
    assert!(!progress.caught_up(SHORT).await);
    gate.add_permits(1);
    assert!(progress.caught_up(LONG).await);
    assert_eq!(progress.applied()[6], 600);
    assert!(progress.caught_up(SHORT).await, "and stays so");
}

#[tokio::test]
async fn a_consumer_of_an_empty_log_is_caught_up_at_once() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let consumer = reader.consumer(local(&owner.log()));
    let progress = consumer.progress();
    let _running = run(consumer);
    assert!(progress.caught_up(Duration::from_millis(1_500)).await);
}

/// A source that never rests must not keep a service from ever being ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_of_a_busy_log_is_caught_up_all_the_same() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let log = owner.log();
    write_many(&log, &contact_in(6, 0), 100, 8).await;
    let writing = tokio::spawn(async move {
        loop {
            write(&log, &contact_in(6, 0), "thing").await;
        }
    });
    // each batch takes a while, so that there is always more
    *reader.script.dawdle.lock() = 20_000;
    let consumer = reader.consumer(local(&owner.log()));
    let progress = consumer.progress();
    let _running = run(consumer);
    assert!(progress.caught_up(Duration::from_secs(5)).await);
    writing.abort();
}

/// A commit costs more than what is in it: where nobody waits, one of them serves a burst.
#[tokio::test]
async fn the_first_of_a_burst_is_applied_at_once_and_the_others_share_a_transaction() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let consumer = reader.consumer(local(&owner.log()));
    let consumer = consumer.spaced(Duration::from_secs(2));
    let progress = consumer.progress();
    let _running = run(consumer);
    assert!(progress.caught_up(LONG).await);
    write(&owner.log(), &contact_in(6, 0), "thing").await;
    assert!(progress.reached(6, 1, LONG).await);
    for _ in 0..9 {
        write(&owner.log(), &contact_in(6, 0), "thing").await;
    }
    assert!(progress.reached(6, 10, LONG).await);
    let tries = reader.script.tries.lock().clone();
    let sizes: Vec<usize> = tries.iter().map(Vec::len).collect();
    assert!(sizes[0] == 1 && sizes.len() <= 3, "{sizes:?}");
}
