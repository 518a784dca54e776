//! Hints about contacts.

use jetstream::{ContactHints, Hint};
use testing::Proxy;
use types::{ContactId, WorkspaceId};

use crate::server;

fn ada() -> (WorkspaceId, ContactId) {
    let unique = types::id::uuid().to_string();
    (
        WorkspaceId::derive(&[&unique]),
        ContactId::derive(&[&unique]),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_a_contact_is_told_once_of_many_changes_and_of_no_other_contact() {
    let Some(server) = server::running() else {
        return;
    };
    let writer = ContactHints::new(server::connect(server).await);
    let reader = ContactHints::new(server::connect(server).await);
    let ((workspace, contact), (_, other)) = (ada(), ada());
    let mut watch = reader.watch(&workspace, &contact).await.unwrap();
    let mut another = reader.watch(&workspace, &other).await.unwrap();
    for _ in 0..1_000 {
        writer.publish(&workspace, &contact).await.unwrap();
    }
    writer.publish(&workspace, &other).await.unwrap();
    // what was published before has arrived by now
    assert_eq!(another.next().await, Some(Hint::Changed));
    assert_eq!(watch.next().await, Some(Hint::Changed));
    writer.publish(&workspace, &other).await.unwrap();
    assert_eq!(another.next().await, Some(Hint::Changed));
    let more = tokio::time::timeout(std::time::Duration::ZERO, watch.next()).await;
    assert!(more.is_err(), "a thousand hints are one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_says_that_it_was_cut_off_and_that_it_is_back() {
    let Some(server) = server::running() else {
        return;
    };
    let writer = ContactHints::new(server::connect(server).await);
    let proxy = Proxy::start(server).await;
    let nats = server::connect(proxy.address()).await;
    let reader = ContactHints::new(nats.clone());
    let (workspace, contact) = ada();
    let mut watch = reader.watch(&workspace, &contact).await.unwrap();
    proxy.cut();
    assert_eq!(watch.next().await, Some(Hint::Lost));
    assert_eq!(watch.next().await, Some(Hint::Back));
    // the subscription came back with the connection; when, only the server knows
    let publishing = tokio::spawn(async move {
        let mut every = tokio::time::interval(std::time::Duration::from_millis(5));
        loop {
            every.tick().await;
            writer.publish(&workspace, &contact).await.unwrap();
        }
    });
    assert_eq!(watch.next().await, Some(Hint::Changed));
    publishing.abort();
    assert_eq!(nats.link().borrow().breaks, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_nats_nothing_is_published_and_a_watch_waits() {
    let nats = server::nobody().await;
    let hints = ContactHints::new(nats);
    let (workspace, contact) = ada();
    assert!(hints.publish(&workspace, &contact).await.is_err());
    let mut watch = hints.watch(&workspace, &contact).await.unwrap();
    let hint = tokio::time::timeout(std::time::Duration::ZERO, watch.next()).await;
    assert!(hint.is_err(), "{hint:?}");
}
