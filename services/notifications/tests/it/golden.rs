//! Released schemas: every step as it was, and a database of each read by today's code.

use notifications::Config;
use proto::{
    notifications::v1::{
        BatchGetTicketReadsRequest, GetInboxRequest,
        notification_service_client::NotificationServiceClient,
    },
    tickets::v1::StateCategory::InProgress,
};
use runtime::{ServerArgs, config::DatabaseArgs};
use serde_json::{Value, json};
use testing::{Golden, Scratch};
use types::{ContactId, WorkspaceId};

use crate::{
    center::{Center, Customer},
    story::{Conversation, Ticket},
};

#[tokio::test]
async fn released_steps_of_the_schema_are_never_changed_and_only_expand() {
    let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
    golden
        .schema::<notifications::migration::Migrations>()
        .await;
}

#[tokio::test]
async fn a_database_of_a_released_version_is_opened_and_everything_is_there() {
    let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
    // it tells no events, put none aside, and has no requests with ids; nobody is being erased
    let empty = [
        "evlog",
        "evlog_head",
        "consumer_quarantine",
        "answered_request",
        "departed_trace",
    ];
    golden
        .databases::<notifications::migration::Migrations, _, _>(
            "notifications",
            &empty,
            fill,
            said,
        )
        .await;
}

fn ada() -> Customer {
    Customer {
        workspace: WorkspaceId::derive(&["golden"]),
        contact: ContactId::derive(&["ada"]),
    }
}

/// A ticket that was shown, one that moved since, and a conversation with an unread word.
async fn fill(scratch: Scratch) {
    let (center, ada) = (Center::on(scratch).await, ada());
    let shown = Ticket::create(&center, &ada, "Printer", 0).await;
    center.inbox(&ada).await;
    center.show(&ada, &shown.state.ticket_id, 1).await.unwrap();
    let mut moved = Ticket::create(&center, &ada, "Scanner", 1).await;
    moved.move_to(InProgress, 2).await;
    let mut chat = Conversation::start(&center, &ada).await;
    chat.teammate_says("Are you there?", 3).await;
    assert_eq!(center.badges(&ada).await, (1, 1));
    crate::departures::merge(&center, &ada.colleague(), &ada).await;
}

async fn said(scratch: Scratch) -> Value {
    scratch.keys(&["bff", "notifications"]);
    // with other feeds than it followed it would start over
    let away = "http://127.0.0.1:9".to_owned();
    let config = Config {
        server: ServerArgs::loopback(scratch.path("keys")),
        database: DatabaseArgs::at(scratch.database_url("notifications")),
        tickets: away.clone(),
        conversations: away.clone(),
        settings: away,
        nats: Default::default(),
        scrub_per_second: 0,
    };
    let running = notifications::start(config).await.unwrap();
    let channel = runtime::client::channel(&format!("http://{}", running.address())).unwrap();
    let mut client = NotificationServiceClient::new(channel);
    let (keys, ada) = (scratch.ring("bff"), ada().actor());
    let body = GetInboxRequest::default();
    let inbox = client.get_inbox(testing::request(&keys, &ada, body)).await;
    let inbox = inbox.unwrap().into_inner().inbox.unwrap();
    let shown = inbox.recent_tickets.iter();
    let body = BatchGetTicketReadsRequest {
        ticket_ids: shown.map(|ticket| ticket.ticket_id.clone()).collect(),
        ..Default::default()
    };
    let reads = client.batch_get_ticket_reads(testing::request(&keys, &ada, body));
    let reads = reads.await.unwrap().into_inner();
    json!([
        testing::json("messenger.notifications.v1.Inbox", &inbox),
        testing::json(
            "messenger.notifications.v1.BatchGetTicketReadsResponse",
            &reads
        ),
    ])
}

#[tokio::test]
async fn a_statement_that_forgets_the_workspace_reaches_no_other_ones_rows() {
    testing::every_table_keeps_workspaces_apart::<notifications::migration::Migrations>(
        "notifications",
    )
    .await;
}
