//! Tickets: their types, states, revisions and history, who sees them, and the link to a conversation.

mod access;
mod catalogs;
mod convert;
mod departures;
mod domain;
mod error;
mod housekeeping;
pub mod import;
mod replica;
mod service;
mod snapshot;
mod store;

use std::sync::Arc;

use database::{Database, migrate_errand, page_key};
use events::{
    Consumer, EventLog, FeedServer, GrpcSource,
    departed::{Departures, Settlement},
};
use jetstream::{NatsArgs, StreamArgs, Transport, streams_errand};
use proto::{
    events::v1::event_feed_service_server::EventFeedServiceServer,
    tickets::v1::{
        contact_data_service_server::ContactDataServiceServer,
        ticket_service_server::TicketServiceServer,
        ticket_type_service_server::TicketTypeServiceServer,
    },
};
use runtime::{
    Errand, Running, Server, ServerArgs, StartError, Tasks, auth::Assertions,
    client::service_channel, config::DatabaseArgs, edge::Edge, serve::MAX_MESSAGE,
};
use tonic::service::Routes;
use types::{Clock, PageTokens, SystemClock};

pub use store::Migrator;

use catalogs::Catalogs;
use replica::Replica;
use service::Service;
use snapshot::Snapshots;

/// What the process is, in one line.
pub const ABOUT: &str = "Tickets: their types, states, revisions and history, who sees them, and the link to a conversation";

/// The service's name: of its key, its log and itself.
const NAME: &str = "tickets";
/// What it serves.
const SERVICES: [&str; 4] = [
    "messenger.tickets.v1.TicketService",
    "messenger.tickets.v1.TicketTypeService",
    "messenger.tickets.v1.ContactDataService",
    "messenger.events.v1.EventFeedService",
];

/// What the process is told.
#[derive(Debug, Clone, clap::Args, serde::Serialize)]
pub struct Config {
    /// Where it listens.
    #[command(flatten)]
    #[serde(flatten)]
    pub server: ServerArgs,
    /// Where it keeps its data.
    #[command(flatten)]
    #[serde(flatten)]
    pub database: DatabaseArgs,
    /// Another way for events.
    #[command(flatten)]
    #[serde(flatten)]
    pub nats: NatsArgs,
    /// How NATS keeps this service's own events.
    #[command(flatten)]
    #[serde(flatten)]
    pub streams: StreamArgs,
    /// Address of Conversations, whose events it follows.
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
}

/// What its program can do once, instead of serving: for jobs.
pub fn errands() -> [Errand; 2] {
    [
        migrate_errand::<Migrator>(),
        streams_errand::<Migrator>(NAME),
    ]
}

/// Starts on the machine's clock.
///
/// # Errors
/// When a key is missing, the database cannot be used, or the port is taken.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_with(config, Arc::new(SystemClock)).await
}

/// Starts on a clock that is handed in. Assertions go by the machine's clock all the same: they are
/// checked by other processes.
///
/// # Errors
/// As [`start`].
pub async fn start_with(config: Config, clock: Arc<dyn Clock>) -> Result<Running, StartError> {
    let keys = config.server.credentials(NAME)?;
    let unusable = |cause: String| StartError::Database(cause);
    let db = Database::open_with::<Migrator>(&config.database)
        .await
        .map_err(|e| unusable(e.to_string()))?;
    let transport = Transport::open(&config.nats, NAME).await?;
    let page_key = page_key(&db).await.map_err(|e| unusable(e.to_string()))?;
    let log = EventLog::open(db.clone(), NAME, clock.clone())
        .await
        .map_err(|e| unusable(e.to_string()))?
        .guarding_departed();
    let catalogs = Arc::new(Catalogs::new(db.clone()));
    let tasks = Tasks::new();
    let (connections, stop) = (db.clone().count_connections(NAME), tasks.stopping());
    tasks.spawn(async move {
        stop.run_until_cancelled(connections).await;
    });

    let channel = service_channel(&config.conversations, keys.clone(), &["events:read"])?;
    let replica = Replica::new(catalogs.clone(), clock.clone());
    let consumer = Consumer::new(
        log.clone(),
        "conversations",
        transport.reader("conversations", GrpcSource::new(channel)),
        Arc::new(replica),
    )
    .spaced(events::UNHURRIED);
    tasks.spawn(consumer.run(tasks.stopping()));
    let channel = service_channel(&config.settings, keys.clone(), &["events:read"])?;
    let departures = Arc::new(Departures::default());
    let consumer = Consumer::new(
        log.clone(),
        "settings",
        transport.reader("settings", GrpcSource::new(channel)),
        departures.clone(),
    );
    let settlement = Settlement::new(
        log.clone(),
        &departures,
        Arc::new(departures::Tickets::new(clock)),
        transport.copies(&log, &config.streams),
    );
    tasks.spawn(consumer.run(tasks.stopping()));
    tasks.spawn(settlement.run(tasks.stopping()));
    tasks.spawn(transport.relay(&log, &config.streams, tasks.stopping()));
    tasks.spawn(housekeeping::run(log.clone(), tasks.stopping()));
    tasks.spawn(events::share_wakeups(log.clone(), tasks.stopping()));

    let feed = FeedServer::new(
        log.clone(),
        Arc::new(Snapshots::new(db.clone())),
        tasks.stopping(),
    );
    let service = Service::new(log, catalogs, PageTokens::new(page_key));
    let routes = Routes::new(
        TicketServiceServer::new(service.clone()).max_decoding_message_size(MAX_MESSAGE),
    )
    .add_service(
        TicketTypeServiceServer::new(service.clone()).max_decoding_message_size(MAX_MESSAGE),
    )
    .add_service(ContactDataServiceServer::new(service).max_decoding_message_size(MAX_MESSAGE))
    .add_service(EventFeedServiceServer::new(feed).max_decoding_message_size(MAX_MESSAGE));
    let edge = Edge::new(access::ACCESS, Arc::new(Assertions::new(keys)));
    Server::new(&SERVICES, routes, edge)
        .finally(db.close())
        .start(&config.server, tasks)
        .await
}
