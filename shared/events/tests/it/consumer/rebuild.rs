//! Starting over when the log is not what was read.

use std::sync::Arc;

use events::{EventSource, SourceError};
use futures::{FutureExt, StreamExt, stream};
use testing::conformance::{
    Transport,
    owner::{contact_in, write},
    reader::soon,
};
use tokio::sync::{Semaphore, oneshot};

use super::{heads, run};
use crate::{
    grpc,
    journal::Reader,
    owner::Owner,
    sources::{Hooked, local},
};

/// Over the real transport: the owner comes back from a backup; what only the lost history told is gone
/// afterwards, and at no time do readers see an empty or half-filled projection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_owner_leads_to_a_rebuild_that_readers_see_at_once() {
    let transport = grpc::start().await;
    let reader = Reader::new().await;
    for n in 0..50 {
        write(
            &transport.log(),
            &contact_in(n % 4, 0),
            &format!("kept {n:02}"),
        )
        .await;
    }
    transport.back_up().await;
    for n in 0..5 {
        write(&transport.log(), &contact_in(0, 0), &format!("lost {n}")).await;
    }
    let consumer = reader.consumer(transport.source());
    let running = run(consumer);
    reader.reaches(&heads(&transport.log()).await).await;
    drop(running);
    assert_eq!(reader.things().await.len(), 55);
    transport.restore().await;
    for n in 0..9 {
        write(&transport.log(), &contact_in(0, 0), &format!("new {n}")).await;
    }
    let _running = run(reader.consumer(transport.source()));
    let heads = heads(&transport.log()).await;
    loop {
        let things = reader.things().await;
        let kept = things.iter().filter(|thing| thing.starts_with("kept"));
        assert_eq!(kept.count(), 50);
        let lost = things.iter().any(|thing| thing.starts_with("lost"));
        let new = things.iter().any(|thing| thing.starts_with("new"));
        assert!(lost != new, "either the old rows or the new ones");
        if new {
            break;
        }
    }
    reader.reaches(&heads).await;
    assert_eq!(reader.things().await.len(), 59);
    assert!(*reader.script.moved.lock() > 0, "caches are told");
}

#[tokio::test]
async fn a_consumer_away_for_longer_than_the_log_is_kept_starts_from_a_snapshot() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    for n in 0..12 {
        write(&owner.log(), &contact_in(5, 0), &format!("thing {}", n % 3)).await;
    }
    owner.log().prune(5, 9).await.unwrap();
    let _running = run(reader.consumer(local(&owner.log())));
    reader.reaches(&heads(&owner.log()).await).await;
    // the state of each thing, and no event of the three that are left
    assert_eq!(reader.effects().await, [(5, 0), (5, 0), (5, 0)]);
    let place = write(&owner.log(), &contact_in(5, 0), "thing 0").await;
    reader.reaches(&heads(&owner.log()).await).await;
    assert_eq!(reader.effects().await.last(), Some(&(5, place.position)));
}

/// A source whose first snapshot is read, and ends when it may.
fn held(
    inner: Arc<dyn EventSource>,
    read: oneshot::Sender<()>,
    may_go: oneshot::Receiver<()>,
) -> Hooked {
    let signals = parking_lot::Mutex::new(Some((read, may_go)));
    let mut source = Hooked::new(inner.clone());
    source.on_snapshot = Box::new(move |()| {
        let (read, may_go) = signals.lock().take()?;
        let inner = inner.clone();
        let held = async move {
            let pieces: Vec<_> = inner.snapshot(None).await?.collect().await;
            read.send(()).unwrap();
            let end = stream::once(may_go).filter_map(|_| async { None });
            Ok(stream::iter(pieces).chain(end).boxed())
        };
        Some(held.boxed())
    });
    source
}

/// All replicas find the owner restored at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_to_a_rebuild_after_another_replica_leaves_it_alone() {
    let transport = grpc::start().await;
    let reader = Reader::new().await;
    write(&transport.log(), &contact_in(5, 0), "kept").await;
    transport.back_up().await;
    write(&transport.log(), &contact_in(5, 0), "lost").await;
    let running = run(reader.consumer(transport.source()));
    reader.reaches(&heads(&transport.log()).await).await;
    drop(running);
    transport.restore().await;
    let (read, is_read) = oneshot::channel();
    let (go, may_go) = oneshot::channel::<()>();
    let late = reader.consumer(Arc::new(held(transport.source(), read, may_go)));
    let late = tokio::spawn(async move { late.rebuild().await });
    soon("the snapshot", is_read).await.unwrap();
    let first = reader.consumer(transport.source());
    assert!(first.rebuild().await.unwrap());
    let applied = reader.effects().await;
    go.send(()).unwrap();
    assert!(!soon("the other", late).await.unwrap().unwrap());
    assert_eq!(reader.things().await, ["kept"]);
    assert_eq!(reader.effects().await, applied, "nothing was told again");
}

/// An event applied by another replica after the snapshot was read and before it is applied: the rebuild
/// must not wipe its effect for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_replica_applies_during_a_rebuild_is_not_lost() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    write(&owner.log(), &contact_in(5, 0), "early").await;
    let other = run(reader.consumer(local(&owner.log())));
    reader.reaches(&heads(&owner.log()).await).await;
    // the snapshot is read, and its end comes only when the other replica has applied one more
    let (read, is_read) = oneshot::channel();
    let (go, may_go) = oneshot::channel::<()>();
    let inner = local(&owner.log());
    let source = held(inner, read, may_go);
    let rebuilding = reader.consumer(Arc::new(source));
    let rebuilding = tokio::spawn(async move { rebuilding.rebuild().await });
    soon("the snapshot", is_read).await.unwrap();
    write(&owner.log(), &contact_in(5, 0), "late").await;
    reader.reaches(&heads(&owner.log()).await).await;
    go.send(()).unwrap();
    soon("the rebuild", rebuilding).await.unwrap().unwrap();
    testing::eventually("both things", || async {
        (reader.things().await == ["early", "late"]).then_some(())
    })
    .await;
    reader.reaches(&heads(&owner.log()).await).await;
    drop(other);
}

