//! The feed that the service follows, told by the tests.

use std::sync::Arc;

use events::{EventLog, FeedServer, NewEvent, SnapshotPage, SnapshotSource, migration::LogTables};
use futures::future::BoxFuture;
use prost::Message;
use proto::{
    conversations::v1::{ContactConversationChanged, ContactMessage, FrontierEntry},
    events::v1::event_feed_service_server::EventFeedServiceServer,
};
use runtime::{
    Access, Running, Server, ServerArgs, Tasks,
    auth::{AccessTable, Assertions},
    edge::Edge,
};
use sea_orm::DbErr;
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use testing::{ManualClock, Scratch};
use tonic::service::Routes;
use types::{ContactId, micros};

use super::support::Desk;

/// Conversations, as far as Tickets sees it: a log, and its feed.
pub struct Feed {
    pub address: String,
    log: EventLog,
    versions: std::sync::Mutex<u64>,
    _running: Running,
}

impl Feed {
    pub async fn start(scratch: &Scratch) -> Self {
        let db = scratch.database::<FeedTables>("conversations").await;
        let log = EventLog::open(db, "conversations", Arc::new(ManualClock::new()));
        let log = log.await.unwrap();
        let tasks = Tasks::new();
        let server = FeedServer::new(log.clone(), Arc::new(Nothing), tasks.stopping());
        let routes = Routes::new(EventFeedServiceServer::new(server));
        let keys = scratch.ring("conversations");
        let edge = Edge::new(FEED_ACCESS, Arc::new(Assertions::new(keys)));
        let args = ServerArgs::loopback(scratch.path("keys"));
        let names = ["messenger.events.v1.EventFeedService"];
        let running = Server::new(&names, routes, edge)
            .start(&args, tasks)
            .await
            .unwrap();
        Self {
            address: format!("http://{}", running.address()),
            log,
            versions: std::sync::Mutex::default(),
            _running: running,
        }
    }

    /// Tells of a contact in a conversation, and waits until Tickets has heard.
    pub async fn tell(&self, desk: &Desk, told: ContactConversationChanged) {
        let version = {
            let mut versions = self.versions.lock().unwrap();
            *versions += 1;
            *versions
        };
        self.tell_version(desk, told, version).await;
    }

    pub async fn tell_version(&self, desk: &Desk, told: ContactConversationChanged, version: u64) {
        let mut work = self.log.begin().await.unwrap();
        work.emit(NewEvent {
            kind: "messenger.conversations.v1.ContactConversationChanged",
            aggregate_id: format!("{}/{}", told.contact_id, told.conversation_id),
            aggregate_version: version,
            contact: Some(told.contact_id.parse().unwrap()),
            workspace: desk.workspace.clone(),
            occurred_at: micros(desk.now()),
            payload: told.encode_to_vec(),
        });
        let positions = work.commit().await.unwrap();
        desk.heard(&positions[0]).await;
    }
}

/// A contact who is in a conversation where nothing was said yet.
pub fn member(contact: &ContactId, conversation: &str) -> ContactConversationChanged {
    ContactConversationChanged {
        contact_id: contact.to_string(),
        conversation_id: conversation.into(),
        participant: true,
        ..Default::default()
    }
}

/// The newest message by a contact, and what its author had seen of a ticket.
pub fn reply(seq: u64, ticket: &str, revision: u64) -> Option<ContactMessage> {
    Some(ContactMessage {
        seq,
        frontier: vec![FrontierEntry {
            ticket_id: ticket.into(),
            revision,
        }],
    })
}

const FEED_ACCESS: AccessTable = &[
    (
        "/messenger.events.v1.EventFeedService/Subscribe",
        Access::Scope("events:read"),
    ),
    (
        "/messenger.events.v1.EventFeedService/Read",
        Access::Scope("events:read"),
    ),
    (
        "/messenger.events.v1.EventFeedService/GetHeads",
        Access::Scope("events:read"),
    ),
    (
        "/messenger.events.v1.EventFeedService/Snapshot",
        Access::Scope("events:read"),
    ),
];

struct FeedTables;

impl MigratorTrait for FeedTables {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(LogTables)]
    }
}

struct Nothing;

impl SnapshotSource for Nothing {
    fn page(&self, _: Option<String>) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        Box::pin(async {
            Ok(SnapshotPage {
                events: Vec::new(),
                next: None,
            })
        })
    }
}
