//! The schema. Times are microseconds since 1970, UTC.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

/// Brings a database to this version.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(database::migration::Plumbing),
            Box::new(events::migration::LogTables),
            Box::new(Tables),
            Box::new(super::console_migration::ConsoleTables),
        ]
    }
}

struct Tables;

impl MigrationName for Tables {
    fn name(&self) -> &str {
        "m0100_settings"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Tables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let blob = match manager.get_database_backend() {
            DbBackend::Postgres => "bytea",
            _ => "blob",
        };
        let db = manager.get_connection();
        for sql in WORKSPACES.iter().chain(PEOPLE) {
            db.execute_unprepared(&sql.replace("BLOB", blob)).await?;
        }
        Ok(())
    }
}

const WORKSPACES: &[&str] = &[
    "create table workspace (id text not null primary key, name text not null, app_id text not null, \
     created_at bigint not null)",
    "create unique index workspace_app on workspace (app_id)",
    // no row: version 0
    "create table messenger_settings (workspace_id text not null primary key references workspace (id), \
     version bigint not null, changed_at bigint not null)",
    // no row: never turned, so on
    "create table space_switch (workspace_id text not null references workspace (id), \
     platform text not null, space text not null, enabled boolean not null, version bigint not null, \
     primary key (workspace_id, platform, space))",
    "create table audit_entry (workspace_id text not null references workspace (id), id text not null, \
     action text not null, actor_id text not null, subject text not null, value_before text not null, \
     value_after text not null, happened_at bigint not null, primary key (workspace_id, id))",
    "create index audit_entry_newest on audit_entry (workspace_id, happened_at, id)",
    // slot: 1 or 2 while active
    "create table identity_key (workspace_id text not null references workspace (id), id text not null, \
     platform text not null, algorithm text not null, secret text not null, slot integer not null, \
     created_at bigint not null, revoked_at bigint, primary key (workspace_id, id))",
    "create unique index identity_key_active on identity_key (workspace_id, platform, slot) \
     where revoked_at is null",
];

const PEOPLE: &[&str] = &[
    "create table teammate (workspace_id text not null references workspace (id), id text not null, \
     name text not null, sort_name text not null, email text not null, created_at bigint not null, \
     primary key (workspace_id, id))",
    "create index teammate_by_name on teammate (workspace_id, sort_name, id)",
    "create table api_token (id text not null primary key, \
     workspace_id text not null references workspace (id), name text not null, teammate_id text, \
     scopes text not null, hash BLOB not null, created_at bigint not null, expires_at bigint not null, \
     revoked_at bigint, foreign key (workspace_id, teammate_id) references teammate (workspace_id, id))",
    "create index api_token_newest on api_token (workspace_id, created_at, id)",
    "create table contact (workspace_id text not null references workspace (id), id text not null, \
     user_id text not null, name text not null, email text not null, created_at bigint not null, \
     primary key (workspace_id, id))",
    "create unique index contact_user on contact (workspace_id, user_id)",
    "create table session (workspace_id text not null, id text not null, contact_id text not null, \
     key_id text not null, platform text not null, token_hash BLOB not null, created_at bigint not null, \
     expires_at bigint not null, revoked_at bigint, primary key (workspace_id, id), \
     foreign key (workspace_id, contact_id) references contact (workspace_id, id), \
     foreign key (workspace_id, key_id) references identity_key (workspace_id, id))",
    // these two are asked before the workspace is known
    "create unique index session_token on session (token_hash)",
    "create unique index session_id on session (id)",
    "create index session_of_key on session (workspace_id, key_id, expires_at) where revoked_at is null",
    "create index session_age on session (expires_at)",
];