/// One state that cannot be applied must not keep a whole projection from ever being rebuilt.
#[tokio::test]
async fn a_poisoned_state_in_a_snapshot_is_parked_and_the_rest_is_rebuilt() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    for thing in ["a", "bug", "c", "poison", "z"] {
        write(&owner.log(), &contact_in(5, 0), thing).await;
    }
    reader.script.poison.lock().insert("poison".into());
    reader.script.panics.lock().insert("bug".into());
    let consumer = reader.consumer(local(&owner.log()));
    consumer.rebuild().await.unwrap();
    assert_eq!(reader.things().await, ["a", "c", "z"]);
    assert_eq!(
        reader.effects().await.len(),
        3,
        "what was undone left nothing behind"
    );
    assert_eq!(reader.cursors().await, heads(&owner.log()).await);
    let sql = "select error from consumer_quarantine where pos = 0 order by error";
    let errors = reader
        .query(sql, |row| row.try_get::<String>("", "error").unwrap())
        .await;
    assert_eq!(
        errors,
        [
            "in a snapshot: a panic: bug is a bug",
            "in a snapshot: poison is poison"
        ]
    );
}

/// A snapshot that breaks off changes nothing, and is asked for again.
#[tokio::test]
async fn a_snapshot_that_breaks_off_leaves_the_old_rows() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    write(&owner.log(), &contact_in(5, 0), "old").await;
    let running = run(reader.consumer(local(&owner.log())));
    reader.reaches(&heads(&owner.log()).await).await;
    drop(running);
    let cursors = reader.cursors().await;
    for good_pieces in 0..2 {
        let inner = local(&owner.log());
        let mut source = Hooked::new(inner.clone());
        source.on_snapshot = Box::new(move |()| {
            let inner = inner.clone();
            let cut = async move {
                let broken = stream::once(async { Err(SourceError::Unavailable("cut".into())) });
                let pieces = inner.snapshot(None).await?.take(good_pieces);
                Ok(pieces.chain(broken).boxed())
            };
            Some(cut.boxed())
        });
        let outcome = reader.consumer(Arc::new(source)).rebuild().await;
        assert!(outcome.is_err());
        assert_eq!(reader.things().await, ["old"]);
        assert_eq!(reader.cursors().await, cursors);
    }
    // without its cursors a snapshot is none
    let mut source = Hooked::new(local(&owner.log()));
    source.on_snapshot = Box::new(|()| Some(async { Ok(stream::empty().boxed()) }.boxed()));
    let outcome = reader.consumer(Arc::new(source)).rebuild().await;
    assert!(outcome.is_err());
    assert_eq!(reader.things().await, ["old"]);
}

/// A crash in the middle of the transaction of a rebuild leaves the old rows.
#[tokio::test]
async fn a_rebuild_is_one_transaction() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    write(&owner.log(), &contact_in(5, 0), "old").await;
    let consumer = reader.consumer(local(&owner.log()));
    consumer.rebuild().await.unwrap();
    write(&owner.log(), &contact_in(5, 0), "new").await;
    let gate = Arc::new(Semaphore::new(0));
    *reader.script.gate.lock() = Some(gate.clone());
    let before = reader.script.tries.lock().len();
    let rebuilding = tokio::spawn({
        let consumer = consumer.clone();
        async move { consumer.rebuild().await }
    });
    testing::eventually("the rebuild to be under way", || async {
        (reader.script.tries.lock().len() > before).then_some(())
    })
    .await;
    assert_eq!(
        reader.things().await,
        ["old"],
        "others still see the old rows"
    );
    rebuilding.abort();
    assert!(rebuilding.await.unwrap_err().is_cancelled());
    assert_eq!(reader.things().await, ["old"]);
    gate.add_permits(10);
    consumer.rebuild().await.unwrap();
    assert_eq!(reader.things().await, ["new", "old"]);
    assert_eq!(reader.cursors().await, heads(&owner.log()).await);
}

/// A source whose answers never fit together is not read whole in a tight loop.
#[tokio::test]
async fn rebuilds_that_do_not_help_are_spaced_out() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let snapshots = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (times, inner) = (snapshots.clone(), local(&owner.log()));
    let mut source = Hooked::new(inner.clone());
    source.on_subscribe =
        Box::new(|_| Some(async { Err(SourceError::Diverged { partition: 0 }) }.boxed()));
    source.on_snapshot = Box::new(move |()| {
        times.lock().push(std::time::Instant::now());
        let inner = inner.clone();
        Some(async move { inner.snapshot(None).await }.boxed())
    });
    let _running = run(reader.consumer(Arc::new(source)));
    testing::eventually("five rebuilds", || async {
        (snapshots.lock().len() >= 5).then_some(())
    })
    .await;
    let times = snapshots.lock().clone();
    assert!(
        times[4] - times[0] > std::time::Duration::from_millis(370),
        "at least half of 50 + 100 + 200 + 400 ms"
    );
}
