//! What a decision or a receipt writes, inside the transaction that decided it.

use sea_orm::{ConnectionTrait, Statement, Value};
use types::{ContactId, micros};

use super::{
    Error,
    rows::{self, signed},
};
use crate::domain::{Content, Conversation, Decision, Key, Part};

/// Writes what was decided. The version that it was decided on must still be the conversation's.
///
/// # Errors
/// [`Error::Conflict`] when another writer was faster, or the database's.
pub async fn save(db: &impl ConnectionTrait, decision: &Decision) -> Result<(), Error> {
    if !decision.changes() {
        return Ok(());
    }
    match decision.was {
        None => insert(db, &decision.conversation).await?,
        Some(version) => update(db, &decision.conversation, version).await?,
    }
    if let Some(contact) = &decision.joins {
        join(db, &decision.conversation, contact).await?;
    }
    for part in &decision.parts {
        append(db, &decision.conversation.key, part).await?;
    }
    if decision.conversation.deleted_at.is_some() {
        erase_texts(db, &decision.conversation.key).await?;
    }
    move_copies(db, decision).await
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

async fn insert(db: &impl ConnectionTrait, conversation: &Conversation) -> Result<(), Error> {
    let mut values = state_values(conversation);
    values.push(micros(conversation.created_at).into());
    db.execute_raw(Statement::from_sql_and_values(
        db.get_database_backend(),
        "insert into conversation (workspace_id, conversation_id, version, state, head_seq, \
         contact_head_seq, last_message_preview, last_message_author_kind, last_message_author_id, \
         last_message_author_name, last_message_at, last_contact_message_seq, \
         last_contact_message_seen, deleted_at, updated_at, activity_at, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        values,
    ))
    .await?;
    Ok(())
}

async fn update(
    db: &impl ConnectionTrait,
    conversation: &Conversation,
    version: u64,
) -> Result<(), Error> {
    let mut values = state_values(conversation);
    values.push(signed(version).into());
    let done = db
        .execute_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            "update conversation set version = $3, state = $4, head_seq = $5, contact_head_seq = $6, \
             last_message_preview = $7, last_message_author_kind = $8, last_message_author_id = $9, \
             last_message_author_name = $10, last_message_at = $11, last_contact_message_seq = $12, \
             last_contact_message_seen = $13, deleted_at = $14, updated_at = $15, activity_at = $16 \
             where workspace_id = $1 and conversation_id = $2 and version = $17",
            values,
        ))
        .await?;
    if done.rows_affected() == 0 {
        return Err(Error::Conflict);
    }
    Ok(())
}

fn state_values(conversation: &Conversation) -> Vec<Value> {
    let last = conversation.last_message.as_ref();
    let by_contact = conversation.last_contact_message;
    vec![
        conversation.key.workspace.as_str().into(),
        conversation.key.conversation.as_str().into(),
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

async fn join(
    db: &impl ConnectionTrait,
    conversation: &Conversation,
    contact: &ContactId,
) -> Result<(), Error> {
    db.execute_raw(Statement::from_sql_and_values(
        db.get_database_backend(),
        "insert into conversation_participant (workspace_id, contact_id, conversation_id, \
         event_version, read_seq, last_foreign_message_seq, joined_at, listed, activity_at, updated_at) \
         values ($1, $2, $3, 0, 0, 0, $4, true, $5, $6)",
        [
            conversation.key.workspace.as_str().into(),
            contact.as_str().into(),
            conversation.key.conversation.as_str().into(),
            micros(conversation.created_at).into(),
            micros(conversation.activity_at).into(),
            micros(conversation.updated_at).into(),
        ],
    ))
    .await?;
    Ok(())
}

async fn append(db: &impl ConnectionTrait, key: &Key, part: &Part) -> Result<(), Error> {
    let (kind, body, stamp, state) = match &part.content {
        Content::Message(body) => ("message", Some(body.as_str()), None, None),
        Content::Note(body) => ("note", Some(body.as_str()), None, None),
        Content::Stamp(stamp) => ("ticket", None, Some(stamp), None),
        Content::State(state) => ("state", None, None, Some(*state)),
    };
    db.execute_raw(Statement::from_sql_and_values(
        db.get_database_backend(),
        "insert into part (workspace_id, conversation_id, seq, contact_seq, part_id, kind, \
         author_kind, author_id, author_name, body, ticket_id, ticket_revision, ticket_state_id, \
         ticket_category, state, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        [
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
        ],
    ))
    .await?;
    Ok(())
}

/// A tombstone keeps the stamps, from which frontiers are derived, and nothing that people wrote.
async fn erase_texts(db: &impl ConnectionTrait, key: &Key) -> Result<(), Error> {
    db.execute_raw(Statement::from_sql_and_values(
        db.get_database_backend(),
        "delete from part where workspace_id = $1 and conversation_id = $2 and body is not null",
        [
            key.workspace.as_str().into(),
            key.conversation.as_str().into(),
        ],
    ))
    .await?;
    Ok(())
}

/// Brings every contact's copy to the conversation's state and counts the event to come, if one is.
async fn move_copies(db: &impl ConnectionTrait, decision: &Decision) -> Result<(), Error> {
    let conversation = &decision.conversation;
    let (message, author) = decision.message().unwrap_or((0, None));
    let seen = decision.seen.as_ref().map_or(0, |(_, seq)| *seq);
    db.execute_raw(Statement::from_sql_and_values(
        db.get_database_backend(),
        "update conversation_participant set event_version = event_version + $3, updated_at = $4, \
         activity_at = $5, listed = listed and $6, \
         last_foreign_message_seq = case when contact_id <> $7 and $8 > last_foreign_message_seq \
         then $8 else last_foreign_message_seq end, \
         read_seq = case when contact_id = $7 and $9 > read_seq then $9 else read_seq end \
         where workspace_id = $1 and conversation_id = $2",
        [
            conversation.key.workspace.as_str().into(),
            conversation.key.conversation.as_str().into(),
            i64::from(decision.told()).into(),
            micros(conversation.updated_at).into(),
            micros(conversation.activity_at).into(),
            conversation.deleted_at.is_none().into(),
            author.unwrap_or_default().into(),
            signed(message).into(),
            signed(seen).into(),
        ],
    ))
    .await?;
    Ok(())
}
