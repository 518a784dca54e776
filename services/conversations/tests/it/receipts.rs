//! Reading: what moves a place, what it clears, and what it does not.

use proto::{
    conversations::v1::{self as pb, mark_read_request::UpTo},
    tickets::v1::StateCategory,
};
use tonic::Code;
use types::ContactId;

use crate::{
    tickets::Ticket,
    world::{World, not_found, refused},
};

/// A2: a receipt names a place that is there, and only grows.
#[tokio::test]
async fn a_receipt_moves_forward_only_and_never_above_the_head() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    world.reply(&id, "two").await;
    world.reply(&id, "three").await;

    let read = world.read(&ada, &id, 2).await.unwrap();
    assert_eq!((read.read_seq, read.positions.len()), (2, 1));
    let told = world.newest(&ada, &id).await;
    assert_eq!(told.event.read_seq, 2);
    assert_eq!(told.envelope.position, read.positions[0].position);

    let before = world.told(&ada).await.len();
    for seq in [2, 1] {
        let read = world.read(&ada, &id, seq).await.unwrap();
        assert_eq!((read.read_seq, read.positions.len()), (2, 0), "{seq}");
    }
    for seq in [4, u64::MAX] {
        let above = world.read(&ada, &id, seq).await;
        refused(
            above,
            Code::InvalidArgument,
            "SEQ_ABOVE_HEAD",
            &["up_to_seq"],
        );
    }
    assert_eq!(
        world.told(&ada).await.len(),
        before,
        "nothing moved, nothing is told"
    );
    assert_eq!(world.copy(&ada, &id).await.unwrap().read_seq, 2);
}

/// B5: the place belongs to the contact, whichever of their devices says so.
#[tokio::test]
async fn what_was_read_on_one_device_is_read_on_the_other() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    world.reply(&id, "two").await;
    world.read(&ada, &id, 2).await.unwrap();
    let copy = world.copy(&ada, &id).await.unwrap();
    assert!(copy.last_foreign_message_seq <= copy.read_seq);
    assert_eq!(world.newest(&ada, &id).await.event.read_seq, 2);
}

/// A3, B3, flow (b): what a device did not show it does not clear.
#[tokio::test]
async fn a_receipt_reads_the_ticket_updates_at_or_below_its_place_and_no_other() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let first = Ticket::new(&world.workspace, &ada, &id);
    let other = Ticket::new(&world.workspace, &ada, &id);
    world.stamped(&ada, &first).await;
    world.stamped(&ada, &other).await;
    let moved = first.clone().moved(StateCategory::InProgress);
    world.stamped(&ada, &moved).await;

    // 1 message, 2 first at 1, 3 other at 1, 4 first at 2
    world.read(&ada, &id, 1).await.unwrap();
    let told = world.newest(&ada, &id).await;
    assert_eq!(told.event.frontier, []);
    world.read(&ada, &id, 2).await.unwrap();
    let told = world.newest(&ada, &id).await;
    assert_eq!(
        (told.read_revision(&first), told.read_revision(&other)),
        (1, 0)
    );
    world.read(&ada, &id, 3).await.unwrap();
    let told = world.newest(&ada, &id).await;
    assert_eq!(
        (told.read_revision(&first), told.read_revision(&other)),
        (1, 1)
    );
    world.read(&ada, &id, 4).await.unwrap();
    let told = world.newest(&ada, &id).await;
    assert_eq!(
        (told.read_revision(&first), told.read_revision(&other)),
        (2, 1)
    );
}

/// A8: a ticket update may be waiting for it.
#[tokio::test]
async fn a_receipt_with_no_unread_message_is_still_told() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.empty_of(&ada).await;
    let ticket = Ticket::new(&world.workspace, &ada, &id);
    world.stamped(&ada, &ticket).await;
    let before = world.newest(&ada, &id).await;
    assert_eq!(before.event.last_foreign_message_seq, 0);
    let read = world.read(&ada, &id, 1).await.unwrap();
    assert_eq!(read.positions.len(), 1);
    let told = world.newest(&ada, &id).await;
    assert_eq!(told.read_revision(&ticket), 1);
    let version = before.envelope.aggregate_version + 1;
    assert_eq!(told.envelope.aggregate_version, version);
}

