//! Rows by their keys.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use types::{ContactId, WorkspaceId};

use super::{
    Error,
    rows::{self, CONVERSATION, PARTICIPANT},
};
use crate::domain::{Conversation, ConversationId, Key, TicketId, View};

/// What a conversation is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// To look at it.
    Reading,
    /// To decide upon it, in the transaction that does: others who do wait for its end, instead of
    /// finding out at theirs that they were overtaken. (On SQLite they wait for the transaction itself.)
    Changing,
}

impl For {
    fn held(self, db: &impl ConnectionTrait) -> &'static str {
        match (self, db.get_database_backend()) {
            (Self::Changing, DbBackend::Postgres) => " for update of c",
            _ => "",
        }
    }

    /// Whoever waited for the conversation sees it as it is then, and the contact's copy as it was before, unless
    /// it is held too: gone meanwhile, it is not found. Receipts move it all the same.
    fn seated(self, db: &impl ConnectionTrait) -> &'static str {
        match (self, db.get_database_backend()) {
            (Self::Changing, DbBackend::Postgres) => " for key share of p",
            _ => "",
        }
    }
}

/// A conversation that exists, a tombstone included.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    key: &Key,
    purpose: For,
) -> Result<Option<Conversation>, Error> {
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            format!(
                "select {CONVERSATION} from conversation c \
                 where c.workspace_id = $1 and c.conversation_id = $2{}",
                purpose.held(db)
            ),
            [key.workspace.as_str().into(), id(&key.conversation)],
        ))
        .await?;
    Ok(row.as_ref().map(rows::conversation).transpose()?)
}

/// A conversation as a contact in it has it, a tombstone included; `None` for a contact who never was
/// in it.
///
/// # Errors
/// When the database fails.
pub async fn find_for_contact(
    db: &impl ConnectionTrait,
    key: &Key,
    contact: &ContactId,
    purpose: For,
) -> Result<Option<View>, Error> {
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            format!(
                "select {CONVERSATION}, {PARTICIPANT} from conversation_participant p \
                 join conversation c on c.workspace_id = p.workspace_id \
                 and c.conversation_id = p.conversation_id \
                 where p.workspace_id = $1 and p.contact_id = $2 and p.conversation_id = $3{}{}",
                purpose.held(db),
                purpose.seated(db)
            ),
            [
                key.workspace.as_str().into(),
                contact.as_str().into(),
                id(&key.conversation),
            ],
        ))
        .await?;
    Ok(row.as_ref().map(rows::view).transpose()?)
}

/// Those of the conversations that exist and are not deleted, in the order asked for.
///
/// # Errors
/// When the database fails.
pub async fn batch(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    ids: &[ConversationId],
) -> Result<Vec<Conversation>, Error> {
    let found = db
        .query_all_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            batch_sql(ids.len()),
            values(workspace, ids),
        ))
        .await?;
    let mut known: HashMap<ConversationId, Conversation> = HashMap::with_capacity(found.len());
    for row in &found {
        let conversation = rows::conversation(row)?;
        known.insert(conversation.key.conversation.clone(), conversation);
    }
    Ok(ids.iter().filter_map(|id| known.remove(id)).collect())
}

/// The contact's copies of those of the conversations they can read, and the ids of those that are
/// there but deleted or somebody else's.
///
/// # Errors
/// When the database fails.
pub async fn among_contacts(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    ids: &[ConversationId],
) -> Result<(Vec<View>, Vec<ConversationId>), Error> {
    let mut bound = values(workspace, ids);
    bound.push(contact.as_str().into());
    let found = db
        .query_all_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            among_contacts_sql(ids.len()),
            bound,
        ))
        .await?;
    let mut readable = Vec::with_capacity(found.len());
    let mut unreadable = Vec::new();
    for row in &found {
        let conversation = rows::conversation(row)?;
        let contact: Option<String> = row.try_get("", "contact_id")?;
        if contact.is_none() {
            unreadable.push(conversation.key.conversation);
            continue;
        }
        let view = rows::view(row)?;
        if view.readable() {
            readable.push(view);
        } else {
            unreadable.push(conversation.key.conversation);
        }
    }
    Ok((readable, unreadable))
}

/// The contacts in each of these conversations.
///
/// # Errors
/// When the database fails.
pub async fn members(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    ids: &[ConversationId],
) -> Result<HashMap<ConversationId, Vec<ContactId>>, Error> {
    let mut members: HashMap<ConversationId, Vec<ContactId>> = HashMap::new();
    if ids.is_empty() {
        return Ok(members);
    }
    let found = db
        .query_all_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            members_sql(ids.len()),
            values(workspace, ids),
        ))
        .await?;
    for row in &found {
        let id: String = row.try_get("", "conversation_id")?;
        let contact: String = row.try_get("", "contact_id")?;
        members
            .entry(ConversationId::parse(&id).map_err(rows::broken)?)
            .or_default()
            .push(ContactId::parse(&contact).map_err(rows::broken)?);
    }
    Ok(members)
}

