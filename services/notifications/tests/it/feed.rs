//! What the other services say, and what happens when they cannot be heard.

use events::NewEvent;
use prost::Message;
use proto::{
    notifications::v1::Inbox,
    tickets::v1::{ContactTicketChanged, StateCategory},
};
use testing::eventually;

use crate::{
    center::{Center, Customer},
    story::{Conversation, TICKET_CHANGED, Ticket},
};

/// D1
#[tokio::test]
async fn a_service_that_was_away_is_caught_up_with() {
    let (mut center, ada) = (Center::start().await, Customer::new());
    Ticket::create(&center, &ada, "Printer", 0).await;
    assert_eq!(center.badges(&ada).await, (1, 0));
    center.tickets.stop().await;
    Ticket::create(&center, &ada, "Scanner", 1).await;
    let mut chat = Conversation::start(&center, &ada).await;
    chat.teammate_says("Hello", 1).await;
    let written = center
        .written()
        .into_iter()
        .filter(|place| place.source == "conversations");
    let inbox = center.inbox_after(&ada, written.collect()).await.unwrap();
    assert_eq!(
        (inbox.unread_tickets, inbox.unread_conversations),
        (1, 1),
        "the other goes on"
    );
    center.tickets.serve().await;
    eventually("it catches up", async || {
        (center
            .inbox_after(&ada, Vec::new())
            .await
            .unwrap()
            .unread_tickets
            == 2)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_network_that_breaks_again_and_again_loses_nothing() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    for second in 1..=6 {
        printer.move_to(StateCategory::InProgress, second).await;
        center.tickets.cut();
        center.conversations.cut();
        let mut chat = Conversation::start(&center, &ada).await;
        chat.teammate_says("Hello", second).await;
    }
    eventually("both catch up", async || {
        let inbox = center.inbox_after(&ada, center.written()).await.ok()?;
        (inbox.unread_conversations == 6 && inbox.recent_tickets[0].revision == 7).then_some(())
    })
    .await;
}

/// Whoever applies an event, the watchers of both hear of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_on_the_same_data_show_the_same() {
    let (center, ada) = (Center::start().await, Customer::new());
    let (second, client) = center.replica().await;
    let mut watches = [
        center.watch(&ada, None).await.unwrap(),
        center.watch_at(client, &ada, None).await.unwrap(),
    ];
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    for second in 1..=12 {
        printer.move_to(StateCategory::InProgress, second).await;
        for watch in &mut watches {
            let shows = |inbox: &Inbox| {
                inbox
                    .recent_tickets
                    .first()
                    .is_some_and(|t| t.revision == printer.state.revision)
            };
            watch.until(shows).await;
        }
    }
    second.drain().await;
}

/// A6
#[tokio::test]
async fn what_comes_late_or_again_changes_nothing() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    let old = printer.state.clone();
    printer.move_to(StateCategory::Resolved, 1).await;
    let inbox = center.inbox(&ada).await;
    for version in [1, 2] {
        let late = event(&ada, &old, version);
        center.wrote(center.tickets.emit(late).await);
    }
    assert_eq!(center.inbox(&ada).await, inbox);
    // a version that was never seen, after a gap
    let title = "Printer on fire".to_owned();
    let newer = ContactTicketChanged {
        title,
        revision: 9,
        ..printer.state.clone()
    };
    center.wrote(center.tickets.emit(event(&ada, &newer, 7)).await);
    let last = ContactTicketChanged {
        category: StateCategory::Submitted.into(),
        ..newer
    };
    center.wrote(center.tickets.emit(event(&ada, &last, 8)).await);
    assert_eq!(center.card(&ada).await, ["Printer on fire"]);
}

