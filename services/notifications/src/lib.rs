//! Notifications: what each contact has not read, computed from rows that mirror Tickets and
//! Conversations. This file wires the service; nothing else does.

mod access;
mod cache;
mod convert;
mod departures;
mod error;
mod export;
mod feed;
mod hub;
mod inboxes;
pub mod migration;
pub mod projection;
mod rebuild;
mod renew;
mod replicas;
mod service;
pub mod store;
mod watch;

pub use renew::DRIFTED;

use std::{sync::Arc, time::Duration};

use database::{Database, migrate_errand, page_key};
use events::{
    Consumer, EventLog, GrpcSource,
    departed::{Departures, Settlement},
};
use jetstream::{NatsArgs, Transport};
use proto::notifications::v1::{
    contact_data_service_server::ContactDataServiceServer,
    notification_service_server::NotificationServiceServer,
};
use runtime::{
    Errand, Running, Server, ServerArgs, StartError, Tasks, auth::Assertions,
    client::service_channel, config::DatabaseArgs, edge::Edge, serve::MAX_MESSAGE,
};
use serde::Serialize;
use tonic::service::Routes;
use types::{Clock, PageTokens, SystemClock};

use crate::{
    access::ACCESS,
    export::Export,
    feed::{Mirror, Mirrored},
    inboxes::Inboxes,
    migration::Migrations,
    rebuild::Rebuilder,
    renew::Renewer,
    replicas::Replicas,
    service::Service,
    store::{Source, Store},
};

/// The service's name among services.
const NAME: &str = "notifications";
/// What it serves.
const SERVICES: [&str; 2] = [
    "messenger.notifications.v1.NotificationService",
    "messenger.notifications.v1.ContactDataService",
];
/// What it may do at the services it reads.
const SCOPES: &[&str] = &["events:read"];
/// Longest wait for the feeds before serving what is there: a badge may be old, but then it is there.
const CATCH_UP: Duration = Duration::from_secs(2);

/// Contacts compared with their owners each second, unless told otherwise.
pub const SCRUB_PER_SECOND: u32 = 10;

/// What this service is, in one line.
pub const ABOUT: &str = "Notifications: what each contact has not read, and a live watch of it";

/// What the service is told when it starts.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct Config {
    /// Where it listens.
    #[command(flatten)]
    #[serde(flatten)]
    pub server: ServerArgs,
    /// Where its data is.
    #[command(flatten)]
    #[serde(flatten)]
    pub database: DatabaseArgs,
    /// Another way for events.
    #[command(flatten)]
    #[serde(flatten)]
    pub nats: NatsArgs,
    /// Address of Tickets; several with commas, or a name with several addresses, for replicas.
    #[arg(
        long,
        env = "TICKETS",
        default_value = "http://127.0.0.1:7101",
        value_name = "URL"
    )]
    pub tickets: String,
    /// Address of Conversations; several with commas, or a name with several addresses, for replicas.
    #[arg(
        long,
        env = "CONVERSATIONS",
        default_value = "http://127.0.0.1:7102",
        value_name = "URL"
    )]
    pub conversations: String,
    /// Address of Settings, whose events about merged and erased contacts it follows.
    #[arg(
        long,
        env = "SETTINGS",
        default_value = "http://127.0.0.1:7103",
        value_name = "URL"
    )]
    pub settings: String,
    /// Contacts a second whose inboxes are compared with what Tickets and Conversations tell, and put right
    /// where they differ; 0: none.
    #[arg(
        long,
        env = "SCRUB_PER_SECOND",
        default_value_t = SCRUB_PER_SECOND,
        value_name = "CONTACTS"
    )]
    pub scrub_per_second: u32,
}

/// What its program can do once, instead of serving: for jobs.
pub fn errands() -> [Errand; 1] {
    [migrate_errand::<Migrations>()]
}

/// Starts the service on the machine's clock.
///
/// # Errors
/// As [`start_with`].
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_with(config, Arc::new(SystemClock)).await
}

