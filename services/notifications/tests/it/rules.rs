//! The rules of badges and card, one test each, as far as they do not depend on a platform.

use proto::tickets::v1::StateCategory::{InProgress, Resolved, Submitted, WaitingOnCustomer};

use crate::{
    center::{Center, Customer},
    story::{Conversation, Ticket},
};

/// B1
#[tokio::test]
async fn three_changes_on_one_ticket_badge_once_and_two_messages_in_one_conversation_too() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    printer.move_to(InProgress, 1).await;
    printer.move_to(WaitingOnCustomer, 2).await;
    assert_eq!(center.badges(&ada).await, (1, 0));
    Ticket::create(&center, &ada, "Scanner", 3).await;
    assert_eq!(center.badges(&ada).await, (2, 0));
    let mut chat = Conversation::start(&center, &ada).await;
    chat.teammate_says("Hello", 4).await;
    chat.teammate_says("Are you there?", 5).await;
    assert_eq!(center.badges(&ada).await, (2, 1));
    let mut other = Conversation::start(&center, &ada).await;
    other.teammate_says("Another matter", 6).await;
    assert_eq!(center.badges(&ada).await, (2, 2));
}

/// B2: row by row.
#[tokio::test]
async fn each_event_badges_what_it_should_and_nothing_else() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut chat = Conversation::start(&center, &ada).await;
    let mut printer = Ticket::draft(&center, &ada, "Printer");
    assert_eq!(center.badges(&ada).await, (0, 0));
    printer.tell().await;
    assert_eq!(center.badges(&ada).await, (1, 0), "created");
    printer.link(Some(&chat)).await;
    chat.stamp(&printer).await;
    chat.read().await;
    assert_eq!(center.badges(&ada).await, (0, 0));
    printer.move_to(Resolved, 1).await;
    assert_eq!(
        center.badges(&ada).await,
        (1, 0),
        "resolved is a change like any other"
    );
    chat.stamp(&printer).await;
    assert_eq!(center.badges(&ada).await, (1, 0), "a stamp is no message");
    chat.read().await;
    printer.move_to(InProgress, 2).await;
    assert_eq!(center.badges(&ada).await, (1, 0), "reopened");
    chat.stamp(&printer).await;
    chat.read().await;
    chat.teammate_says("Any news?", 3).await;
    printer.note_activity(3).await;
    assert_eq!(center.badges(&ada).await, (0, 1), "a message alone");
    chat.read().await;
    chat.customer_says("Yes", 4).await;
    printer.note_activity(4).await;
    assert_eq!(center.badges(&ada).await, (0, 0), "their own message");
    chat.teammate_says("Done", 5).await;
    printer.move_to(Resolved, 5).await;
    assert_eq!(center.badges(&ada).await, (1, 1), "both at once");
    chat.stamp(&printer).await;
    chat.read().await;
    printer.rename("The printer").await;
    printer.link(None).await;
    chat.close().await;
    assert_eq!(
        center.badges(&ada).await,
        (0, 0),
        "neither a title, nor a link, nor closing"
    );
    printer.share(false, 6).await;
    assert_eq!(center.badges(&ada).await, (0, 0), "hidden");
    printer.share(true, 7).await;
    assert_eq!(center.badges(&ada).await, (1, 0), "shared again");
}

/// B3
#[tokio::test]
async fn a_ticket_is_read_when_its_conversation_is_read_up_to_the_update_and_not_before() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut chat = Conversation::start(&center, &ada).await;
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    printer.link(Some(&chat)).await;
    chat.stamp(&printer).await;
    chat.read().await;
    printer.move_to(InProgress, 1).await;
    chat.teammate_says("I look into it", 1).await;
    let update = chat.stamp(&printer).await;
    chat.teammate_says("Fixed", 2).await;
    chat.read_up_to(update - 1).await;
    assert_eq!(center.badges(&ada).await, (1, 1), "just below the update");
    chat.read_up_to(update).await;
    assert_eq!(
        center.badges(&ada).await,
        (0, 1),
        "at the update, the message after it is unread"
    );
    chat.read_up_to(update + 1).await;
    assert_eq!(center.badges(&ada).await, (0, 0));
}

