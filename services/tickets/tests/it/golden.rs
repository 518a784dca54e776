//! Released schemas: every step as it was, and a database of each read by today's code.

use proto::{events::v1::ContactStanding, tickets::v1 as pb};
use serde_json::{Value, json};
use testing::{Departures, Golden, Scratch};
use types::{ContactId, WorkspaceId};

use super::support::*;

#[tokio::test]
async fn released_steps_of_the_schema_are_never_changed_and_only_expand() {
    let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
    golden.schema::<tickets::Migrator>().await;
}

#[tokio::test]
async fn a_database_of_a_released_version_is_opened_and_everything_is_there() {
    let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
    // what was pruned, what was put aside, and what is there only while somebody is being erased
    let empty = ["evlog_head", "consumer_quarantine", "departed_trace"];
    golden
        .databases::<tickets::Migrator, _, _>("tickets", &empty, fill, said)
        .await;
}

async fn desk(scratch: Scratch, conversations: &str, settings: &str) -> Desk {
    let mut desk = Desk::between(scratch, conversations, settings).await;
    desk.workspace = WorkspaceId::derive(&["golden"]);
    desk.ada = ContactId::derive(&["ada"]);
    desk.bob = ContactId::derive(&["bob"]);
    desk
}

/// Two tickets, one with a history and a conversation that its customer wrote in; and back-office tickets,
/// one shared, one taken back, one never shared.
async fn fill(scratch: Scratch) {
    scratch.keys(KEYS);
    let feed = Feed::start(&scratch).await;
    let departures = Departures::start(&scratch).await;
    let desk = desk(scratch, &feed.address, &departures.address()).await;
    let first = desk.submit(&desk.ada, "The app crashes").await;
    desk.minutes(1);
    desk.set_state("#1", pb::StateCategory::WaitingOnCustomer)
        .await;
    desk.minutes(1);
    let mut told = member(&desk.ada, &first.conversation_id);
    told.last_contact_message = reply(1, &first.ticket_id, 2);
    told.last_message_time = Some(wire(desk.now()));
    feed.tell(&desk, told).await;
    let second = pb::CreateTicketRequest {
        request_id: "golden".into(),
        requester_contact_id: desk.bob.to_string(),
        title: "Change the delivery address".into(),
        description: "To the new office.".into(),
        ..Default::default()
    };
    desk.create(second).await.unwrap();
    let visitor = ContactId::derive(&["visitor"]);
    desk.submit(&visitor, "Who am I?").await;
    departures
        .merged(&desk.workspace, &visitor, &desk.bob, "Bob")
        .await;
    super::departures::until(&desk, &visitor, ContactStanding::Merged).await;
    for _ in 0..3 {
        desk.report(&desk.ada, "").await;
    }
    desk.share("#4").await.unwrap();
    desk.share("#5").await.unwrap();
    desk.unshare("#5").await.unwrap();
}

async fn said(scratch: Scratch) -> Value {
    scratch.keys(KEYS);
    let desk = desk(scratch, "http://127.0.0.1:9", "http://127.0.0.1:9").await;
    let mut said = Vec::new();
    for contact in [&desk.ada, &desk.bob] {
        for ticket in desk.list(contact).await {
            said.push(testing::json("messenger.tickets.v1.ContactTicket", &ticket));
        }
        for (event, told) in desk.told(contact).await {
            let told = testing::json("messenger.tickets.v1.ContactTicketChanged", &told);
            said.push(json!({ "position": event.position, "told": told }));
        }
    }
    for ticket in ["#1", "#2", "#3", "#4", "#5", "#6"] {
        let Ok(found) = desk.get(ticket).await else {
            continue;
        };
        said.push(testing::json("messenger.tickets.v1.Ticket", &found));
        for entry in desk.history(ticket).await {
            said.push(testing::json("messenger.tickets.v1.HistoryEntry", &entry));
        }
    }
    let request = desk.staff(pb::ListTicketTypesRequest {});
    let types = answer(desk.types().list_ticket_types(request).await).types;
    let back_office = pb::TypeCategory::BackOffice;
    for of in types.iter().filter(|of| of.category() == back_office) {
        said.push(testing::json("messenger.tickets.v1.TicketType", of));
    }
    said.into()
}

#[tokio::test]
async fn a_statement_that_forgets_the_workspace_reaches_no_other_ones_rows() {
    testing::every_table_keeps_workspaces_apart::<tickets::Migrator>("tickets").await;
}
