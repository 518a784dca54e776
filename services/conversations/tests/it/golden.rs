//! Released schemas: every step as it was, and a database of each read by today's code.

use proto::{conversations::v1 as pb, events::v1::ContactStanding};
use serde_json::{Value, json};
use testing::{Golden, Scratch, eventually};
use types::{ContactId, WorkspaceId};

use crate::{tickets::Ticket, world::World};

#[tokio::test]
async fn released_steps_of_the_schema_are_never_changed_and_only_expand() {
    let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
    golden.schema::<conversations::Migrator>().await;
}

#[tokio::test]
async fn a_database_of_a_released_version_is_opened_and_everything_is_there() {
    let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
    // what was pruned, what was put aside, and what is there only while somebody is being erased
    let empty = ["evlog_head", "consumer_quarantine", "departed_trace"];
    golden
        .databases::<conversations::Migrator, _, _>("conversations", &empty, fill, said)
        .await;
}

async fn world(scratch: Scratch) -> World {
    let mut world = World::on(scratch).await;
    world.workspace = WorkspaceId::derive(&["golden"]);
    world
}

fn ada() -> ContactId {
    ContactId::derive(&["ada"])
}

/// A conversation with a word of everybody's, a note, an update of a ticket and a receipt; one that was
/// closed, and one that was deleted.
async fn fill(scratch: Scratch) {
    let world = world(scratch).await;
    let (ada, client) = (ada(), world.client());
    let id = world.started_by(&ada).await;
    world
        .stamped(&ada, &Ticket::new(&world.workspace, &ada, &id))
        .await;
    world.reply(&id, "We look into it.").await;
    world.note(&id, "Ask the others.").await;
    world.read(&ada, &id, 3).await.unwrap();
    let closed = pb::StartContactConversationRequest {
        request_id: "golden".into(),
        body: "Never mind.".into(),
    };
    let closed = client
        .clone()
        .start_contact_conversation(world.as_contact(&ada, closed))
        .await;
    let closed = closed.unwrap().into_inner().conversation.unwrap();
    world.close(&closed.conversation_id).await;
    let deleted = world.started_by(&ada).await;
    world.delete(&deleted).await;
    let visitor = ContactId::derive(&["visitor"]);
    world.started_by(&visitor).await;
    let departures = &world.departures;
    departures
        .merged(&world.workspace, &visitor, &ada, "Ada")
        .await;
    crate::departures::until(&world, &visitor, ContactStanding::Merged).await;
    eventually("the stamp has its place", async || {
        (world.thread(&ada, &id).await.len() == 3).then_some(())
    })
    .await;
}

async fn said(scratch: Scratch) -> Value {
    let world = world(scratch).await;
    let ada = ada();
    let list = pb::ListConversationsRequest::default();
    let list = world
        .client()
        .list_conversations(world.as_teammate(list))
        .await;
    let mut said = Vec::new();
    for conversation in list.unwrap().into_inner().conversations {
        let id = &conversation.conversation_id;
        let parts = pb::ListPartsRequest {
            conversation_id: id.clone(),
            ..Default::default()
        };
        let parts = world.client().list_parts(world.as_teammate(parts)).await;
        let parts = parts.unwrap().into_inner().parts;
        let copy = world.copy(&ada, id).await.unwrap();
        let told = |part| testing::json("messenger.conversations.v1.Part", part);
        said.push(json!({
            "conversation": testing::json("messenger.conversations.v1.Conversation", &conversation),
            "copy": testing::json("messenger.conversations.v1.ContactConversation", &copy),
            "parts": parts.iter().map(told).collect::<Vec<_>>(),
        }));
    }
    for told in world.told(&ada).await {
        let name = "messenger.conversations.v1.ContactConversationChanged";
        said.push(testing::json(name, &told.event));
    }
    said.into()
}

#[tokio::test]
async fn a_statement_that_forgets_the_workspace_reaches_no_other_ones_rows() {
    testing::every_table_keeps_workspaces_apart::<conversations::Migrator>("conversations").await;
}