/// B3
#[tokio::test]
async fn a_ticket_that_was_shown_is_read_alone() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut chat = Conversation::start(&center, &ada).await;
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    let scanner = Ticket::create(&center, &ada, "Scanner", 0).await;
    printer.link(Some(&chat)).await;
    chat.teammate_says("Hello", 1).await;
    printer.move_to(InProgress, 1).await;
    assert_eq!(center.badges(&ada).await, (2, 1));
    let inbox = center
        .show(&ada, printer.id(), printer.state.revision - 1)
        .await
        .unwrap();
    assert_eq!(
        inbox.unread_tickets, 2,
        "what was shown is older than the update"
    );
    let inbox = center
        .show(&ada, printer.id(), printer.state.revision)
        .await
        .unwrap();
    assert_eq!((inbox.unread_tickets, inbox.unread_conversations), (1, 1));
    assert_eq!(inbox, center.inbox(&ada).await);
    let inbox = center.show(&ada, printer.id(), 1).await.unwrap();
    assert_eq!(inbox.unread_tickets, 1, "reading never goes back");
    center.show(&ada, scanner.id(), 1).await.unwrap();
    assert_eq!(center.badges(&ada).await, (0, 1));
    printer.move_to(Resolved, 2).await;
    assert_eq!(
        center.badges(&ada).await,
        (1, 1),
        "the next update is unread again"
    );
}

/// B4
#[tokio::test]
async fn nothing_but_reading_clears_a_badge() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut chat = Conversation::start(&center, &ada).await;
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    chat.teammate_says("Hello", 1).await;
    let before = center.inbox(&ada).await;
    let mut watch = center.watch(&ada, None).await.unwrap();
    watch.inbox().await;
    center.card(&ada).await;
    center.reads(&ada, &[printer.id()]).await.unwrap();
    assert_eq!(center.inbox(&ada).await, before, "looking changes nothing");
    printer.move_to(Resolved, 2).await;
    chat.close().await;
    assert_eq!(
        center.badges(&ada).await,
        (1, 1),
        "nor does resolving or closing"
    );
    printer.link(Some(&chat)).await;
    printer.link(None).await;
    assert_eq!(
        center.badges(&ada).await,
        (1, 1),
        "nor linking or unlinking"
    );
}

/// B5
#[tokio::test]
async fn what_is_read_on_one_device_is_read_on_the_other_and_by_nobody_else() {
    let (center, ada) = (Center::start().await, Customer::new());
    let grace = ada.colleague();
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    printer.add_viewer(&grace).await;
    printer.move_to(InProgress, 1).await;
    let mut web = center.watch(&ada, None).await.unwrap();
    let mut phone = center.watch(&ada, None).await.unwrap();
    web.until(|inbox| inbox.unread_tickets == 1).await;
    phone.until(|inbox| inbox.unread_tickets == 1).await;
    center
        .show(&ada, printer.id(), printer.state.revision)
        .await
        .unwrap();
    web.until(|inbox| inbox.unread_tickets == 0).await;
    phone.until(|inbox| inbox.unread_tickets == 0).await;
    assert_eq!(center.badges(&grace).await, (1, 0));
    let mut chat = Conversation::start(&center, &grace).await;
    chat.stamp(&printer).await;
    printer.move_to(Resolved, 2).await;
    chat.stamp(&printer).await;
    chat.read().await;
    assert_eq!(center.badges(&grace).await, (0, 0));
    assert_eq!(center.badges(&ada).await, (1, 0));
}

/// B6, V3: this service's share: who sees no ticket has no tickets at all, and unread ones do not count.
#[tokio::test]
async fn a_customer_who_sees_no_ticket_has_no_space_and_no_badge() {
    let (center, ada) = (Center::start().await, Customer::new());
    assert!(!center.inbox(&ada).await.any_ticket_visible);
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    printer.move_to(Resolved, 1).await;
    let inbox = center.inbox(&ada).await;
    assert!(inbox.any_ticket_visible, "resolved ones count");
    printer.share(false, 2).await;
    let inbox = center.inbox(&ada).await;
    assert_eq!((inbox.any_ticket_visible, inbox.unread_tickets), (false, 0));
    printer.share(true, 3).await;
    printer.delete().await;
    let inbox = center.inbox(&ada).await;
    assert_eq!((inbox.any_ticket_visible, inbox.unread_tickets), (false, 0));
}

