//! Transactions: one writer at a time, in a queue that always moves on.

use std::time::{Duration, Instant};

use futures::future::join_all;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::ConnectionTrait;
use testing::{Scratch, on_sqlite_for};

use crate::{count, open, value};

#[tokio::test]
async fn a_transaction_that_is_dropped_is_rolled_back() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let tx = db.begin().await.unwrap();
    count(&tx, "a").await.unwrap();
    drop(tx);
    let tx = db.begin().await.unwrap();
    assert_eq!(value(&tx, "a").await.unwrap(), 0);
    count(&tx, "a").await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(value(db.read(), "a").await.unwrap(), 0);
}

#[tokio::test]
async fn readers_see_what_was_committed_while_a_writer_is_at_work() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let tx = db.begin().await.unwrap();
    count(&tx, "a").await.unwrap();
    // more readers than there are connections, none of them waiting
    let reads = join_all((0..20).map(|_| value(db.read(), "a")));
    let seen = tokio::time::timeout(Duration::from_secs(2), reads)
        .await
        .unwrap();
    assert!(seen.into_iter().all(|value| value.unwrap() == 0));
    tx.commit().await.unwrap();
    assert_eq!(value(db.read(), "a").await.unwrap(), 1);
}

/// From this process and another one, read and then written: nothing is lost and nobody is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_writers_at_once_all_get_their_turn() {
    let scratch = Scratch::new();
    let processes = [open(&scratch).await, open(&scratch).await];
    let writers = (0..64).map(|writer| {
        let db = processes[writer % 8 / 7].clone();
        tokio::spawn(async move {
            for _ in 0..5 {
                let tx = db.begin().await.unwrap();
                count(&tx, "shared").await.unwrap();
                tokio::task::yield_now().await;
                tx.commit().await.unwrap();
            }
        })
    });
    let all = join_all(writers.collect::<Vec<_>>());
    for writer in tokio::time::timeout(Duration::from_secs(30), all)
        .await
        .unwrap()
    {
        writer.unwrap();
    }
    assert_eq!(value(processes[0].read(), "shared").await.unwrap(), 64 * 5);
}

/// Dropped at any await, the begin and the commit included: the connection stays usable, and each
/// transaction happened wholly or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_vanish_anywhere_hold_nobody_up() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let mut random = StdRng::seed_from_u64(3);
    let mut told = 0;
    for _ in 0..400 {
        let db = db.clone();
        let write = async move {
            let tx = db.begin().await.unwrap();
            count(&tx, "a").await.unwrap();
            count(&tx, "b").await.unwrap();
            tx.commit().await.unwrap();
        };
        let mut write = Box::pin(write);
        let mut left = random.gen_range(1..14);
        told += std::future::poll_fn(|context| {
            left -= 1;
            match write.as_mut().poll(context) {
                std::task::Poll::Pending if left > 0 => std::task::Poll::Pending,
                state => std::task::Poll::Ready(i64::from(state.is_ready())),
            }
        })
        .await;
    }
    let tx = tokio::time::timeout(Duration::from_secs(2), db.begin())
        .await
        .unwrap()
        .unwrap();
    let (a, b) = (
        value(&tx, "a").await.unwrap(),
        value(&tx, "b").await.unwrap(),
    );
    assert_eq!(a, b, "half a transaction");
    assert!(a >= told && a < 400, "{a} of which {told} were told so");
    assert!(told > 20, "{told}: none came through");
}

/// Waiting for oneself ends in an error, not in a deadlock.
#[tokio::test]
async fn a_second_transaction_inside_of_the_first_is_given_up_in_time() {
    if !on_sqlite_for("one writer at a time") {
        return;
    }
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let first = db.begin().await.unwrap();
    let start = Instant::now();
    assert!(db.begin().await.is_err());
    assert!(start.elapsed() < Duration::from_secs(7));
    drop(first);
    db.begin().await.unwrap();
}

/// What a statement breaks, its transaction can undo; the next writer finds the connection clean.
#[tokio::test]
async fn a_statement_that_fails_harms_nobody_else() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let tx = db.begin().await.unwrap();
    count(&tx, "a").await.unwrap();
    assert!(
        tx.execute_unprepared("insert into counter (name) values ('a')")
            .await
            .is_err()
    );
    drop(tx);
    let tx = db.begin().await.unwrap();
    assert_eq!(count(&tx, "a").await.unwrap(), 1);
    tx.commit().await.unwrap();
}
