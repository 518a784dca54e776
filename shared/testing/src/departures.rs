//! Settings, as far as other services hear of contacts who are no more.

use std::sync::Arc;

use events::{EventLog, FeedServer, NewEvent, SnapshotPage, SnapshotSource, migration::LogTables};
use futures::future::BoxFuture;
use prost::Message;
use proto::{
    events::v1::event_feed_service_server::EventFeedServiceServer,
    settings::v1::{ContactErased, ContactMerged},
};
use runtime::{
    Access, Running, Server, ServerArgs, Tasks,
    auth::{AccessTable, Assertions},
    edge::Edge,
};
use sea_orm::DbErr;
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use tonic::service::Routes;
use types::{Clock, ContactId, SystemClock, WorkspaceId, micros};

use crate::Scratch;

const READ: Access = Access::Scope("events:read");
const ACCESS: AccessTable = &[
    ("/messenger.events.v1.EventFeedService/Subscribe", READ),
    ("/messenger.events.v1.EventFeedService/Read", READ),
    ("/messenger.events.v1.EventFeedService/GetHeads", READ),
    ("/messenger.events.v1.EventFeedService/Snapshot", READ),
];

struct Schema;

impl MigratorTrait for Schema {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(LogTables)]
    }
}

/// Its log, behind a feed.
pub struct Departures {
    log: EventLog,
    running: Running,
}

impl Departures {
    /// On a scratch with a key for `settings`.
    pub async fn start(scratch: &Scratch) -> Self {
        let db = scratch.database::<Schema>("settings").await;
        let log = EventLog::open(db, "settings", Arc::new(SystemClock))
            .await
            .unwrap();
        let tasks = Tasks::new();
        let feed = FeedServer::new(log.clone(), Arc::new(Nobody), tasks.stopping());
        let routes = Routes::new(EventFeedServiceServer::new(feed));
        let edge = Edge::new(ACCESS, Arc::new(Assertions::new(scratch.ring("settings"))));
        let server = Server::new(&["messenger.events.v1.EventFeedService"], routes, edge);
        let running = server
            .start(&ServerArgs::loopback(scratch.path("keys")), tasks)
            .await
            .unwrap();
        Self { log, running }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("http://{}", self.running.address())
    }

    /// A visitor turned out to be a user.
    pub async fn merged(
        &self,
        workspace: &WorkspaceId,
        from: &ContactId,
        into: &ContactId,
        name: &str,
    ) {
        self.emit(merged(workspace, from, into, name)).await;
    }

    /// A contact was erased.
    pub async fn erased(&self, workspace: &WorkspaceId, contact: &ContactId) {
        self.emit(erased(workspace, contact)).await;
    }

    async fn emit(&self, event: NewEvent) {
        let mut work = self.log.begin().await.unwrap();
        work.emit(event);
        work.commit().await.unwrap();
    }
}

/// What Settings tells of a visitor who turned out to be a user.
pub fn merged(workspace: &WorkspaceId, from: &ContactId, into: &ContactId, name: &str) -> NewEvent {
    let told = ContactMerged {
        from_contact_id: from.to_string(),
        into_contact_id: into.to_string(),
        into_contact_name: name.into(),
    };
    event(
        "messenger.settings.v1.ContactMerged",
        workspace,
        from,
        told.encode_to_vec(),
    )
}

/// What Settings tells of a contact who was erased.
pub fn erased(workspace: &WorkspaceId, contact: &ContactId) -> NewEvent {
    let told = ContactErased {
        contact_id: contact.to_string(),
    };
    event(
        "messenger.settings.v1.ContactErased",
        workspace,
        contact,
        told.encode_to_vec(),
    )
}

fn event(
    kind: &'static str,
    workspace: &WorkspaceId,
    contact: &ContactId,
    payload: Vec<u8>,
) -> NewEvent {
    NewEvent {
        kind,
        aggregate_id: contact.to_string(),
        aggregate_version: 1,
        contact: Some(contact.clone()),
        workspace: workspace.clone(),
        occurred_at: micros(SystemClock.now()),
        payload,
    }
}

struct Nobody;

impl SnapshotSource for Nobody {
    fn page(&self, _: Option<String>) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        Box::pin(async { Ok(SnapshotPage::default()) })
    }
}
