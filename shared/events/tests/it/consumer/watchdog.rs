//! A source that says nothing is taken for dead.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use events::{Delivery, EventSource, source::Deliveries};
use futures::{FutureExt, StreamExt, future, stream};
use proto::events::v1::Cursor;
use testing::{
    conformance::{
        owner::{contact_in, write_many},
        reader::soon,
    },
    eventually,
};
use tokio::sync::Notify;

use super::{heads, run};
use crate::{
    journal::Reader,
    owner::Owner,
    sources::{Hook, Hooked, local},
};

/// The first subscription, read or snapshot hangs; the next is answered.
struct Silent {
    source: Hooked,
    hung: Arc<Notify>,
}

fn silent(inner: Arc<dyn EventSource>, what: &str) -> Silent {
    let hung = Arc::new(Notify::new());
    let mut source = Hooked::new(inner);
    let said = parking_lot::Mutex::new(Some(hung.clone()));
    match what {
        "subscription" => {
            source.on_subscribe = Box::new(move |_| {
                let hung = said.lock().take()?;
                hung.notify_one();
                Some(future::pending().boxed())
            });
        }
        "stream" => {
            source.on_subscribe = Box::new(move |_| {
                let hung = said.lock().take()?;
                let stream = stream::poll_fn(move |_| {
                    hung.notify_one();
                    std::task::Poll::Pending
                });
                Some(async { Ok(stream.boxed()) }.boxed())
            });
        }
        "snapshot" => {
            source.on_snapshot = Box::new(move |()| {
                let hung = said.lock().take()?;
                hung.notify_one();
                Some(future::pending().boxed())
            });
        }
        "page" => {
            source.on_snapshot = Box::new(move |()| {
                let hung = said.lock().take()?;
                let stream = stream::poll_fn(move |_| {
                    hung.notify_one();
                    std::task::Poll::Pending
                });
                Some(async { Ok(stream.boxed()) }.boxed())
            });
        }
        _ => {
            source.on_read = Box::new(move |_| {
                let hung = said.lock().take()?;
                hung.notify_one();
                Some(future::pending().boxed())
            });
        }
    }
    Silent { source, hung }
}

/// The consumer must give the silent call up after six seconds, try again, and apply everything.
async fn survives(what: &str) {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    write_many(&owner.log(), &contact_in(1, 0), 3, 8).await;
    let mut silent = silent(local(&owner.log()), what);
    match what {
        "snapshot" | "page" => owner.log().prune(1, 2).await.unwrap(),
        "read" => silent.source.on_subscribe = without_the_first(local(&owner.log())),
        _ => {}
    }
    let source = Arc::new(silent.source);
    let _running = run(reader.consumer(source.clone()));
    soon("the silence", silent.hung.notified()).await;
    let start = Instant::now();
    let before = source.subscriptions.lock().len();
    eventually("another try", || async {
        (source.subscriptions.lock().len() > before).then_some(())
    })
    .await;
    let patience = start.elapsed();
    assert!(
        patience > Duration::from_millis(5_500),
        "{what}: {patience:?}"
    );
    assert!(
        patience < Duration::from_millis(9_000),
        "{what}: {patience:?}"
    );
    reader.reaches(&heads(&owner.log()).await).await;
    assert_eq!(reader.effects().await.len(), 3, "{what}");
}

/// What a source sends, but for the first event: a gap.
fn without_the_first(inner: Arc<dyn EventSource>) -> Hook<Vec<Cursor>, Deliveries> {
    Box::new(move |cursors| {
        let inner = inner.clone();
        let gappy = async move {
            let stream = inner.subscribe(cursors).await?;
            let stream = stream.map(|delivery| match delivery? {
                Delivery::Batch(events) if events[0].position == 1 => {
                    Ok(Delivery::Batch(events[1..].to_vec()))
                }
                other => Ok(other),
            });
            Ok(stream.boxed())
        };
        Some(gappy.boxed())
    })
}

/// Three signs of life missed, whatever it was that was waited for.
#[tokio::test]
async fn a_source_that_goes_silent_is_left_after_six_seconds() {
    // all at once, for it takes its time
    let cases = ["subscription", "stream", "read", "snapshot", "page"];
    future::join_all(cases.map(survives)).await;
}

/// A consumer that is told to stop stops at once, whatever it waits for.
#[tokio::test]
async fn a_consumer_stops_at_once_even_while_it_rebuilds() {
    for what in ["subscription", "stream", "snapshot", "page"] {
        let owner = Owner::start().await;
        let reader = Reader::new().await;
        write_many(&owner.log(), &contact_in(1, 0), 3, 8).await;
        owner.log().prune(1, 2).await.unwrap();
        let silent = silent(local(&owner.log()), what);
        let stop = tokio_util::sync::CancellationToken::new();
        let consumer = reader.consumer(Arc::new(silent.source));
        let running = tokio::spawn(consumer.run(stop.clone()));
        soon("the silence", silent.hung.notified()).await;
        stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(2), running).await;
        assert!(ended.is_ok(), "{what}");
    }
}
