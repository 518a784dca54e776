//! One ticket with its viewers: loaded as a whole, saved as a whole.

use std::collections::{BTreeMap, BTreeSet};

use database::{chunks, tuples};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, SqlErr, Value};
use types::WorkspaceId;

use super::{
    conversations::Place,
    rows,
    rows::{
        FIXED, HISTORY, MOVING, fixed_values, moving_values, number, of_ticket, of_viewer, text,
    },
    statement,
};
use crate::domain::{Aggregate, Change, HistoryEntry, Ticket, TicketId, TicketRef, Viewer};

/// How a save ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Saved {
    /// As decided.
    Done,
    /// Somebody else wrote meanwhile: roll back, load and decide again.
    Outrun,
    /// O1: the conversation has a live shared ticket: roll back.
    SharedTicketExists,
}

/// A live ticket with its viewers.
///
/// # Errors
/// When the database fails.
pub async fn load(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    ticket: &TicketRef,
) -> Result<Option<Aggregate>, DbErr> {
    let (column, value) = key(ticket);
    one(
        db,
        workspace,
        &format!("t.{column} = $2 and not t.deleted"),
        value,
    )
    .await
}

/// A ticket with its viewers, deleted or not.
///
/// # Errors
/// When the database fails.
pub async fn load_whatever(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    ticket: &TicketId,
) -> Result<Option<Aggregate>, DbErr> {
    one(db, workspace, "t.ticket_id = $2", text(ticket)).await
}

/// Waits for this ticket's turn to change: what is loaded from here on is what is saved upon. (On SQLite
/// a transaction that writes has everybody's turn.)
///
/// # Errors
/// When the database fails.
pub async fn hold(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    ticket: &TicketRef,
) -> Result<(), DbErr> {
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let (column, value) = key(ticket);
    let sql = format!(
        "select t.version from ticket t where t.workspace_id = $1 and t.{column} = $2 for update"
    );
    tx.query_one_raw(statement(tx, sql, [text(workspace), value]))
        .await?;
    Ok(())
}

fn key(ticket: &TicketRef) -> (&'static str, Value) {
    match ticket {
        TicketRef::Id(id) => ("ticket_id", text(id)),
        TicketRef::Number(said) => ("number", number(*said)),
    }
}

/// The live shared ticket that is linked to each of these conversations, with its viewers.
///
/// # Errors
/// When the database fails.
pub async fn linked_to(
    db: &impl ConnectionTrait,
    conversations: &BTreeSet<Place>,
) -> Result<Vec<Aggregate>, DbErr> {
    let places: Vec<_> = conversations.iter().collect();
    let mut linked = Vec::new();
    for places in chunks(&places) {
        let sql = linked_sql(places.len());
        let values = places
            .iter()
            .flat_map(|(workspace, conversation)| [text(workspace), text(conversation)]);
        let found = db.query_all_raw(statement(db, sql, values)).await?;
        let mut tickets: BTreeMap<(String, String), Vec<QueryResult>> = BTreeMap::new();
        for row in found {
            let of = (
                row.try_get("", "workspace_id")?,
                row.try_get("", "ticket_id")?,
            );
            tickets.entry(of).or_default().push(row);
        }
        for rows in tickets.values() {
            linked.extend(assemble(rows)?);
        }
    }
    Ok(linked)
}

/// By the workspace and the id of each conversation.
fn linked_sql(conversations: usize) -> String {
    format!(
        "with asked (workspace_id, conversation_id) as (values {}) select {}, {} from asked \
         cross join ticket t left join ticket_viewer v on v.workspace_id = t.workspace_id \
         and v.ticket_id = t.ticket_id where t.workspace_id = asked.workspace_id \
         and t.conversation_id = asked.conversation_id and t.shared and not t.deleted",
        tuples(conversations, 2),
        of_ticket(),
        of_viewer()
    )
}

async fn one(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    which: &str,
    value: Value,
) -> Result<Option<Aggregate>, DbErr> {
    let sql = format!(
        "select {}, {} from ticket t left join ticket_viewer v \
         on v.workspace_id = t.workspace_id and v.ticket_id = t.ticket_id \
         where t.workspace_id = $1 and {which}",
        of_ticket(),
        of_viewer()
    );
    let rows = db
        .query_all_raw(statement(db, sql, [text(workspace), value]))
        .await?;
    assemble(&rows)
}

fn assemble(rows: &[QueryResult]) -> Result<Option<Aggregate>, DbErr> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let mut viewers = Vec::with_capacity(rows.len());
    for row in rows {
        viewers.extend(rows::viewer(row)?);
    }
    Ok(Some(Aggregate {
        ticket: rows::ticket(first)?,
        viewers,
    }))
}

/// T8: takes the workspace's next `count` numbers and returns the first. Held to the end of the
/// transaction, so that numbers grow in the order of commits and none is skipped or given twice.
///
/// # Errors
/// When the database fails.
pub async fn take_numbers(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    count: u32,
) -> Result<u64, DbErr> {
    let row = db
        .query_one_raw(statement(
            db,
            "insert into ticket_number (workspace_id, last_number) values ($1, $2) \
             on conflict (workspace_id) do update \
             set last_number = ticket_number.last_number + excluded.last_number \
             returning last_number",
            [text(workspace), i64::from(count).into()],
        ))
        .await?
        .ok_or(DbErr::RecordNotInserted)?;
    Ok(rows::count(&row, "last_number")? + 1 - u64::from(count))
}

