use std::time::Duration;

use sea_orm::{
    ConnectOptions, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;

/// Connections that read. SQLite answers each on a thread of its own, so a few of them overlap.
const READERS: u32 = 6;
/// How long a call waits for a connection before it gives up as unavailable.
const ACQUIRE: Duration = Duration::from_secs(5);

/// Why a database cannot be used, as a sentence for the person who started the program.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be opened or created.
    #[error("the database {url} cannot be opened: {cause}")]
    Open {
        /// Where it is, without credentials.
        url: String,
        /// What the driver says.
        cause: String,
    },
    /// It is not one of ours, or was damaged.
    #[error("the database {url} cannot be brought to this version: {cause}")]
    Migrate {
        /// Where it is, without credentials.
        url: String,
        /// What the driver says.
        cause: String,
    },
}

/// A service's own database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    read: DatabaseConnection,
    // SQLite has one writer at a time: one connection makes them queue here, in order, instead of
    // spinning on its lock
    write: DatabaseConnection,
}

impl Database {
    /// Opens, creating the file if there is none, and brings the schema to this version.
    ///
    /// # Errors
    /// When it cannot be opened or migrated.
    pub async fn open<M: MigratorTrait>(url: &str) -> Result<Self, OpenError> {
        // some drivers repeat the whole address
        let cause = |e: DbErr| e.to_string().replace(url, &redact(url));
        let open = |e| OpenError::Open {
            url: redact(url),
            cause: cause(e),
        };
        let write = sea_orm::Database::connect(options(url, 1))
            .await
            .map_err(open)?;
        M::up(&write, None).await.map_err(|e| OpenError::Migrate {
            url: redact(url),
            cause: cause(e),
        })?;
        let read = sea_orm::Database::connect(options(url, READERS))
            .await
            .map_err(open)?;
        Ok(Self { read, write })
    }

    /// For statements that only read.
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// Starts a transaction that may write. It is rolled back unless committed.
    ///
    /// # Errors
    /// When no connection is free in time, or the database is away.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let mode = match self.write.get_database_backend() {
            // a deferred transaction that turns into a writer fails at once when another wrote meanwhile
            DbBackend::Sqlite => Some(SqliteTransactionMode::Immediate),
            _ => None,
        };
        self.write
            .begin_with_options(TransactionOptions {
                sqlite_transaction_mode: mode,
                ..Default::default()
            })
            .await
    }

    /// Closes every connection.
    ///
    /// # Errors
    /// When the driver cannot.
    pub async fn close(self) -> Result<(), DbErr> {
        self.read.close().await?;
        self.write.close().await
    }
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(connections.min(2))
        .acquire_timeout(ACQUIRE)
        .sqlx_logging(false)
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .create_if_missing(true)
                .foreign_keys(true)
                .busy_timeout(ACQUIRE)
                // readers never wait for the writer
                .pragma("journal_mode", "WAL")
                // a commit that was answered survives a power cut: events handed out are never taken back
                .pragma("synchronous", "FULL")
                // hot pages change with every commit: written back 16 MB at a time instead of 4, each of
                // them once
                .pragma("wal_autocheckpoint", "4000")
                .pragma("cache_size", "-32768")
                .pragma("mmap_size", "268435456")
                .statement_cache_capacity(256)
        });
    options
}

// user and password never reach a message, wherever they stand; a file has none
fn redact(url: &str) -> String {
    let address = url.split('?').next().unwrap_or(url);
    if address.starts_with("sqlite:") {
        return address.to_owned();
    }
    let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
    match address.rsplit_once('@') {
        Some((_, host)) if scheme.is_empty() => host.to_owned(),
        Some((_, host)) => format!("{scheme}://{host}"),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_message_names_the_database_without_its_password() {
        for (url, told) in [
            (
                "postgres://me:secret@db:5432/data",
                "postgres://db:5432/data",
            ),
            ("postgres://me:se/c@ret@db/data?a=b", "postgres://db/data"),
            ("postgres://db/data?password=secret", "postgres://db/data"),
            ("me:secret@db", "db"),
            ("sqlite:///data/x.db?mode=rwc", "sqlite:///data/x.db"),
            ("sqlite:///home/me@work/x.db", "sqlite:///home/me@work/x.db"),
        ] {
            assert_eq!(super::redact(url), told);
        }
    }
}
