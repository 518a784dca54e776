//! What follows from what Conversations tells (T7, L2, V5, flows g and h).

use super::support::*;
use proto::{
    conversations::v1::ContactConversationChanged,
    tickets::v1::{HistoryKind, StateCategory},
};

fn said(told: ContactConversationChanged, at: jiff::Timestamp) -> ContactConversationChanged {
    ContactConversationChanged {
        has_messages: true,
        last_message_time: Some(wire(at)),
        ..told
    }
}

/// T7, (g)
#[tokio::test]
async fn the_customers_answer_moves_a_waiting_ticket_on_exactly_once() {
    let (desk, feed) = Desk::with_feed().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let waiting = desk.set_state("#1", StateCategory::WaitingOnCustomer).await;
    desk.minutes(5);
    let mut told = said(member(&desk.ada, &ticket.conversation_id), desk.now());
    told.last_contact_message = reply(4, &ticket.ticket_id, waiting.revision);
    feed.tell(&desk, told.clone()).await;
    let moved = desk.get("#1").await.unwrap();
    assert_eq!(
        moved.state.as_ref().unwrap().category(),
        StateCategory::InProgress
    );
    assert_eq!(
        (moved.revision, moved.notify_revision),
        (3, 3),
        "it badges like any change"
    );
    let entry = desk.history("#1").await.pop().unwrap();
    assert_eq!(
        (entry.kind(), entry.actor_id.as_str()),
        (HistoryKind::StateChanged, "tickets")
    );
    assert!(entry.visible_to_customer);

    let again = desk.set_state("#1", StateCategory::WaitingOnCustomer).await;
    told.read_seq = 4;
    feed.tell(&desk, told.clone()).await;
    assert_eq!(
        desk.get("#1").await.unwrap(),
        again,
        "the same message, told once more"
    );
    told.last_contact_message = reply(5, &ticket.ticket_id, again.revision);
    feed.tell(&desk, told).await;
    let moved = desk.get("#1").await.unwrap();
    assert_eq!(moved.state.unwrap().category(), StateCategory::InProgress);
}

/// T7: the teammate's later word stands
#[tokio::test]
async fn a_message_from_before_the_wait_that_is_heard_late_undoes_nothing() {
    let (desk, feed) = Desk::with_feed().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let waiting = desk.set_state("#1", StateCategory::WaitingOnCustomer).await;
    let mut told = member(&desk.ada, &ticket.conversation_id);
    told.last_contact_message = reply(4, &ticket.ticket_id, waiting.revision - 1);
    feed.tell(&desk, told.clone()).await;
    assert_eq!(desk.get("#1").await.unwrap(), waiting);
    told.last_contact_message = reply(5, "tkt_00000000000000000000000000000000", 99);
    feed.tell(&desk, told).await;
    assert_eq!(
        desk.get("#1").await.unwrap(),
        waiting,
        "another ticket's revisions say nothing"
    );
}

/// T7
#[tokio::test]
async fn a_message_changes_a_resolved_ticket_in_no_way_but_its_place_in_the_list() {
    let (desk, feed) = Desk::with_feed().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let resolved = desk.set_state("#1", StateCategory::Resolved).await;
    desk.minutes(5);
    let mut told = said(member(&desk.ada, &ticket.conversation_id), desk.now());
    told.last_contact_message = reply(4, &ticket.ticket_id, 2);
    feed.tell(&desk, told).await;
    assert_eq!(desk.get("#1").await.unwrap(), resolved);
    let seen = desk.list(&desk.ada).await.remove(0);
    assert_eq!(seen.activity_time, Some(wire(desk.now())));
}

/// T7: written while the ticket was not linked, it is not an answer to it
#[tokio::test]
async fn a_message_heard_while_unlinked_moves_nothing_after_the_link_comes_back() {
    let (desk, feed) = Desk::with_feed().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let waiting = desk.set_state("#1", StateCategory::WaitingOnCustomer).await;
    let mut told = member(&desk.ada, &ticket.conversation_id);
    feed.tell(&desk, told.clone()).await;
    desk.unlink("#1").await;
    told.last_contact_message = reply(4, &ticket.ticket_id, waiting.revision);
    feed.tell(&desk, told.clone()).await;
    let linked = desk.link("#1", &ticket.conversation_id).await.unwrap();
    told.read_seq = 4;
    feed.tell(&desk, told).await;
    assert_eq!(desk.get("#1").await.unwrap(), linked);
}

