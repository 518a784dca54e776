//! Conversations of contacts who are no more.

use database::{Database, requests};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use types::{ContactId, WorkspaceId, micros};

use super::{
    Error, For, find,
    rows::{self, PART},
};
use crate::domain::{ConversationId, Key, Part, View};

/// Conversations in one step at the most: each takes a dozen statements, and who writes in one of them waits.
const STEP: u64 = 5;
/// What is left of a message in a conversation that others are in.
const DELETED: &str = "Deleted message";

/// Some of the conversations that a contact is or was in, held to the end of the transaction, and whether these
/// are all.
///
/// # Errors
/// When the database fails.
pub async fn hold_some(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    user: Option<&ContactId>,
) -> Result<(Vec<Key>, bool), Error> {
    let sql = format!(
        "select conversation_id from conversation_participant where workspace_id = $1 \
         and contact_id = $2 order by conversation_id limit {STEP}"
    );
    let values = [workspace.as_str().into(), contact.as_str().into()];
    let mut keys = Vec::new();
    for row in query(tx, &sql, values.into()).await? {
        let conversation: String = row.try_get("", "conversation_id")?;
        keys.push(Key {
            workspace: workspace.clone(),
            conversation: ConversationId::parse(&conversation).map_err(rows::broken)?,
        });
    }
    for key in &keys {
        find(tx, key, For::Changing).await?;
        if tx.get_database_backend() == DbBackend::Postgres {
            // receipts hold no conversation, but a copy: read and written from here on is the newest
            let mut of = named(key);
            let user = user.unwrap_or(contact);
            of.extend([contact.as_str().into(), user.as_str().into()]);
            let sql = "select 1 as one from conversation_participant where workspace_id = $1 \
                       and conversation_id = $2 and contact_id in ($3, $4) order by contact_id for update";
            query(tx, sql, of).await?;
        }
    }
    let all = keys.len() < STEP as usize;
    Ok((keys, all))
}

/// Makes the user what the visitor was in a conversation: what the visitor wrote, how far they have read, and the
/// place in it, which the visitor leaves. Every copy counts the event to come.
///
/// # Errors
/// When the database fails.
pub async fn hand_over(
    tx: &impl ConnectionTrait,
    key: &Key,
    visitor: &ContactId,
    user: &ContactId,
    name: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let both = |more: &[Value]| {
        let mut values = named(key);
        values.extend([visitor.as_str().into(), user.as_str().into()]);
        values.extend_from_slice(more);
        values
    };
    for sql in [
        "update part set author_id = $4, author_name = $5 where workspace_id = $1 \
         and conversation_id = $2 and author_kind = 'contact' and author_id = $3",
        "update conversation set last_message_author_id = $4, last_message_author_name = $5 \
         where workspace_id = $1 and conversation_id = $2 and last_message_author_kind = 'contact' \
         and last_message_author_id = $3",
    ] {
        execute(tx, sql, both(&[name.into()])).await?;
    }
    execute(
        tx,
        "insert into conversation_participant as p (workspace_id, contact_id, conversation_id, \
         event_version, read_seq, last_foreign_message_seq, joined_at, left_at, listed, activity_at, \
         updated_at) select v.workspace_id, $4, v.conversation_id, 0, v.read_seq, 0, v.joined_at, v.left_at, \
         v.listed, v.activity_at, v.updated_at from conversation_participant v \
         where v.workspace_id = $1 and v.conversation_id = $2 and v.contact_id = $3 \
         on conflict (workspace_id, contact_id, conversation_id) do update set \
         read_seq = case when excluded.read_seq > p.read_seq then excluded.read_seq else p.read_seq end, \
         joined_at = case when excluded.joined_at < p.joined_at then excluded.joined_at else p.joined_at end, \
         left_at = case when excluded.left_at is null then null else p.left_at end, \
         listed = p.listed or excluded.listed",
        both(&[]),
    )
    .await?;
    // what was somebody else's to the user may be their own now
    execute(
        tx,
        "update conversation_participant set last_foreign_message_seq = coalesce((select max(m.contact_seq) \
         from part m where m.workspace_id = $1 and m.conversation_id = $2 and m.contact_seq is not null \
         and m.kind = 'message' and not (m.author_kind = 'contact' and m.author_id = $3)), 0) \
         where workspace_id = $1 and conversation_id = $2 and contact_id = $3",
        of(key, user, &[]),
    )
    .await?;
    execute(
        tx,
        "update conversation_participant set left_at = $4, listed = false \
         where workspace_id = $1 and conversation_id = $2 and contact_id = $3",
        of(key, visitor, &[micros(now).into()]),
    )
    .await?;
    count(tx, key).await
}

