//! The tables of this crate; a service lists them in its own migrations.

use sea_orm_migration::prelude::*;

/// What follows the definition of a table of small rows that are found by nothing but their primary key:
/// SQLite then keeps the rows in the key's own tree, so that a change writes one page instead of two.
pub fn clustered(manager: &SchemaManager) -> &'static str {
    match manager.get_database_backend() {
        sea_orm::DbBackend::Sqlite => " without rowid",
        _ => "",
    }
}

/// Creates tables and what belongs to them, those of `small` with [`clustered`].
///
/// # Errors
/// When the database fails.
pub async fn create(
    manager: &SchemaManager<'_>,
    statements: &[&str],
    small: &[&str],
) -> Result<(), DbErr> {
    for sql in statements {
        let is_small = small
            .iter()
            .any(|table| sql.starts_with(&format!("create table {table} ")));
        let clustered = if is_small { clustered(manager) } else { "" };
        manager
            .get_connection()
            .execute_unprepared(&format!("{sql}{clustered}"))
            .await?;
    }
    Ok(())
}

/// Secrets and answered requests.
pub struct Plumbing;

impl MigrationName for Plumbing {
    fn name(&self) -> &str {
        "m0001_plumbing"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Plumbing {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let blob = match manager.get_database_backend() {
            sea_orm::DbBackend::Postgres => "bytea",
            _ => "blob",
        };
        db.execute_unprepared(&format!(
            "create table service_secret (name text not null primary key, value {blob} not null)"
        ))
        .await?;
        db.execute_unprepared(&format!(
            "create table answered_request (workspace_id text not null, actor_id text not null, \
             request_id text not null, body_hash {blob} not null, answer {blob} not null, \
             answered_at bigint not null, primary key (workspace_id, actor_id, request_id)){}",
            clustered(manager)
        ))
        .await?;
        db.execute_unprepared(
            "create index answered_request_age on answered_request (answered_at)",
        )
        .await?;
        Ok(())
    }
}

/// What an answered request is about, for services that have to forget answers by it.
pub struct AnsweredAbout;

impl MigrationName for AnsweredAbout {
    fn name(&self) -> &str {
        "m0102_answered_about"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AnsweredAbout {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for sql in [
            "alter table answered_request add column about text",
            "create index answered_request_about on answered_request (workspace_id, about) \
             where about is not null",
        ] {
            db.execute_unprepared(sql).await?;
        }
        Ok(())
    }
}
