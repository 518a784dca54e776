use testing::Scratch;
use types::SystemClock;

use super::*;
use crate::{migration::Migrations, store::Store};

#[tokio::test]
async fn whoever_was_shown_what_the_database_then_lost_is_shown_all_that_follows() {
    let scratch = Scratch::new();
    let db = scratch.database::<Migrations>("notifications").await;
    let log = EventLog::open(db.clone(), crate::NAME, Arc::new(SystemClock))
        .await
        .unwrap();
    let inboxes = Arc::new(Inboxes::new(Store::new(db)));
    let mut replica = Replicas::listen(log, inboxes.clone(), Hints::new(None))
        .await
        .unwrap();
    // a rebuild that this replica heard of is lost with the rest
    let known = replica.epoch + 3;
    inboxes.saw(known);
    let head = &mut replica.cursors[5];
    (head.position, head.event_id) = (7, vec![7; 16]);
    let lost = replica.try_follow(&mut false).await.err().unwrap();
    assert_eq!(lost, SourceError::Diverged { partition: 5 });
    replica.begin_at_the_end(&lost).await.unwrap();
    assert!(inboxes.store().epoch().await.unwrap() > known);
    assert_eq!(replica.cursors[5].position, 0);
}
