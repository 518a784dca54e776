//! The tables of the log and of its consumers; a service lists those it needs in its own migrations.

use database::migration::clustered;
use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

/// The table of the log: its writers look for its newest position, whosever event that is.
pub const LOG: &str = "evlog";

/// The log of a service that emits events.
pub struct LogTables;

impl MigrationName for LogTables {
    fn name(&self) -> &str {
        "m0002_event_log"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for LogTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (blob, clustered) = (blob(manager), clustered(manager));
        let db = manager.get_connection();
        for sql in [
            format!(
                "create table evlog_meta (id integer not null primary key check (id = 1), log_epoch {blob} not null)"
            ),
            // what was pruned: read instead of min(pos), which is slow behind deleted rows
            format!(
                "create table evlog_head (part integer not null primary key, floor_pos bigint not null, \
                 floor_event_id {blob} not null)"
            ),
            format!(
                "create table evlog (part integer not null, pos bigint not null, event_id {blob} not null, \
                 type text not null, aggregate_id text not null, aggregate_version bigint not null, \
                 contact_id text not null, workspace_id text not null, occurred_at bigint not null, \
                 recorded_at bigint not null, traceparent text not null, payload {blob} not null, \
                 primary key (part, pos)){clustered}"
            ),
        ] {
            db.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

/// Cursors and parked events of a service that consumes feeds.
pub struct ConsumerTables;

impl MigrationName for ConsumerTables {
    fn name(&self) -> &str {
        "m0003_event_consumer"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ConsumerTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (blob, clustered) = (blob(manager), clustered(manager));
        let db = manager.get_connection();
        for sql in [
            format!(
                "create table consumer_cursor (projection text not null, source text not null, \
                 part integer not null, log_epoch {blob} not null, pos bigint not null, \
                 event_id {blob} not null, primary key (projection, source, part)){clustered}"
            ),
            format!(
                "create table consumer_quarantine (projection text not null, source text not null, \
                 part integer not null, pos bigint not null, event_id {blob} not null, \
                 contact_id text not null, envelope {blob} not null, error text not null, \
                 parked_at bigint not null, primary key (projection, source, part, pos, event_id)){clustered}"
            ),
        ] {
            db.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

/// Contacts who are no more, for a service that keeps anything of contacts. The oldest schema that has it is the
/// second of each such service.
pub struct DepartedContacts;

impl MigrationName for DepartedContacts {
    fn name(&self) -> &str {
        "m0101_departed_contacts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for DepartedContacts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let clustered = clustered(manager);
        let db = manager.get_connection();
        for sql in [
            // without a survivor: erased
            format!(
                "create table departed_contact (workspace_id text not null, contact_id text not null, \
                 survivor_id text, survivor_name text not null, departed_at bigint not null, \
                 settled boolean not null, primary key (workspace_id, contact_id)){clustered}"
            ),
            "create index departed_contact_survivor on departed_contact (workspace_id, survivor_id) \
             where survivor_id is not null"
                .to_owned(),
            "create index departed_contact_open on departed_contact (workspace_id, departed_at) \
             where not settled"
                .to_owned(),
            // aggregates of others, whose events below a version may tell of somebody who is being erased
            format!(
                "create table departed_trace (workspace_id text not null, contact_id text not null, \
                 aggregate_id text not null, version bigint not null, \
                 primary key (workspace_id, contact_id, aggregate_id)){clustered}"
            ),
        ] {
            db.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

fn blob(manager: &SchemaManager) -> &'static str {
    match manager.get_database_backend() {
        DbBackend::Postgres => "bytea",
        _ => "blob",
    }
}
