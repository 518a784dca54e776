use jiff::Timestamp;
use sea_orm::{DbErr, FromQueryResult, QueryResult};
use types::{ContactId, InvalidId, WorkspaceId, micros, timestamp};

use crate::domain::{
    Author, AuthorKind, Category, ContactMessage, Content, Conversation, ConversationId, Key,
    LastMessage, Part, PartId, Participant, Stamp, State, StateId, TicketId, View,
};

/// Columns of [`conversation`], of the table named `c`.
pub(super) const CONVERSATION: &str = "c.workspace_id, c.conversation_id, c.version, c.state, \
     c.head_seq, c.contact_head_seq, c.last_message_preview, c.last_message_author_kind, \
     c.last_message_author_id, c.last_message_author_name, c.last_message_at, \
     c.last_contact_message_seq, c.last_contact_message_seen, c.deleted_at, c.created_at, \
     c.updated_at, c.activity_at";

/// Columns of [`participant`], of the table named `p`.
pub(super) const PARTICIPANT: &str =
    "p.contact_id, p.event_version, p.read_seq, p.last_foreign_message_seq, p.left_at";

/// Columns of [`part`].
pub(super) const PART: &str = "seq, contact_seq, part_id, kind, author_kind, author_id, author_name, \
     body, ticket_id, ticket_revision, ticket_state_id, ticket_category, state, created_at";

#[derive(FromQueryResult)]
struct ConversationRow {
    workspace_id: String,
    conversation_id: String,
    version: i64,
    state: String,
    head_seq: i64,
    contact_head_seq: i64,
    last_message_preview: Option<String>,
    last_message_author_kind: Option<String>,
    last_message_author_id: Option<String>,
    last_message_author_name: Option<String>,
    last_message_at: Option<i64>,
    last_contact_message_seq: Option<i64>,
    last_contact_message_seen: Option<i64>,
    deleted_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    activity_at: i64,
}

