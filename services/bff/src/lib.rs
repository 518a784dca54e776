//! The BFF: what a Messenger talks to, over gRPC, gRPC-Web and Connect on one port. It owns nothing durable; it
//! turns a session into a contact, asks the services behind, and composes what they say.

mod access;
mod apps;
mod clients;
mod consistency;
mod console;
mod convert;
mod error;
mod feed;
mod freshness;
mod home;
mod labels;
mod limits;
mod origin;
mod pages;
mod proxies;
mod service;
mod sessions;
mod shared_map;
mod spaces;
mod view;
mod waits;
mod watch;
mod web;
mod workspace;

use std::{path::PathBuf, sync::Arc, time::Duration};

use events::GrpcSource;
use jetstream::{NatsArgs, Transport};
use proto::bff::v1::{
    console_service_server::ConsoleServiceServer, messenger_service_server::MessengerServiceServer,
    session_service_server::SessionServiceServer,
};
use runtime::{
    Running, Server, ServerArgs, StartError, Tasks, client::service_channel, crowd::Crowd,
    edge::Edge, serve::MAX_MESSAGE,
};
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower::layer::util::Stack;
use types::{Clock, SystemClock};

use access::ACCESS;
use apps::Apps;
use clients::{Addresses, Clients};
use console::{Callers, Doorman};
pub use console::{ConsoleArgs, Person, WorkspaceOfProvider};
use feed::Feed;
use freshness::Freshness;
use ipnet::IpNet;
use limits::Limits;
pub use limits::{Counted, LimitArgs};
use origin::Origin;
use proxies::Proxies;
use service::{ConsoleHandler, MessengerHandler, SessionHandler};
use sessions::{CallerLayer, Sessions};
use waits::Waits;
use watch::Watches;
pub use web::Embedder;
use workspace::Workspaces;

/// This service's name: of its key, and of itself in assertions.
const NAME: &str = "bff";
/// With Settings away a start waits this long for its feed, then serves without.
const FEED: Duration = Duration::from_secs(2);

/// What this service is, in one line.
pub const ABOUT: &str = "BFF: what Messengers talk to, over gRPC, gRPC-Web and Connect";

/// What the BFF is told by flags and environment.
#[derive(Debug, Clone, clap::Args, serde::Serialize)]
pub struct Config {
    /// Where to listen and how to stop.
    #[command(flatten)]
    pub server: ServerArgs,

    /// Another way for events.
    #[command(flatten)]
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

    /// Address of Settings; several with commas, or a name with several addresses, for replicas.
    #[arg(
        long,
        env = "SETTINGS",
        default_value = "http://127.0.0.1:7103",
        value_name = "URL"
    )]
    pub settings: String,

    /// Address of Notifications; several with commas, or a name with several addresses, for replicas.
    #[arg(
        long,
        env = "NOTIFICATIONS",
        default_value = "http://127.0.0.1:7104",
        value_name = "URL"
    )]
    pub notifications: String,

    /// Origins whose pages may call from a browser, such as `https://app.example.com`; several with commas.
    /// The Messenger itself needs none: it runs on this address.
    #[arg(
        long,
        env = "CORS_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub cors_origins: Vec<Origin>,

    /// Directory with the pages of the web Messenger and of the console, as `npm run build` in services/bff/web writes it; without it there
    /// are none.
    #[arg(long, env = "WEB", value_name = "DIRECTORY")]
    pub web: Option<PathBuf>,

    /// Origins whose pages may show the Messenger of a workspace that has not named any itself, such as
    /// `http://localhost:*`; several with commas. For development: without this, no page may.
    #[arg(long, env = "EMBEDDERS", value_name = "ORIGIN", value_delimiter = ',')]
    pub embedders: Vec<Embedder>,

    /// Networks of the proxies in front, such as `10.0.0.0/8`; several with commas. What these say in
    /// `X-Forwarded-For` is believed, and nobody else.
    #[arg(
        long,
        env = "TRUSTED_PROXIES",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    pub trusted_proxies: Vec<IpNet>,

    /// How often somebody may ask.
    #[command(flatten)]
    pub limits: LimitArgs,

    /// How teammates log in to the console.
    #[command(flatten)]
    pub console: ConsoleArgs,
}

