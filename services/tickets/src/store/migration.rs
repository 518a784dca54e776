use database::{
    Walls,
    migration::{Plumbing, create},
};
use events::migration::{ConsumerTables, DepartedContacts, LogTables};
use sea_orm_migration::prelude::*;

/// The schema of this service.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Plumbing),
            Box::new(LogTables),
            Box::new(ConsumerTables),
            Box::new(Tickets),
            Box::new(DepartedContacts),
            Box::new(Sharing),
            Box::new(Walls {
                name: "m0103_walls",
                owned_by: &[],
                read_by_all: &[events::migration::LOG],
            }),
        ]
    }
}

struct Tickets;

impl MigrationName for Tickets {
    fn name(&self) -> &str {
        "m0100_tickets"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Tickets {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, TABLES, &CLUSTERED).await?;
        create(manager, INDEXES, &[]).await
    }
}

/// Back-office types, whose tickets are shared one by one.
struct Sharing;

impl MigrationName for Sharing {
    fn name(&self) -> &str {
        "m0102_sharing"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Sharing {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, SHARING, &[]).await
    }
}

const SHARING: &[&str] = &[
    // of a back-office type: its tickets may be shared
    "alter table ticket_type add column shareable boolean not null default false",
    // the inbox's tabs and their counts: open tickets of a category
    "create index ticket_inbox_category_open on ticket \
     (workspace_id, category, open, updated_at desc, ticket_id desc) where not deleted",
    // what is not shared is the smaller part; whoever has no such tickets pays nothing for it
    "create index ticket_inbox_unshared on ticket (workspace_id, updated_at desc, ticket_id desc) \
     where not deleted and not shared",
];

/// Tables of small rows that are found by nothing but their primary key: beside other indexes SQLite
/// takes the table's own too readily, and reads more than it has to.
const CLUSTERED: [&str; 3] = [
    "ticket_history",
    "conversation_member",
    "conversation_reply",
];

/// Times are microseconds since 1970, UTC; categories are the numbers of `rows`.
const TABLES: &[&str] = &[
    "create table ticket_state (workspace_id text not null, state_id text not null, place integer not null, \
     category integer not null, internal_label text not null, customer_label text not null, \
     archived boolean not null, primary key (workspace_id, state_id))",
    "create table ticket_type (workspace_id text not null, type_id text not null, place integer not null, \
     category integer not null, name text not null, offered boolean not null, archived boolean not null, \
     primary key (workspace_id, type_id))",
    "create table ticket_type_state (workspace_id text not null, type_id text not null, \
     state_id text not null, place integer not null, primary key (workspace_id, type_id, state_id))",
    "create table ticket_number (workspace_id text not null primary key, last_number bigint not null)",
    "create table ticket (workspace_id text not null, ticket_id text not null, number bigint not null, \
     type_id text not null, title text not null, description text not null, state_id text not null, \
     shown_state_id text not null, category integer not null, open boolean not null, assignee_id text, \
     conversation_id text, link_generation integer not null, shared boolean not null, \
     deleted boolean not null, revision bigint not null, notify_revision bigint not null, \
     stamp_revision bigint not null, waiting_revision bigint not null, version bigint not null, \
     created_at bigint not null, updated_at bigint not null, primary key (workspace_id, ticket_id))",
    "create table ticket_viewer (workspace_id text not null, ticket_id text not null, \
     contact_id text not null, requester boolean not null, visible boolean not null, \
     created_at bigint not null, ticket_update_at bigint not null, activity_at bigint not null, \
     viewer_version bigint not null, primary key (workspace_id, ticket_id, contact_id))",
    "create table ticket_history (workspace_id text not null, ticket_id text not null, \
     version bigint not null, kind integer not null, revision bigint not null, from_state_id text, \
     to_state_id text not null, actor_id text not null, happened_at bigint not null, \
     visible boolean not null, primary key (workspace_id, ticket_id, version))",
    // a replica of what Conversations tells; may be dropped and told again
    "create table conversation_member (workspace_id text not null, conversation_id text not null, \
     contact_id text not null, member_version bigint not null, participant boolean not null, \
     deleted boolean not null, last_message_at bigint, \
     primary key (workspace_id, conversation_id, contact_id))",
    // our own: up to where contacts' messages were taken in; survives the replica
    "create table conversation_reply (workspace_id text not null, conversation_id text not null, \
     applied_seq bigint not null, primary key (workspace_id, conversation_id))",
];

const INDEXES: &[&str] = &[
    "create unique index ticket_state_label on ticket_state (workspace_id, internal_label)",
    "create unique index ticket_by_number on ticket (workspace_id, number)",
    // one live shared ticket a conversation, at every instant
    "create unique index ticket_by_conversation on ticket (workspace_id, conversation_id) \
     where shared and not deleted",
    // the customer's list, in its order
    "create index ticket_viewer_list on ticket_viewer \
     (workspace_id, contact_id, visible, activity_at desc, created_at desc, ticket_id desc)",
    // the teammates' inbox, in its order, whole and by the filters that leave little of it
    "create index ticket_inbox on ticket (workspace_id, updated_at desc, ticket_id desc) \
     where not deleted",
    "create index ticket_inbox_category on ticket \
     (workspace_id, category, updated_at desc, ticket_id desc) where not deleted",
    "create index ticket_inbox_open on ticket (workspace_id, open, updated_at desc, ticket_id desc) \
     where not deleted",
    "create index ticket_inbox_assignee on ticket \
     (workspace_id, assignee_id, updated_at desc, ticket_id desc) \
     where not deleted and assignee_id is not null",
];
