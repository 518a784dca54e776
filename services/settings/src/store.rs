//! What is kept, in one implementation for every database. Functions take a connection or a
//! transaction, so that the caller decides what happens together.
//!
//! Every statement says whose rows it is about: of one workspace, whose id is then its `$1` and put there
//! by [`all`], [`one`] and [`run`], or, with a reason, of [`Everywhere`]. Without either it does not compile.

pub mod audit;
pub mod console_migration;
pub mod console_sessions;
pub mod contact_search;
pub mod contacts;
pub mod identity_keys;
pub mod migration;
pub mod replays;
pub mod security;
pub mod sessions;
pub mod snapshot;
pub mod spaces;
pub mod teammates;
pub mod tokens;
pub mod uses;
pub mod visitors;
pub mod workspaces;

use std::str::FromStr;

use jiff::Timestamp;
use sea_orm::{
    ConnectionTrait, DbErr, QueryResult, Statement, Value,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use types::{WorkspaceId, timestamp};

use crate::domain::Platform;

/// Why a statement is about no single workspace. There is no other reason.
#[derive(Debug, Clone, Copy)]
enum Everywhere {
    /// A workspace becomes known by it: a Messenger's app id, the hash of an access token, the id of a
    /// session or inside an API token. Each is unique over all workspaces.
    Credential,
    /// Whoever reads the feed from nothing reads all of it.
    Snapshot,
    /// What is old, or left half done, is so in every workspace.
    Housekeeping,
}

/// Whose rows a statement is about.
enum Reach<'a> {
    /// One workspace's: its id is `$1`, and the values begin with `$2`.
    Of(&'a WorkspaceId),
    /// Everybody's: the values begin with `$1`.
    All,
}

impl<'a> From<&'a WorkspaceId> for Reach<'a> {
    fn from(workspace: &'a WorkspaceId) -> Self {
        Self::Of(workspace)
    }
}

impl From<Everywhere> for Reach<'_> {
    fn from(why: Everywhere) -> Self {
        match why {
            Everywhere::Credential | Everywhere::Snapshot | Everywhere::Housekeeping => Self::All,
        }
    }
}

async fn all<const N: usize>(
    db: &impl ConnectionTrait,
    reach: impl Into<Reach<'_>>,
    sql: &str,
    values: [Value; N],
) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(statement(db, reach.into(), sql, values))
        .await
}

async fn one<const N: usize>(
    db: &impl ConnectionTrait,
    reach: impl Into<Reach<'_>>,
    sql: &str,
    values: [Value; N],
) -> Result<Option<QueryResult>, DbErr> {
    db.query_one_raw(statement(db, reach.into(), sql, values))
        .await
}

/// Rows affected.
async fn run<const N: usize>(
    db: &impl ConnectionTrait,
    reach: impl Into<Reach<'_>>,
    sql: &str,
    values: [Value; N],
) -> Result<u64, DbErr> {
    let done = db
        .execute_raw(statement(db, reach.into(), sql, values))
        .await?;
    Ok(done.rows_affected())
}

fn statement<const N: usize>(
    db: &impl ConnectionTrait,
    reach: Reach<'_>,
    sql: &str,
    values: [Value; N],
) -> Statement {
    let tenant = match reach {
        Reach::Of(workspace) => {
            debug_assert!(sql.contains("$1"), "about no workspace: {sql}");
            Some(Value::from(workspace.as_str()))
        }
        Reach::All => None,
    };
    let values = tenant.into_iter().chain(values);
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}

/// Rows of a table, of one workspace.
fn rows_of(workspace: &WorkspaceId, table: &'static str) -> SelectStatement {
    Query::select()
        .from(table)
        .and_where(Expr::col("workspace_id").eq(workspace.as_str()))
        .to_owned()
}

fn text(row: &QueryResult, column: &str) -> Result<String, DbErr> {
    row.try_get("", column)
}

fn time(row: &QueryResult, column: &str) -> Result<Timestamp, DbErr> {
    row.try_get("", column).map(timestamp)
}

fn time_if_any(row: &QueryResult, column: &str) -> Result<Option<Timestamp>, DbErr> {
    Ok(row.try_get::<Option<i64>>("", column)?.map(timestamp))
}

fn id<T: FromStr>(row: &QueryResult, column: &str) -> Result<T, DbErr> {
    text(row, column)?.parse().map_err(|_| damaged(column))
}

fn platform(row: &QueryResult) -> Result<Platform, DbErr> {
    Platform::from_name(&text(row, "platform")?).ok_or_else(|| damaged("platform"))
}

/// A row that no version of ours has written. What is in it is not told: it may be a secret.
fn damaged(column: &str) -> DbErr {
    DbErr::Type(format!("the column {column} holds something unknown"))
}
