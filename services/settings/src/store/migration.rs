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
            Box::new(Identity),
            Box::new(super::console_migration::ConsoleTables),
            Box::new(super::contact_search::Indexes),
            Box::new(AuditByAction),
            Box::new(database::Walls {
                name: "m0105_walls",
                owned_by: &[("workspace", "id")],
                read_by_all: &[events::migration::LOG],
            }),
        ]
    }
}

/// Workspaces and their people.
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

/// Who is who, and how sure it is.
struct Identity;

impl MigrationName for Identity {
    fn name(&self) -> &str {
        "m0101_identity"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Identity {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let blob = match manager.get_database_backend() {
            DbBackend::Postgres => "bytea",
            _ => "blob",
        };
        let statements: Vec<String> = IDENTITY
            .iter()
            .map(|sql| sql.replace("BLOB", blob))
            .collect();
        let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
        database::migration::create(manager, &statements, &["used_token", "visitor_secret"]).await
    }
}

/// The audit by what was done.
struct AuditByAction;

impl MigrationName for AuditByAction {
    fn name(&self) -> &str {
        "m0104_audit_by_action"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AuditByAction {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "create index audit_entry_action on audit_entry (workspace_id, action, happened_at, id)";
        manager.get_connection().execute_unprepared(sql).await?;
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

const IDENTITY: &[&str] = &[
    // null: the secret is in clear, as the version before wrote it
    "alter table identity_key add column sealed_with text",
    "alter table identity_key add column last_used_at bigint",
    "alter table api_token add column last_used_at bigint",
    // whoever was there before there were roles could do everything
    "alter table teammate add column role text not null default 'ADMIN'",
    "alter table teammate add column active boolean not null default true",
    "alter table contact add column kind text not null default 'USER'",
    "alter table contact add column claimed_user_id text",
    "alter table contact add column merged_into text",
    "alter table contact add column merged_at bigint",
    "alter table contact add column erased_at bigint",
    "create index contact_merged on contact (workspace_id, id) where merged_into is not null",
    "create index contact_merged_into on contact (workspace_id, merged_into) where merged_into is not null",
    "create index contact_erased on contact (workspace_id, id) where erased_at is not null",
    "create index audit_entry_subject on audit_entry (workspace_id, subject, happened_at, id)",
    "create index session_of_contact on session (workspace_id, contact_id, expires_at)",
    // no row: version 0; origins are parted by spaces, which none has
    "create table messenger_security (workspace_id text not null primary key references workspace (id), \
     version bigint not null, allowed_origins text not null, changed_at bigint not null)",
    // no row: enforced
    "create table identity_mode (workspace_id text not null references workspace (id), \
     platform text not null, mode text not null, primary key (workspace_id, platform))",
    "create table used_token (workspace_id text not null, key_id text not null, jti_hash BLOB not null, \
     good_until bigint not null, primary key (workspace_id, key_id, jti_hash))",
    "create index used_token_age on used_token (good_until)",
    "create table visitor_secret (workspace_id text not null, hash BLOB not null, contact_id text not null, \
     created_at bigint not null, expires_at bigint not null, revoked_at bigint, \
     primary key (workspace_id, hash), \
     foreign key (workspace_id, contact_id) references contact (workspace_id, id))",
    "create index visitor_secret_of_contact on visitor_secret (workspace_id, contact_id)",
    "create index visitor_secret_age on visitor_secret (expires_at)",
    // a session has a key, and the column cannot be emptied beside a version that reads it: those that no
    // key opened are here
    "create table visitor_session (workspace_id text not null, id text not null, contact_id text not null, \
     platform text not null, token_hash BLOB not null, created_at bigint not null, \
     expires_at bigint not null, revoked_at bigint, primary key (workspace_id, id), \
     foreign key (workspace_id, contact_id) references contact (workspace_id, id))",
    // these two are asked before the workspace is known
    "create unique index visitor_session_token on visitor_session (token_hash)",
    "create unique index visitor_session_id on visitor_session (id)",
    "create index visitor_session_of_contact on visitor_session (workspace_id, contact_id, expires_at)",
    "create index visitor_session_age on visitor_session (expires_at)",
];
