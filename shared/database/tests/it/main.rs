//! Tests over real databases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "what a test spawns ends with the test"
)]

mod errand;
mod open;
mod postgres;
mod requests;
mod rows;
mod secret;
mod transactions;
mod walls;

use database::{Database, Turn, migration::Plumbing, number_of, take_turns};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use testing::Scratch;

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

fn url(scratch: &Scratch) -> String {
    scratch.database_url("test")
}

async fn open(scratch: &Scratch) -> Database {
    scratch.database::<Schema>("test").await
}

/// Adds one to the counter, reading it first: two at once would lose one, so each waits for its turn.
async fn count(tx: &impl ConnectionTrait, name: &str) -> Result<i64, DbErr> {
    take_turns(tx, 1, Turn::Alone, [number_of(&[name])]).await?;
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
