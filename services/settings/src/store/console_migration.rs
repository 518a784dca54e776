//! The schema of console sessions. Times are microseconds since 1970, UTC.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

pub(super) struct ConsoleTables;

impl MigrationName for ConsoleTables {
    fn name(&self) -> &str {
        "m0102_console_sessions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ConsoleTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let blob = match manager.get_database_backend() {
            DbBackend::Postgres => "bytea",
            _ => "blob",
        };
        let db = manager.get_connection();
        for sql in TABLES {
            db.execute_unprepared(&sql.replace("BLOB", blob)).await?;
        }
        Ok(())
    }
}

const TABLES: &[&str] = &[
    "create index teammate_address on teammate (workspace_id, lower(email))",
    // who a person at a provider is here; a teammate has one identity a provider
    "create table console_identity (workspace_id text not null, issuer text not null, subject text not null, \
     teammate_id text not null, bound_at bigint not null, primary key (workspace_id, issuer, subject), \
     foreign key (workspace_id, teammate_id) references teammate (workspace_id, id))",
    "create unique index console_identity_teammate on console_identity (workspace_id, teammate_id, issuer)",
    "create table console_session (workspace_id text not null, id text not null, teammate_id text not null, \
     role text not null, token_hash BLOB not null, created_at bigint not null, used_at bigint not null, \
     expires_at bigint not null, revoked_at bigint, primary key (workspace_id, id), \
     foreign key (workspace_id, teammate_id) references teammate (workspace_id, id))",
    // these two are asked before the workspace is known
    "create unique index console_session_token on console_session (token_hash)",
    "create unique index console_session_id on console_session (id)",
    "create index console_session_of_teammate on console_session (workspace_id, teammate_id) \
     where revoked_at is null",
    "create index console_session_age on console_session (expires_at)",
    // a login is of no workspace until it has succeeded
    "create table console_login (login_hash BLOB not null primary key, used_at bigint not null)",
    "create index console_login_age on console_login (used_at)",
];
