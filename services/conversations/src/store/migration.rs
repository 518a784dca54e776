//! The schema. Times are microseconds since 1970, UTC; every key and index begins with the tenant.

use sea_orm_migration::prelude::*;

/// Brings a database to this version.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(database::migration::Plumbing),
            Box::new(events::migration::LogTables),
            Box::new(events::migration::ConsumerTables),
            Box::new(Conversations),
            Box::new(events::migration::DepartedContacts),
            Box::new(database::migration::AnsweredAbout),
            Box::new(database::Walls {
                name: "m0103_walls",
                owned_by: &[],
                read_by_all: &[events::migration::LOG],
            }),
        ]
    }
}

struct Conversations;

impl MigrationName for Conversations {
    fn name(&self) -> &str {
        "m0100_conversations"
    }
}

const TABLES: [&str; 11] = [
    // merged_into is where a merged conversation's readers are sent
    "create table conversation (workspace_id text not null, conversation_id text not null, \
     version bigint not null, state text not null, head_seq bigint not null, \
     contact_head_seq bigint not null, last_message_preview text, last_message_author_kind text, \
     last_message_author_id text, last_message_author_name text, last_message_at bigint, \
     last_contact_message_seq bigint, last_contact_message_seen bigint, deleted_at bigint, \
     merged_into text, created_at bigint not null, updated_at bigint not null, \
     activity_at bigint not null, primary key (workspace_id, conversation_id))",
    // teammates' inbox, with and without a state
    "create index conversation_updated on conversation \
     (workspace_id, updated_at desc, conversation_id desc) where deleted_at is null",
    "create index conversation_state_updated on conversation \
     (workspace_id, state, updated_at desc, conversation_id desc) where deleted_at is null",
    // activity_at and updated_at are the conversation's, so that a contact's lists follow an index;
    // listed: in the conversation, which is not deleted
    "create table conversation_participant (workspace_id text not null, contact_id text not null, \
     conversation_id text not null, event_version bigint not null, read_seq bigint not null, \
     last_foreign_message_seq bigint not null, joined_at bigint not null, left_at bigint, \
     listed boolean not null, activity_at bigint not null, updated_at bigint not null, \
     primary key (workspace_id, contact_id, conversation_id), \
     foreign key (workspace_id, conversation_id) references conversation (workspace_id, conversation_id))",
    "create unique index participant_conversation on conversation_participant \
     (workspace_id, conversation_id, contact_id)",
    "create index participant_activity on conversation_participant \
     (workspace_id, contact_id, activity_at desc, conversation_id desc) where listed",
    "create index participant_updated on conversation_participant \
     (workspace_id, contact_id, updated_at desc, conversation_id desc) where listed",
    // contact_seq is null for notes alone; ticket_* are set for stamps alone
    "create table part (workspace_id text not null, conversation_id text not null, seq bigint not null, \
     contact_seq bigint, part_id text not null, kind text not null, author_kind text not null, \
     author_id text not null, author_name text not null, body text, ticket_id text, \
     ticket_revision bigint, ticket_state_id text, ticket_category text, state text, \
     created_at bigint not null, primary key (workspace_id, conversation_id, seq), \
     foreign key (workspace_id, conversation_id) references conversation (workspace_id, conversation_id))",
    "create unique index part_contact_seq on part (workspace_id, conversation_id, contact_seq) \
     where contact_seq is not null",
    // A1: an update is stamped once
    "create unique index part_stamp on part (workspace_id, conversation_id, ticket_id, ticket_revision) \
     where ticket_id is not null",
    // A3: frontiers are read from this index alone
    "create index part_frontier on part \
     (workspace_id, conversation_id, ticket_id, contact_seq, ticket_revision) where ticket_id is not null",
];

#[async_trait::async_trait]
impl MigrationTrait for Conversations {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in TABLES {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}
