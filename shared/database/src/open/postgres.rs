//! One server for many processes: every wait is bounded there too, since whoever holds a lock may be
//! a process that this one knows nothing of.

use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;

use crate::walls::{ALL, SETTING};

/// How long a call waits for a connection before it gives up as unavailable.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long the start waits for a server that is not there: a person is waiting, or something that
/// starts it again.
const ANSWER: Duration = Duration::from_secs(5);
/// Connections idle for longer are tried before they are used: the server may have restarted. Busy ones
/// are not, so that no statement costs two round trips.
const IDLE: Duration = Duration::from_secs(1);

/// What a server does for a call. The limits are its own, so that they hold when this process hangs.
const SERVING: [(&str, &str); 6] = [
    ("statement_timeout", "5s"),
    // whoever holds a partition of the log holds up a sixteenth of all contacts
    ("lock_timeout", "2s"),
    ("idle_in_transaction_session_timeout", "10s"),
    // each statement sees what was committed before it: races are decided by versions, unique indexes
    // and locks, and events are read again after the lock of their partition
    ("default_transaction_isolation", "read committed"),
    // Statements are planned once and kept. One planned while its tables were small, before anybody counted
    // their rows, would go on reading them from end to end: every statement here is meant for an index.
    ("enable_seqscan", "off"),
    // none runs for long enough to be worth a compiler
    ("jit", "off"),
];

/// What it does for a migration: the only wait is for another replica that migrates.
const MIGRATING: [(&str, &str); 4] = [
    (SETTING, ALL),
    ("statement_timeout", "10min"),
    ("lock_timeout", "1min"),
    ("default_transaction_isolation", "read committed"),
];

/// The address as the driver wants it, if it is one of Postgres.
pub(super) fn address(url: &str) -> Option<String> {
    let rest = url
        .strip_prefix("postgresql://")
        .or_else(|| url.strip_prefix("postgres://"))?;
    Some(format!("postgres://{rest}"))
}

/// `sees`: whose rows, until a connection is told otherwise; `None` leaves it unsaid.
pub(super) fn serving(url: &str, connections: u32, sees: Option<&'static str>) -> ConnectOptions {
    let sees = sees.map(|whose| (SETTING, whose));
    let mut options = with(url, SERVING.into_iter().chain(sees).collect());
    options
        .max_connections(connections.max(1))
        .min_connections(1)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire_if_idle_for(IDLE);
    options
}

/// One connection that stays the same: a lock of a session is its own.
pub(super) fn migrating(url: &str) -> ConnectOptions {
    let mut options = with(url, MIGRATING.into());
    options
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(ANSWER)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    options
}

fn with(url: &str, settings: Vec<(&'static str, &'static str)>) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .sqlx_logging(false)
        .map_sqlx_postgres_opts(move |postgres| {
            let named = postgres.get_application_name().is_some();
            let postgres = postgres.options(settings.clone());
            if named {
                postgres
            } else {
                postgres.application_name(&program())
            }
        });
    options
}

/// What a person reads in `pg_stat_activity`.
fn program() -> String {
    let path = std::env::current_exe().ok();
    let name = path.as_deref().and_then(|path| path.file_stem());
    name.map_or("service".into(), |name| name.to_string_lossy().into_owned())
}

/// Brings the schema to this version, one replica at a time: the others find it done.
pub(super) async fn migrate<M: MigratorTrait>(alone: &DatabaseConnection) -> Result<(), DbErr> {
    alone
        .execute_unprepared("select pg_advisory_lock(7000, 0)")
        .await?;
    // a table that somebody else holds for long holds up everybody who comes after us
    alone.execute_unprepared("set lock_timeout = '2s'").await?;
    super::schema::bring_up::<M, _>(alone).await
    // the lock ends with the session
}
