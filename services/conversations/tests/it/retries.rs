//! T10: a request id makes a retry safe.

use proto::conversations::v1 as pb;
use tonic::Code;
use types::ContactId;

use crate::world::{World, refused};

fn message(id: &str, request_id: &str, body: &str) -> pb::SendContactMessageRequest {
    pb::SendContactMessageRequest {
        request_id: request_id.into(),
        conversation_id: id.into(),
        body: body.into(),
        ..Default::default()
    }
}

/// T10: the same answer, one message; and it still says where to read it.
#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_and_has_one_effect() {
    let mut world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let send = async |world: &World| {
        let request = world.as_contact(&ada, message(&id, "r1", "two"));
        let answer = world.client().send_contact_message(request).await;
        answer.unwrap().into_inner()
    };
    let first = send(&world).await;
    world.reply(&id, "three").await;
    world.restart().await;
    let mut again = send(&world).await;
    let (at, after) = (&first.positions[0], &again.positions[0]);
    assert_eq!((at.partition, &at.source), (after.partition, &after.source));
    assert!(
        after.position >= at.position,
        "what is there includes the write"
    );
    again.positions.clone_from(&first.positions);
    assert_eq!(again, first);
    assert_eq!(world.thread(&ada, &id).await.len(), 3);
}

/// T10
#[tokio::test]
async fn a_request_id_with_another_body_or_for_another_call_is_refused() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let request = world.as_contact(&ada, message(&id, "r1", "two"));
    world.client().send_contact_message(request).await.unwrap();
    let request = world.as_contact(&ada, message(&id, "r1", "other"));
    let other = world.client().send_contact_message(request).await;
    refused(other, Code::FailedPrecondition, "REQUEST_ID_REUSED", &[]);
    let request = pb::StartContactConversationRequest {
        request_id: "r1".into(),
        body: "two".into(),
    };
    let request = world.as_contact(&ada, request);
    let other = world.client().start_contact_conversation(request).await;
    refused(other, Code::FailedPrecondition, "REQUEST_ID_REUSED", &[]);
    assert_eq!(world.thread(&ada, &id).await.len(), 2);
}

/// Request ids of different people never meet.
#[tokio::test]
async fn the_same_request_id_of_another_contact_is_another_request() {
    let world = World::start().await;
    let (ada, eve) = (ContactId::generate(), ContactId::generate());
    let mut started = Vec::new();
    for contact in [&ada, &eve, &ada] {
        let request = pb::StartContactConversationRequest {
            request_id: "r1".into(),
            body: "hello".into(),
        };
        let request = world.as_contact(contact, request);
        let answer = world.client().start_contact_conversation(request).await;
        started.push(
            answer
                .unwrap()
                .into_inner()
                .conversation
                .unwrap()
                .conversation_id,
        );
    }
    assert_eq!(started[0], started[2]);
    assert_ne!(started[0], started[1]);
}

/// Every write of teammates can be repeated.
#[tokio::test]
async fn every_write_with_a_request_id_is_carried_out_once() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let mut client = world.client();
    let start = || pb::StartConversationRequest {
        request_id: "start".into(),
        contact_id: ada.to_string(),
        body: "hello".into(),
    };
    let mut started = Vec::new();
    for _ in 0..2 {
        let answer = client.start_conversation(world.as_teammate(start())).await;
        started.push(answer.unwrap().into_inner().conversation.unwrap());
    }
    assert_eq!(started[0], started[1]);
    let id = started.remove(0).conversation_id;
    for _ in 0..2 {
        let request = pb::SendMessageRequest {
            request_id: "send".into(),
            conversation_id: id.clone(),
            body: "one".into(),
        };
        client
            .send_message(world.as_teammate(request))
            .await
            .unwrap();
        let request = pb::AddNoteRequest {
            request_id: "note".into(),
            conversation_id: id.clone(),
            body: "note".into(),
        };
        client.add_note(world.as_teammate(request)).await.unwrap();
        let request = pb::CloseConversationRequest {
            request_id: "close".into(),
            conversation_id: id.clone(),
        };
        client
            .close_conversation(world.as_teammate(request))
            .await
            .unwrap();
        let request = pb::ReopenConversationRequest {
            request_id: "reopen".into(),
            conversation_id: id.clone(),
        };
        client
            .reopen_conversation(world.as_teammate(request))
            .await
            .unwrap();
    }
    let list = pb::ListPartsRequest {
        conversation_id: id.clone(),
        ..Default::default()
    };
    let parts = client.list_parts(world.as_teammate(list)).await;
    assert_eq!(parts.unwrap().into_inner().parts.len(), 5);
    for _ in 0..2 {
        let request = pb::DeleteConversationRequest {
            request_id: "delete".into(),
            conversation_id: id.clone(),
        };
        let deleted = client.delete_conversation(world.as_teammate(request)).await;
        assert_eq!(deleted.unwrap().into_inner().positions.len(), 1);
    }
    assert_eq!(world.told(&ada).await.len(), 5);
}
