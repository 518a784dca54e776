//! What a decision or a receipt writes, inside the transaction that decided it.

use database::{chunks, tuples};
use sea_orm::{ConnectionTrait, Statement, Value};
use types::{ContactId, micros};

use super::{
    Error,
    rows::{self, signed},
};
use crate::domain::{Content, Conversation, Decision, Key, Part};

/// Writes what was decided, each conversation's once. The version that a decision was made on must
/// still be its conversation's. The number of statements does not grow with that of decisions.
///
/// # Errors
/// [`Error::Conflict`] when another writer was faster, or the database's.
pub async fn save(db: &impl ConnectionTrait, decisions: &[&Decision]) -> Result<(), Error> {
    let decisions: Vec<&Decision> = decisions
        .iter()
        .copied()
        .filter(|decision| decision.changes())
        .collect();
    let of = |decisions: Vec<&Decision>, row: fn(&Decision) -> Vec<Value>| -> Vec<Vec<Value>> {
        decisions.into_iter().map(row).collect()
    };
    let (known, new): (Vec<&Decision>, Vec<&Decision>) = decisions
        .iter()
        .partition(|decision| decision.was.is_some());
    insert(db, "conversation", &columns(&MADE, &STATE), &of(new, made)).await?;
    update(db, &of(known, moved)).await?;
    let joins = decisions.iter().filter_map(|decision| joined(decision));
    insert(
        db,
        "conversation_participant",
        &JOINED,
        &joins.collect::<Vec<_>>(),
    )
    .await?;
    let parts = decisions.iter().flat_map(|decision| {
        let key = &decision.conversation.key;
        decision.parts.iter().map(move |part| appended(key, part))
    });
    insert(db, "part", &PART, &parts.collect::<Vec<_>>()).await?;
    for decision in &decisions {
        if decision.conversation.deleted_at.is_some() {
            erase_texts(db, &decision.conversation.key).await?;
        }
    }
    move_copies(db, &of(decisions, copied)).await
}

/// A2: moves a contact's read position forward and counts the event to come; false when it was there
/// already, or the contact has no such conversation any more.
///
/// # Errors
/// When the database fails.
pub async fn receipt(
    db: &impl ConnectionTrait,
    key: &Key,
    contact: &ContactId,
    seq: u64,
) -> Result<bool, Error> {
    let done = db
        .execute_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            "update conversation_participant set read_seq = $4, event_version = event_version + 1 \
             where workspace_id = $1 and contact_id = $2 and conversation_id = $3 \
             and listed and read_seq < $4",
            [
                key.workspace.as_str().into(),
                contact.as_str().into(),
                key.conversation.as_str().into(),
                signed(seq).into(),
            ],
        ))
        .await?;
    Ok(done.rows_affected() > 0)
}

const MADE: [&str; 3] = ["workspace_id", "conversation_id", "created_at"];

/// What moves with every version.
const STATE: [&str; 14] = [
    "version",
    "state",
    "head_seq",
    "contact_head_seq",
    "last_message_preview",
    "last_message_author_kind",
    "last_message_author_id",
    "last_message_author_name",
    "last_message_at",
    "last_contact_message_seq",
    "last_contact_message_seen",
    "deleted_at",
    "updated_at",
    "activity_at",
];

const JOINED: [&str; 10] = [
    "workspace_id",
    "contact_id",
    "conversation_id",
    "event_version",
    "read_seq",
    "last_foreign_message_seq",
    "joined_at",
    "listed",
    "activity_at",
    "updated_at",
];

const PART: [&str; 16] = [
    "workspace_id",
    "conversation_id",
    "seq",
    "contact_seq",
    "part_id",
    "kind",
    "author_kind",
    "author_id",
    "author_name",
    "body",
    "ticket_id",
    "ticket_revision",
    "ticket_state_id",
    "ticket_category",
    "state",
    "created_at",
];

fn columns(key: &[&'static str], others: &[&'static str]) -> Vec<&'static str> {
    [key, others].concat()
}

fn made(decision: &Decision) -> Vec<Value> {
    let conversation = &decision.conversation;
    let mut values = named(&conversation.key);
    values.push(micros(conversation.created_at).into());
    values.extend(state(conversation));
    values
}

/// The key, the version decided on, then the state.
fn moved(decision: &Decision) -> Vec<Value> {
    let mut values = named(&decision.conversation.key);
    values.push(signed(decision.was.unwrap_or_default()).into());
    values.extend(state(&decision.conversation));
    values
}

fn named(key: &Key) -> Vec<Value> {
    vec![
        key.workspace.as_str().into(),
        key.conversation.as_str().into(),
    ]
}

/// In the order of [`STATE`].
fn state(conversation: &Conversation) -> [Value; 14] {
    let last = conversation.last_message.as_ref();
    let by_contact = conversation.last_contact_message;
    [
        signed(conversation.version).into(),
        rows::name(&rows::STATES, conversation.state).into(),
        signed(conversation.head_seq).into(),
        signed(conversation.contact_head_seq).into(),
        last.map(|last| last.preview.as_str()).into(),
        last.map(|last| rows::name(&rows::AUTHOR_KINDS, last.author.kind))
            .into(),
        last.map(|last| last.author.id.as_str()).into(),
        last.map(|last| last.author.name.as_str()).into(),
        last.map(|last| micros(last.at)).into(),
        by_contact.map(|message| signed(message.seq)).into(),
        by_contact.map(|message| signed(message.seen)).into(),
        rows::column(conversation.deleted_at).into(),
        micros(conversation.updated_at).into(),
        micros(conversation.activity_at).into(),
    ]
}

