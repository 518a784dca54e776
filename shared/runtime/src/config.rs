//! What every process is told by flags and environment.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::{ArgAction, Args};
use serde::Serialize;

use crate::{KeyRing, TlsArgs};

/// Where a process listens and how it stops.
#[derive(Debug, Clone, Args, Serialize)]
pub struct ServerArgs {
    /// Address of the gRPC port; port 0 takes a free one.
    #[arg(long, env = "LISTEN", value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// Address of the admin port with /livez and /readyz; none when not given.
    #[arg(long, env = "ADMIN_LISTEN", value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,

    /// Seconds that open calls get to finish after a stop was asked for.
    #[arg(long, env = "DRAIN_SECONDS", default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=600))]
    pub drain_seconds: u64,

    /// Directory with the keys of the services: this service's own `NAME.key` and everybody's `NAME.pub`.
    #[arg(
        long,
        env = "KEYS",
        default_value = ".data/keys",
        value_name = "DIRECTORY"
    )]
    pub keys: PathBuf,

    /// Connections of the gRPC port at once; one more is closed at once. The system's limit of open files has to be
    /// higher.
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = MAX_CONNECTIONS, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,

    /// Certificates.
    #[command(flatten)]
    #[serde(flatten)]
    pub tls: TlsArgs,
}

/// As many Messengers as a process can watch for, and room to come and go.
const MAX_CONNECTIONS: u32 = 40_000;

impl ServerArgs {
    /// On loopback with a free port and nothing else: for tests and for processes inside a process.
    pub fn loopback(keys: PathBuf) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin_listen: None,
            drain_seconds: 5,
            keys,
            max_connections: MAX_CONNECTIONS,
            tls: TlsArgs::default(),
        }
    }

    /// What the service of this name shows whom it calls: its key and, where they ask for one, its certificate.
    ///
    /// # Errors
    /// When a key or a file of TLS is missing or cannot be used, or TLS is configured by half.
    pub fn credentials(&self, name: &str) -> Result<Arc<KeyRing>, StartError> {
        let keys = KeyRing::load(&self.keys, name)?;
        Ok(Arc::new(keys.over(self.tls.peers()?)))
    }

    /// How long open calls get to finish.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

/// Where a service keeps its data.
#[derive(Debug, Clone, Args, Serialize)]
pub struct DatabaseArgs {
    /// The service's own database: `sqlite://.data/NAME.db`, or `postgres://USER@HOST/NAME` where several
    /// replicas share it.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    #[serde(serialize_with = "redacted")]
    pub database_url: String,

    /// Connections to Postgres at the most, for this process; SQLite needs no such number. Six at the least: calls
    /// have one half, and of the other, one listens for other replicas and each feed and each round of housekeeping
    /// needs one for a moment.
    #[arg(long, env = "DATABASE_CONNECTIONS", default_value_t = CONNECTIONS, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(6..=200))]
    pub database_connections: u32,

    /// Whether Postgres too keeps each call to its own workspace, by row-level security; half of the connections
    /// then serve calls, and half what is for all workspaces. The server holds it for an ordinary user alone,
    /// not for a superuser.
    #[arg(long, env = "ROW_LEVEL_SECURITY", default_value_t = ROW_LEVEL_SECURITY, value_name = "BOOL", action = ArgAction::Set)]
    pub row_level_security: bool,
}

/// On: what it costs is in the README.
const ROW_LEVEL_SECURITY: bool = true;

/// Enough for a service that many call at once; each is a process of the server's.
const CONNECTIONS: u32 = 8;

impl DatabaseArgs {
    /// A database with everything else as it is unless told otherwise.
    pub fn at(database_url: impl Into<String>) -> Self {
        Self {
            database_url: database_url.into(),
            database_connections: CONNECTIONS,
            row_level_security: ROW_LEVEL_SECURITY,
        }
    }
}

fn redacted<S: serde::Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    // a password may stand before the host or among the parameters; a file has none
    let address = url.split('?').next().unwrap_or(url);
    match (url.split_once("://"), address.rsplit_once('@')) {
        (Some(("sqlite", _)), _) => serializer.serialize_str(url),
        (Some((scheme, _)), Some((_, rest))) => {
            serializer.serialize_str(&format!("{scheme}://…@{rest}"))
        }
        (_, Some((_, rest))) => serializer.serialize_str(&format!("…@{rest}")),
        _ => serializer.serialize_str(address),
    }
}

/// Why a process cannot start, as a sentence for the person who started it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken or not allowed.
    #[error(
        "cannot listen on {address}: {cause}; is another instance running? choose another with --listen or --admin-listen"
    )]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A key is missing or malformed.
    #[error("{0}")]
    Keys(String),
    /// The database cannot be used.
    #[error("{0}")]
    Database(String),
    /// Anything else that is wrong with the configuration.
    #[error("{0}")]
    Config(String),
}
