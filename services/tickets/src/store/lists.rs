//! Reading many tickets: the customer's list, batches, history, the snapshot.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use types::{ContactId, WorkspaceId, micros};

use super::{
    list, rows,
    rows::{HISTORY, number, of_ticket, of_viewer, text},
    statement,
};
use crate::domain::{
    Aggregate, ConversationId, HistoryEntry, ListPlace, Ticket, TicketId, TicketRef, Viewer,
};

/// A ticket as one contact's.
pub type Seen = (Ticket, Viewer);

/// L1: the contact's tickets after a place, newest activity first.
///
/// # Errors
/// When the database fails.
pub async fn of_contact(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    after: Option<&ListPlace>,
    limit: usize,
) -> Result<Vec<Seen>, DbErr> {
    of_contact_seen_or_not(db, workspace, contact, true, after, limit).await
}

/// The same, of what the contact does not see too: deleted tickets, and those that became somebody else's.
///
/// # Errors
/// When the database fails.
pub async fn of_contact_seen_or_not(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    visible: bool,
    after: Option<&ListPlace>,
    limit: usize,
) -> Result<Vec<Seen>, DbErr> {
    let values = list_values(workspace, contact, visible, after, limit);
    let rows = db.query_all_raw(statement(db, list_sql(), values)).await?;
    rows.iter().map(seen).collect()
}

fn list_sql() -> String {
    format!(
        "select {}, {} from ticket_viewer v join ticket t \
         on t.workspace_id = v.workspace_id and t.ticket_id = v.ticket_id \
         where v.workspace_id = $1 and v.contact_id = $2 and v.visible = $3 \
         and (v.activity_at, v.created_at, v.ticket_id) < ($4, $5, $6) \
         order by v.activity_at desc, v.created_at desc, v.ticket_id desc limit $7",
        of_ticket(),
        of_viewer()
    )
}

fn list_values(
    workspace: &WorkspaceId,
    contact: &ContactId,
    visible: bool,
    after: Option<&ListPlace>,
    limit: usize,
) -> [Value; 7] {
    // no time is as late as this one, so that the first page is a page like any other
    let (activity, created, ticket) = after.map_or((i64::MAX, i64::MAX, ""), |place| {
        let (activity, created) = (micros(place.activity_at), micros(place.created_at));
        (activity, created, place.ticket.as_str())
    });
    [
        text(workspace),
        text(contact),
        visible.into(),
        activity.into(),
        created.into(),
        ticket.into(),
        (limit as i64).into(),
    ]
}

/// Those of the tickets that the contact sees.
///
/// # Errors
/// When the database fails.
pub async fn seen_by_id(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    tickets: &[TicketId],
) -> Result<Vec<Seen>, DbErr> {
    let which = format!("v.ticket_id in ({})", list(4, tickets.len()));
    let values = tickets.iter().map(text).collect();
    seen_where(db, workspace, contact, &which, values).await
}

/// Those of the live shared tickets linked to these conversations that the contact sees.
///
/// # Errors
/// When the database fails.
pub async fn seen_by_conversation(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    conversations: &[ConversationId],
) -> Result<Vec<Seen>, DbErr> {
    let which = format!(
        "t.conversation_id in ({}) and t.shared and not t.deleted",
        list(4, conversations.len())
    );
    let values = conversations.iter().map(text).collect();
    seen_where(db, workspace, contact, &which, values).await
}

/// One ticket, if the contact sees it.
///
/// # Errors
/// When the database fails.
pub async fn seen_one(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    ticket: &TicketRef,
) -> Result<Option<Seen>, DbErr> {
    let (which, value) = match ticket {
        TicketRef::Id(id) => ("t.ticket_id = $4", text(id)),
        TicketRef::Number(said) => ("t.number = $4", number(*said)),
    };
    let found = seen_where(db, workspace, contact, which, vec![value]).await?;
    Ok(found.into_iter().next())
}

async fn seen_where(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
    which: &str,
    values: Vec<Value>,
) -> Result<Vec<Seen>, DbErr> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select {}, {} from ticket t join ticket_viewer v \
         on v.workspace_id = t.workspace_id and v.ticket_id = t.ticket_id \
         where t.workspace_id = $1 and v.contact_id = $2 and v.visible = $3 and {which}",
        of_ticket(),
        of_viewer()
    );
    let who = [text(workspace), text(contact), true.into()];
    let rows = db
        .query_all_raw(statement(db, sql, who.into_iter().chain(values)))
        .await?;
    rows.iter().map(seen).collect()
}

/// Those of the tickets that are there, in the order asked for.
///
/// # Errors
/// When the database fails.
pub async fn batch(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    asked: &[TicketId],
) -> Result<Vec<Aggregate>, DbErr> {
    let sql = format!(
        "select {} from ticket t where t.workspace_id = $1 and not t.deleted and t.ticket_id in ({})",
        of_ticket(),
        list(2, asked.len())
    );
    let values = [text(workspace)].into_iter().chain(asked.iter().map(text));
    let rows = db.query_all_raw(statement(db, sql, values)).await?;
    let tickets = rows.iter().map(rows::ticket).collect::<Result<_, _>>()?;
    let mut found = with_viewers(db, workspace, tickets).await?;
    let place: HashMap<&TicketId, usize> = asked.iter().zip(0..).collect();
    found.sort_by_key(|aggregate| place.get(&aggregate.ticket.id).copied());
    Ok(found)
}

