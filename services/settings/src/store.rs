//! What is kept, in one implementation for every database. Functions take a connection or a
//! transaction, so that the caller decides what happens together.
//!
//! Every finder is led by the workspace, save those by which a workspace becomes known: a Messenger's
//! app id, the hash of an access token or console token, a session's id, the id inside an API token. What looks at all
//! workspaces is the feed's snapshot and housekeeping.

pub mod audit;
pub mod console_migration;
pub mod console_sessions;
pub mod contacts;
pub mod identity_keys;
pub mod migration;
pub mod sessions;
pub mod snapshot;
pub mod spaces;
pub mod tokens;
pub mod workspaces;

use std::str::FromStr;

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use types::timestamp;

use crate::domain::Platform;

async fn all<const N: usize>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: [Value; N],
) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(statement(db, sql, values)).await
}

async fn one<const N: usize>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: [Value; N],
) -> Result<Option<QueryResult>, DbErr> {
    db.query_one_raw(statement(db, sql, values)).await
}

/// Rows affected.
async fn run<const N: usize>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: [Value; N],
) -> Result<u64, DbErr> {
    let done = db.execute_raw(statement(db, sql, values)).await?;
    Ok(done.rows_affected())
}

fn statement<const N: usize>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: [Value; N],
) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
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
