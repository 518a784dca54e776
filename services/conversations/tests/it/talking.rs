//! Messages, states and the life of a conversation.

use proto::conversations::v1::{self as pb, AuthorKind, ConversationState, PartKind};
use tonic::Code;
use types::ContactId;

use crate::world::{ConversationId, World, not_found, refused, service};

/// A contact writes, a teammate answers, and each sees who wrote what.
#[tokio::test]
async fn a_contact_and_a_teammate_talk() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let request = pb::StartContactConversationRequest {
        body: "My printer burns".into(),
        ..Default::default()
    };
    let started = world
        .client()
        .start_contact_conversation(world.as_contact(&ada, request))
        .await
        .unwrap()
        .into_inner();
    let conversation = started.conversation.unwrap();
    assert!(conversation.has_messages);
    assert_eq!((conversation.head_seq, conversation.read_seq), (1, 0));
    assert_eq!(conversation.last_foreign_message_seq, 0);
    assert_eq!(started.positions.len(), 1);
    let id = conversation.conversation_id;

    let part = world.reply(&id, "Put it out first").await;
    assert_eq!((part.seq, part.contact_seq), (2, 2));
    assert_eq!(part.author_kind(), AuthorKind::Teammate);
    assert!(part.author_id.starts_with("tea_"));

    let thread = world.thread(&ada, &id).await;
    let told: Vec<_> = thread
        .iter()
        .map(|part| {
            (
                part.seq,
                part.mine,
                part.author_name.as_str(),
                part.body.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, true, "Ada Customer", "My printer burns"),
            (2, false, "Grace Teammate", "Put it out first"),
        ]
    );
    assert_eq!(thread[1].author_kind(), AuthorKind::Teammate);

    let copy = world.copy(&ada, &id).await.unwrap();
    assert_eq!(copy.last_foreign_message_seq, 2);
    let preview = copy.preview.unwrap();
    assert_eq!(
        (preview.text.as_str(), preview.mine),
        ("Put it out first", false)
    );

    let list = pb::ListPartsRequest {
        conversation_id: id.clone(),
        ..Default::default()
    };
    let parts = world.client().list_parts(world.as_teammate(list)).await;
    let parts = parts.unwrap().into_inner().parts;
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[1].author_id, ada.as_str());

    let get = pb::GetConversationRequest {
        conversation_id: id,
    };
    let conversation = world
        .client()
        .get_conversation(world.as_teammate(get))
        .await
        .unwrap()
        .into_inner()
        .conversation
        .unwrap();
    assert_eq!(conversation.contact_ids, [ada.to_string()]);
    assert_eq!(conversation.preview, "Put it out first");
}

/// B2: a message by a teammate is new to the contact, their own is not.
#[tokio::test]
async fn only_messages_by_somebody_else_are_unread() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    world.reply(&id, "one").await;
    world.say(&ada, &id, "two", 0).await.unwrap();
    let told = world.newest(&ada, &id).await.event;
    assert_eq!((told.last_foreign_message_seq, told.head_seq), (2, 3));
    assert!(told.preview.unwrap().mine);
}

#[tokio::test]
async fn an_integrations_message_is_a_bots() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let request = pb::SendMessageRequest {
        conversation_id: id.clone(),
        body: "Your parcel left".into(),
        ..Default::default()
    };
    let bot = service("parcels", Some(&world.workspace), &["conversations:write"]);
    let answer = world
        .client()
        .send_message(world.signed(&bot, request))
        .await;
    let part = answer.unwrap().into_inner().part.unwrap();
    assert_eq!(part.author_kind(), AuthorKind::Bot);
    assert_eq!(part.author_id, "parcels");
    let copy = world.copy(&ada, &id).await.unwrap();
    assert_eq!(copy.last_foreign_message_seq, 2);
}

/// A teammate writes first.
#[tokio::test]
async fn a_teammate_starts_a_conversation_and_the_contact_has_it_unread() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let request = pb::StartConversationRequest {
        contact_id: ada.to_string(),
        body: "How was it?".into(),
        ..Default::default()
    };
    let started = world
        .client()
        .start_conversation(world.as_teammate(request))
        .await
        .unwrap()
        .into_inner();
    let conversation = started.conversation.unwrap();
    assert_eq!(conversation.contact_ids, [ada.to_string()]);
    assert_eq!(started.part.unwrap().contact_seq, 1);
    let told = world.told(&ada).await;
    assert_eq!(told.len(), 1, "one event for one change");
    assert_eq!(told[0].event.last_foreign_message_seq, 1);
    assert_eq!(told[0].envelope.aggregate_version, 1);
    let aggregate = format!("{ada}/{}", conversation.conversation_id);
    assert_eq!(told[0].envelope.aggregate_id, aggregate);
    assert_eq!(told[0].envelope.position, started.positions[0].position);
}

