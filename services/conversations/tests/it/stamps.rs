//! What Tickets tells, in the timeline.

use proto::{
    conversations::v1::{self as pb, AuthorKind, PartKind},
    tickets::v1::StateCategory,
};
use testing::eventually;
use types::ContactId;

use crate::{
    tickets::Ticket,
    world::{ConversationId, World},
};

/// A1, B2: an update is a part of the timeline, and no message.
#[tokio::test]
async fn a_ticket_update_is_stamped_and_is_no_message() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let before = world.copy(&ada, &id).await.unwrap();
    world.clock.advance(jiff::SignedDuration::from_mins(5));
    let ticket = Ticket::new(&world.workspace, &ada, &id).moved(StateCategory::Resolved);
    world.stamped(&ada, &ticket).await;

    let thread = world.thread(&ada, &id).await;
    let part = &thread[1];
    assert_eq!((part.seq, part.kind()), (2, PartKind::TicketEvent));
    assert_eq!(part.author_kind(), AuthorKind::System);
    let stamp = part.ticket.as_ref().unwrap();
    assert_eq!((stamp.ticket_id.clone(), stamp.revision), (ticket.id(), 2));
    assert_eq!(stamp.category(), StateCategory::Resolved);
    assert_eq!(stamp.state_id, ticket.event.state_id);

    let after = world.copy(&ada, &id).await.unwrap();
    let expected = pb::ContactConversation {
        head_seq: 2,
        ..before
    };
    assert_eq!(after, expected, "preview, activity and unread stay");
    let told = world.newest(&ada, &id).await.event;
    assert_eq!((told.head_seq, told.last_foreign_message_seq), (2, 0));
}

/// C2, flow (a): the event makes the conversation of a new ticket, once.
#[tokio::test]
async fn a_new_ticket_gets_its_conversation_with_its_requester_in_it() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = ConversationId::generate().to_string();
    let ticket = Ticket::new(&world.workspace, &ada, &id);
    world.stamped(&ada, &ticket).await;
    let copy = world.copy(&ada, &id).await.unwrap();
    assert!(!copy.has_messages);
    assert_eq!(copy.head_seq, 1);
    let told = world.told(&ada).await;
    assert_eq!(told.len(), 1, "made and stamped in one change");
    assert!(world.ensure(&id, &ada).await.unwrap().positions.is_empty());
    let list = pb::ListContactConversationsRequest::default();
    let list = world
        .client()
        .list_contact_conversations(world.as_contact(&ada, list))
        .await;
    let list = list.unwrap().into_inner().conversations;
    assert_eq!(
        list.len(),
        1,
        "S4: reachable from Messages though nobody wrote"
    );
}

/// A1: several viewers are told of one update.
#[tokio::test]
async fn an_update_told_about_two_viewers_is_stamped_once() {
    let world = World::start().await;
    let (ada, bob) = (ContactId::generate(), ContactId::generate());
    let id = ConversationId::generate().to_string();
    let ticket = Ticket::new(&world.workspace, &ada, &id);
    world.tickets.tell(&[&ticket.clone().seen_by(&bob)]).await;
    world.stamped(&ada, &ticket).await;
    world.tickets.tell(&[&ticket.clone().seen_by(&bob)]).await;
    let moved = ticket.moved(StateCategory::InProgress);
    world
        .tickets
        .tell(&[&moved, &moved.clone().seen_by(&bob)])
        .await;
    let last = moved.clone().moved(StateCategory::Resolved);
    world.tickets.tell(&[&last.clone().seen_by(&bob)]).await;
    world.stamped(&ada, &last).await;
    assert_eq!(world.stamps(&ada, &id, &last).await, [1, 2, 3]);
    assert_eq!(
        world.copy(&bob, &id).await,
        None,
        "being told is not being in it"
    );
}

/// O4: after a relink, reading the new conversation past the link's part is what clears.
#[tokio::test]
async fn linking_stamps_again_in_the_new_conversation() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let (old, new) = (world.started_by(&ada).await, world.started_by(&ada).await);
    let ticket = Ticket::new(&world.workspace, &ada, &old);
    world.stamped(&ada, &ticket).await;
    let moved = ticket.moved(StateCategory::InProgress).linked_to(&new);
    world.stamped(&ada, &moved).await;
    assert_eq!(world.stamps(&ada, &old, &moved).await, [1]);
    assert_eq!(world.stamps(&ada, &new, &moved).await, [3]);

    world.read(&ada, &old, 2).await.unwrap();
    assert_eq!(world.newest(&ada, &old).await.read_revision(&moved), 1);
    world.read(&ada, &new, 1).await.unwrap();
    assert_eq!(world.newest(&ada, &new).await.read_revision(&moved), 0);
    world.read(&ada, &new, 2).await.unwrap();
    assert_eq!(world.newest(&ada, &new).await.read_revision(&moved), 3);
}