/// Takes a contact's words and name out of a conversation, and the contact. One that nobody else is in is deleted.
/// The copies of others count the event to come.
///
/// # Errors
/// When the database fails.
pub async fn forget(
    tx: &impl ConnectionTrait,
    key: &Key,
    contact: &ContactId,
    now: Timestamp,
) -> Result<(), Error> {
    remove(tx, key, contact).await?;
    let others = "select 1 as one from conversation_participant where workspace_id = $1 \
                  and conversation_id = $2 and left_at is null limit 1";
    if query(tx, others, named(key)).await?.is_empty() {
        // what teammates were answered who wrote in it holds their words, and may name the contact
        requests::forget_about(tx, &key.workspace, key.conversation.as_str()).await?;
        execute(
            tx,
            "delete from part where workspace_id = $1 and conversation_id = $2 and body is not null",
            named(key),
        )
        .await?;
        let mut values = named(key);
        values.push(micros(now).into());
        execute(
            tx,
            "update conversation set deleted_at = coalesce(deleted_at, $3), last_message_preview = null, \
             last_message_author_kind = null, last_message_author_id = null, \
             last_message_author_name = null, last_message_at = null \
             where workspace_id = $1 and conversation_id = $2",
            values,
        )
        .await?;
        let unlisted = "update conversation_participant set listed = false \
                        where workspace_id = $1 and conversation_id = $2";
        execute(tx, unlisted, named(key)).await?;
    }
    for sql in [
        "update part set author_id = '', author_name = '', \
         body = case when body is null then null else $4 end where workspace_id = $1 \
         and conversation_id = $2 and author_kind = 'contact' and author_id = $3",
        "update conversation set last_message_author_id = '', last_message_author_name = '', \
         last_message_preview = $4 where workspace_id = $1 and conversation_id = $2 \
         and last_message_author_kind = 'contact' and last_message_author_id = $3",
    ] {
        execute(tx, sql, of(key, contact, &[DELETED.into()])).await?;
    }
    count(tx, key).await
}

/// Removes a contact's copy, after it was told for the last time.
///
/// # Errors
/// When the database fails.
pub async fn remove(
    tx: &impl ConnectionTrait,
    key: &Key,
    contact: &ContactId,
) -> Result<(), Error> {
    let sql = "delete from conversation_participant \
               where workspace_id = $1 and conversation_id = $2 and contact_id = $3";
    execute(tx, sql, of(key, contact, &[])).await
}

/// The conversation's version, for whoever decided upon the one before; the copies' versions, for who hears.
async fn count(tx: &impl ConnectionTrait, key: &Key) -> Result<(), Error> {
    for sql in [
        "update conversation set version = version + 1 where workspace_id = $1 and conversation_id = $2",
        "update conversation_participant set event_version = event_version + 1 \
         where workspace_id = $1 and conversation_id = $2",
    ] {
        execute(tx, sql, named(key)).await?;
    }
    Ok(())
}

/// A contact's conversations in the order of their ids, from one on, deleted ones and those they left too.
///
/// # Errors
/// When the database fails.
pub async fn of_contact(
    db: &Database,
    workspace: &WorkspaceId,
    contact: &ContactId,
    from: &str,
    limit: usize,
) -> Result<Vec<View>, Error> {
    let sql = format!(
        "select {}, {} from conversation_participant p join conversation c \
         on c.workspace_id = p.workspace_id and c.conversation_id = p.conversation_id \
         where p.workspace_id = $1 and p.contact_id = $2 and p.conversation_id >= $3 \
         order by p.conversation_id limit $4",
        rows::CONVERSATION,
        rows::PARTICIPANT
    );
    let values = vec![
        workspace.as_str().into(),
        contact.as_str().into(),
        from.into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let found = query(&db.of(workspace), &sql, values).await?;
    Ok(found.iter().map(rows::view).collect::<Result<_, _>>()?)
}

/// The parts of a conversation that contacts see, after a place in its whole timeline, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn parts_after(
    db: &Database,
    key: &Key,
    after: u64,
    limit: usize,
) -> Result<Vec<Part>, Error> {
    let sql = format!(
        "select {PART} from part where workspace_id = $1 and conversation_id = $2 and seq > $3 \
         and contact_seq is not null order by seq limit $4"
    );
    let mut values = named(key);
    values.push(rows::signed(after).into());
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let found = query(&db.of(&key.workspace), &sql, values).await?;
    Ok(found.iter().map(rows::part).collect::<Result<_, _>>()?)
}

fn named(key: &Key) -> Vec<Value> {
    vec![
        key.workspace.as_str().into(),
        key.conversation.as_str().into(),
    ]
}

fn of(key: &Key, contact: &ContactId, more: &[Value]) -> Vec<Value> {
    let mut values = named(key);
    values.push(contact.as_str().into());
    values.extend_from_slice(more);
    values
}

async fn query(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<sea_orm::QueryResult>, Error> {
    let backend = db.get_database_backend();
    Ok(db
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?)
}

async fn execute(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<(), Error> {
    let backend = db.get_database_backend();
    db.execute_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    Ok(())
}
