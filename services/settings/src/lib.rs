//! Settings: workspaces, Messenger settings per platform with their audit, and who is who: identity
//! keys, contacts, sessions, teammates and API tokens.

mod access;
mod convert;
mod domain;
mod error;
mod feed;
mod housekeeping;
mod sealing;
mod service;
mod store;
mod uses;

use std::{path::PathBuf, sync::Arc};

use database::{Database, migrate_errand, page_key};
use events::{EventLog, FeedServer};
use jetstream::{NatsArgs, StreamArgs, Transport, streams_errand};
use proto::{
    events::v1::event_feed_service_server::EventFeedServiceServer,
    settings::v1::{
        contact_service_server::ContactServiceServer,
        session_store_service_server::SessionStoreServiceServer,
        settings_service_server::SettingsServiceServer,
        workspace_service_server::WorkspaceServiceServer,
    },
};
use runtime::{
    Errand, Running, Server, ServerArgs, StartError, Tasks, auth::Assertions, config::DatabaseArgs,
    edge::Edge, serve::MAX_MESSAGE,
};
use tonic::service::Routes;
use types::{Clock, PageTokens, SystemClock};

pub use sealing::{FILE as SEALING_FILE, generate_sealing_keys};
pub use store::migration::Migrator;

use error::Error;
use sealing::SealingKeys;
use service::Service;
use uses::Uses;

/// The service's name: of its key, its log and itself.
const NAME: &str = "settings";
/// What it serves.
const SERVICES: [&str; 5] = [
    "messenger.settings.v1.SettingsService",
    "messenger.settings.v1.WorkspaceService",
    "messenger.settings.v1.ContactService",
    "messenger.settings.v1.SessionStoreService",
    "messenger.events.v1.EventFeedService",
];

/// What this service is, in one line.
pub const ABOUT: &str =
    "Settings: workspaces, Messenger settings per platform, audit, and who is who";

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
    /// File with the keys that seal identity keys in the database, a line `NAME BASE64` each: the first
    /// seals, all open. `settings.sealing` in the directory of --keys, unless told otherwise.
    #[arg(long, env = "SEALING_KEYS", value_name = "FILE")]
    pub sealing_keys: Option<PathBuf>,
    /// Another way for events.
    #[command(flatten)]
    #[serde(flatten)]
    pub nats: NatsArgs,
    /// How NATS keeps this service's own events.
    #[command(flatten)]
    #[serde(flatten)]
    pub streams: StreamArgs,
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
    let beside = || config.server.keys.join(sealing::FILE);
    let file = config.sealing_keys.clone().unwrap_or_else(beside);
    let sealing = Arc::new(SealingKeys::load(&file)?);
    let transport = Transport::open(&config.nats, NAME).await?;
    let unusable = |cause: String| StartError::Database(cause);
    let db = Database::open_with::<Migrator>(&config.database)
        .await
        .map_err(|e| unusable(e.to_string()))?;
    let page_key = page_key(&db).await.map_err(|e| unusable(e.to_string()))?;
    let log = EventLog::open(db.clone(), NAME, clock)
        .await
        .map_err(|e| unusable(e.to_string()))?;
    sealing::check(&sealing, &log).await?;
    sealing::seal_all(&sealing, &log)
        .await
        .map_err(|e| unusable(e.to_string()))?;
    let tasks = Tasks::new();
    let (connections, stop) = (db.clone().count_connections(NAME), tasks.stopping());
    tasks.spawn(async move {
        stop.run_until_cancelled(connections).await;
    });
    let uses = Arc::new(Uses::default());
    let service = Service {
        log: log.clone(),
        keys: keys.clone(),
        sealing: sealing.clone(),
        uses: uses.clone(),
        pages: PageTokens::new(page_key),
        tasks: tasks.clone(),
    };
    let feed = FeedServer::new(
        log.clone(),
        Arc::new(feed::Snapshots::new(log.clone())),
        tasks.stopping(),
    );
    let routes = Routes::new(
        SettingsServiceServer::new(service.clone()).max_decoding_message_size(MAX_MESSAGE),
    )
    .add_service(
        WorkspaceServiceServer::new(service.clone()).max_decoding_message_size(MAX_MESSAGE),
    )
    .add_service(ContactServiceServer::new(service.clone()).max_decoding_message_size(MAX_MESSAGE))
    .add_service(SessionStoreServiceServer::new(service).max_decoding_message_size(MAX_MESSAGE))
    .add_service(EventFeedServiceServer::new(feed).max_decoding_message_size(MAX_MESSAGE));
    let edge = Edge::new(access::ACCESS, Arc::new(Assertions::new(keys)));
    let running = Server::new(&SERVICES, routes, edge)
        .finally(close(log.clone(), uses.clone(), db))
        .start(&config.server, tasks.clone())
        .await?;
    tasks.spawn(events::share_wakeups(log.clone(), tasks.stopping()));
    tasks.spawn(transport.relay(&log, &config.streams, tasks.stopping()));
    tasks.spawn(uses::run(uses, log.clone(), tasks.stopping()));
    tasks.spawn(housekeeping::run(log, sealing, tasks.stopping()));
    Ok(running)
}

/// What the last calls noted is written before the database goes.
async fn close(log: EventLog, uses: Arc<Uses>, db: Database) -> Result<(), sea_orm::DbErr> {
    uses.write(&log).await;
    db.close().await
}
