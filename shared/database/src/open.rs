use runtime::config::DatabaseArgs;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    IsolationLevel, RuntimeErr, SqliteTransactionMode, SqlxError, Statement, TransactionOptions,
    TransactionTrait,
};
use sea_orm_migration::MigratorTrait;
use types::WorkspaceId;

use crate::walls::{ALL, NOBODY, Part, confine, warn_if_passed_by};

mod postgres;
mod schema;
mod sqlite;

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
    // Where Postgres keeps workspaces apart: what calls use. Its connections see nothing until each is made one
    // workspace's; those above see all.
    calls: Option<DatabaseConnection>,
}

impl Database {
    /// Opens, creating a SQLite file if there is none, and brings the schema to this version.
    ///
    /// # Errors
    /// When it cannot be opened or migrated.
    pub async fn open<M: MigratorTrait>(url: &str) -> Result<Self, OpenError> {
        Self::open_with::<M>(&DatabaseArgs::at(url)).await
    }

    /// The same, as a process is told: with so many connections to Postgres at the most (SQLite has its own
    /// number), and with or without its walls between workspaces.
    ///
    /// # Errors
    /// When it cannot be opened or migrated.
    pub async fn open_with<M: MigratorTrait>(args: &DatabaseArgs) -> Result<Self, OpenError> {
        let url = args.database_url.as_str();
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
            if args.row_level_security {
                warn_if_passed_by(&alone).await.map_err(open)?;
            }
            alone.close().await.map_err(open)?;
            let pool = |connections, sees| connect(postgres::serving(&postgres, connections, sees));
            let connections = args.database_connections;
            let (all, calls) = match args.row_level_security {
                false => (pool(connections, None).await.map_err(open)?, None),
                true => {
                    let half = connections / 2;
                    let all = pool(half, Some(ALL)).await.map_err(open)?;
                    let calls = pool(connections - half, Some(NOBODY)).await;
                    (all, Some(calls.map_err(open)?))
                }
            };
            return Ok(Self {
                read: all.clone(),
                write: all,
                calls,
            });
        }
        let write = connect(sqlite::options(url, 1)).await.map_err(open)?;
        // as a whole: a start that is killed half way leaves nothing that the next one trips over
        let tx = begin(&write, None).await.map_err(migrate)?;
        schema::bring_up::<M, _>(&tx).await.map_err(migrate)?;
        tx.commit().await.map_err(migrate)?;
        let read = connect(sqlite::options(url, sqlite::READERS))
            .await
            .map_err(open)?;
        Ok(Self {
            read,
            write,
            calls: None,
        })
    }

    /// What a workspace has, for a call that reads it.
    pub fn of(&self, workspace: &WorkspaceId) -> Part {
        match &self.calls {
            Some(calls) => Part::of(calls.clone(), workspace.clone()),
            None => Part::open(self.read.clone()),
        }
    }

    /// For statements that only read, and are for all workspaces.
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// The other pool, where there are two.
    pub(crate) fn other(&self) -> Option<&DatabaseConnection> {
        match self.is_shared() {
            true => self.calls.as_ref(),
            false => Some(&self.write),
        }
    }

    /// Whether other processes may write to it as well.
    pub fn is_shared(&self) -> bool {
        self.read.get_database_backend() == DbBackend::Postgres
    }

    /// Starts a transaction that may write, and is for all workspaces. It is rolled back unless committed.
    ///
    /// # Errors
    /// When no connection is free in time, or the database is away.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        begin(&self.write, None).await
    }

    /// Starts a transaction that may write what a workspace has, and touches no other's.
    ///
    /// # Errors
    /// When no connection is free in time, or the database is away.
    pub async fn begin_of(&self, workspace: &WorkspaceId) -> Result<DatabaseTransaction, DbErr> {
        match &self.calls {
            Some(calls) => begin(calls, Some(workspace.clone())).await,
            None => self.begin().await,
        }
    }

    /// Starts a transaction that reads, for all workspaces, all of it as of one moment: on Postgres, two
    /// statements of an ordinary transaction see two moments.
    ///
    /// # Errors
    /// When no connection is free in time, or the database is away.
    pub async fn snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        snapshot(&self.read, None).await
    }

    /// The same of what a workspace has.
    ///
    /// # Errors
    /// When no connection is free in time, or the database is away.
    pub async fn snapshot_of(&self, workspace: &WorkspaceId) -> Result<DatabaseTransaction, DbErr> {
        match &self.calls {
            Some(calls) => snapshot(calls, Some(workspace.clone())).await,
            None => self.snapshot().await,
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
        if let Some(calls) = self.calls {
            calls.close().await?;
        }
        self.write.close().await
    }
}

async fn begin(
    db: &DatabaseConnection,
    of: Option<WorkspaceId>,
) -> Result<DatabaseTransaction, DbErr> {
    match db.get_database_backend() {
        DbBackend::Postgres => {
            let pool = db.clone();
            whole(async move { confined(pool.begin().await?, of).await }).await
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

async fn snapshot(
    db: &DatabaseConnection,
    of: Option<WorkspaceId>,
) -> Result<DatabaseTransaction, DbErr> {
    match db.get_database_backend() {
        DbBackend::Postgres => {
            let pool = db.clone();
            whole(async move {
                let level = Some(IsolationLevel::RepeatableRead);
                let mode = Some(AccessMode::ReadOnly);
                confined(pool.begin_with_config(level, mode).await?, of).await
            })
            .await
        }
        _ => db.begin().await,
    }
}

async fn confined(
    tx: DatabaseTransaction,
    of: Option<WorkspaceId>,
) -> Result<DatabaseTransaction, DbErr> {
    if let Some(workspace) = &of {
        confine(&tx, workspace).await?;
    }
    Ok(tx)
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
