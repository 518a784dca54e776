//! The key of page tokens: one for all replicas, for ever.

use database::page_key;
use futures::future::join_all;
use testing::Scratch;
use types::PageTokens;

use crate::open;

/// L3: a page token made by one replica, or before a restart, is good at another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_one_key_even_if_they_start_at_once() {
    let scratch = Scratch::new();
    let replicas = [open(&scratch).await, open(&scratch).await];
    let keys = (0..8).map(|n| {
        let db = replicas[n % 2].clone();
        tokio::spawn(async move { page_key(&db).await.unwrap() })
    });
    let keys: Vec<[u8; 32]> = join_all(keys.collect::<Vec<_>>())
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(keys.iter().all(|key| *key == keys[0]));
    let token = PageTokens::new(keys[0]).encode(&["list"], "17");
    for replica in replicas {
        replica.close().await.unwrap();
    }
    let after_restart = page_key(&open(&scratch).await).await.unwrap();
    let read = PageTokens::new(after_restart).decode(&["list"], &token);
    assert_eq!(read, Ok(Some("17".into())));
}

#[tokio::test]
async fn every_service_has_a_key_of_its_own() {
    let (one, other) = (Scratch::new(), Scratch::new());
    let one = page_key(&open(&one).await).await.unwrap();
    let other = page_key(&open(&other).await).await.unwrap();
    assert_ne!(one, other);
    assert_ne!(one, [0; 32]);
}
