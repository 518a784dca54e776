//! A log that forks under a running consumer, or its own database.

use std::sync::Arc;

use events::Delivery;
use futures::{FutureExt, StreamExt, stream};
use testing::conformance::{
    forks::fork,
    owner::{contact_in, write},
};

use super::{heads, run};
use crate::{
    journal::Reader,
    owner::Owner,
    sources::{Hooked, local},
};

/// Whatever the server that took over had not heard of is gone from the projection too, and what others wrote in
/// its place is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_under_a_running_consumer_leads_to_a_rebuild() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    for thing in ["kept", "kept", "lost", "lost"] {
        write(&owner.log(), &contact_in(3, 0), thing).await;
    }
    let _running = run(reader.consumer(local(&owner.log())));
    reader.reaches(&heads(&owner.log()).await).await;
    fork(&owner.other_process().await, 3, 2, 3).await;
    reader.reaches(&heads(&owner.log()).await).await;
    testing::eventually("what was found", || async {
        reader
            .things()
            .await
            .contains(&"found".to_owned())
            .then_some(())
    })
    .await;
    assert!(
        reader.effects().await.iter().all(|(_, pos)| *pos == 0),
        "from a snapshot, and nothing else"
    );
}

/// What was lost had been applied by another replica, which is gone: this one's own stream never was there, and
/// tells nothing but where the log stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_notices_that_what_another_applied_is_no_more() {
    for found in [0, 1, 2] {
        let owner = Owner::start().await;
        let reader = Reader::new().await;
        for thing in ["kept", "kept", "lost", "lost"] {
            write(&owner.log(), &contact_in(3, 0), thing).await;
        }
        let other = run(reader.consumer(local(&owner.log())));
        reader.reaches(&heads(&owner.log()).await).await;
        drop(other);
        let mut source = Hooked::new(local(&owner.log()));
        let log = owner.log();
        source.on_subscribe = Box::new(move |_| {
            let signs = stream::unfold(log.clone(), |log| async move {
                tokio::task::yield_now().await;
                let heads = log.head_cursors().await.unwrap();
                Some((Ok(Delivery::Heartbeat(heads)), log))
            });
            Some(async { Ok(signs.boxed()) }.boxed())
        });
        let _running = run(reader.consumer(Arc::new(source)));
        fork(&owner.other_process().await, 3, 2, found).await;
        reader.reaches(&heads(&owner.log()).await).await;
        assert!(
            reader.effects().await.iter().all(|(_, pos)| *pos == 0),
            "{found} found: not from a snapshot"
        );
    }
}

/// Whoever numbers what they show begins anew before the same events are applied again, and with other numbers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_ahead_of_what_the_database_kept_is_told_before_anything_is_applied_again() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let contact = contact_in(3, 0);
    let _running = run(reader.consumer(local(&owner.log())));
    let mut kept = Vec::new();
    for _ in 0..3 {
        write(&owner.log(), &contact, "thing").await;
        let now = heads(&owner.log()).await;
        reader.reaches(&now).await;
        kept.push(now);
    }
    assert!(reader.script.went_back.lock().is_empty());
    reader.loses_what_followed(&kept[0]).await;
    write(&owner.log(), &contact, "thing").await;
    let now = heads(&owner.log()).await;
    reader.reaches(&now).await;
    reader.assert_each_once(&now).await;
    assert_eq!(*reader.script.went_back.lock(), [3]);
    write(&owner.log(), &contact, "thing").await;
    reader.reaches(&heads(&owner.log()).await).await;
    assert_eq!(reader.script.went_back.lock().len(), 1, "and once");
}
