//! Starting over.

use proto::tickets::v1::StateCategory;
use runtime::error::reason_of;
use sea_orm::ConnectionTrait;
use testing::{eventually, on_sqlite_for};
use tonic::Code;

use crate::{
    center::{Center, Customer},
    story::{Conversation, TICKET_CHANGED, Ticket},
};

/// A6
#[tokio::test]
async fn a_rebuild_shows_the_same_under_a_new_epoch_and_keeps_what_was_shown() {
    let (center, ada) = (Center::start().await, Customer::new());
    let grace = ada.colleague();
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    printer.add_viewer(&grace).await;
    let mut scanner = Ticket::create(&center, &ada, "Scanner", 1).await;
    let mut chat = Conversation::start(&center, &ada).await;
    printer.link(Some(&chat)).await;
    chat.stamp(&printer).await;
    chat.teammate_says("Hello", 2).await;
    chat.read().await;
    chat.teammate_says("Still there?", 3).await;
    scanner.move_to(StateCategory::Resolved, 4).await;
    center
        .show(&ada, scanner.id(), scanner.state.revision)
        .await
        .unwrap();
    center.show(&grace, printer.id(), 1).await.unwrap();
    printer.move_to(StateCategory::InProgress, 5).await;
    let ids = [printer.id(), scanner.id()];
    let (before, graces) = (center.inbox(&ada).await, center.inbox(&grace).await);
    let reads = center.reads(&ada, &ids).await.unwrap();
    let mut watch = center.watch(&ada, before.version).await.unwrap();
    watch.next().await.unwrap();

    let rebuilt = center.rebuild().await.unwrap();
    assert_eq!(
        (rebuilt.epoch, rebuilt.contacts, rebuilt.differed),
        (2, 2, 0)
    );
    let after = center.inbox(&ada).await;
    let version = after.version.unwrap();
    assert_eq!(version.epoch, 2);
    assert!(
        version.version >= before.version.unwrap().version,
        "no version goes back"
    );
    let as_before = |inbox: proto::notifications::v1::Inbox| proto::notifications::v1::Inbox {
        version: None,
        ..inbox
    };
    assert_eq!(as_before(after.clone()), as_before(before));
    assert_eq!(as_before(center.inbox(&grace).await), as_before(graces));
    assert_eq!(center.reads(&ada, &ids).await.unwrap(), reads);
    assert_eq!(watch.inbox().await, after, "whoever watches hears of it");

    printer.move_to(StateCategory::Resolved, 6).await;
    assert_eq!(center.badges(&ada).await, (1, 1), "and it goes on");
    assert_eq!(center.rebuild().await.unwrap().epoch, 3);
}

/// Rows that went wrong come right, so the rebuild reads them from where they are owned.
#[tokio::test]
async fn a_rebuild_repairs_what_is_damaged() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    let scanner = Ticket::create(&center, &ada, "Scanner", 1).await;
    let mut chat = Conversation::start(&center, &ada).await;
    chat.teammate_says("Hello", 2).await;
    chat.stamp(&printer).await;
    center.show(&ada, scanner.id(), 1).await.unwrap();
    printer.move_to(StateCategory::InProgress, 3).await;
    center.show(&ada, printer.id(), 1).await.unwrap();
    center.show(&ada, scanner.id(), 2).await.unwrap();
    let ids = [printer.id(), scanner.id()];
    let (before, reads) = (
        center.inbox(&ada).await,
        center.reads(&ada, &ids).await.unwrap(),
    );
    assert_eq!(before.unread_tickets, 1);
    let db = center.database().await;
    for damage in [
        "update ticket_inbox set title = 'Nonsense', frontier_revision = 99, viewer_version = 50",
        "update ticket_inbox set explicit_revision = 0",
        "delete from ticket_inbox",
        "update conversation_inbox set conversation_id = 'cnv_00000000000000000000000000000000', version = 50",
    ] {
        db.read().execute_unprepared(damage).await.unwrap();
        assert_eq!(center.rebuild().await.unwrap().differed, 1, "{damage}");
        let after = center.inbox(&ada).await;
        assert_eq!(after.recent_tickets, before.recent_tickets, "{damage}");
        assert_eq!(
            after.latest_conversation, before.latest_conversation,
            "{damage}"
        );
        assert_eq!(
            (after.unread_tickets, after.unread_conversations),
            (1, 1),
            "{damage}"
        );
        assert_eq!(center.reads(&ada, &ids).await.unwrap(), reads, "{damage}");
    }
}

/// A6: what is told while the snapshots are read is neither lost nor undone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_during_a_rebuild_are_not_lost() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    let mut chat = Conversation::start(&center, &ada).await;
    let changes = async {
        for second in 1..=100 {
            // told once, and never again
            Ticket::create(&center, &ada, "Scanner", second).await;
            printer.move_to(StateCategory::Resolved, second).await;
            printer.move_to(StateCategory::InProgress, second).await;
            chat.teammate_says("Hello", second).await;
            if second % 10 == 0 {
                center
                    .show(&ada, printer.id(), printer.state.revision - 1)
                    .await
                    .unwrap();
            }
        }
    };
    let rebuilds = async {
        for _ in 0..8 {
            center.rebuild().await.unwrap();
        }
    };
    tokio::join!(changes, rebuilds);
    assert_eq!(center.badges(&ada).await, (101, 1));
    let reads = center.reads(&ada, &[printer.id()]).await.unwrap();
    assert_eq!(reads[printer.id()], 200);
    assert_eq!(center.inbox(&ada).await.version.unwrap().epoch, 9);
}