/// A7: who writes has not read, unless they say so.
#[tokio::test]
async fn writing_is_no_receipt_but_may_carry_one() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let ticket = Ticket::new(&world.workspace, &ada, &id);
    world.stamped(&ada, &ticket).await;
    world.reply(&id, "three").await;

    let said = world.say(&ada, &id, "four", 0).await.unwrap();
    assert_eq!(said.conversation.unwrap().read_seq, 0);
    let told = world.newest(&ada, &id).await;
    assert_eq!((told.event.read_seq, told.read_revision(&ticket)), (0, 0));

    let before = world.told(&ada).await.len();
    let said = world.say(&ada, &id, "five", 3).await.unwrap();
    assert_eq!(said.conversation.unwrap().read_seq, 3);
    let told = world.newest(&ada, &id).await;
    assert_eq!((told.event.read_seq, told.read_revision(&ticket)), (3, 1));
    assert_eq!(told.event.head_seq, 5);
    assert_eq!(
        world.told(&ada).await.len(),
        before + 1,
        "one change, one event"
    );

    let said = world.say(&ada, &id, "six", 1).await.unwrap();
    assert_eq!(said.conversation.unwrap().read_seq, 3, "it never goes back");
}

/// A2, A7: a place that is not there takes the message with it.
#[tokio::test]
async fn a_message_that_claims_to_have_seen_what_is_not_there_is_not_written() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let before = world.told(&ada).await.len();
    let above = world.say(&ada, &id, "two", 2).await;
    refused(
        above,
        Code::InvalidArgument,
        "SEQ_ABOVE_HEAD",
        &["up_to_seq"],
    );
    assert_eq!(world.thread(&ada, &id).await.len(), 1);
    assert_eq!(world.told(&ada).await.len(), before);
}

/// T7, flow (g): the message says which update its author had before their eyes.
#[tokio::test]
async fn a_contacts_message_tells_which_ticket_update_it_answers() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let ticket = Ticket::new(&world.workspace, &ada, &id);
    world.stamped(&ada, &ticket).await;
    assert_eq!(world.newest(&ada, &id).await.seen_revision(&ticket), 0);
    let waiting = ticket.moved(StateCategory::WaitingOnCustomer);
    world.stamped(&ada, &waiting).await;

    // written on a screen that did not show the question yet
    let said = world.say(&ada, &id, "old", 2).await.unwrap();
    let told = world.newest(&ada, &id).await;
    assert_eq!(told.seen_revision(&waiting), 1);
    let seq = said.part.unwrap().seq;
    assert_eq!(told.event.last_contact_message.unwrap().seq, seq);

    world.say(&ada, &id, "the answer", 0).await.unwrap();
    assert_eq!(world.newest(&ada, &id).await.seen_revision(&waiting), 2);

    // a teammate's message and a later update are not the contact's doing
    world.reply(&id, "thanks").await;
    let resolved = waiting.moved(StateCategory::Resolved);
    world.stamped(&ada, &resolved).await;
    let told = world.newest(&ada, &id).await;
    assert_eq!(told.seen_revision(&resolved), 2);
    assert_eq!(told.event.last_contact_message.unwrap().seq, seq + 1);
}

/// A2: only teammates and services may read up to whatever is there, and on a contact's behalf.
#[tokio::test]
async fn a_teammate_marks_a_contacts_copy_read_up_to_a_place_or_the_head() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    world.reply(&id, "two").await;
    world.note(&id, "not a place of the contact's").await;
    world.reply(&id, "three").await;
    let mark = async |contact: &ContactId, up_to| {
        let request = pb::MarkReadRequest {
            conversation_id: id.clone(),
            contact_id: contact.to_string(),
            up_to: Some(up_to),
        };
        let answer = world.client().mark_read(world.as_teammate(request)).await;
        answer.map(tonic::Response::into_inner)
    };
    assert_eq!(mark(&ada, UpTo::Seq(2)).await.unwrap().read_seq, 2);
    let above = mark(&ada, UpTo::Seq(4)).await;
    refused(
        above,
        Code::InvalidArgument,
        "SEQ_ABOVE_HEAD",
        &["up_to_seq"],
    );
    let head = mark(&ada, UpTo::Head(true)).await.unwrap();
    assert_eq!((head.read_seq, head.positions.len()), (3, 1));
    let again = mark(&ada, UpTo::Head(true)).await.unwrap();
    assert_eq!((again.read_seq, again.positions.len()), (3, 0));
    assert_eq!(world.copy(&ada, &id).await.unwrap().read_seq, 3);
    not_found(mark(&ContactId::generate(), UpTo::Head(true)).await);

    let empty = world.empty_of(&ada).await;
    let request = pb::MarkReadRequest {
        conversation_id: empty,
        contact_id: ada.to_string(),
        up_to: Some(UpTo::Head(true)),
    };
    let nothing = world.client().mark_read(world.as_teammate(request)).await;
    let nothing = nothing.unwrap().into_inner();
    assert_eq!((nothing.read_seq, nothing.positions.len()), (0, 0));
}
