//! The schema, step by step. A step that was released is never changed.

use database::migration::create;
use sea_orm_migration::prelude::*;

/// All steps, oldest first.
pub struct Migrations;

impl MigratorTrait for Migrations {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(database::migration::Plumbing),
            Box::new(events::migration::LogTables),
            Box::new(events::migration::ConsumerTables),
            Box::new(Inboxes),
            Box::new(events::migration::DepartedContacts),
            Box::new(database::Walls {
                name: "m0103_walls",
                owned_by: &[],
                read_by_all: &[events::migration::LOG],
            }),
        ]
    }
}

/// The rows of each contact's inbox, the explicit reads, and the versions.
struct Inboxes;

impl MigrationName for Inboxes {
    fn name(&self) -> &str {
        "m0100_inboxes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Inboxes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            // viewer_version 0: nothing told yet, only read
            "create table ticket_inbox (workspace_id text not null, contact_id text not null, \
             ticket_id text not null, viewer_version bigint not null, visible boolean not null, \
             revision bigint not null, notify_revision bigint not null, \
             frontier_revision bigint not null, explicit_revision bigint not null, \
             state_id text not null, category smallint not null, number bigint not null, \
             title text not null, conversation_id text, create_time bigint not null, \
             ticket_update_time bigint not null, activity_time bigint not null, \
             primary key (workspace_id, contact_id, ticket_id))",
            // with what its condition names, so that the planner prefers it to that of all visible ones
            "create index ticket_inbox_unread on ticket_inbox (workspace_id, contact_id, \
             notify_revision, explicit_revision, frontier_revision, visible) \
             where visible and notify_revision > explicit_revision and notify_revision > frontier_revision",
            // 4: resolved
            "create index ticket_inbox_card on ticket_inbox \
             (workspace_id, contact_id, ticket_update_time, create_time, ticket_id) \
             where visible and category <> 4",
            "create index ticket_inbox_visible on ticket_inbox \
             (workspace_id, contact_id, conversation_id) where visible",
            "create table conversation_inbox (workspace_id text not null, contact_id text not null, \
             conversation_id text not null, version bigint not null, participant boolean not null, \
             deleted boolean not null, state smallint not null, has_messages boolean not null, \
             preview_text text, preview_author_kind smallint, preview_author_name text, \
             preview_mine boolean, preview_time bigint, head_seq bigint not null, \
             last_foreign_message_seq bigint not null, read_seq bigint not null, \
             last_message_time bigint, primary key (workspace_id, contact_id, conversation_id))",
            "create index conversation_inbox_unread on conversation_inbox (workspace_id, contact_id, \
             last_foreign_message_seq, read_seq, participant, deleted) \
             where participant and not deleted and last_foreign_message_seq > read_seq",
            "create index conversation_inbox_latest on conversation_inbox \
             (workspace_id, contact_id, last_message_time, conversation_id) \
             where participant and not deleted and last_message_time is not null",
            // owned: told by nobody else, so no rebuild drops it
            "create table ticket_read (workspace_id text not null, contact_id text not null, \
             ticket_id text not null, revision bigint not null, \
             primary key (workspace_id, contact_id, ticket_id))",
            "create table contact_version (workspace_id text not null, contact_id text not null, \
             version bigint not null, tickets_version bigint not null, \
             conversations_version bigint not null, primary key (workspace_id, contact_id))",
            "create table projection_epoch (id integer not null primary key check (id = 1), \
             epoch bigint not null)",
            "insert into projection_epoch (id, epoch) values (1, 1)",
        ];
        // not the inboxes: their own key would be taken for narrower indexes
        create(manager, &statements, &["contact_version", "ticket_read"]).await
    }
}
