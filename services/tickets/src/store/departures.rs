//! Tickets of contacts who are no more.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbErr, Value};
use types::{ContactId, WorkspaceId};

use super::{
    conversations::{self, Place},
    rows,
    rows::{moving_values, number, text, viewer_values},
    statement, tickets,
};
use crate::domain::{Aggregate, ConversationId, Parting, TicketId, TicketRef};

/// Tickets in one step at the most: each takes half a dozen statements, and who writes one of them waits.
const STEP: u64 = 10;

/// Some of the tickets that a contact sees or once saw, held to the end of the transaction; deleted ones too.
/// Where somebody else is faster to link one elsewhere it is left to the next step.
///
/// # Errors
/// When the database fails.
pub async fn hold_some(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
) -> Result<(Vec<Aggregate>, bool), DbErr> {
    let sql = format!(
        "select v.ticket_id, t.conversation_id from ticket_viewer v join ticket t \
         on t.workspace_id = v.workspace_id and t.ticket_id = v.ticket_id \
         where v.workspace_id = $1 and v.contact_id = $2 order by v.ticket_id limit {STEP}"
    );
    let found = tx
        .query_all_raw(statement(tx, sql, [text(workspace), text(contact)]))
        .await?;
    let mut asked: Vec<(TicketId, Option<ConversationId>)> = Vec::with_capacity(found.len());
    for row in &found {
        let linked: Option<String> = row.try_get("", "conversation_id")?;
        asked.push((
            rows::id(row, "ticket_id", str::parse)?,
            rows::optional(linked)?,
        ));
    }
    // as those do who link a ticket, or hear who is in a conversation: its turn first, then the ticket
    let turns: BTreeSet<Place> = asked
        .iter()
        .filter_map(|(_, linked)| Some((workspace.clone(), linked.clone()?)))
        .collect();
    conversations::take_turns(tx, &turns).await?;
    let mut held = Vec::with_capacity(asked.len());
    for (ticket, linked) in &asked {
        tickets::hold(tx, workspace, &TicketRef::Id(ticket.clone())).await?;
        let found = tickets::load_whatever(tx, workspace, ticket).await?;
        held.extend(found.filter(|found| found.ticket.conversation == *linked));
    }
    let all = held.len() == asked.len() && asked.len() < STEP as usize;
    Ok((held, all))
}

/// Saves a ticket without the contact who left it, and puts the user's id in the place of theirs, or nobody's.
///
/// # Errors
/// When the database fails.
pub async fn save(
    tx: &impl ConnectionTrait,
    leaver: &ContactId,
    user: Option<&ContactId>,
    parting: &Parting,
) -> Result<(), DbErr> {
    let ticket = &parting.after.ticket;
    let (workspace, id) = (text(&ticket.workspace), text(&ticket.id));
    let assignments: Vec<String> = (3..)
        .zip(rows::MOVING)
        .map(|(place, name)| format!("{name} = ${place}"))
        .collect();
    let sql = format!(
        "update ticket set {} where workspace_id = $1 and ticket_id = $2",
        assignments.join(", ")
    );
    let key = [workspace.clone(), id.clone()];
    let values = key.into_iter().chain(moving_values(ticket));
    tx.execute_raw(statement(tx, sql, values)).await?;
    let of = [workspace.clone(), id.clone(), text(leaver)];
    let gone =
        "delete from ticket_viewer where workspace_id = $1 and ticket_id = $2 and contact_id = $3";
    tx.execute_raw(statement(tx, gone, of.clone())).await?;
    for viewer in parting.kept(user) {
        let sql = "insert into ticket_viewer (workspace_id, ticket_id, contact_id, requester, visible, \
                   created_at, ticket_update_at, activity_at, viewer_version) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                   on conflict (workspace_id, ticket_id, contact_id) do update \
                   set requester = excluded.requester, visible = excluded.visible, \
                   ticket_update_at = excluded.ticket_update_at, activity_at = excluded.activity_at, \
                   viewer_version = excluded.viewer_version";
        tx.execute_raw(statement(tx, sql, viewer_values(ticket, viewer)))
            .await?;
    }
    let whose: Value = user.map_or("", ContactId::as_str).into();
    let actors = "update ticket_history set actor_id = $4 \
                  where workspace_id = $1 and ticket_id = $2 and actor_id = $3";
    tx.execute_raw(statement(tx, actors, of.into_iter().chain([whose])))
        .await?;
    Ok(())
}

/// Forgets what Conversations told of a contact; true when nothing is left.
///
/// # Errors
/// When the database fails.
pub async fn forget_member(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    contact: &ContactId,
) -> Result<bool, DbErr> {
    // found by its conversations, since that is how it is kept: the whole replica of a workspace is read
    let sql = "select conversation_id from conversation_member \
               where workspace_id = $1 and contact_id = $2 limit $3";
    let values = [text(workspace), text(contact), number(STEP)];
    let found = tx.query_all_raw(statement(tx, sql, values)).await?;
    for row in &found {
        let conversation: String = row.try_get("", "conversation_id")?;
        let sql = "delete from conversation_member \
                   where workspace_id = $1 and conversation_id = $2 and contact_id = $3";
        let values = [text(workspace), conversation.into(), text(contact)];
        tx.execute_raw(statement(tx, sql, values)).await?;
    }
    Ok(found.len() < STEP as usize)
}