#[tokio::test]
async fn an_event_that_makes_no_sense_is_put_aside_and_the_others_go_on() {
    let (center, ada) = (Center::start().await, Customer::new());
    let printer = Ticket::create(&center, &ada, "Printer", 0).await;
    let good = ContactTicketChanged {
        contact_id: ada.contact.to_string(),
        ..printer.state.clone()
    };
    let stranger = ada.colleague().contact.to_string();
    let category = 99;
    for (bad, payload) in [
        ("bytes", b"\xff\xff\xff".to_vec()),
        (
            "another's",
            ContactTicketChanged {
                contact_id: stranger,
                ..good.clone()
            }
            .encode_to_vec(),
        ),
        (
            "no id",
            ContactTicketChanged {
                ticket_id: "7".into(),
                ..good.clone()
            }
            .encode_to_vec(),
        ),
        (
            "category",
            ContactTicketChanged {
                category,
                ..good.clone()
            }
            .encode_to_vec(),
        ),
        (
            "number",
            ContactTicketChanged {
                revision: u64::MAX,
                ..good.clone()
            }
            .encode_to_vec(),
        ),
    ] {
        let event = NewEvent {
            payload,
            aggregate_id: bad.into(),
            ..event(&ada, &good, 2)
        };
        center.wrote(center.tickets.emit(event).await);
    }
    let unknown = NewEvent {
        kind: "messenger.tickets.v1.SomethingNew",
        ..event(&ada, &good, 2)
    };
    center.wrote(center.tickets.emit(unknown).await);
    Ticket::create(&center, &ada, "Scanner", 1).await;
    assert_eq!(center.badges(&ada).await, (2, 0));
    assert_eq!(center.parked().await, 5);
}

/// A service's log no longer reaches back to where this one stopped.
#[tokio::test]
async fn who_was_away_for_too_long_starts_over_and_keeps_what_was_shown() {
    let (mut center, ada) = (Center::start().await, Customer::new());
    let before = {
        let printer = Ticket::create(&center, &ada, "Printer", 0).await;
        let mut chat = Conversation::start(&center, &ada).await;
        chat.teammate_says("Hello", 1).await;
        center.show(&ada, printer.id(), 1).await.unwrap();
        center.inbox(&ada).await
    };
    center.stop().await;
    let mut scanner = Ticket::create(&center, &ada, "Scanner", 2).await;
    scanner.move_to(StateCategory::Resolved, 3).await;
    center.tickets.prune().await;
    center.serve().await;
    let inbox = eventually("it starts over", async || {
        let inbox = center.inbox_after(&ada, Vec::new()).await.unwrap();
        (inbox.version.unwrap().epoch > before.version.unwrap().epoch).then_some(inbox)
    })
    .await;
    assert_eq!((inbox.unread_tickets, inbox.unread_conversations), (1, 1));
    assert_eq!(inbox.recent_tickets[0].title, "Printer");
    Ticket::create(&center, &ada, "Plotter", 4).await;
    assert_eq!(
        center.card(&ada).await,
        ["Plotter", "Printer"],
        "and goes on from there"
    );
}

/// A service's log was replaced by another one.
#[tokio::test]
async fn another_history_replaces_what_the_first_one_told() {
    let (mut center, ada) = (Center::start().await, Customer::new());
    let (printer, scanner) = {
        let printer = Ticket::create(&center, &ada, "Printer", 0).await;
        let scanner = Ticket::create(&center, &ada, "Scanner", 1).await;
        let mut chat = Conversation::start(&center, &ada).await;
        chat.stamp(&scanner).await;
        chat.read().await;
        (printer.id().to_owned(), scanner.id().to_owned())
    };
    let before = center.inbox(&ada).await;
    assert_eq!((before.unread_tickets, before.recent_tickets.len()), (1, 2));
    let mut watch = center.watch(&ada, None).await.unwrap();
    watch.inbox().await;
    center.tickets.forget(&format!("{}/{printer}", ada.contact));
    center.tickets.lose_history().await;
    let inbox = watch.until(|inbox| inbox.version.unwrap().epoch == 2).await;
    assert_eq!((inbox.unread_tickets, inbox.recent_tickets.len()), (0, 1));
    assert_eq!(inbox.recent_tickets[0].ticket_id, scanner);
    center.forget_written();
    Ticket::create(&center, &ada, "Plotter", 2).await;
    assert_eq!(center.card(&ada).await, ["Plotter", "Scanner"]);
}

fn event(customer: &Customer, state: &ContactTicketChanged, version: u64) -> NewEvent {
    let contact_id = customer.contact.to_string();
    let state = ContactTicketChanged {
        contact_id,
        ..state.clone()
    };
    NewEvent {
        kind: TICKET_CHANGED,
        aggregate_id: format!("{}/{}", customer.contact, state.ticket_id),
        aggregate_version: version,
        contact: Some(customer.contact.clone()),
        workspace: customer.workspace.clone(),
        occurred_at: 0,
        payload: state.encode_to_vec(),
    }
}