/// Starts the service: opens its database, follows both feeds, and serves.
///
/// # Errors
/// When a key, the database, an address or the port cannot be used. Services that are away are waited
/// for in the background.
pub async fn start_with(config: Config, clock: Arc<dyn Clock>) -> Result<Running, StartError> {
    let keys = config.server.credentials(NAME)?;
    let transport = Transport::open(&config.nats, NAME).await?;
    let db = Database::open_with::<Migrations>(&config.database)
        .await
        .map_err(|e| StartError::Database(e.to_string()))?;
    let key = page_key(&db)
        .await
        .map_err(|e| StartError::Database(e.to_string()))?;
    let log = EventLog::open(db.clone(), NAME, clock)
        .await
        .map_err(|e| StartError::Database(e.to_string()))?;
    let tasks = Tasks::new();
    let (connections, stop) = (db.clone().count_connections(NAME), tasks.stopping());
    tasks.spawn(async move {
        stop.run_until_cancelled(connections).await;
    });
    let inboxes = Arc::new(Inboxes::new(Store::new(db.clone())));
    let hints = transport.hints();
    let others = Replicas::listen(log.clone(), inboxes.clone(), hints.clone())
        .await
        .map_err(|e| StartError::Database(e.to_string()))?;
    tasks.spawn(others.run(tasks.stopping()));
    let follow = |source, name, address: &str| -> Result<Consumer, StartError> {
        let channel = service_channel(address, keys.clone(), SCOPES)?;
        let feed = transport.reader(name, GrpcSource::new(channel));
        let mirror = Arc::new(Mirror::new(source, inboxes.clone()));
        Ok(Consumer::new(log.clone(), name, feed, mirror))
    };
    let tickets = follow(Source::Tickets, "tickets", &config.tickets)?;
    let conversations = follow(
        Source::Conversations,
        "conversations",
        &config.conversations,
    )?;
    let mirrored = Mirrored {
        tickets: tickets.progress(),
        conversations: conversations.progress(),
    };
    let renewer = Arc::new(Renewer::new(
        log.clone(),
        tickets.clone(),
        conversations.clone(),
        inboxes.clone(),
    ));
    let rebuilder = Rebuilder::new(log.clone(), renewer.clone(), inboxes.clone());
    if config.scrub_per_second > 0 {
        tasks.spawn(rebuild::scrub(
            renewer,
            config.scrub_per_second,
            tasks.stopping(),
        ));
    }
    let departures = Arc::new(Departures::default());
    let settings = Consumer::new(
        log.clone(),
        "settings",
        transport.reader(
            "settings",
            GrpcSource::new(service_channel(&config.settings, keys.clone(), SCOPES)?),
        ),
        departures.clone(),
    );
    let settling = departures::Departures::new(log.clone(), inboxes.clone(), hints.clone());
    let settlement = Settlement::new(log.clone(), &departures, Arc::new(settling), None);
    tasks.spawn(settings.run(tasks.stopping()));
    tasks.spawn(settlement.run(tasks.stopping()));
    tasks.spawn(tickets.run(tasks.stopping()));
    tasks.spawn(conversations.run(tasks.stopping()));
    let both = [&mirrored.tickets, &mirrored.conversations].map(|feed| feed.caught_up(CATCH_UP));
    if futures::future::join_all(both).await.contains(&false) {
        tracing::warn!("a feed is not caught up; badges may be old until it is");
    }
    let export = ContactDataServiceServer::new(Export {
        inboxes: inboxes.clone(),
        tokens: PageTokens::new(key),
    });
    let service = NotificationServiceServer::new(Service {
        log,
        inboxes,
        hints,
        mirrored,
        rebuilder: Arc::new(rebuilder),
        tasks: tasks.clone(),
    })
    .max_decoding_message_size(MAX_MESSAGE);
    let edge = Edge::new(ACCESS, Arc::new(Assertions::new(keys)));
    let server =
        Server::new(&SERVICES, Routes::new(service).add_service(export), edge).finally(db.close());
    // whoever cannot serve must not go on applying events behind somebody's back
    let started = server.start(&config.server, tasks.clone()).await;
    started.inspect_err(|_| tasks.stop())
}
