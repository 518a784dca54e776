//! What events tell: each contact's copy of a conversation, with its frontiers.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use types::{ContactId, WorkspaceId};

use super::{
    Error, read,
    rows::{self, CONVERSATION, PARTICIPANT},
};
use crate::domain::{Frontier, Key, TicketId, Told};

/// Whose copies.
pub enum Whose<'a> {
    /// Of everybody in these conversations.
    All(&'a [Key]),
    /// Of one contact.
    Of(&'a Key, &'a ContactId),
    /// Of everybody, by pages: those after a place, in order, at most so many.
    Page(Option<(&'a str, &'a str, &'a str)>, usize),
    /// Of one contact, by pages: those after a conversation.
    PageOf(&'a WorkspaceId, &'a ContactId, &'a str, usize),
}

/// The copies and their frontiers, in the order (workspace, contact, conversation). Two statements,
/// however many copies; called in a transaction, they tell of one moment.
///
/// # Errors
/// When the database fails.
pub async fn views(db: &impl ConnectionTrait, whose: Whose<'_>) -> Result<Vec<Told>, Error> {
    if matches!(whose, Whose::All([])) {
        return Ok(Vec::new());
    }
    let (copies, values) = selection(&whose);
    let found = query(db, views_sql(&copies), values.clone()).await?;
    let mut told = Vec::with_capacity(found.len());
    for row in &found {
        told.push(Told {
            view: rows::view(row)?,
            frontier: Vec::new(),
            message_frontier: Vec::new(),
        });
    }
    let mut frontiers = frontiers(&query(db, frontiers_sql(&copies), values).await?)?;
    for told in &mut told {
        let key = &told.view.conversation.key;
        let place = (
            key.workspace.to_string(),
            told.view.participant.contact.to_string(),
            key.conversation.to_string(),
        );
        if let Some((read, message)) = frontiers.remove(&place) {
            told.frontier = read;
            told.message_frontier = message;
            told.frontier.sort();
            told.message_frontier.sort();
        }
    }
    Ok(told)
}

/// The rows of the copies, as a table expression named `p`, and its values.
pub(super) fn selection(whose: &Whose<'_>) -> (String, Vec<Value>) {
    let select = "select * from conversation_participant";
    match whose {
        Whose::All(keys) => (
            format!(
                // the keys drive: a cross join is never turned round
                "(select q.* from {} cross join conversation_participant q \
                 where q.workspace_id = k.column1 and q.conversation_id = k.column2)",
                read::keys_table(keys.len())
            ),
            read::key_values(keys),
        ),
        Whose::Of(key, contact) => (
            format!(
                "({select} where workspace_id = $1 and contact_id = $2 and conversation_id = $3)"
            ),
            vec![
                key.workspace.as_str().into(),
                contact.as_str().into(),
                key.conversation.as_str().into(),
            ],
        ),
        Whose::Page(after, limit) => {
            let (workspace, contact, conversation) = after.unwrap_or_default();
            (
                format!(
                    "({select} where (workspace_id, contact_id, conversation_id) > ($1, $2, $3) \
                     order by workspace_id, contact_id, conversation_id limit $4)"
                ),
                vec![
                    workspace.into(),
                    contact.into(),
                    conversation.into(),
                    i64::try_from(*limit).unwrap_or(i64::MAX).into(),
                ],
            )
        }
        Whose::PageOf(workspace, contact, after, limit) => (
            format!(
                "({select} where workspace_id = $1 and contact_id = $2 and conversation_id > $3 \
                 order by conversation_id limit $4)"
            ),
            vec![
                workspace.as_str().into(),
                contact.as_str().into(),
                (*after).into(),
                i64::try_from(*limit).unwrap_or(i64::MAX).into(),
            ],
        ),
    }
}

pub(super) fn views_sql(copies: &str) -> String {
    format!(
        "select {CONVERSATION}, {PARTICIPANT} from {copies} p \
         join conversation c on c.workspace_id = p.workspace_id \
         and c.conversation_id = p.conversation_id \
         order by p.workspace_id, p.contact_id, p.conversation_id"
    )
}

/// A3: the newest revision of each ticket stamped at or below the contact's place, and at or below what
/// the author of the newest contact message had seen (T7).
pub(super) fn frontiers_sql(copies: &str) -> String {
    format!(
        "select p.workspace_id, p.contact_id, p.conversation_id, s.ticket_id, \
         max(case when s.contact_seq <= p.read_seq then s.ticket_revision end) as by_reading, \
         max(case when s.contact_seq <= c.last_contact_message_seen then s.ticket_revision end) \
         as by_message \
         from {copies} p \
         join conversation c on c.workspace_id = p.workspace_id \
         and c.conversation_id = p.conversation_id \
         join part s on s.workspace_id = p.workspace_id \
         and s.conversation_id = p.conversation_id and s.ticket_id is not null \
         group by p.workspace_id, p.conversation_id, p.contact_id, s.ticket_id"
    )
}

type Place = (String, String, String);

fn frontiers(found: &[QueryResult]) -> Result<HashMap<Place, (Frontier, Frontier)>, Error> {
    let mut frontiers: HashMap<Place, (Frontier, Frontier)> = HashMap::new();
    for row in found {
        let place = (
            row.try_get("", "workspace_id")?,
            row.try_get("", "contact_id")?,
            row.try_get("", "conversation_id")?,
        );
        let (read, message) = frontiers.entry(place).or_default();
        let ticket: String = row.try_get("", "ticket_id")?;
        let ticket = TicketId::parse(&ticket).map_err(rows::broken)?;
        let by_reading: Option<i64> = row.try_get("", "by_reading")?;
        let by_message: Option<i64> = row.try_get("", "by_message")?;
        if let Some(revision) = by_reading {
            read.push((ticket.clone(), rows::unsigned(revision)));
        }
        if let Some(revision) = by_message {
            message.push((ticket, rows::unsigned(revision)));
        }
    }
    Ok(frontiers)
}

async fn query(
    db: &impl ConnectionTrait,
    sql: String,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, Error> {
    Ok(db
        .query_all_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            sql,
            values,
        ))
        .await?)
}