/// Starts the BFF on the machine's clock.
///
/// # Errors
/// When a key or an address is wrong, or the port is taken. Services that are away are no error.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_with(config, Arc::new(SystemClock)).await
}

/// Starts the BFF on a clock of the caller's.
///
/// # Errors
/// As [`start`].
pub async fn start_with(config: Config, clock: Arc<dyn Clock>) -> Result<Running, StartError> {
    let keys = config.server.credentials(NAME)?;
    let transport = Transport::open(&config.nats, NAME).await?;
    let at = Addresses {
        tickets: &config.tickets,
        conversations: &config.conversations,
        settings: &config.settings,
        notifications: &config.notifications,
    };
    let clients = Arc::new(Clients::new(keys.clone(), &at)?);
    let limits = Arc::new(Limits::new(&config.limits));
    let proxies = Arc::new(Proxies::new(config.trusted_proxies));
    let share = config.limits.share();
    let crowd = share.map(|share| Crowd::new(share, proxies.clone()));
    let doorman = Doorman {
        limits: limits.clone(),
        proxies: proxies.clone(),
    };
    let console = console::parts(
        &config.console,
        &config.server,
        config.web.as_deref(),
        clients.clone(),
        doorman,
        clock.clone(),
    )?;
    let freshness = Arc::new(Freshness::new(clock));
    let workspaces = Arc::new(Workspaces::new(freshness.clone()));
    let apps = Arc::new(Apps::new(
        clients.clone(),
        freshness.clone(),
        limits.clone(),
        config.embedders,
    ));
    let sessions = Arc::new(Sessions::new(
        clients.clone(),
        workspaces.clone(),
        freshness.clone(),
        limits.clone(),
    ));
    let tasks = Tasks::new();
    tasks.spawn(limits.clone().sweep(tasks.stopping()));
    let settings = service_channel(&config.settings, keys, &["events:read"])?;
    let feed = Feed::new(
        transport.reader("settings", GrpcSource::new(settings)),
        sessions.clone(),
        workspaces,
        apps.clone(),
        freshness.clone(),
    );
    let mut following = feed.following();
    tasks.spawn(feed.run(tasks.stopping()));
    if tokio::time::timeout(FEED, following.wait_for(|following| *following))
        .await
        .is_err()
    {
        tracing::warn!("Settings does not answer; serving without it");
    }
    let messenger = MessengerHandler {
        clients: clients.clone(),
        watches: Watches::new(clients.clone(), freshness, tasks.stopping()),
        waits: Waits::default(),
        limits: limits.clone(),
    };
    let desk = ConsoleHandler {
        clients: clients.clone(),
    };
    let session = SessionHandler {
        clients,
        sessions: sessions.clone(),
        limits,
    };
    let routes =
        Routes::new(MessengerServiceServer::new(messenger).max_decoding_message_size(MAX_MESSAGE))
            .add_service(SessionServiceServer::new(session).max_decoding_message_size(MAX_MESSAGE))
            .add_service(ConsoleServiceServer::new(desk).max_decoding_message_size(MAX_MESSAGE));
    // a cookie lets in to the console, from its own pages alone: no program that reads OpenAPI has one
    let published = [
        "messenger.bff.v1.MessengerService",
        "messenger.bff.v1.SessionService",
    ];
    let names = [
        published[0],
        published[1],
        "messenger.bff.v1.ConsoleService",
    ];
    let mut pages = pages::router(&published)?.merge(console.pages);
    if let Some(directory) = &config.web {
        pages = pages.merge(web::router(directory, apps, proxies.clone())?);
    }
    // gRPC-Web outermost: everything inside of it sees gRPC
    let outer = Stack::new(
        Stack::new(CallerLayer(proxies), console.layer),
        GrpcWebLayer::new(),
    );
    let callers = Arc::new(Callers {
        messengers: sessions,
        consoles: console.sessions,
    });
    Server::new(&names, routes, Edge::new(ACCESS, callers).in_public())
        .outside(outer)
        .crowd(crowd)
        .pages(pages)
        .origins(config.cors_origins.iter().map(Origin::header).collect())
        .start(&config.server, tasks.clone())
        .await
        .inspect_err(|_| tasks.stop())
}