/// In the order of [`JOINED`].
fn joined(decision: &Decision) -> Option<Vec<Value>> {
    let conversation = &decision.conversation;
    Some(vec![
        conversation.key.workspace.as_str().into(),
        decision.joins.as_ref()?.as_str().into(),
        conversation.key.conversation.as_str().into(),
        0_i64.into(),
        0_i64.into(),
        0_i64.into(),
        micros(conversation.created_at).into(),
        true.into(),
        micros(conversation.activity_at).into(),
        micros(conversation.updated_at).into(),
    ])
}

/// In the order of [`PART`].
fn appended(key: &Key, part: &Part) -> Vec<Value> {
    let (kind, body, stamp, state) = match &part.content {
        Content::Message(body) => ("message", Some(body.as_str()), None, None),
        Content::Note(body) => ("note", Some(body.as_str()), None, None),
        Content::Stamp(stamp) => ("ticket", None, Some(stamp), None),
        Content::State(state) => ("state", None, None, Some(*state)),
    };
    vec![
        key.workspace.as_str().into(),
        key.conversation.as_str().into(),
        signed(part.seq).into(),
        part.contact_seq.map(signed).into(),
        part.id.as_str().into(),
        kind.into(),
        rows::name(&rows::AUTHOR_KINDS, part.author.kind).into(),
        part.author.id.as_str().into(),
        part.author.name.as_str().into(),
        body.into(),
        stamp.map(|stamp| stamp.ticket.as_str()).into(),
        stamp.map(|stamp| signed(stamp.revision)).into(),
        stamp.map(|stamp| stamp.state.as_str()).into(),
        stamp
            .map(|stamp| rows::name(&rows::CATEGORIES, stamp.category))
            .into(),
        state.map(|state| rows::name(&rows::STATES, state)).into(),
        micros(part.created_at).into(),
    ]
}

/// What brings every contact's copy to the conversation's state and counts the event to come, if one is.
fn copied(decision: &Decision) -> Vec<Value> {
    let conversation = &decision.conversation;
    let (message, author) = decision.message().unwrap_or((0, None));
    let seen = decision.seen.as_ref().map_or(0, |(_, seq)| *seq);
    let mut values = named(&conversation.key);
    values.extend([
        i64::from(decision.told()).into(),
        micros(conversation.updated_at).into(),
        micros(conversation.activity_at).into(),
        conversation.deleted_at.is_none().into(),
        author.unwrap_or_default().into(),
        signed(message).into(),
        signed(seen).into(),
    ]);
    values
}

async fn insert(
    db: &impl ConnectionTrait,
    table: &str,
    columns: &[&str],
    rows: &[Vec<Value>],
) -> Result<(), Error> {
    for rows in chunks(rows) {
        let sql = format!(
            "insert into {table} ({}) values {}",
            columns.join(", "),
            tuples(rows.len(), columns.len())
        );
        execute(db, sql, rows).await?;
    }
    Ok(())
}

async fn update(db: &impl ConnectionTrait, rows: &[Vec<Value>]) -> Result<(), Error> {
    let assignments: Vec<String> = STATE
        .iter()
        .map(|column| format!("{column} = moved.{column}"))
        .collect();
    for rows in chunks(rows) {
        let sql = format!(
            "with moved (workspace_id, conversation_id, was, {}) as (values {}) \
             update conversation set {} from moved \
             where conversation.workspace_id = moved.workspace_id \
             and conversation.conversation_id = moved.conversation_id \
             and conversation.version = moved.was",
            STATE.join(", "),
            tuples(rows.len(), STATE.len() + 3),
            assignments.join(", ")
        );
        if execute(db, sql, rows).await? != rows.len() as u64 {
            return Err(Error::Conflict);
        }
    }
    Ok(())
}

/// A tombstone keeps the stamps, from which frontiers are derived, and nothing that people wrote.
async fn erase_texts(db: &impl ConnectionTrait, key: &Key) -> Result<(), Error> {
    let sql =
        "delete from part where workspace_id = $1 and conversation_id = $2 and body is not null";
    execute(db, sql.into(), &[named(key)]).await?;
    Ok(())
}

async fn move_copies(db: &impl ConnectionTrait, rows: &[Vec<Value>]) -> Result<(), Error> {
    for rows in chunks(rows) {
        let sql = format!(
            "with moved (workspace_id, conversation_id, told, updated_at, activity_at, there, author, \
             message, seen) as (values {}) \
             update conversation_participant as p set event_version = p.event_version + moved.told, \
             updated_at = moved.updated_at, activity_at = moved.activity_at, \
             listed = p.listed and moved.there, \
             last_foreign_message_seq = case when p.contact_id <> moved.author \
             and moved.message > p.last_foreign_message_seq then moved.message \
             else p.last_foreign_message_seq end, \
             read_seq = case when p.contact_id = moved.author and moved.seen > p.read_seq \
             then moved.seen else p.read_seq end from moved \
             where p.workspace_id = moved.workspace_id and p.conversation_id = moved.conversation_id",
            tuples(rows.len(), 9)
        );
        execute(db, sql, rows).await?;
    }
    Ok(())
}

async fn execute(
    db: &impl ConnectionTrait,
    sql: String,
    rows: &[Vec<Value>],
) -> Result<u64, Error> {
    let values = rows.iter().flatten().cloned();
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(db.execute_raw(statement).await?.rows_affected())
}