/// The tickets with their viewers.
pub(super) async fn with_viewers(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    tickets: Vec<Ticket>,
) -> Result<Vec<Aggregate>, DbErr> {
    if tickets.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select v.ticket_id, {} from ticket_viewer v where v.workspace_id = $1 and v.ticket_id in ({})",
        of_viewer(),
        list(2, tickets.len())
    );
    let ids = tickets.iter().map(|ticket| text(&ticket.id));
    let values = [text(workspace)].into_iter().chain(ids);
    let mut viewers: HashMap<TicketId, Vec<Viewer>> = HashMap::new();
    for row in db.query_all_raw(statement(db, sql, values)).await? {
        let of = rows::id(&row, "ticket_id", str::parse)?;
        viewers.entry(of).or_default().extend(rows::viewer(&row)?);
    }
    let whole = |ticket: Ticket| Aggregate {
        viewers: viewers.remove(&ticket.id).unwrap_or_default(),
        ticket,
    };
    Ok(tickets.into_iter().map(whole).collect())
}

/// Where a history is read from, and in which order.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// After a version, oldest first.
    Oldest(u64),
    /// Before a version, newest first; from the end where there is none.
    Newest(Option<u64>),
}

/// A ticket's history from a place on.
///
/// # Errors
/// When the database fails.
pub async fn history(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    ticket: &TicketId,
    place: End,
    limit: usize,
) -> Result<Vec<HistoryEntry>, DbErr> {
    let (side, version, order) = match place {
        End::Oldest(after) => (">", number(after), "asc"),
        End::Newest(before) => ("<", before.map_or(i64::MAX.into(), number), "desc"),
    };
    let sql = format!(
        "select {} from ticket_history where workspace_id = $1 and ticket_id = $2 and version {side} $3 \
         order by version {order} limit $4",
        HISTORY.join(", ")
    );
    let values = [
        text(workspace),
        text(ticket),
        version,
        (limit as i64).into(),
    ];
    let rows = db.query_all_raw(statement(db, sql, values)).await?;
    rows.iter().map(rows::history).collect()
}

/// The newest entries of a ticket's history, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn newest_history(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    ticket: &TicketId,
    limit: usize,
) -> Result<Vec<HistoryEntry>, DbErr> {
    let sql = format!(
        "select {} from ticket_history where workspace_id = $1 and ticket_id = $2 \
         order by version desc limit $3",
        HISTORY.join(", ")
    );
    let values = [text(workspace), text(ticket), (limit as i64).into()];
    let rows = db.query_all_raw(statement(db, sql, values)).await?;
    rows.iter().rev().map(rows::history).collect()
}

/// L5: a ticket's newest updates as the customer sees them, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn updates(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    ticket: &TicketId,
    limit: usize,
) -> Result<Vec<HistoryEntry>, DbErr> {
    let sql = format!(
        "select {} from ticket_history where workspace_id = $1 and ticket_id = $2 and visible = $3 \
         order by version desc limit $4",
        HISTORY.join(", ")
    );
    let values = [
        text(workspace),
        text(ticket),
        true.into(),
        (limit as i64).into(),
    ];
    let rows = db.query_all_raw(statement(db, sql, values)).await?;
    rows.iter().rev().map(rows::history).collect()
}

/// Every ticket of every contact, deleted and invisible ones too, in the order of their keys, after a
/// place. Descriptions are left out: nobody is told of them.
///
/// # Errors
/// When the database fails.
pub async fn everything(
    db: &impl ConnectionTrait,
    after: (&str, &str, &str),
    limit: usize,
) -> Result<Vec<Seen>, DbErr> {
    let (workspace, ticket, contact) = after;
    let sql = format!(
        "select {}, {} from ticket_viewer v join ticket t \
         on t.workspace_id = v.workspace_id and t.ticket_id = v.ticket_id \
         where (v.workspace_id, v.ticket_id, v.contact_id) > ($1, $2, $3) \
         order by v.workspace_id, v.ticket_id, v.contact_id limit $4",
        of_ticket().replace("t.description", "'' as description"),
        of_viewer()
    );
    let values = [
        workspace.into(),
        ticket.into(),
        contact.into(),
        (limit as i64).into(),
    ];
    let rows = db.query_all_raw(statement(db, sql, values)).await?;
    rows.iter().map(seen).collect()
}

fn seen(row: &QueryResult) -> Result<Seen, DbErr> {
    let viewer = rows::viewer(row)?;
    let viewer = viewer.ok_or_else(|| DbErr::RecordNotFound("ticket_viewer".into()))?;
    Ok((rows::ticket(row)?, viewer))
}
