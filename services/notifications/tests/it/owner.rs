//! A service that emits events: its log, its feed behind the edge, and a network that can be cut.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use database::Database;
use events::{ContactRef, EventLog, FeedServer, NewEvent, SnapshotPage, SnapshotSource};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use proto::events::v1::{LogPosition, event_feed_service_server::EventFeedServiceServer};
use runtime::{
    Access, KeyRing, Running, Server, ServerArgs, Tasks,
    auth::{AccessTable, Assertions},
    edge::Edge,
};
use sea_orm::DbErr;
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use testing::{Proxy, Scratch};
use tonic::service::Routes;
use types::{Clock, SystemClock, micros};

use crate::center::Customer;

const READ: Access = Access::Scope("events:read");
const ACCESS: AccessTable = &[
    ("/messenger.events.v1.EventFeedService/Subscribe", READ),
    ("/messenger.events.v1.EventFeedService/Read", READ),
    ("/messenger.events.v1.EventFeedService/GetHeads", READ),
    ("/messenger.events.v1.EventFeedService/Snapshot", READ),
];

/// Aggregates on a page of a snapshot.
const PAGE: usize = 4;

struct Schema;

impl MigratorTrait for Schema {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(events::migration::LogTables)]
    }
}

/// The newest state of every aggregate.
#[derive(Default)]
struct States(Mutex<BTreeMap<String, NewEvent>>);

impl SnapshotSource for States {
    /// Newest ids first: what is created while the pages are read is missing in them.
    fn page(&self, after: Option<String>) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        Box::pin(async move { Ok(page_of(&self.0.lock(), after, |_| true)) })
    }

    fn page_of(
        &self,
        of: &ContactRef,
        after: Option<String>,
    ) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        let of = of.clone();
        Box::pin(async move {
            Ok(page_of(&self.0.lock(), after, |event| {
                event.contact.as_ref() == Some(&of.contact) && event.workspace == of.workspace
            }))
        })
    }
}

fn page_of(
    states: &BTreeMap<String, NewEvent>,
    after: Option<String>,
    wanted: impl Fn(&NewEvent) -> bool,
) -> SnapshotPage {
    let rest = states
        .iter()
        .rev()
        .skip_while(|(id, _)| after.as_ref().is_some_and(|after| *id >= after));
    let page: Vec<_> = rest.filter(|(_, event)| wanted(event)).take(PAGE).collect();
    SnapshotPage {
        next: page
            .last()
            .filter(|_| page.len() == PAGE)
            .map(|(id, _)| id.to_string()),
        events: page.into_iter().map(|(_, event)| event.clone()).collect(),
    }
}

/// Stands in for Tickets or Conversations.
pub struct Owner {
    name: &'static str,
    scratch: Scratch,
    keys: PathBuf,
    ring: Arc<KeyRing>,
    log: EventLog,
    states: Arc<States>,
    running: Option<Running>,
    proxy: Option<Arc<Proxy>>,
}

impl Owner {
    pub async fn start(scratch: &Scratch, name: &'static str) -> Self {
        let mut owner = Self {
            name,
            keys: scratch.path("keys"),
            ring: scratch.ring(name),
            log: open(&scratch.database_url(name), name).await,
            scratch: scratch.clone(),
            states: Arc::default(),
            running: None,
            proxy: None,
        };
        owner.serve().await;
        owner
    }

    /// Where its readers connect.
    pub fn address(&self) -> String {
        format!("http://{}", self.proxy.as_ref().unwrap().address())
    }

    /// Goes down.
    pub async fn stop(&mut self) {
        self.running.take().unwrap().drain().await;
    }

    /// Comes up again.
    pub async fn serve(&mut self) {
        let tasks = Tasks::new();
        let feed = FeedServer::new(self.log.clone(), self.states.clone(), tasks.stopping());
        let routes = Routes::new(EventFeedServiceServer::new(feed));
        let edge = Edge::new(ACCESS, Arc::new(Assertions::new(self.ring.clone())));
        let server = Server::new(&["messenger.events.v1.EventFeedService"], routes, edge);
        let running = server
            .start(&ServerArgs::loopback(self.keys.clone()), tasks)
            .await
            .unwrap();
        match &self.proxy {
            Some(proxy) => {
                proxy.retarget(running.address());
                proxy.cut();
            }
            None => self.proxy = Some(Proxy::start(running.address()).await),
        }
        self.running = Some(running);
    }

    /// Breaks every connection to it.
    pub fn cut(&self) {
        self.proxy.as_ref().unwrap().cut();
    }

    /// Stops what it sends on the way, as a dead network does; or lets it through.
    pub fn freeze(&self, frozen: bool) {
        self.proxy.as_ref().unwrap().freeze(frozen);
    }

    /// Loses its log and starts another with what it knows, as after a restore from elsewhere.
    pub async fn lose_history(&mut self) {
        self.stop().await;
        let elsewhere = self.scratch.database_url(&format!("{}-2", self.name));
        self.log = open(&elsewhere, self.name).await;
        self.serve().await;
    }

    /// Forgets an aggregate, as a restore from a backup does.
    pub fn forget(&self, aggregate_id: &str) {
        self.states.0.lock().remove(aggregate_id).unwrap();
    }

    /// Removes everything but the newest event of each partition.
    pub async fn prune(&self) {
        let heads = self.log.refresh_heads().await.unwrap();
        for (partition, head) in heads.into_iter().enumerate().filter(|(_, head)| *head > 0) {
            self.log.prune(partition, head).await.unwrap();
        }
    }

    /// The state of an aggregate after a change.
    pub async fn tell(
        &self,
        customer: &Customer,
        kind: &'static str,
        of: &str,
        payload: Vec<u8>,
    ) -> LogPosition {
        let aggregate_id = format!("{}/{of}", customer.contact);
        let known = self
            .states
            .0
            .lock()
            .get(&aggregate_id)
            .map(|event| event.aggregate_version);
        let event = NewEvent {
            kind,
            aggregate_id: aggregate_id.clone(),
            aggregate_version: known.unwrap_or(0) + 1,
            contact: Some(customer.contact.clone()),
            workspace: customer.workspace.clone(),
            occurred_at: micros(SystemClock.now()),
            payload,
        };
        self.states.0.lock().insert(aggregate_id, event.clone());
        self.emit(event).await
    }

    /// Any event at all, whether its state is kept or not.
    pub async fn emit(&self, event: NewEvent) -> LogPosition {
        let mut work = self.log.begin().await.unwrap();
        work.emit(event);
        work.commit().await.unwrap().remove(0)
    }
}

async fn open(database_url: &str, name: &'static str) -> EventLog {
    let db = Database::open::<Schema>(database_url).await.unwrap();
    EventLog::open(db, name, Arc::new(SystemClock))
        .await
        .unwrap()
}