/// A1, A5
#[tokio::test]
async fn an_update_that_is_not_stamped_yet_is_unread_whatever_is_read() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut chat = Conversation::start(&center, &ada).await;
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    printer.link(Some(&chat)).await;
    chat.teammate_says("Hello", 1).await;
    chat.read().await;
    assert_eq!(center.badges(&ada).await, (1, 0));
    chat.stamp(&printer).await;
    assert_eq!(center.badges(&ada).await, (1, 0), "stamped is not read");
    chat.read().await;
    assert_eq!(center.badges(&ada).await, (0, 0));
}

/// A2, A8
#[tokio::test]
async fn a_receipt_counts_though_no_message_is_unread_and_never_goes_back() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut chat = Conversation::start(&center, &ada).await;
    let printer = Ticket::create(&center, &ada, "Printer", 0).await;
    let first = chat.stamp(&printer).await;
    assert_eq!(center.badges(&ada).await, (1, 0));
    chat.read_up_to(first).await;
    assert_eq!(center.badges(&ada).await, (0, 0));
    chat.read_up_to(first - 1).await;
    assert_eq!(center.badges(&ada).await, (0, 0));
}

/// A3
#[tokio::test]
async fn reading_a_conversation_reads_each_of_its_tickets_as_far_as_it_was_stamped_there() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut chat = Conversation::start(&center, &ada).await;
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    printer.link(Some(&chat)).await;
    printer.move_to(InProgress, 1).await;
    printer.move_to(Resolved, 2).await;
    chat.stamp(&printer).await;
    printer.link(None).await;
    let mut scanner = Ticket::create(&center, &ada, "Scanner", 3).await;
    scanner.link(Some(&chat)).await;
    chat.stamp(&scanner).await;
    scanner.move_to(InProgress, 4).await;
    chat.read().await;
    // the printer's revision 4 is no read of the scanner's revision 3
    let reads = center
        .reads(&ada, &[printer.id(), scanner.id()])
        .await
        .unwrap();
    assert_eq!(reads[printer.id()], 4);
    assert_eq!(reads[scanner.id()], 2);
    assert_eq!(center.badges(&ada).await, (1, 0));
}

/// A4, O4
#[tokio::test]
async fn a_ticket_is_read_as_far_as_any_of_its_conversations_or_its_detail_was() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut old = Conversation::start(&center, &ada).await;
    let mut printer = Ticket::create(&center, &ada, "Printer", 0).await;
    printer.link(Some(&old)).await;
    old.stamp(&printer).await;
    old.read().await;
    printer.link(None).await;
    let mut new = Conversation::start(&center, &ada).await;
    printer.link(Some(&new)).await;
    new.stamp(&printer).await;
    assert_eq!(center.badges(&ada).await, (0, 0), "read stays read");
    printer.move_to(InProgress, 1).await;
    old.teammate_says("In the old place", 2).await;
    old.read().await;
    assert_eq!(
        center.badges(&ada).await,
        (1, 0),
        "the old conversation clears no new update"
    );
    new.stamp(&printer).await;
    new.read().await;
    assert_eq!(center.badges(&ada).await, (0, 0));
    let reads = center.reads(&ada, &[printer.id()]).await.unwrap();
    center.show(&ada, printer.id(), 1).await.unwrap();
    assert_eq!(center.reads(&ada, &[printer.id()]).await.unwrap(), reads);
}

/// A6, over the wire: reads that come before what they are reads of.
#[tokio::test]
async fn a_receipt_that_comes_before_its_ticket_is_kept_for_it() {
    let (center, ada) = (Center::start().await, Customer::new());
    let printer = Ticket::draft(&center, &ada, "Printer");
    let scanner = Ticket::draft(&center, &ada, "Scanner");
    let mut chat = Conversation::start(&center, &ada).await;
    chat.stamp(&printer).await;
    chat.read().await;
    center.show(&ada, scanner.id(), 1).await.unwrap();
    let inbox = center.inbox(&ada).await;
    assert_eq!((inbox.unread_tickets, inbox.any_ticket_visible), (0, false));
    printer.tell().await;
    scanner.tell().await;
    let inbox = center.inbox(&ada).await;
    assert_eq!((inbox.unread_tickets, inbox.any_ticket_visible), (0, true));
}