/// Saves a decision: the ticket if it is the version that was decided upon, its history entry, and the
/// viewers for whom something changed, each if nobody else moved it. A decision that leaves the ticket's
/// version as it was writes viewers alone. Call it inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn save(db: &impl ConnectionTrait, change: &Change) -> Result<Saved, DbErr> {
    if change.before == 0 {
        return insert(db, &[change]).await;
    }
    let ticket = &change.after.ticket;
    if ticket.version != change.before {
        match update(db, ticket, change.before).await? {
            Saved::Done => {}
            other => return Ok(other),
        }
    }
    if let Some(entry) = &change.history {
        insert_history(db, &[(ticket, entry)]).await?;
    }
    put_viewers(db, &[change]).await
}

/// Saves new tickets: one statement for each table, however many they are.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl ConnectionTrait, changes: &[&Change]) -> Result<Saved, DbErr> {
    let sql = format!(
        "insert into ticket ({}, {}) values {}",
        FIXED.join(", "),
        MOVING.join(", "),
        tuples(changes.len(), FIXED.len() + MOVING.len())
    );
    let values = changes.iter().flat_map(|change| {
        let ticket = &change.after.ticket;
        fixed_values(ticket)
            .into_iter()
            .chain(moving_values(ticket))
    });
    let outcome = db.execute_raw(statement(db, sql, values)).await;
    if let Some(refused) = conversation_taken(outcome.map(|_| ()))? {
        return Ok(refused);
    }
    let history: Vec<(&Ticket, &HistoryEntry)> = changes
        .iter()
        .filter_map(|change| Some((&change.after.ticket, change.history.as_ref()?)))
        .collect();
    insert_history(db, &history).await?;
    put_viewers(db, changes).await
}

async fn update(db: &impl ConnectionTrait, ticket: &Ticket, before: u64) -> Result<Saved, DbErr> {
    let assignments: Vec<String> = (4..)
        .zip(MOVING)
        .map(|(place, name)| format!("{name} = ${place}"))
        .collect();
    let sql = format!(
        "update ticket set {} where workspace_id = $1 and ticket_id = $2 and version = $3",
        assignments.join(", ")
    );
    let key = [text(&ticket.workspace), text(&ticket.id), number(before)];
    let values = key.into_iter().chain(moving_values(ticket));
    let outcome = db.execute_raw(statement(db, sql, values)).await;
    match outcome {
        Ok(done) if done.rows_affected() == 0 => Ok(Saved::Outrun),
        other => Ok(conversation_taken(other.map(|_| ()))?.unwrap_or(Saved::Done)),
    }
}

/// What the unique index on live shared tickets says; any other failure is one.
fn conversation_taken(outcome: Result<(), DbErr>) -> Result<Option<Saved>, DbErr> {
    match outcome {
        Ok(()) => Ok(None),
        Err(error) => match error.sql_err() {
            // SQLite names the columns, Postgres the index
            Some(SqlErr::UniqueConstraintViolation(what)) if what.contains("conversation") => {
                Ok(Some(Saved::SharedTicketExists))
            }
            _ => Err(error),
        },
    }
}

async fn insert_history(
    db: &impl ConnectionTrait,
    entries: &[(&Ticket, &HistoryEntry)],
) -> Result<(), DbErr> {
    let sql = format!(
        "insert into ticket_history (workspace_id, ticket_id, {}) values {}",
        HISTORY.join(", "),
        tuples(entries.len(), HISTORY.len() + 2)
    );
    let values = entries
        .iter()
        .flat_map(|(ticket, entry)| rows::history_values(ticket, entry));
    db.execute_raw(statement(db, sql, values)).await?;
    Ok(())
}

/// One statement for new and known viewers alike: a known one is moved on only from the version before.
async fn put_viewers(db: &impl ConnectionTrait, changes: &[&Change]) -> Result<Saved, DbErr> {
    let viewers: Vec<(&Ticket, &Viewer)> = changes
        .iter()
        .flat_map(|change| {
            let ticket = &change.after.ticket;
            change.kept().map(move |viewer| (ticket, viewer))
        })
        .collect();
    if viewers.is_empty() {
        return Ok(Saved::Done);
    }
    let sql = format!(
        "insert into ticket_viewer (workspace_id, ticket_id, contact_id, requester, visible, created_at, \
         ticket_update_at, activity_at, viewer_version) values {} \
         on conflict (workspace_id, ticket_id, contact_id) do update set visible = excluded.visible, \
         ticket_update_at = excluded.ticket_update_at, activity_at = excluded.activity_at, \
         viewer_version = excluded.viewer_version \
         where ticket_viewer.viewer_version = excluded.viewer_version - 1",
        tuples(viewers.len(), 9)
    );
    let values = viewers
        .iter()
        .flat_map(|(ticket, viewer)| rows::viewer_values(ticket, viewer));
    let done = db.execute_raw(statement(db, sql, values)).await?;
    Ok(if done.rows_affected() == viewers.len() as u64 {
        Saved::Done
    } else {
        Saved::Outrun
    })
}
