//! Batches that somebody else is faster with.

use std::sync::Arc;

use testing::conformance::owner::{contact_in, write_many};

use super::{heads, run};
use crate::{
    journal::Reader,
    owner::Owner,
    sources::{Hooked, local},
};

/// Under steady changes a large batch never gets through whole; smaller ones do, over the same stream, each event
/// once and in order.
#[tokio::test]
async fn a_batch_that_somebody_is_always_faster_with_gets_through_in_pieces() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    for partition in [2, 7] {
        write_many(&owner.log(), &contact_in(partition, 0), 100, 8).await;
    }
    *reader.script.outruns.lock() = Some((u32::MAX, 12));
    let source = Arc::new(Hooked::new(local(&owner.log())));
    let _running = run(reader.consumer(source.clone()));
    let heads = heads(&owner.log()).await;
    reader.reaches(&heads).await;
    reader.assert_each_once(&heads).await;
    assert_eq!(source.subscriptions.lock().len(), 1, "the stream was kept");
    let tries = reader.script.tries.lock().len();
    assert!(tries < 40, "{tries} tries of 200 events");
}

/// A single event that somebody is faster with a few times is tried again at once; for ever, it is taken up anew,
/// and never parked.
#[tokio::test]
async fn an_event_that_somebody_is_faster_with_is_never_parked() {
    for times in [3, 8] {
        let owner = Owner::start().await;
        let reader = Reader::new().await;
        write_many(&owner.log(), &contact_in(2, 0), 3, 8).await;
        *reader.script.outruns.lock() = Some((times, 0));
        let source = Arc::new(Hooked::new(local(&owner.log())));
        let _running = run(reader.consumer(source.clone()));
        let heads = heads(&owner.log()).await;
        reader.reaches(&heads).await;
        reader.assert_each_once(&heads).await;
        let subscriptions = source.subscriptions.lock().len();
        assert_eq!(subscriptions, if times == 3 { 1 } else { 2 });
        let parked = reader.query("select 1 from consumer_quarantine", |_| ());
        assert!(parked.await.is_empty());
    }
}
