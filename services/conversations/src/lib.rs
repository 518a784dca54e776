//! Conversations: their parts, participants, read positions and receipts.

mod access;
mod convert;
mod departures;
mod domain;
mod error;
mod service;
mod snapshot;
mod stamps;
mod store;

use std::{sync::Arc, time::Duration};

use database::{Database, migrate_errand, page_key, requests};
use events::{
    Consumer, EventLog, FeedServer, GrpcSource,
    departed::{Departures, Settlement},
};
use jetstream::{NatsArgs, StreamArgs, Transport, streams_errand};
use proto::{
    conversations::v1::{
        contact_data_service_server::{ContactDataServiceServer, SERVICE_NAME as CONTACT_DATA},
        conversation_service_server::{ConversationServiceServer, SERVICE_NAME as CONVERSATIONS},
    },
    events::v1::event_feed_service_server::{EventFeedServiceServer, SERVICE_NAME as EVENT_FEED},
};
use runtime::{
    Errand, Running, Server, ServerArgs, StartError, Tasks, auth::Assertions,
    client::service_channel, config::DatabaseArgs, edge::Edge, serve::MAX_MESSAGE,
};
use sea_orm::DbErr;
use tonic::service::Routes;
use types::{Clock, PageTokens, SystemClock, micros};

pub use store::migration::Migrator;

use crate::{access::ACCESS, service::Conversations, snapshot::Copies, stamps::Stamps};

/// The service's name: of its key, its log and its process.
const NAME: &str = "conversations";
/// How often what is too old is removed.
const HOUSEKEEPING: Duration = Duration::from_secs(3_600);
/// How long events are kept for readers that were away, in microseconds.
const KEPT_FOR_MICROS: i64 = 30 * 24 * 3_600 * 1_000_000;

/// What this service is, in one line.
pub const ABOUT: &str = "Conversations: their parts, participants, read positions and receipts";

/// What the process is told.
#[derive(Debug, Clone, clap::Args, serde::Serialize)]
pub struct Config {
    /// Where it listens.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Where its data is.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Another way for events.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// How NATS keeps this service's own events.
    #[command(flatten)]
    pub streams: StreamArgs,
    /// Address of Tickets, whose feed it reads; several with commas, or a name with several addresses, for replicas.
    #[arg(
        long,
        env = "TICKETS",
        default_value = "http://127.0.0.1:7101",
        value_name = "URL"
    )]
    pub tickets: String,
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

/// Starts the service.
///
/// # Errors
/// When a key, the database, the port or the address of Tickets cannot be used.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_with(config, Arc::new(SystemClock)).await
}

/// Starts the service with a clock of the caller's.
///
/// # Errors
/// As [`start`].
pub async fn start_with(config: Config, clock: Arc<dyn Clock>) -> Result<Running, StartError> {
    let keys = config.server.credentials(NAME)?;
    let transport = Transport::open(&config.nats, NAME).await?;
    let unusable = |error: DbErr| StartError::Database(error.to_string());
    let db = Database::open_with::<Migrator>(&config.database)
        .await
        .map_err(|error| StartError::Database(error.to_string()))?;
    let tokens = PageTokens::new(page_key(&db).await.map_err(unusable)?);
    let log = EventLog::open(db.clone(), NAME, clock.clone())
        .await
        .map_err(unusable)?
        .guarding_departed();
    let tasks = Tasks::new();
    let (connections, stop) = (db.clone().count_connections(NAME), tasks.stopping());
    tasks.spawn(async move {
        stop.run_until_cancelled(connections).await;
    });

    let tickets = service_channel(&config.tickets, keys.clone(), &["events:read"])?;
    let consumer = Consumer::new(
        log.clone(),
        "tickets",
        transport.reader("tickets", GrpcSource::new(tickets)),
        Arc::new(Stamps::new(clock.clone())),
    )
    .spaced(events::UNHURRIED);
    tasks.spawn(consumer.run(tasks.stopping()));
    let settings = service_channel(&config.settings, keys.clone(), &["events:read"])?;
    let departures = Arc::new(Departures::default());
    let consumer = Consumer::new(
        log.clone(),
        "settings",
        transport.reader("settings", GrpcSource::new(settings)),
        departures.clone(),
    );
    let settlement = Settlement::new(
        log.clone(),
        &departures,
        Arc::new(departures::Departures::new(clock.clone())),
        transport.copies(&log, &config.streams),
    );
    tasks.spawn(consumer.run(tasks.stopping()));
    tasks.spawn(settlement.run(tasks.stopping()));
    tasks.spawn(transport.relay(&log, &config.streams, tasks.stopping()));
    tasks.spawn(keep_house(log.clone(), clock.clone(), tasks.clone()));
    tasks.spawn(events::share_wakeups(log.clone(), tasks.stopping()));

    let feed = FeedServer::new(
        log.clone(),
        Arc::new(Copies::new(log.clone())),
        tasks.stopping(),
    );
    let conversations = Conversations::new(log, clock, tokens);
    let routes = Routes::new(
        ConversationServiceServer::new(conversations.clone())
            .max_decoding_message_size(MAX_MESSAGE),
    )
    .add_service(
        ContactDataServiceServer::new(conversations).max_decoding_message_size(MAX_MESSAGE),
    )
    .add_service(EventFeedServiceServer::new(feed).max_decoding_message_size(MAX_MESSAGE));
    let edge = Edge::new(ACCESS, Arc::new(Assertions::new(keys)));
    Server::new(&[CONVERSATIONS, CONTACT_DATA, EVENT_FEED], routes, edge)
        .finally(db.close())
        .start(&config.server, tasks)
        .await
}

/// Removes answers and events that nobody asks for any more.
async fn keep_house(log: EventLog, clock: Arc<dyn Clock>, tasks: Tasks) {
    let stop = tasks.stopping();
    loop {
        let now = micros(clock.now());
        // whatever cannot be removed keeps nothing else from being removed
        if let Err(error) = requests::forget_old(log.database(), now).await {
            tracing::warn!(%error, "old answers were not removed; tried again later");
        }
        if let Err(error) = log.prune_before(now - KEPT_FOR_MICROS).await {
            tracing::warn!(%error, "old events were not removed; tried again later");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(HOUSEKEEPING) => {}
        }
    }
}
