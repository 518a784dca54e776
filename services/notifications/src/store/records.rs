use sea_orm::{DbErr, FromQueryResult, QueryResult, Value};
use types::{ContactId, WorkspaceId, micros, timestamp};

use super::InboxId;
use crate::projection::{
    AuthorKind, Category, Conversation, ConversationId, ConversationState, Preview, StateId,
    Ticket, TicketId, TicketRow, Told,
};

/// A column's name and its type on Postgres.
pub(super) type Column = (&'static str, &'static str);

/// A row of `ticket_inbox`.
#[derive(FromQueryResult)]
pub(super) struct TicketRecord {
    workspace_id: String,
    contact_id: String,
    ticket_id: String,
    viewer_version: i64,
    visible: bool,
    revision: i64,
    notify_revision: i64,
    frontier_revision: i64,
    explicit_revision: i64,
    state_id: String,
    category: i16,
    number: i64,
    title: String,
    conversation_id: Option<String>,
    create_time: i64,
    ticket_update_time: i64,
    activity_time: i64,
}

impl TicketRecord {
    pub(super) const COLUMNS: [Column; 17] = [
        ("workspace_id", "text"),
        ("contact_id", "text"),
        ("ticket_id", "text"),
        ("viewer_version", "bigint"),
        ("visible", "boolean"),
        ("revision", "bigint"),
        ("notify_revision", "bigint"),
        ("frontier_revision", "bigint"),
        ("explicit_revision", "bigint"),
        ("state_id", "text"),
        ("category", "smallint"),
        ("number", "bigint"),
        ("title", "text"),
        ("conversation_id", "text"),
        ("create_time", "bigint"),
        ("ticket_update_time", "bigint"),
        ("activity_time", "bigint"),
    ];

    /// The ticket in a row of a join, its columns named with a prefix; `None` when the join found none.
    pub(super) fn of(row: &QueryResult, prefix: &str) -> Result<Option<Self>, DbErr> {
        let found: Option<String> = row.try_get(prefix, "ticket_id")?;
        found
            .map(|_| Self::from_query_result(row, prefix))
            .transpose()
    }

    /// R2: where it is among others.
    pub(super) fn place(&self) -> (i64, i64, &str) {
        (self.ticket_update_time, self.create_time, &self.ticket_id)
    }

    pub(super) fn parse(self) -> Result<(InboxId, TicketId, TicketRow), DbErr> {
        let told = match self.viewer_version {
            0 => None,
            version => Some(Told {
                version: version as u64,
                state: Ticket {
                    visible: self.visible,
                    revision: self.revision as u64,
                    notify_revision: self.notify_revision as u64,
                    state_id: StateId::parse(&self.state_id).map_err(damaged)?,
                    category: category(self.category)?,
                    number: self.number as u64,
                    title: self.title,
                    conversation_id: self.conversation_id.map(conversation_id).transpose()?,
                    create_time: timestamp(self.create_time),
                    ticket_update_time: timestamp(self.ticket_update_time),
                    activity_time: timestamp(self.activity_time),
                },
            }),
        };
        let row = TicketRow {
            told,
            frontier_revision: self.frontier_revision as u64,
            explicit_revision: self.explicit_revision as u64,
        };
        let ticket_id = TicketId::parse(&self.ticket_id).map_err(damaged)?;
        Ok((
            inbox_id(&self.workspace_id, &self.contact_id)?,
            ticket_id,
            row,
        ))
    }

    /// The values of a row, in the order of [`TicketRecord::COLUMNS`].
    pub(super) fn values(id: &InboxId, ticket_id: &TicketId, row: &TicketRow) -> [Value; 17] {
        let [workspace, contact] = id.values();
        let told = row.told.as_ref();
        let ticket = told.map(|told| &told.state);
        let time =
            |of: fn(&Ticket) -> jiff::Timestamp| ticket.map_or(0, |ticket| micros(of(ticket)));
        [
            workspace,
            contact,
            ticket_id.as_str().into(),
            stored(told.map_or(0, |told| told.version)),
            ticket.is_some_and(|ticket| ticket.visible).into(),
            stored(ticket.map_or(0, |ticket| ticket.revision)),
            stored(ticket.map_or(0, |ticket| ticket.notify_revision)),
            stored(row.frontier_revision),
            stored(row.explicit_revision),
            ticket.map_or("", |ticket| ticket.state_id.as_str()).into(),
            ticket
                .map_or(0, |ticket| category_number(ticket.category))
                .into(),
            stored(ticket.map_or(0, |ticket| ticket.number)),
            ticket.map_or("", |ticket| ticket.title.as_str()).into(),
            ticket
                .and_then(|ticket| ticket.conversation_id.as_ref())
                .map(ToString::to_string)
                .into(),
            time(|ticket| ticket.create_time).into(),
            time(|ticket| ticket.ticket_update_time).into(),
            time(|ticket| ticket.activity_time).into(),
        ]
    }
}

/// A row of `conversation_inbox`.
#[derive(FromQueryResult)]
pub(super) struct ConversationRecord {
    workspace_id: String,
    contact_id: String,
    conversation_id: String,
    version: i64,
    participant: bool,
    deleted: bool,
    state: i16,
    has_messages: bool,
    preview_text: Option<String>,
    preview_author_kind: Option<i16>,
    preview_author_name: Option<String>,
    preview_mine: Option<bool>,
    preview_time: Option<i64>,
    head_seq: i64,
    last_foreign_message_seq: i64,
    read_seq: i64,
    last_message_time: Option<i64>,
}

