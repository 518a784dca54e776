//! Lists by keyset: each page starts where the one before ended and follows an index from there.

use sea_orm::{ConnectionTrait, Statement, Value};
use types::{ContactId, WorkspaceId};

use super::{
    Error,
    rows::{self, CONVERSATION, PART, PARTICIPANT},
};
use crate::domain::{Conversation, ConversationId, Key, Part, State, View};

/// A place in a list of conversations: the time it is ordered by, in microseconds since 1970, and the
/// conversation there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The time.
    pub at: i64,
    /// The conversation.
    pub conversation: ConversationId,
}

/// Which conversations teammates want; all filters must hold.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    /// Only this state.
    pub state: Option<State>,
    /// Only of this contact.
    pub contact: Option<ContactId>,
}

/// A contact's conversations, newest activity first.
///
/// # Errors
/// When the database fails.
pub async fn contact_conversations(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<View>, Error> {
    let query = contact_conversations_query(workspace, contact, after, limit);
    let found = db.query_all_raw(query.statement(db)).await?;
    found
        .iter()
        .map(|row| Ok(rows::view(row)?))
        .collect::<Result<_, Error>>()
}

/// Teammates' conversations, newest update first.
///
/// # Errors
/// When the database fails.
pub async fn conversations(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    inbox: &Inbox,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<Conversation>, Error> {
    let query = conversations_query(workspace, inbox, after, limit);
    let found = db.query_all_raw(query.statement(db)).await?;
    found
        .iter()
        .map(|row| Ok(rows::conversation(row)?))
        .collect::<Result<_, Error>>()
}

/// What a contact sees of a timeline, newest first, below a place in their numbers. Notes are not even
/// in the index that it follows (V4).
///
/// # Errors
/// When the database fails.
pub async fn contact_parts(
    db: &impl ConnectionTrait,
    key: &Key,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Part>, Error> {
    timeline(db, timeline_query("contact_seq", key, before, limit)).await
}

/// The whole timeline, newest first, below a place.
///
/// # Errors
/// When the database fails.
pub async fn parts(
    db: &impl ConnectionTrait,
    key: &Key,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Part>, Error> {
    timeline(db, timeline_query("seq", key, before, limit)).await
}

async fn timeline(db: &impl ConnectionTrait, query: Query) -> Result<Vec<Part>, Error> {
    let found = db.query_all_raw(query.statement(db)).await?;
    found
        .iter()
        .map(|row| Ok(rows::part(row)?))
        .collect::<Result<_, Error>>()
}

/// A statement under construction: each value takes the next place.
pub(super) struct Query {
    sql: String,
    values: Vec<Value>,
}

impl Query {
    fn new(sql: String) -> Self {
        Self {
            sql,
            values: Vec::new(),
        }
    }

    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn push(&mut self, before: &str, value: impl Into<Value>) {
        let place = self.bind(value);
        self.sql.push_str(&format!(" {before} {place}"));
    }

    fn page(&mut self, order: &str, after: Option<&Place>, limit: usize) {
        if let Some(place) = after {
            let at = self.bind(place.at);
            let id = self.bind(place.conversation.as_str());
            self.sql.push_str(&format!(" and ({order}) < ({at}, {id})"));
        }
        let order: Vec<String> = order.split(", ").map(|by| format!("{by} desc")).collect();
        self.sql
            .push_str(&format!(" order by {}", order.join(", ")));
        self.push("limit", i64::try_from(limit).unwrap_or(i64::MAX));
    }

    pub(super) fn statement(self, db: &impl ConnectionTrait) -> Statement {
        Statement::from_sql_and_values(db.get_database_backend(), self.sql, self.values)
    }
}

pub(super) fn contact_conversations_query(
    workspace: &WorkspaceId,
    contact: &ContactId,
    after: Option<&Place>,
    limit: usize,
) -> Query {
    let mut query = Query::new(format!(
        "select {CONVERSATION}, {PARTICIPANT} from conversation_participant p \
         join conversation c on c.workspace_id = p.workspace_id \
         and c.conversation_id = p.conversation_id where p.listed"
    ));
    query.push("and p.workspace_id =", workspace.as_str());
    query.push("and p.contact_id =", contact.as_str());
    query.page("p.activity_at, p.conversation_id", after, limit);
    query
}

pub(super) fn conversations_query(
    workspace: &WorkspaceId,
    inbox: &Inbox,
    after: Option<&Place>,
    limit: usize,
) -> Query {
    let state = inbox.state.map(|state| rows::name(&rows::STATES, state));
    let Some(contact) = &inbox.contact else {
        let mut query = Query::new(format!(
            "select {CONVERSATION} from conversation c where c.deleted_at is null"
        ));
        query.push("and c.workspace_id =", workspace.as_str());
        if let Some(state) = state {
            query.push("and c.state =", state);
        }
        query.page("c.updated_at, c.conversation_id", after, limit);
        return query;
    };
    let mut query = Query::new(format!(
        "select {CONVERSATION} from conversation_participant p \
         join conversation c on c.workspace_id = p.workspace_id \
         and c.conversation_id = p.conversation_id where p.listed"
    ));
    query.push("and p.workspace_id =", workspace.as_str());
    query.push("and p.contact_id =", contact.as_str());
    if let Some(state) = state {
        query.push("and c.state =", state);
    }
    query.page("p.updated_at, p.conversation_id", after, limit);
    query
}

pub(super) fn timeline_query(order: &str, key: &Key, before: Option<u64>, limit: usize) -> Query {
    let mut query = Query::new(format!("select {PART} from part where {order} is not null"));
    query.push("and workspace_id =", key.workspace.as_str());
    query.push("and conversation_id =", key.conversation.as_str());
    if let Some(before) = before {
        query.push(&format!("and {order} <"), rows::signed(before));
    }
    query.sql.push_str(&format!(" order by {order} desc"));
    query.push("limit", i64::try_from(limit).unwrap_or(i64::MAX));
    query
}