/// L2, (h)
#[tokio::test]
async fn a_message_by_anybody_moves_the_linked_ticket_up_and_tells_of_it() {
    let (desk, feed) = Desk::with_feed().await;
    let older = desk.submit(&desk.ada, "Older").await;
    desk.minutes(1);
    let newer = desk.submit(&desk.ada, "Newer").await;
    desk.minutes(1);
    let titles = || async {
        let list = desk.list(&desk.ada).await;
        list.into_iter()
            .map(|ticket| ticket.title)
            .collect::<Vec<_>>()
    };
    assert_eq!(titles().await, ["Newer", "Older"]);
    feed.tell(
        &desk,
        said(member(&desk.ada, &older.conversation_id), desk.now()),
    )
    .await;
    assert_eq!(titles().await, ["Older", "Newer"]);
    let (event, told) = desk.told(&desk.ada).await.pop().unwrap();
    assert_eq!(told.ticket_id, older.ticket_id);
    assert_eq!(event.aggregate_version, 2);
    assert_eq!(told.activity_time, Some(wire(desk.now())));
    assert_eq!(
        told.ticket_update_time, older.create_time,
        "a message is no update (R2)"
    );
    assert_eq!((told.revision, told.notify_revision), (1, 1));

    let events = desk.told(&desk.ada).await.len();
    feed.tell(&desk, member(&desk.ada, &newer.conversation_id))
        .await;
    assert_eq!(
        titles().await,
        ["Older", "Newer"],
        "a receipt is no activity"
    );
    assert_eq!(desk.told(&desk.ada).await.len(), events);
    assert_eq!(
        desk.get("#1").await.unwrap().version,
        1,
        "nor is a message a write of the ticket"
    );
}

/// L2, (h)
#[tokio::test]
async fn activity_neither_goes_back_nor_ahead_of_the_clock() {
    let (desk, feed) = Desk::with_feed().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let start = desk.now();
    desk.minutes(5);
    let at = |time| said(member(&desk.ada, &ticket.conversation_id), time);
    let later = desk
        .now()
        .checked_add(jiff::SignedDuration::from_hours(9))
        .unwrap();
    feed.tell(&desk, at(later)).await;
    assert_eq!(
        desk.list(&desk.ada).await[0].activity_time,
        Some(wire(desk.now()))
    );
    feed.tell(&desk, at(start)).await;
    assert_eq!(
        desk.list(&desk.ada).await[0].activity_time,
        Some(wire(desk.now()))
    );
}

/// L2: unlinked, and linked again
#[tokio::test]
async fn a_message_counts_only_while_its_conversation_is_linked_and_unlinking_takes_nothing_away() {
    let (desk, feed) = Desk::with_feed().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    desk.minutes(1);
    let first = desk.now();
    feed.tell(
        &desk,
        said(member(&desk.ada, &ticket.conversation_id), first),
    )
    .await;
    desk.unlink("#1").await;
    desk.minutes(1);
    feed.tell(
        &desk,
        said(member(&desk.ada, &ticket.conversation_id), desk.now()),
    )
    .await;
    assert_eq!(
        desk.list(&desk.ada).await[0].activity_time,
        Some(wire(first))
    );
    desk.link("#1", &ticket.conversation_id).await.unwrap();
    assert_eq!(
        desk.list(&desk.ada).await[0].activity_time,
        Some(wire(desk.now())),
        "it is the linked conversation's newest message, whatever came first"
    );
}

/// A6: an older event that comes late
#[tokio::test]
async fn what_was_told_before_something_newer_changes_nothing() {
    let (desk, feed) = Desk::with_feed().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let there = member(&desk.bob, &ticket.conversation_id);
    let mut gone = there.clone();
    gone.participant = false;
    feed.tell_version(&desk, gone, 9).await;
    feed.tell_version(&desk, there.clone(), 8).await;
    assert_eq!(desk.list(&desk.bob).await, []);
    feed.tell_version(&desk, there, 10).await;
    assert_eq!(desk.list(&desk.bob).await.len(), 1);
}

/// V1, V5
#[tokio::test]
async fn a_participant_sees_the_ticket_like_the_requester_until_they_leave() {
    let (desk, feed) = Desk::with_feed().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    desk.minutes(5);
    let mut told = member(&desk.bob, &ticket.conversation_id);
    feed.tell(&desk, told.clone()).await;
    let seen = desk.list(&desk.bob).await.remove(0);
    assert_eq!(
        (seen.ticket_id.as_str(), seen.notify_revision),
        (ticket.ticket_id.as_str(), 1)
    );
    assert_eq!(
        seen.activity_time,
        Some(wire(desk.now())),
        "for Bob it became visible now"
    );
    assert_eq!(
        desk.list(&desk.ada).await,
        std::slice::from_ref(&ticket),
        "for Ada nothing happened"
    );
    assert_eq!(desk.told(&desk.ada).await.len(), 1);

    desk.set_state("#1", StateCategory::Resolved).await;
    let (_, bobs) = desk.told(&desk.bob).await.pop().unwrap();
    assert!(bobs.visible && !bobs.requester && bobs.revision == 2);
    assert_eq!(
        desk.ensure(&desk.bob, "#1").await.unwrap().conversation_id,
        ticket.conversation_id
    );

    told.participant = false;
    feed.tell(&desk, told).await;
    not_found(desk.detail(&desk.bob, "#1").await);
    assert_eq!(desk.list(&desk.bob).await, []);
    let (event, bobs) = desk.told(&desk.bob).await.pop().unwrap();
    assert!(!bobs.visible);
    assert_eq!(event.aggregate_version, 3);
    assert_eq!(desk.list(&desk.ada).await.len(), 1);
}
