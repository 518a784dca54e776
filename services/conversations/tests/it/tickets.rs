//! Tickets, as far as Conversations can see it: a log and its feed.

use std::sync::Arc;

use events::{
    EventLog, FeedServer, NewEvent, SnapshotPage, SnapshotSource,
    migration::{ConsumerTables, LogTables},
};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use prost::Message;
use proto::{
    events::v1::event_feed_service_server::EventFeedServiceServer,
    tickets::v1::{ContactTicketChanged, StateCategory},
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
use types::{ContactId, WorkspaceId};

const FEED: Access = Access::Scope("events:read");
const ACCESS: AccessTable = &[
    ("/messenger.events.v1.EventFeedService/Subscribe", FEED),
    ("/messenger.events.v1.EventFeedService/Read", FEED),
    ("/messenger.events.v1.EventFeedService/GetHeads", FEED),
    ("/messenger.events.v1.EventFeedService/Snapshot", FEED),
];

types::id!(TicketId, "tkt");
types::id!(StateId, "tst");

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(LogTables), Box::new(ConsumerTables)]
    }
}

/// The newest event of each aggregate, as a snapshot tells it.
#[derive(Clone, Default)]
struct Newest(Arc<Mutex<Vec<NewEvent>>>);

impl SnapshotSource for Newest {
    fn page(&self, _: Option<String>) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        let events = self.0.lock().clone();
        Box::pin(async { Ok(SnapshotPage { events, next: None }) })
    }
}

/// A ticket as one of its viewers is told of it.
#[derive(Clone)]
pub struct Ticket {
    pub workspace: WorkspaceId,
    pub event: ContactTicketChanged,
}

impl Ticket {
    /// A new one of a requester, linked to a conversation.
    pub fn new(workspace: &WorkspaceId, requester: &ContactId, conversation: &str) -> Self {
        Self {
            workspace: workspace.clone(),
            event: ContactTicketChanged {
                contact_id: requester.to_string(),
                ticket_id: TicketId::generate().into(),
                visible: true,
                revision: 1,
                notify_revision: 1,
                stamp_revision: 1,
                state_id: StateId::generate().into(),
                category: StateCategory::Submitted.into(),
                number: 1,
                title: "Printer".into(),
                conversation_id: conversation.into(),
                requester: true,
                ..Default::default()
            },
        }
    }

    /// Its customer-visible status changes.
    pub fn moved(mut self, category: StateCategory) -> Self {
        self.event.revision += 1;
        self.event.notify_revision = self.event.revision;
        self.event.stamp_revision = self.event.revision;
        self.event.state_id = StateId::generate().into();
        self.event.set_category(category);
        self
    }

    /// It is linked to another conversation: another call to action, but no update that badges (O4).
    pub fn linked_to(mut self, conversation: &str) -> Self {
        self.event.revision += 1;
        self.event.stamp_revision = self.event.revision;
        self.event.conversation_id = conversation.into();
        self
    }

    /// As another viewer is told of it.
    pub fn seen_by(mut self, contact: &ContactId) -> Self {
        self.event.contact_id = contact.to_string();
        self.event.requester = false;
        self
    }

    /// Its id.
    pub fn id(&self) -> String {
        self.event.ticket_id.clone()
    }
}

/// The feed on its port.
pub struct Tickets {
    log: EventLog,
    newest: Newest,
    running: Running,
    versions: Mutex<std::collections::HashMap<String, u64>>,
}

impl Tickets {
    pub async fn start(scratch: &Scratch, clock: &ManualClock) -> Self {
        let db = scratch.database::<Migrator>("tickets").await;
        let log = EventLog::open(db, "tickets", Arc::new(clock.clone()))
            .await
            .unwrap();
        let tasks = Tasks::new();
        let newest = Newest::default();
        let feed = FeedServer::new(log.clone(), Arc::new(newest.clone()), tasks.stopping());
        let edge = Edge::new(ACCESS, Arc::new(Assertions::new(scratch.ring("tickets"))));
        let routes = Routes::new(EventFeedServiceServer::new(feed));
        let server = ServerArgs::loopback(scratch.path("keys"));
        let running = Server::new(&[], routes, edge)
            .start(&server, tasks)
            .await
            .unwrap();
        Self {
            log,
            newest,
            running,
            versions: Mutex::default(),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.running.address())
    }

    /// Tells of tickets, in one transaction.
    pub async fn tell(&self, tickets: &[&Ticket]) {
        let mut work = self.log.begin().await.unwrap();
        for ticket in tickets {
            work.emit(self.event(ticket));
        }
        work.commit().await.unwrap();
    }

    /// An event that no version of this service understands.
    pub async fn tell_garbage(&self, ticket: &Ticket) {
        let mut event = self.event(ticket);
        event.payload = vec![0xff; 9];
        self.newest.0.lock().pop();
        let mut work = self.log.begin().await.unwrap();
        work.emit(event);
        work.commit().await.unwrap();
    }

    /// Forgets its history, as after the longest absence: readers have to take a snapshot.
    pub async fn prune(&self) {
        let heads = self.log.refresh_heads().await.unwrap();
        for (partition, head) in heads.into_iter().enumerate() {
            self.log.prune(partition, head).await.unwrap();
        }
    }

    fn event(&self, ticket: &Ticket) -> NewEvent {
        let aggregate_id = format!("{}/{}", ticket.event.contact_id, ticket.event.ticket_id);
        let mut versions = self.versions.lock();
        let version = versions.entry(aggregate_id.clone()).or_default();
        *version += 1;
        let event = NewEvent {
            kind: "messenger.tickets.v1.ContactTicketChanged",
            aggregate_id,
            aggregate_version: *version,
            contact: Some(ContactId::parse(&ticket.event.contact_id).unwrap()),
            workspace: ticket.workspace.clone(),
            occurred_at: types::micros(self.log.clock().now()),
            payload: ticket.event.encode_to_vec(),
        };
        let mut newest = self.newest.0.lock();
        newest.retain(|known| known.aggregate_id != event.aggregate_id);
        newest.push(event.clone());
        event
    }
}
