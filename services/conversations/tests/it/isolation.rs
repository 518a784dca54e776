//! V2: other people's conversations look like none, and credentials decide.

use proto::{
    conversations::v1::{self as pb, mark_read_request::UpTo},
    events::v1::GetHeadsRequest,
};
use runtime::Actor;
use tonic::{Code, Request, Status};
use types::{ContactId, WorkspaceId};

use crate::world::{SCOPES, World, not_found, refused, service};

type Outcome = Result<(), Status>;

fn done<T>(answer: Result<T, Status>) -> Outcome {
    answer.map(|_| ())
}

/// Every RPC of a contact that names a conversation.
async fn contact_rpcs(world: &World, actor: &Actor, id: &str) -> Vec<(&'static str, Outcome)> {
    let mut client = world.client();
    let parts = pb::ListContactPartsRequest {
        conversation_id: id.into(),
        ..Default::default()
    };
    let send = pb::SendContactMessageRequest {
        conversation_id: id.into(),
        body: "hello".into(),
        ..Default::default()
    };
    let read = pb::MarkContactReadRequest {
        conversation_id: id.into(),
        up_to_seq: 1,
    };
    vec![
        (
            "parts",
            done(client.list_contact_parts(world.signed(actor, parts)).await),
        ),
        (
            "send",
            done(client.send_contact_message(world.signed(actor, send)).await),
        ),
        (
            "read",
            done(client.mark_contact_read(world.signed(actor, read)).await),
        ),
    ]
}

/// Every RPC of a teammate that names a conversation.
async fn teammate_rpcs(
    world: &World,
    actor: &Actor,
    id: &str,
    contact: &ContactId,
) -> Vec<(&'static str, Outcome)> {
    let mut client = world.client();
    let conversation_id = id.to_owned();
    let get = pb::GetConversationRequest {
        conversation_id: conversation_id.clone(),
    };
    let parts = pb::ListPartsRequest {
        conversation_id: conversation_id.clone(),
        ..Default::default()
    };
    let send = pb::SendMessageRequest {
        conversation_id: conversation_id.clone(),
        body: "hello".into(),
        ..Default::default()
    };
    let note = pb::AddNoteRequest {
        conversation_id: conversation_id.clone(),
        body: "hello".into(),
        ..Default::default()
    };
    let close = pb::CloseConversationRequest {
        conversation_id: conversation_id.clone(),
        ..Default::default()
    };
    let reopen = pb::ReopenConversationRequest {
        conversation_id: conversation_id.clone(),
        ..Default::default()
    };
    let read = pb::MarkReadRequest {
        conversation_id: conversation_id.clone(),
        contact_id: contact.to_string(),
        up_to: Some(UpTo::Head(true)),
    };
    let delete = pb::DeleteConversationRequest {
        conversation_id,
        ..Default::default()
    };
    vec![
        (
            "get",
            done(client.get_conversation(world.signed(actor, get)).await),
        ),
        (
            "parts",
            done(client.list_parts(world.signed(actor, parts)).await),
        ),
        (
            "send",
            done(client.send_message(world.signed(actor, send)).await),
        ),
        (
            "note",
            done(client.add_note(world.signed(actor, note)).await),
        ),
        (
            "close",
            done(client.close_conversation(world.signed(actor, close)).await),
        ),
        (
            "reopen",
            done(
                client
                    .reopen_conversation(world.signed(actor, reopen))
                    .await,
            ),
        ),
        (
            "read",
            done(client.mark_read(world.signed(actor, read)).await),
        ),
        (
            "delete",
            done(
                client
                    .delete_conversation(world.signed(actor, delete))
                    .await,
            ),
        ),
    ]
}

