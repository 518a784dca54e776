//! Hints about contacts.

use futures::FutureExt;
use jetstream::Hints;
use testing::{Proxy, eventually};
use types::{ContactId, WorkspaceId};

use crate::server;

fn somebody() -> (WorkspaceId, ContactId) {
    let unique = types::id::uuid().to_string();
    (
        WorkspaceId::derive(&[&unique]),
        ContactId::derive(&[&unique]),
    )
}

/// Whether a hint about this contact comes, however many about others come before: tests share a server.
async fn hears(heard: &mut jetstream::Heard, of: &(WorkspaceId, ContactId)) {
    while heard.next().await != *of {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_names_the_contact_to_everybody_who_listens() {
    let Some(server) = server::running() else {
        return;
    };
    let writer = Hints::new(Some(server::connect(server).await));
    let (one, other) = (somebody(), somebody());
    let mut readers = Vec::new();
    for _ in 0..2 {
        let reader = Hints::new(Some(server::connect(server).await));
        readers.push(reader.listen().await.unwrap());
    }
    for heard in &mut readers {
        // when a subscription has reached the server, only the server knows
        let heard = tokio::sync::Mutex::new(heard);
        for of in [&one, &other] {
            eventually("the hint comes", async || {
                writer.publish(&of.0, &of.1).await;
                let mut heard = heard.lock().await;
                let soon = std::time::Duration::from_millis(20);
                tokio::time::timeout(soon, hears(*heard, of)).await.ok()
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_cut_off_hears_again_when_the_connection_is_back() {
    let Some(server) = server::running() else {
        return;
    };
    let writer = Hints::new(Some(server::connect(server).await));
    let proxy = Proxy::start(server).await;
    let nats = server::connect(proxy.address()).await;
    let heard = Hints::new(Some(nats.clone())).listen().await.unwrap();
    let heard = tokio::sync::Mutex::new(heard);
    proxy.cut();
    let mut link = nats.link();
    link.wait_for(|link| link.breaks == 1).await.unwrap();
    let of = somebody();
    eventually("the hint comes", async || {
        writer.publish(&of.0, &of.1).await;
        let mut heard = heard.lock().await;
        let soon = std::time::Duration::from_millis(20);
        tokio::time::timeout(soon, hears(&mut heard, &of))
            .await
            .ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_nats_nobody_is_told_and_nobody_is_held_up() {
    let (workspace, contact) = somebody();
    for hints in [Hints::new(None), Hints::new(Some(server::nobody().await))] {
        hints.publish(&workspace, &contact).await;
        let mut heard = hints.listen().await.unwrap();
        assert!(heard.next().now_or_never().is_none());
    }
}
