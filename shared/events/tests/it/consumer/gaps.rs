//! Gaps are filled from the log, in bounded steps, or not at all.

use std::{sync::Arc, time::Duration};

use events::{BATCH_EVENTS, Delivery, SourceError};
use futures::{FutureExt, StreamExt, future, stream};
use proto::events::v1::Envelope;
use testing::conformance::owner::{contact_in, write_many};

use super::{heads, run};
use crate::{
    journal::Reader,
    owner::Owner,
    sources::{Hooked, local},
};

/// A source that delivers just these events and is then silent.
fn only(inner: Hooked, events: Vec<Envelope>) -> Hooked {
    Hooked {
        on_subscribe: Box::new(move |_| {
            let batch = Ok(Delivery::Batch(events.clone()));
            let stream = stream::iter([batch]).chain(stream::pending()).boxed();
            Some(async { Ok(stream) }.boxed())
        }),
        ..inner
    }
}

async fn last_event(owner: &Owner, partition: usize, position: u64) -> Vec<Envelope> {
    local(&owner.log())
        .read(partition, position - 1)
        .await
        .unwrap()
}

/// However long the gap is, no transaction and no memory holds all of it.
#[tokio::test]
async fn a_long_gap_is_filled_in_steps() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let head = write_many(&owner.log(), &contact_in(3, 0), 1_500, 8).await;
    let last = last_event(&owner, 3, head).await;
    let source = only(Hooked::new(local(&owner.log())), last);
    let _running = run(reader.consumer(Arc::new(source)));
    let heads = heads(&owner.log()).await;
    reader.reaches(&heads).await;
    reader.assert_each_once(&heads).await;
    let largest = reader.script.tries.lock().iter().map(Vec::len).max();
    assert!(
        largest < Some(2 * BATCH_EVENTS),
        "{largest:?} events at once"
    );
}

/// Lost at the very end, with nothing behind it that would show the gap: the signs of life do.
#[tokio::test]
async fn a_lost_event_that_nothing_follows_is_noticed_by_the_heads() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    write_many(&owner.log(), &contact_in(3, 0), 5, 8).await;
    let mut source = Hooked::new(local(&owner.log()));
    let inner = local(&owner.log());
    source.on_subscribe = Box::new(move |cursors| {
        let inner = inner.clone();
        let lossy = async move {
            let stream = inner.subscribe(cursors).await?;
            let without_batches = stream
                .filter(|delivery| future::ready(!matches!(delivery, Ok(Delivery::Batch(_)))));
            Ok(without_batches.boxed())
        };
        Some(lossy.boxed())
    });
    let source = Arc::new(source);
    let _running = run(reader.consumer(source.clone()));
    let heads = heads(&owner.log()).await;
    reader.reaches(&heads).await;
    reader.assert_each_once(&heads).await;
    assert_eq!(source.subscriptions.lock().len(), 1);
}

/// A source that answers reads with what is known already must not hold the consumer in a loop.
#[tokio::test]
async fn a_gap_that_cannot_be_filled_is_tried_again_later() {
    let answers = ["nothing", "what is known", "a hole", "an error"];
    future::join_all(answers.map(fills_later)).await;
}

async fn fills_later(answer: &'static str) {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    write_many(&owner.log(), &contact_in(3, 0), 5, 8).await;
    let all = local(&owner.log()).read(3, 0).await.unwrap();
    let reads = Arc::new(parking_lot::Mutex::new(0));
    let count = reads.clone();
    let known = all[..2].to_vec();
    let mut source = Hooked::new(local(&owner.log()));
    source.on_read = Box::new(move |(partition, after)| {
        let mut count = count.lock();
        *count += 1;
        // the first few are answered badly, the stored cursor is at 2 then
        let bad = after >= 2 && partition == 3 && *count < 5;
        let events = match answer {
            "nothing" => Ok(Vec::new()),
            "what is known" => Ok(known.clone()),
            "a hole" => Ok(all[4..].to_vec()),
            _ => Err(SourceError::Unavailable("no".into())),
        };
        bad.then(|| async { events }.boxed())
    });
    // first the beginning, then with a gap
    let first = local(&owner.log()).read(3, 0).await.unwrap();
    source.on_subscribe = Box::new(move |_| {
        let batches = [first[..2].to_vec(), first[4..].to_vec()];
        let batches = batches.map(|events| Ok(Delivery::Batch(events)));
        let stream = stream::iter(batches).chain(stream::pending()).boxed();
        Some(async { Ok(stream) }.boxed())
    });
    let source = Arc::new(source);
    let _running = run(reader.consumer(source.clone()));
    let heads = heads(&owner.log()).await;
    reader.reaches(&heads).await;
    reader.assert_each_once(&heads).await;
    assert_eq!(*reads.lock(), 5, "{answer}: one read a subscription");
    assert_eq!(source.subscriptions.lock().len(), 5, "{answer}");
}

/// A fork in the middle of a live stream is noticed by the chain, and the projection is rebuilt.
#[tokio::test]
async fn a_fork_in_a_live_stream_leads_to_a_rebuild() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    write_many(&owner.log(), &contact_in(3, 0), 5, 8).await;
    let all = local(&owner.log()).read(3, 0).await.unwrap();
    let mut forged = all.clone();
    forged[2].event_id = vec![1; 16];
    forged[3].prev_event_id = vec![1; 16];
    let mut source = Hooked::new(local(&owner.log()));
    source.on_subscribe = Box::new(move |cursors| {
        // once the forged third event is applied, the true fourth follows
        let batches = [forged[..3].to_vec(), all[3..].to_vec()];
        let batches = batches.map(|events| Ok(Delivery::Batch(events)));
        let stream = stream::iter(batches).chain(stream::pending()).boxed();
        (cursors[3].position == 0).then(|| async { Ok(stream) }.boxed())
    });
    let consumer = reader.consumer(Arc::new(source));
    let progress = consumer.progress();
    let _running = run(consumer);
    let heads = heads(&owner.log()).await;
    reader.reaches(&heads).await;
    assert!(progress.reached(3, 5, Duration::from_secs(20)).await);
    // from the snapshot, and nothing else
    assert_eq!(reader.effects().await, vec![(3, 0); 5]);
}