/// T3: a ticket's state and a conversation's are two things.
#[tokio::test]
async fn resolving_closes_no_conversation_and_closing_stamps_no_ticket() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let ticket = Ticket::new(&world.workspace, &ada, &id);
    let resolved = ticket.clone().moved(StateCategory::Resolved);
    world.tickets.tell(&[&ticket]).await;
    world.stamped(&ada, &resolved).await;
    let open = world.copy(&ada, &id).await.unwrap();
    assert_eq!(open.state(), pb::ConversationState::Open);
    world.close(&id).await;
    assert_eq!(world.stamps(&ada, &id, &ticket).await, [1, 2]);
    let again = resolved.moved(StateCategory::InProgress);
    world.stamped(&ada, &again).await;
    let closed = world.copy(&ada, &id).await.unwrap();
    assert_eq!(closed.state(), pb::ConversationState::Closed);
}

/// A deleted conversation is never made again, whatever Tickets tells.
#[tokio::test]
async fn a_tombstone_is_not_resurrected_by_an_event() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    world.delete(&id).await;
    let told = world.told(&ada).await.len();
    let ticket = Ticket::new(&world.workspace, &ada, &id);
    let elsewhere = ticket.clone().linked_to(&world.empty_of(&ada).await);
    world.tickets.tell(&[&ticket]).await;
    // same contact, same partition: once this is stamped the other was taken in
    world.stamped(&ada, &elsewhere).await;
    assert_eq!(world.copy(&ada, &id).await, None);
    assert_eq!(world.told(&ada).await.len(), told + 2);
}

/// V3, V4: nothing of a ticket that is deleted or not visible enters a timeline.
#[tokio::test]
async fn a_deleted_or_hidden_ticket_is_not_stamped_and_makes_no_conversation() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let unknown = ConversationId::generate().to_string();
    let known = world.empty_of(&ada).await;
    let mut deleted = Ticket::new(&world.workspace, &ada, &unknown);
    deleted.event.deleted = true;
    let mut hidden = Ticket::new(&world.workspace, &ada, &known);
    hidden.event.visible = false;
    let mut unlinked = Ticket::new(&world.workspace, &ada, &known);
    unlinked.event.conversation_id.clear();
    let marker = Ticket::new(&world.workspace, &ada, &known);
    world.tickets.tell(&[&deleted, &hidden, &unlinked]).await;
    world.stamped(&ada, &marker).await;
    assert_eq!(world.thread(&ada, &known).await.len(), 1);
    assert_eq!(world.copy(&ada, &unknown).await, None);
}

/// What cannot be understood is set aside, and the feed goes on.
#[tokio::test]
async fn a_malformed_event_does_not_stop_the_feed() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.empty_of(&ada).await;
    let ticket = Ticket::new(&world.workspace, &ada, &id);
    world.tickets.tell_garbage(&ticket).await;
    world.stamped(&ada, &ticket).await;
}

/// D1: an update that happened while this service was away is stamped when it is back, with the time
/// at which it happened.
#[tokio::test]
async fn updates_missed_while_away_are_stamped_afterwards() {
    let mut world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    world.stop().await;
    let happened = types::Clock::now(&world.clock).as_second();
    let ticket = Ticket::new(&world.workspace, &ada, &id);
    world.tickets.tell(&[&ticket]).await;
    let moved = ticket.moved(StateCategory::Resolved);
    world.tickets.tell(&[&moved]).await;
    world.clock.advance(jiff::SignedDuration::from_hours(1));
    world.restart().await;
    let thread = eventually("both stamps", async || {
        let thread = world.thread(&ada, &id).await;
        (thread.len() == 3).then_some(thread)
    })
    .await;
    assert_eq!(world.stamps(&ada, &id, &moved).await, [1, 2]);
    assert_eq!(thread[2].create_time.unwrap().seconds, happened);
}

/// A6: from a snapshot, what is there stays, and the newest of what is missing is added.
#[tokio::test]
async fn after_a_replay_from_nothing_no_update_is_there_twice_or_missing() {
    let mut world = World::start().await;
    let ada = ContactId::generate();
    let (id, fresh) = (
        world.started_by(&ada).await,
        ConversationId::generate().to_string(),
    );
    let ticket = Ticket::new(&world.workspace, &ada, &id);
    world.stamped(&ada, &ticket).await;
    world.read(&ada, &id, 2).await.unwrap();
    world.stop().await;
    let moved = ticket
        .moved(StateCategory::InProgress)
        .moved(StateCategory::Resolved);
    let new = Ticket::new(&world.workspace, &ada, &fresh);
    world.tickets.tell(&[&moved, &new]).await;
    world.tickets.prune().await;
    world.restart().await;
    eventually("the snapshot", async || {
        let stamps = world.stamps(&ada, &fresh, &new).await;
        (stamps == [1]).then_some(())
    })
    .await;
    assert_eq!(world.stamps(&ada, &id, &moved).await, [1, 3]);
    let told = world.newest(&ada, &id).await;
    assert_eq!((told.event.read_seq, told.read_revision(&moved)), (2, 1));
    world
        .stamped(&ada, &moved.moved(StateCategory::InProgress))
        .await;
}