/// A6: a rebuild under traffic never takes a step back, not even between two frames
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_clears_no_badge_that_nobody_read() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut watch = center.watch(&ada, None).await.unwrap();
    let changes = async {
        for second in 1..=200 {
            Ticket::create(&center, &ada, "Scanner", second).await;
        }
    };
    let rebuilds = async {
        for _ in 0..20 {
            center.rebuild().await.unwrap();
        }
    };
    let seen = async {
        let mut unread = 0;
        while unread < 200 {
            let inbox = watch.inbox().await;
            assert!(inbox.unread_tickets >= unread, "the badge went back");
            unread = inbox.unread_tickets;
        }
    };
    tokio::join!(changes, rebuilds, seen);
}

/// What the feeds have not brought yet
#[tokio::test]
async fn what_is_on_its_way_is_not_taken_for_damage() {
    if !on_sqlite_for("a trigger in its words") {
        return;
    }
    let (center, ada) = (Center::start().await, Customer::new());
    Ticket::create(&center, &ada, "Printer", 0).await;
    assert_eq!(center.badges(&ada).await, (1, 0));
    let db = center.database().await;
    let late = "create trigger late before update on consumer_cursor begin select raise(abort, 'late'); end";
    db.read().execute_unprepared(late).await.unwrap();
    Ticket::create(&center, &ada, "Scanner", 1).await;
    assert_eq!(center.rebuild().await.unwrap().differed, 0);
    let in_time = "drop trigger late";
    db.read().execute_unprepared(in_time).await.unwrap();
    assert_eq!(center.badges(&ada).await, (2, 0));
}

/// Nobody has to ask: what differs from its owner is found and put right
#[tokio::test]
async fn damage_is_found_counted_and_put_right_while_the_service_runs() {
    runtime::metrics::start();
    let (mut center, ada) = (Center::start().await, Customer::new());
    Ticket::create(&center, &ada, "Printer", 0).await;
    let before = center.inbox(&ada).await;
    center.stop().await;
    let db = center.database().await;
    db.read()
        .execute_unprepared("update ticket_inbox set title = 'Nonsense', notify_revision = 0")
        .await
        .unwrap();
    center.scrub_per_second = 1_000;
    center.serve().await;
    let repaired = eventually("the inbox is right again", async || {
        let inbox = center.inbox(&ada).await;
        (inbox.recent_tickets == before.recent_tickets).then_some(inbox)
    });
    assert_eq!(repaired.await.unread_tickets, 1);
    let page = runtime::metrics::page();
    let mut counts = page
        .lines()
        .filter_map(|line| line.strip_prefix("inboxes_differed_total "));
    assert!(counts.any(|count| count != "0"), "{page}");
}

/// One state that makes no sense must not keep all others from coming back.
#[tokio::test]
async fn a_state_that_makes_no_sense_is_left_out() {
    let (center, ada) = (Center::start().await, Customer::new());
    Ticket::create(&center, &ada, "Printer", 0).await;
    let nonsense = b"\xff\xff\xff".to_vec();
    center.wrote(
        center
            .tickets
            .tell(&ada, TICKET_CHANGED, "tkt_1", nonsense)
            .await,
    );
    Ticket::create(&center, &ada, "Scanner", 1).await;
    assert_eq!(center.card(&ada).await, ["Scanner", "Printer"]);
    assert_eq!(center.parked().await, 1);
    center.rebuild().await.unwrap();
    assert_eq!(center.card(&ada).await, ["Scanner", "Printer"]);
    assert_eq!(center.parked().await, 1, "it was parked when it came");
}

#[tokio::test]
async fn one_rebuild_runs_at_a_time() {
    let (center, ada) = (Center::start().await, Customer::new());
    Ticket::create(&center, &ada, "Printer", 0).await;
    center.inbox(&ada).await;
    center.conversations.freeze(true);
    let second = async {
        let refused = eventually("the second is refused", async || {
            let refused = center.rebuild().await.unwrap_err();
            (refused.code() == Code::Aborted).then_some(refused)
        });
        let refused = refused.await;
        center.conversations.freeze(false);
        refused
    };
    let (first, refused) = tokio::join!(center.rebuild(), second);
    assert_eq!(reason_of(&refused), "REBUILD_RUNNING");
    assert_eq!(first.unwrap().epoch, 2);
    center.rebuild().await.unwrap();
}

#[tokio::test]
async fn a_rebuild_that_cannot_read_everything_changes_nothing() {
    let (mut center, ada) = (Center::start().await, Customer::new());
    Ticket::create(&center, &ada, "Printer", 0).await;
    let before = center.inbox(&ada).await;
    center.conversations.stop().await;
    let refused = center.rebuild().await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(center.inbox_after(&ada, Vec::new()).await.unwrap(), before);
    center.conversations.serve().await;
    eventually("it can again", async || center.rebuild().await.ok()).await;
}
