//! Watching an inbox.

use proto::{
    notifications::v1::{InboxVersion, watch_inbox_response::Frame},
    tickets::v1::StateCategory,
};
use runtime::error::reason_of;
use sea_orm::ConnectionTrait;
use testing::eventually;
use tonic::Code;

use crate::{
    center::{Center, Customer},
    story::{Conversation, Ticket},
};

#[tokio::test]
async fn a_watch_begins_with_the_inbox_or_with_word_that_nothing_changed() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    let inbox = center.inbox(&ada).await;
    let mut fresh = center.watch(&ada, None).await.unwrap();
    assert_eq!(fresh.next().await.unwrap(), Frame::Inbox(inbox.clone()));
    let mut current = center.watch(&ada, inbox.version).await.unwrap();
    assert_eq!(
        current.next().await.unwrap(),
        Frame::Bookmark(inbox.version.unwrap())
    );
    printer.move_to(StateCategory::InProgress, 1).await;
    let newer = center.inbox(&ada).await;
    for watch in [&mut fresh, &mut current] {
        assert_eq!(watch.next().await.unwrap(), Frame::Inbox(newer.clone()));
    }
    let mut late = center.watch(&ada, inbox.version).await.unwrap();
    assert_eq!(late.next().await.unwrap(), Frame::Inbox(newer.clone()));
    // of another epoch, older or newer: not what this inbox is
    for epoch in [0, 9] {
        let held = InboxVersion {
            epoch,
            version: 1_000,
            ..Default::default()
        };
        let mut foreign = center.watch(&ada, Some(held)).await.unwrap();
        assert_eq!(foreign.next().await.unwrap(), Frame::Inbox(newer.clone()));
    }
}

#[tokio::test]
async fn each_frame_is_newer_than_the_one_before_and_the_last_shows_how_it_ended() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut watch = center.watch(&ada, None).await.unwrap();
    let mut seen = vec![watch.inbox().await];
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    let mut chat = Conversation::start(&center, &ada).await;
    for second in 1..=20 {
        printer.move_to(StateCategory::InProgress, second).await;
        chat.teammate_says("Hello", second).await;
        center
            .show(&ada, printer.id(), printer.state.revision - 1)
            .await
            .unwrap();
    }
    center
        .show(&ada, printer.id(), printer.state.revision)
        .await
        .unwrap();
    chat.read().await;
    let end = center.inbox(&ada).await;
    assert_eq!((end.unread_tickets, end.unread_conversations), (0, 0));
    while seen.last() != Some(&end) {
        seen.push(watch.inbox().await);
    }
    let versions: Vec<_> = seen
        .iter()
        .map(|inbox| inbox.version.unwrap().version)
        .collect();
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
}

/// V4: nothing of it shows to somebody else, not even as a frame.
#[tokio::test]
async fn a_watch_says_nothing_of_other_customers() {
    let (center, ada) = (Center::start().await, Customer::new());
    let grace = ada.colleague();
    let mut watch = center.watch(&ada, None).await.unwrap();
    watch.inbox().await;
    Ticket::create(&center, &grace, "Secret", 0).await;
    let mut printer = Ticket::draft(&center, &ada, "Printer");
    printer.state.visible = false;
    printer.tell().await;
    center.inbox(&grace).await;
    printer.share(true, 1).await;
    let next = watch.inbox().await;
    assert_eq!((next.version.unwrap().version, next.unread_tickets), (1, 1));
}

#[tokio::test]
async fn a_drain_ends_every_watch_with_word_to_come_back() {
    let (mut center, ada) = (Center::start().await, Customer::new());
    let mut watches = Vec::new();
    for customer in [&ada, &ada, &ada.colleague()] {
        let mut watch = center.watch(customer, None).await.unwrap();
        watch.inbox().await;
        watches.push(watch);
    }
    center.stop().await;
    for mut watch in watches {
        let end = watch.next().await.unwrap_err();
        assert_eq!(
            (end.code(), reason_of(&end).as_str()),
            (Code::Unavailable, "UNAVAILABLE")
        );
    }
}

#[tokio::test]
async fn a_customer_has_sixteen_watches_at_most() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(center.watch(&ada, None).await.unwrap());
    }
    let refused = center.watch(&ada, None).await.map(drop).unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(reason_of(&refused), "TOO_MANY_STREAMS");
    center.watch(&ada.colleague(), None).await.unwrap();
    open.pop();
    eventually("a closed watch makes room", async || {
        center.watch(&ada, None).await.ok()
    })
    .await;
}

/// Notifications' own database fails over to a server that had not heard of its last commits. What is applied again
/// has numbers that were shown already, and no watch takes them for newer: only an epoch makes them so.
#[tokio::test]
async fn no_change_is_missed_after_the_database_lost_what_was_shown() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    center.inbox(&ada).await;
    let tables = ["ticket_inbox", "contact_version", "consumer_cursor"];
    let db = center.database().await;
    for table in tables {
        let copy = format!("create table kept_{table} as select * from {table}");
        db.read().execute_unprepared(&copy).await.unwrap();
    }
    for second in 1..=3 {
        printer.move_to(StateCategory::InProgress, second).await;
        center.inbox(&ada).await;
    }
    let shown = center.inbox(&ada).await.version;
    let mut watch = center.watch(&ada, shown).await.unwrap();
    watch.next().await.unwrap();
    let tx = db.begin().await.unwrap();
    for table in tables {
        let lost = format!("delete from {table}; insert into {table} select * from kept_{table}");
        tx.execute_unprepared(&lost).await.unwrap();
    }
    tx.commit().await.unwrap();
    printer.move_to(StateCategory::Resolved, 4).await;
    let end = center.inbox(&ada).await;
    let (was, is) = (shown.unwrap(), end.version.unwrap());
    assert!(is.epoch > was.epoch, "{is:?} is no newer than {was:?}");
    watch.until(|inbox| inbox == &end).await;
}