/// V2
#[tokio::test]
async fn another_contacts_conversation_looks_like_none_and_is_left_alone() {
    let world = World::start().await;
    let (ada, eve) = (ContactId::generate(), ContactId::generate());
    let id = world.started_by(&ada).await;
    world.reply(&id, "two").await;
    let before = (world.thread(&ada, &id).await, world.told(&ada).await.len());
    let elsewhere = WorkspaceId::generate();
    for actor in [
        testing::contact(&world.workspace, &eve),
        // the same contact's id, another tenant's credential
        testing::contact(&elsewhere, &ada),
    ] {
        for (rpc, outcome) in contact_rpcs(&world, &actor, &id).await {
            println!("{rpc}");
            not_found(outcome);
        }
        let list = pb::ListContactConversationsRequest::default();
        let list = world
            .client()
            .list_contact_conversations(world.signed(&actor, list))
            .await;
        assert_eq!(list.unwrap().into_inner().conversations, []);
    }
    assert_eq!(world.thread(&ada, &id).await, before.0);
    assert_eq!(world.told(&ada).await.len(), before.1);

    let batch = pb::BatchGetContactConversationsRequest {
        conversation_ids: vec![id.clone()],
    };
    let foreign = testing::contact(&elsewhere, &ada);
    let batch = world
        .client()
        .batch_get_contact_conversations(world.signed(&foreign, batch))
        .await;
    let batch = batch.unwrap().into_inner();
    assert_eq!(
        (batch.conversations, batch.unreadable_ids),
        (vec![], vec![]),
        "another tenant's id is unknown"
    );
}

/// V2: tenants do not see each other.
#[tokio::test]
async fn another_workspaces_teammate_finds_nothing() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let stranger = testing::teammate(&WorkspaceId::generate(), SCOPES);
    for (rpc, outcome) in teammate_rpcs(&world, &stranger, &id, &ada).await {
        println!("{rpc}");
        not_found(outcome);
    }
    let batch = pb::BatchGetConversationsRequest {
        conversation_ids: vec![id.clone()],
    };
    let batch = world
        .client()
        .batch_get_conversations(world.signed(&stranger, batch))
        .await;
    assert_eq!(batch.unwrap().into_inner().conversations, []);
    let list = pb::ListConversationsRequest {
        contact_id: ada.to_string(),
        ..Default::default()
    };
    let list = world
        .client()
        .list_conversations(world.signed(&stranger, list))
        .await;
    assert_eq!(list.unwrap().into_inner().conversations, []);
    assert_eq!(world.thread(&ada, &id).await.len(), 1);
}

/// The access table is in force: contacts, teammates and services each have their own RPCs.
#[tokio::test]
async fn a_credential_of_the_wrong_kind_or_without_the_scope_is_refused() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let contact = testing::contact(&world.workspace, &ada);
    for (_, outcome) in teammate_rpcs(&world, &contact, &id, &ada).await {
        refused(outcome, Code::PermissionDenied, "PERMISSION_DENIED", &[]);
    }
    let reader = testing::teammate(&world.workspace, &["conversations:read"]);
    for (rpc, outcome) in teammate_rpcs(&world, &reader, &id, &ada).await {
        match rpc {
            "get" | "parts" => outcome.unwrap(),
            _ => drop(refused(
                outcome,
                Code::PermissionDenied,
                "PERMISSION_DENIED",
                &[],
            )),
        }
    }
    let teammate = testing::teammate(&world.workspace, SCOPES);
    for (_, outcome) in contact_rpcs(&world, &teammate, &id).await {
        refused(outcome, Code::PermissionDenied, "PERMISSION_DENIED", &[]);
    }
    let ensure = pb::EnsureConversationRequest {
        conversation_id: id.clone(),
        contact_id: ada.to_string(),
    };
    let ensured = world
        .client()
        .ensure_conversation(world.signed(&teammate, ensure.clone()))
        .await;
    refused(ensured, Code::PermissionDenied, "PERMISSION_DENIED", &[]);
    let nowhere = service("bff", None, &["conversations:ensure"]);
    let ensured = world
        .client()
        .ensure_conversation(world.signed(&nowhere, ensure))
        .await;
    refused(ensured, Code::PermissionDenied, "PERMISSION_DENIED", &[]);
    let heads = world
        .feed()
        .get_heads(world.signed(&teammate, GetHeadsRequest {}))
        .await;
    refused(heads, Code::PermissionDenied, "PERMISSION_DENIED", &[]);
    let unsigned = Request::new(pb::GetConversationRequest {
        conversation_id: id,
    });
    let answer = world.client().get_conversation(unsigned).await;
    refused(answer, Code::Unauthenticated, "UNAUTHENTICATED", &[]);
}
