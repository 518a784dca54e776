//! Tests over real SQLite files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "what a test spawns ends with the test"
)]

mod open;
mod requests;
mod secret;
mod transactions;

use database::{Database, migration::Plumbing};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use tempfile::TempDir;

struct Schema;

#[async_trait::async_trait]
impl MigratorTrait for Schema {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Plumbing), Box::new(Counters)]
    }
}

struct Counters;

impl MigrationName for Counters {
    fn name(&self) -> &str {
        "m0100_counters"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Counters {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "create table counter (name text not null primary key, value bigint not null)";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}

fn url(directory: &TempDir) -> String {
    format!("sqlite://{}", directory.path().join("test.db").display())
}

async fn open(directory: &TempDir) -> Database {
    Database::open::<Schema>(&url(directory)).await.unwrap()
}

/// Adds one to the counter, reading it first: two at once would lose one.
async fn count(tx: &impl ConnectionTrait, name: &str) -> Result<i64, DbErr> {
    let value = value(tx, name).await? + 1;
    tx.execute_raw(Statement::from_sql_and_values(
        tx.get_database_backend(),
        "insert into counter (name, value) values ($1, $2) \
         on conflict (name) do update set value = excluded.value",
        [name.into(), value.into()],
    ))
    .await?;
    Ok(value)
}

async fn value(db: &impl ConnectionTrait, name: &str) -> Result<i64, DbErr> {
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            "select value from counter where name = $1",
            [name.into()],
        ))
        .await?;
    row.map_or(Ok(0), |row| row.try_get("", "value"))
}