#[derive(FromQueryResult)]
struct ParticipantRow {
    contact_id: String,
    event_version: i64,
    read_seq: i64,
    last_foreign_message_seq: i64,
    left_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct PartRow {
    seq: i64,
    contact_seq: Option<i64>,
    part_id: String,
    kind: String,
    author_kind: String,
    author_id: String,
    author_name: String,
    body: Option<String>,
    ticket_id: Option<String>,
    ticket_revision: Option<i64>,
    ticket_state_id: Option<String>,
    ticket_category: Option<String>,
    state: Option<String>,
    created_at: i64,
}

/// A conversation, from a row with the columns of [`CONVERSATION`].
pub(super) fn conversation(row: &QueryResult) -> Result<Conversation, DbErr> {
    let row = ConversationRow::from_query_result(row, "")?;
    let last_message = match (
        row.last_message_preview,
        row.last_message_author_kind,
        row.last_message_at,
    ) {
        (Some(preview), Some(kind), Some(at)) => Some(LastMessage {
            preview,
            author: Author {
                kind: named(&AUTHOR_KINDS, &kind)?,
                id: row.last_message_author_id.unwrap_or_default(),
                name: row.last_message_author_name.unwrap_or_default(),
            },
            at: timestamp(at),
        }),
        _ => None,
    };
    let last_contact_message = row
        .last_contact_message_seq
        .zip(row.last_contact_message_seen)
        .map(|(seq, seen)| ContactMessage {
            seq: unsigned(seq),
            seen: unsigned(seen),
        });
    Ok(Conversation {
        key: key(&row.workspace_id, &row.conversation_id)?,
        version: unsigned(row.version),
        state: named(&STATES, &row.state)?,
        head_seq: unsigned(row.head_seq),
        contact_head_seq: unsigned(row.contact_head_seq),
        last_message,
        last_contact_message,
        deleted_at: row.deleted_at.map(timestamp),
        created_at: timestamp(row.created_at),
        updated_at: timestamp(row.updated_at),
        activity_at: timestamp(row.activity_at),
    })
}

/// A participant, from a row with the columns of [`PARTICIPANT`].
pub(super) fn participant(row: &QueryResult) -> Result<Participant, DbErr> {
    let row = ParticipantRow::from_query_result(row, "")?;
    Ok(Participant {
        contact: ContactId::parse(&row.contact_id).map_err(broken)?,
        version: unsigned(row.event_version),
        read_seq: unsigned(row.read_seq),
        last_foreign_message_seq: unsigned(row.last_foreign_message_seq),
        left_at: row.left_at.map(timestamp),
    })
}

/// A conversation as a contact has it, from a row with the columns of both.
pub(super) fn view(row: &QueryResult) -> Result<View, DbErr> {
    Ok(View {
        conversation: conversation(row)?,
        participant: participant(row)?,
    })
}

/// A part, from a row with the columns of [`PART`].
pub(super) fn part(row: &QueryResult) -> Result<Part, DbErr> {
    let row = PartRow::from_query_result(row, "")?;
    let content = match row.kind.as_str() {
        "message" => Content::Message(there(row.body)?),
        "note" => Content::Note(there(row.body)?),
        "ticket" => Content::Stamp(Stamp {
            ticket: TicketId::parse(&there(row.ticket_id)?).map_err(broken)?,
            revision: unsigned(there(row.ticket_revision)?),
            state: StateId::parse(&there(row.ticket_state_id)?).map_err(broken)?,
            category: named(&CATEGORIES, &there(row.ticket_category)?)?,
        }),
        "state" => Content::State(named(&STATES, &there(row.state)?)?),
        other => return Err(DbErr::Type(format!("no such kind of part: {other}"))),
    };
    Ok(Part {
        id: PartId::parse(&row.part_id).map_err(broken)?,
        seq: unsigned(row.seq),
        contact_seq: row.contact_seq.map(unsigned),
        author: Author {
            kind: named(&AUTHOR_KINDS, &row.author_kind)?,
            id: row.author_id,
            name: row.author_name,
        },
        content,
        created_at: timestamp(row.created_at),
    })
}

/// Where a conversation is, from its columns.
pub(super) fn key(workspace: &str, conversation: &str) -> Result<Key, DbErr> {
    Ok(Key {
        workspace: WorkspaceId::parse(workspace).map_err(broken)?,
        conversation: ConversationId::parse(conversation).map_err(broken)?,
    })
}

/// A number of the domain as a column has it; what is out of range is refused long before.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A column's number, none of which is below 0.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A time as a column has it.
pub(super) fn column(time: Option<Timestamp>) -> Option<i64> {
    time.map(micros)
}

/// The words of an enum, as columns hold them.
type Names<T, const N: usize> = [(T, &'static str); N];

pub(super) const STATES: Names<State, 2> = [(State::Open, "open"), (State::Closed, "closed")];

pub(super) const AUTHOR_KINDS: Names<AuthorKind, 4> = [
    (AuthorKind::Contact, "contact"),
    (AuthorKind::Teammate, "teammate"),
    (AuthorKind::Bot, "bot"),
    (AuthorKind::System, "system"),
];

pub(super) const CATEGORIES: Names<Category, 4> = [
    (Category::Submitted, "submitted"),
    (Category::InProgress, "in_progress"),
    (Category::WaitingOnCustomer, "waiting_on_customer"),
    (Category::Resolved, "resolved"),
];

/// The word of a value.
pub(super) fn name<T: Copy + PartialEq, const N: usize>(
    names: &Names<T, N>,
    value: T,
) -> &'static str {
    names
        .iter()
        .find(|(named, _)| *named == value)
        .map_or("", |(_, name)| name)
}

fn named<T: Copy, const N: usize>(names: &Names<T, N>, word: &str) -> Result<T, DbErr> {
    names
        .iter()
        .find(|(_, name)| *name == word)
        .map(|(value, _)| *value)
        .ok_or_else(|| DbErr::Type(format!("no such word in this column: {word}")))
}

fn there<T>(column: Option<T>) -> Result<T, DbErr> {
    column.ok_or_else(|| DbErr::Type("a part lacks what its kind needs".into()))
}

pub(super) fn broken(error: InvalidId) -> DbErr {
    DbErr::Type(error.to_string())
}
