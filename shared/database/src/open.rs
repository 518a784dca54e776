use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    IsolationLevel, RuntimeErr, SqliteTransactionMode, SqlxError, Statement, TransactionOptions,
    TransactionTrait,
};
use sea_orm_migration::MigratorTrait;

mod postgres;
mod schema;
mod sqlite;

/// Connections to Postgres unless told otherwise. Each is a process there, and replicas add up.
pub const DEFAULT_CONNECTIONS: u32 = 8;

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
    // spinning on its lock. On Postgres it is the pool that reads.
    write: DatabaseConnection,
}

impl Database {
    /// Opens, creating a SQLite file if there is none, and brings the schema to this version.
    ///
    /// # Errors
    /// When it cannot be opened or migrated.
    pub async fn open<M: MigratorTrait>(url: &str) -> Result<Self, OpenError> {
        Self::open_with::<M>(url, DEFAULT_CONNECTIONS).await
    }

    /// The same, with so many connections to Postgres at the most; SQLite has its own number.
    ///
    /// # Errors
    /// When it cannot be opened or migrated.
    pub async fn open_with<M: MigratorTrait>(
        url: &str,
        connections: u32,
    ) -> Result<Self, OpenError> {
        let open = |e| OpenError::Open {
            url: redact(url),
            cause: cause(&e, url),
        };
        let migrate = |e| OpenError::Migrate {
            url: redact(url),
            cause: cause(&e, url),
        };
        let connect = sea_orm::Database::connect;
        if let Some(postgres) = postgres::address(url) {
            let alone = connect(postgres::migrating(&postgres))
                .await
                .map_err(open)?;
            postgres::migrate::<M>(&alone).await.map_err(migrate)?;
            alone.close().await.map_err(open)?;
            let all = connect(postgres::serving(&postgres, connections))
                .await
                .map_err(open)?;
            return Ok(Self {
                read: all.clone(),
                write: all,
            });
        }
        let write = connect(sqlite::options(url, 1)).await.map_err(open)?;
        // as a whole: a start that is killed half way leaves nothing that the next one trips over
        let tx = begin(&write).await.map_err(migrate)?;
        schema::bring_up::<M, _>(&tx).await.map_err(migrate)?;
        tx.commit().await.map_err(migrate)?;
        let read = connect(sqlite::options(url, sqlite::READERS))
            .await
            .map_err(open)?;
        Ok(Self { read, write })
    }

    /// For statements that only read.
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// Where writes go.
    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.write
    }

    /// Whether other processes may write to it as well.
    pub fn is_shared(&self) -> bool {
        self.read.get_database_backend() == DbBackend::Postgres
    }

    /// Starts a transaction that may write. It is rolled back unless committed.
    ///
    /// # Errors
    /// When no connection is free in time, or the database is away.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        begin(&self.write).await
    }

    /// Starts a transaction that reads, all of it as of one moment: on Postgres, two statements of an
    /// ordinary transaction see two moments.
    ///
    /// # Errors
    /// When no connection is free in time, or the database is away.
    pub async fn snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        match self.read.get_database_backend() {
            DbBackend::Postgres => {
                let pool = self.read.clone();
                whole(async move {
                    let level = Some(IsolationLevel::RepeatableRead);
                    let mode = Some(AccessMode::ReadOnly);
                    pool.begin_with_config(level, mode).await
                })
                .await
            }
            _ => self.read.begin().await,
        }
    }

    /// After something was erased: leaves no older page of it in the write-ahead log of a SQLite file, whose
    /// pages themselves are overwritten as they are freed. False when readers hold on to it: to be asked again.
    /// On Postgres there is nothing to do but to wait for vacuum.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn leave_no_trace(&self) -> Result<bool, DbErr> {
        if self.is_shared() {
            return Ok(true);
        }
        // To empty the log is to wait for whoever reads in it, and all writers with it: first what waits for
        // nobody. Where it leaves something, somebody has been reading for long.
        let (busy, written, moved) = self.checkpoint("passive").await?;
        if busy || moved < written {
            return Ok(false);
        }
        let (busy, ..) = self.checkpoint("truncate").await?;
        Ok(!busy)
    }

    /// Whether somebody was in the way, the pages in the write-ahead log, and how many of them were moved.
    async fn checkpoint(&self, how: &str) -> Result<(bool, i64, i64), DbErr> {
        let checkpoint = format!("pragma wal_checkpoint({how})");
        let checkpoint = Statement::from_string(DbBackend::Sqlite, checkpoint);
        let Some(row) = self.write.query_one_raw(checkpoint).await? else {
            return Ok((false, 0, 0));
        };
        let number = |column| row.try_get_by_index::<i64>(column);
        Ok((number(0)? != 0, number(1)?, number(2)?))
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

async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    match db.get_database_backend() {
        DbBackend::Postgres => {
            let pool = db.clone();
            whole(async move { pool.begin().await }).await
        }
        // a deferred transaction that turns into a writer fails at once when another wrote meanwhile
        _ => {
            db.begin_with_options(TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..Default::default()
            })
            .await
        }
    }
}

/// Begins to the end, even for a caller who is gone by then: the driver (sqlx 0.9.0, its issue 4393) takes a
/// BEGIN whose answer nobody waited for as never sent, and the next who gets the connection would work in that
/// transaction, and have its writes rolled back with it.
async fn whole(
    begin: impl Future<Output = Result<DatabaseTransaction, DbErr>> + Send + 'static,
) -> Result<DatabaseTransaction, DbErr> {
    #[allow(
        clippy::disallowed_methods,
        reason = "it ends by itself, within the time a connection and a statement are waited for"
    )]
    let begun = tokio::spawn(begin);
    match begun.await {
        Ok(begun) => begun,
        Err(ended) => Err(DbErr::Custom(format!(
            "a transaction did not begin: {ended}"
        ))),
    }
}

// one sentence, and some drivers repeat the whole address
fn cause(error: &DbErr, url: &str) -> String {
    match error {
        // a server that is not there is asked again until the time is over
        DbErr::Conn(RuntimeErr::SqlxError(why)) if matches!(**why, SqlxError::PoolTimedOut) => {
            "nobody answers there".into()
        }
        error => error.to_string().replace(url, &redact(url)),
    }
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