/// A7
#[tokio::test]
async fn writing_a_message_is_no_receipt() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut chat = Conversation::start(&center, &ada).await;
    let printer = Ticket::create(&center, &ada, "Printer", 0).await;
    chat.stamp(&printer).await;
    chat.teammate_says("Hello", 1).await;
    chat.customer_says("Hello to you", 2).await;
    assert_eq!(center.badges(&ada).await, (1, 1));
}

/// R2
#[tokio::test]
async fn the_card_shows_the_three_active_tickets_that_were_updated_last() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut chat = Conversation::start(&center, &ada).await;
    let mut tickets = Vec::new();
    // the later made here is the earlier created, as imports are, so that ids do not decide by chance
    for (title, second) in [("A", 4), ("B", 3), ("C", 2), ("D", 1)] {
        tickets.push(Ticket::create(&center, &ada, title, second).await);
    }
    assert_eq!(center.card(&ada).await, ["A", "B", "C"]);
    tickets[3].link(Some(&chat)).await;
    chat.teammate_says("About D", 50).await;
    tickets[3].note_activity(50).await;
    assert_eq!(
        center.card(&ada).await,
        ["A", "B", "C"],
        "a message moves nothing"
    );
    center
        .show(&ada, tickets[0].id(), tickets[0].state.revision)
        .await
        .unwrap();
    assert_eq!(center.card(&ada).await, ["A", "B", "C"], "nor does a read");
    tickets[3].move_to(InProgress, 60).await;
    assert_eq!(center.card(&ada).await, ["D", "A", "B"]);
    tickets[2].move_to(InProgress, 60).await;
    assert_eq!(
        center.card(&ada).await,
        ["C", "D", "A"],
        "at once: the one created later is on top"
    );
}

/// R3
#[tokio::test]
async fn a_resolved_ticket_leaves_the_card_for_the_next_and_comes_back_on_top() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut tickets = Vec::new();
    for (title, second) in [("A", 1), ("B", 2), ("C", 3), ("D", 4)] {
        tickets.push(Ticket::create(&center, &ada, title, second).await);
    }
    tickets[2].move_to(Resolved, 5).await;
    assert_eq!(center.card(&ada).await, ["D", "B", "A"]);
    tickets[2].move_to(Submitted, 6).await;
    assert_eq!(center.card(&ada).await, ["C", "D", "B"]);
    for ticket in &mut tickets {
        ticket.move_to(Resolved, 7).await;
    }
    let inbox = center.inbox(&ada).await;
    assert!(inbox.recent_tickets.is_empty() && inbox.any_ticket_visible);
}

/// T12
#[tokio::test]
async fn a_silent_change_moves_the_card_and_badges_nobody() {
    let (center, ada) = (Center::start().await, Customer::new());
    let mut printer = Ticket::draft(&center, &ada, "Printer");
    printer.state.notify_revision = 0;
    printer.tell().await;
    Ticket::create(&center, &ada, "Scanner", 1).await;
    assert_eq!(center.badges(&ada).await, (1, 0));
    printer.move_silently(InProgress, 2).await;
    assert_eq!(center.card(&ada).await, ["Printer", "Scanner"]);
    assert_eq!(center.badges(&ada).await, (1, 0));
    let late = ada.colleague();
    printer.add_viewer(&late).await;
    assert_eq!(
        center.badges(&late).await,
        (0, 0),
        "nor is it unread for who joins later"
    );
    printer.move_to(WaitingOnCustomer, 3).await;
    printer.move_silently(Resolved, 4).await;
    assert_eq!(
        center.badges(&ada).await,
        (2, 0),
        "an update before it stays unread"
    );
}

/// D1
#[tokio::test]
async fn a_change_while_the_service_is_down_shows_when_it_is_back_without_another_event() {
    let (mut center, ada) = (Center::start().await, Customer::new());
    {
        let mut chat = Conversation::start(&center, &ada).await;
        let printer = Ticket::create(&center, &ada, "Printer", 0).await;
        chat.stamp(&printer).await;
        chat.read().await;
    }
    assert_eq!(center.badges(&ada).await, (0, 0));
    center.stop().await;
    Ticket::create(&center, &ada, "Scanner", 1).await;
    let mut other = Conversation::start(&center, &ada).await;
    other.teammate_says("Hello", 2).await;
    center.serve().await;
    assert_eq!(center.badges(&ada).await, (1, 1));
}