impl ConversationRecord {
    pub(super) const COLUMNS: [Column; 17] = [
        ("workspace_id", "text"),
        ("contact_id", "text"),
        ("conversation_id", "text"),
        ("version", "bigint"),
        ("participant", "boolean"),
        ("deleted", "boolean"),
        ("state", "smallint"),
        ("has_messages", "boolean"),
        ("preview_text", "text"),
        ("preview_author_kind", "smallint"),
        ("preview_author_name", "text"),
        ("preview_mine", "boolean"),
        ("preview_time", "bigint"),
        ("head_seq", "bigint"),
        ("last_foreign_message_seq", "bigint"),
        ("read_seq", "bigint"),
        ("last_message_time", "bigint"),
    ];

    /// The conversation in a row of a join, its columns named with a prefix; `None` when the join found
    /// none.
    pub(super) fn of(row: &QueryResult, prefix: &str) -> Result<Option<Self>, DbErr> {
        let found: Option<String> = row.try_get(prefix, "conversation_id")?;
        found
            .map(|_| Self::from_query_result(row, prefix))
            .transpose()
    }

    pub(super) fn parse(self) -> Result<(InboxId, ConversationId, Told<Conversation>), DbErr> {
        let preview = match self.preview_text {
            None => None,
            Some(text) => Some(Preview {
                text,
                author_kind: author_kind(self.preview_author_kind.unwrap_or_default())?,
                author_name: self.preview_author_name.unwrap_or_default(),
                mine: self.preview_mine.unwrap_or_default(),
                time: timestamp(self.preview_time.unwrap_or_default()),
            }),
        };
        let state = Conversation {
            participant: self.participant,
            deleted: self.deleted,
            state: conversation_state(self.state)?,
            has_messages: self.has_messages,
            preview,
            head_seq: self.head_seq as u64,
            last_foreign_message_seq: self.last_foreign_message_seq as u64,
            read_seq: self.read_seq as u64,
            last_message_time: self.last_message_time.map(timestamp),
        };
        let told = Told {
            version: self.version as u64,
            state,
        };
        let id = inbox_id(&self.workspace_id, &self.contact_id)?;
        Ok((id, conversation_id(self.conversation_id)?, told))
    }

    /// The values of a row, in the order of [`ConversationRecord::COLUMNS`].
    pub(super) fn values(
        id: &InboxId,
        conversation_id: &ConversationId,
        told: &Told<Conversation>,
    ) -> [Value; 17] {
        let [workspace, contact] = id.values();
        let conversation = &told.state;
        let preview = conversation.preview.as_ref();
        [
            workspace,
            contact,
            conversation_id.as_str().into(),
            stored(told.version),
            conversation.participant.into(),
            conversation.deleted.into(),
            state_number(conversation.state).into(),
            conversation.has_messages.into(),
            preview.map(|preview| preview.text.clone()).into(),
            preview
                .map(|preview| author_number(preview.author_kind))
                .into(),
            preview.map(|preview| preview.author_name.clone()).into(),
            preview.map(|preview| preview.mine).into(),
            preview.map(|preview| micros(preview.time)).into(),
            stored(conversation.head_seq),
            stored(conversation.last_foreign_message_seq),
            stored(conversation.read_seq),
            conversation.last_message_time.map(micros).into(),
        ]
    }
}

fn stored(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

pub(super) fn inbox_id(workspace: &str, contact: &str) -> Result<InboxId, DbErr> {
    Ok(InboxId {
        workspace: WorkspaceId::parse(workspace).map_err(damaged)?,
        contact: ContactId::parse(contact).map_err(damaged)?,
    })
}

fn conversation_id(text: String) -> Result<ConversationId, DbErr> {
    ConversationId::parse(&text).map_err(damaged)
}

// the numbers are part of the schema: the card's index names the resolved one

fn category_number(category: Category) -> i16 {
    match category {
        Category::Submitted => 1,
        Category::InProgress => 2,
        Category::WaitingOnCustomer => 3,
        Category::Resolved => 4,
    }
}

fn category(number: i16) -> Result<Category, DbErr> {
    match number {
        1 => Ok(Category::Submitted),
        2 => Ok(Category::InProgress),
        3 => Ok(Category::WaitingOnCustomer),
        4 => Ok(Category::Resolved),
        other => Err(damaged(format!("{other} is no category"))),
    }
}

fn state_number(state: ConversationState) -> i16 {
    match state {
        ConversationState::Open => 1,
        ConversationState::Closed => 2,
    }
}

fn conversation_state(number: i16) -> Result<ConversationState, DbErr> {
    match number {
        1 => Ok(ConversationState::Open),
        2 => Ok(ConversationState::Closed),
        other => Err(damaged(format!("{other} is no state of a conversation"))),
    }
}

fn author_number(kind: AuthorKind) -> i16 {
    match kind {
        AuthorKind::Contact => 1,
        AuthorKind::Teammate => 2,
        AuthorKind::Bot => 3,
        AuthorKind::System => 4,
    }
}

fn author_kind(number: i16) -> Result<AuthorKind, DbErr> {
    match number {
        1 => Ok(AuthorKind::Contact),
        2 => Ok(AuthorKind::Teammate),
        3 => Ok(AuthorKind::Bot),
        4 => Ok(AuthorKind::System),
        other => Err(damaged(format!("{other} is no kind of author"))),
    }
}

pub(super) fn damaged(what: impl ToString) -> DbErr {
    DbErr::Type(what.to_string())
}
