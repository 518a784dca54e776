//! V4: what teammates write for themselves.

use proto::conversations::v1::{self as pb, AuthorKind, PartKind};
use tonic::Code;
use types::ContactId;

use crate::world::{World, refused, service};

const CANARY: &str = "canary-7f3a";

/// V4: neither in an answer, nor in an event, nor as a gap in the numbers, the order or the times.
#[tokio::test]
async fn a_note_leaves_no_trace_in_anything_a_contact_receives() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let other = world.started_by(&ada).await;
    world.reply(&id, "two").await;
    let received = async || {
        let client = world.client();
        let list = world.as_contact(&ada, pb::ListContactConversationsRequest::default());
        let list = client.clone().list_contact_conversations(list).await;
        let batch = pb::BatchGetContactConversationsRequest {
            conversation_ids: vec![id.clone(), other.clone()],
        };
        let batch = world.as_contact(&ada, batch);
        let batch = client.clone().batch_get_contact_conversations(batch).await;
        let mut batch = batch.unwrap().into_inner();
        batch
            .conversations
            .sort_by(|a, b| a.conversation_id.cmp(&b.conversation_id));
        let thread = world.thread(&ada, &id).await;
        let told: Vec<_> = world
            .told(&ada)
            .await
            .into_iter()
            .map(|told| told.envelope)
            .collect();
        (list.unwrap().into_inner(), batch, thread, told)
    };

    let before = received().await;
    world.clock.advance(jiff::SignedDuration::from_mins(5));
    let note = world.note(&id, &format!("{CANARY} one")).await;
    assert_eq!((note.seq, note.contact_seq), (3, 0));
    assert_eq!(note.kind(), PartKind::Note);
    world.note(&id, &format!("{CANARY} two")).await;
    assert_eq!(received().await, before, "nothing at all is different");

    // nor later, when the conversation goes on
    let said = world.say(&ada, &id, "three", 2).await.unwrap();
    assert_eq!(said.part.as_ref().unwrap().seq, 3);
    world.note(&id, &format!("{CANARY} three")).await;
    world.reply(&id, "four").await;
    let (list, batch, thread, told) = received().await;
    let seqs: Vec<u64> = thread.iter().map(|part| part.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
    let versions: Vec<u64> = told
        .iter()
        .filter(|event| event.aggregate_id.ends_with(&id))
        .map(|event| event.aggregate_version)
        .collect();
    assert_eq!(versions, [1, 2, 3, 4]);
    let payloads: Vec<_> = told
        .iter()
        .map(|event| String::from_utf8_lossy(&event.payload).into_owned())
        .collect();
    let everything = format!("{list:?}{batch:?}{thread:?}{said:?}{payloads:?}");
    assert!(!everything.contains("canary"));
}

/// Teammates see notes where they were written.
#[tokio::test]
async fn teammates_see_notes_in_the_timeline_and_in_the_order_of_their_inbox() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let noted = world.started_by(&ada).await;
    world.clock.advance(jiff::SignedDuration::from_mins(1));
    let newer = world.started_by(&ada).await;
    world.clock.advance(jiff::SignedDuration::from_mins(1));
    world.note(&noted, CANARY).await;

    let list = pb::ListPartsRequest {
        conversation_id: noted.clone(),
        ..Default::default()
    };
    let parts = world.client().list_parts(world.as_teammate(list)).await;
    let parts = parts.unwrap().into_inner().parts;
    assert_eq!(parts[0].body, CANARY);
    assert_eq!(parts[0].author_kind(), AuthorKind::Teammate);

    let inbox = pb::ListConversationsRequest::default();
    let inbox = world
        .client()
        .list_conversations(world.as_teammate(inbox))
        .await;
    let inbox = inbox.unwrap().into_inner().conversations;
    let ids: Vec<_> = inbox.iter().map(|c| c.conversation_id.as_str()).collect();
    assert_eq!(ids, [&noted, &newer]);
    assert_eq!(inbox[0].head_seq, 2);
    assert_eq!(
        inbox[0].preview, "hello",
        "a preview is what customers see too"
    );

    let theirs = pb::ListContactConversationsRequest::default();
    let theirs = world
        .client()
        .list_contact_conversations(world.as_contact(&ada, theirs))
        .await;
    let theirs = theirs.unwrap().into_inner().conversations;
    let ids: Vec<_> = theirs.iter().map(|c| c.conversation_id.as_str()).collect();
    assert_eq!(
        ids,
        [&newer, &noted],
        "the contact's order does not know of it"
    );
}

#[tokio::test]
async fn an_integration_cannot_write_a_note() {
    let world = World::start().await;
    let id = world.started_by(&ContactId::generate()).await;
    let request = pb::AddNoteRequest {
        conversation_id: id,
        body: "psst".into(),
        ..Default::default()
    };
    let bot = service("parcels", Some(&world.workspace), &["conversations:write"]);
    let answer = world.client().add_note(world.signed(&bot, request)).await;
    refused(answer, Code::PermissionDenied, "PERMISSION_DENIED", &[]);
}