/// Those of the conversations that exist, tombstones included, whatever their tenants.
///
/// # Errors
/// When the database fails.
pub async fn of_keys(
    db: &impl ConnectionTrait,
    keys: &[Key],
) -> Result<BTreeMap<Key, Conversation>, Error> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = db
        .query_all_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            of_keys_sql(keys.len()),
            key_values(keys),
        ))
        .await?;
    let mut known = BTreeMap::new();
    for row in &found {
        let conversation = rows::conversation(row)?;
        known.insert(conversation.key.clone(), conversation);
    }
    Ok(known)
}

/// The newest revision stamped of each ticket in each of these conversations.
///
/// # Errors
/// When the database fails.
pub async fn newest_stamps(
    db: &impl ConnectionTrait,
    keys: &[Key],
) -> Result<BTreeMap<Key, BTreeMap<TicketId, u64>>, Error> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = db
        .query_all_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            newest_stamps_sql(keys.len()),
            key_values(keys),
        ))
        .await?;
    let mut stamps: BTreeMap<Key, BTreeMap<TicketId, u64>> = BTreeMap::new();
    for row in &found {
        let workspace: String = row.try_get("", "workspace_id")?;
        let conversation: String = row.try_get("", "conversation_id")?;
        let ticket: String = row.try_get("", "ticket_id")?;
        stamps
            .entry(rows::key(&workspace, &conversation)?)
            .or_default()
            .insert(
                TicketId::parse(&ticket).map_err(rows::broken)?,
                rows::unsigned(row.try_get("", "revision")?),
            );
    }
    Ok(stamps)
}

/// By $1 the workspace and then the ids.
pub(super) fn batch_sql(count: usize) -> String {
    format!(
        "select {CONVERSATION} from conversation c where c.workspace_id = $1 \
         and c.conversation_id in ({}) and c.deleted_at is null",
        places(count)
    )
}

/// By $1 the workspace, then the ids, then the contact.
pub(super) fn among_contacts_sql(count: usize) -> String {
    format!(
        "select {CONVERSATION}, {PARTICIPANT} from conversation c \
         left join conversation_participant p on p.workspace_id = c.workspace_id \
         and p.contact_id = ${} and p.conversation_id = c.conversation_id \
         where c.workspace_id = $1 and c.conversation_id in ({})",
        count + 2,
        places(count)
    )
}

/// By $1 the workspace and then the ids.
pub(super) fn members_sql(count: usize) -> String {
    format!(
        "select conversation_id, contact_id from conversation_participant \
         where workspace_id = $1 and conversation_id in ({}) and left_at is null \
         order by conversation_id, contact_id",
        places(count)
    )
}

/// By [`key_values`].
pub(super) fn of_keys_sql(count: usize) -> String {
    format!(
        "select {CONVERSATION} from {} cross join conversation c \
         where c.workspace_id = k.column1 and c.conversation_id = k.column2",
        keys_table(count)
    )
}

/// By [`key_values`].
pub(super) fn newest_stamps_sql(count: usize) -> String {
    format!(
        "select s.workspace_id, s.conversation_id, s.ticket_id, max(s.ticket_revision) as revision \
         from {} cross join part s where s.workspace_id = k.column1 \
         and s.conversation_id = k.column2 and s.ticket_id is not null \
         group by s.workspace_id, s.conversation_id, s.ticket_id",
        keys_table(count)
    )
}

/// `$2, $3, …`
fn places(count: usize) -> String {
    let places: Vec<String> = (2..count + 2).map(|n| format!("${n}")).collect();
    places.join(", ")
}

/// Keys as a table `k` to look up from: both databases name its columns column1 and column2.
pub(super) fn keys_table(count: usize) -> String {
    let pairs: Vec<String> = (0..count)
        .map(|n| format!("(${}, ${})", 2 * n + 1, 2 * n + 2))
        .collect();
    format!("(values {}) k", pairs.join(", "))
}

/// The values of [`keys_table`].
pub(super) fn key_values(keys: &[Key]) -> Vec<Value> {
    keys.iter()
        .flat_map(|key| [key.workspace.as_str().into(), id(&key.conversation)])
        .collect()
}

pub(super) fn values(workspace: &WorkspaceId, ids: &[ConversationId]) -> Vec<Value> {
    std::iter::once(workspace.as_str().into())
        .chain(ids.iter().map(id))
        .collect()
}

fn id(conversation: &ConversationId) -> Value {
    conversation.as_str().into()
}