/// C1's data, C3
#[tokio::test]
async fn a_contacts_message_reopens_a_closed_conversation_and_says_so_in_the_thread() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let closed = world.close(&id).await;
    assert_eq!(
        closed.conversation.unwrap().state(),
        ConversationState::Closed
    );
    assert_eq!(closed.positions.len(), 1);
    assert_eq!(
        world.newest(&ada, &id).await.event.state(),
        ConversationState::Closed
    );
    let again = world.close(&id).await;
    assert!(again.positions.is_empty(), "closed already is no change");

    world.reply(&id, "bye").await;
    assert_eq!(
        world.newest(&ada, &id).await.event.state(),
        ConversationState::Closed
    );

    let said = world.say(&ada, &id, "wait", 0).await.unwrap();
    assert_eq!(said.conversation.unwrap().state(), ConversationState::Open);
    assert_eq!(said.part.unwrap().seq, 5);
    let thread = world.thread(&ada, &id).await;
    let kinds: Vec<_> = thread
        .iter()
        .map(|part| (part.kind(), part.state()))
        .collect();
    let nothing = ConversationState::Unspecified;
    assert_eq!(
        kinds,
        [
            (PartKind::Message, nothing),
            (PartKind::StateEvent, ConversationState::Closed),
            (PartKind::Message, nothing),
            (PartKind::StateEvent, ConversationState::Open),
            (PartKind::Message, nothing),
        ]
    );
    let told = world.newest(&ada, &id).await.event;
    assert_eq!(told.state(), ConversationState::Open);
    assert_eq!(told.last_contact_message.unwrap().seq, 5);
}

/// C1's data: an empty conversation has no messages, whatever else is in it, until somebody writes.
#[tokio::test]
async fn events_and_notes_are_no_messages() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.empty_of(&ada).await;
    world.note(&id, "a note").await;
    world.close(&id).await;
    let told = world.newest(&ada, &id).await.event;
    assert!(!told.has_messages && told.preview.is_none() && told.last_message_time.is_none());
    assert_eq!((told.head_seq, told.last_foreign_message_seq), (1, 0));
    let reopen = pb::ReopenConversationRequest {
        conversation_id: id.clone(),
        ..Default::default()
    };
    let reopened = world
        .client()
        .reopen_conversation(world.as_teammate(reopen))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        reopened.conversation.unwrap().state(),
        ConversationState::Open
    );
    world.reply(&id, "hello").await;
    let copy = world.copy(&ada, &id).await.unwrap();
    assert!(copy.has_messages && copy.preview.is_some());
}

/// C2, flow (a): the BFF ensures the conversation of a new ticket as often as it likes.
#[tokio::test]
async fn ensuring_a_conversation_twice_gives_one() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = ConversationId::generate().to_string();
    let made = world.ensure(&id, &ada).await.unwrap();
    assert_eq!(made.positions.len(), 1);
    assert!(!made.conversation.unwrap().has_messages);
    let again = world.ensure(&id, &ada).await.unwrap();
    assert!(again.positions.is_empty());
    assert_eq!(again.conversation.unwrap().conversation_id, id);
    assert_eq!(world.told(&ada).await.len(), 1);
    world.say(&ada, &id, "at once", 0).await.unwrap();

    not_found(world.ensure(&id, &ContactId::generate()).await);
}

/// A deleted conversation is gone for everybody and stays so.
#[tokio::test]
async fn a_deleted_conversation_leaves_a_tombstone_and_nothing_that_was_written() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    world.reply(&id, "canary-body").await;
    let deleted = world.delete(&id).await;
    assert_eq!(deleted.positions.len(), 1);

    let told = world.newest(&ada, &id).await;
    assert!(told.event.deleted && !told.event.has_messages && told.event.preview.is_none());
    assert_eq!(told.envelope.position, deleted.positions[0].position);

    not_found(world.say(&ada, &id, "hello?", 0).await);
    not_found(world.read(&ada, &id, 1).await);
    assert_eq!(world.copy(&ada, &id).await, None);
    let list = pb::ListContactConversationsRequest::default();
    let list = world
        .client()
        .list_contact_conversations(world.as_contact(&ada, list))
        .await;
    assert_eq!(list.unwrap().into_inner().conversations, []);
    let get = pb::GetConversationRequest {
        conversation_id: id.clone(),
    };
    not_found(
        world
            .client()
            .get_conversation(world.as_teammate(get))
            .await,
    );
    let list = pb::ListPartsRequest {
        conversation_id: id.clone(),
        ..Default::default()
    };
    not_found(world.client().list_parts(world.as_teammate(list)).await);
    let again = pb::DeleteConversationRequest {
        conversation_id: id.clone(),
        ..Default::default()
    };
    not_found(
        world
            .client()
            .delete_conversation(world.as_teammate(again))
            .await,
    );

    refused(
        world.ensure(&id, &ada).await,
        Code::FailedPrecondition,
        "CONVERSATION_NOT_FOUND",
        &[],
    );
    not_found(world.ensure(&id, &ContactId::generate()).await);
}

/// V4: a name that is an address is none that a customer may see.
#[tokio::test]
async fn a_teammates_address_is_never_shown_as_a_name() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let mut grace = testing::teammate(&world.workspace, crate::world::SCOPES);
    grace.name = "grace@example.com".into();
    let request = pb::SendMessageRequest {
        conversation_id: id.clone(),
        body: "hello".into(),
        ..Default::default()
    };
    world
        .client()
        .send_message(world.signed(&grace, request))
        .await
        .unwrap();
    let thread = world.thread(&ada, &id).await;
    assert_eq!(thread[1].author_name, "");
    let told = format!(
        "{thread:?}{:?}{:?}",
        world.copy(&ada, &id).await,
        world.told(&ada).await
    );
    assert!(!told.contains("grace") && !told.contains("example.com"));
}
