//! Types and states.

use database::{Turn, number_of, take_turns, tuples};
use sea_orm::{ConnectionTrait, DbErr, Value};
use types::WorkspaceId;

use super::{rows, rows::text, statement};
use crate::domain::{Catalog, State, TicketType};

/// Every type and state that a workspace stored; `None` when it has stored none yet.
///
/// # Errors
/// When the database fails.
pub async fn load(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
) -> Result<Option<Catalog>, DbErr> {
    let read = |sql: &'static str| db.query_all_raw(statement(db, sql, [text(workspace)]));
    let mut states = Vec::new();
    for row in read(
        "select state_id, category, internal_label, customer_label, archived from ticket_state \
         where workspace_id = $1 order by place",
    )
    .await?
    {
        states.push(State {
            id: rows::id(&row, "state_id", str::parse)?,
            category: rows::state_category(&row)?,
            internal_label: row.try_get("", "internal_label")?,
            customer_label: row.try_get("", "customer_label")?,
            archived: row.try_get("", "archived")?,
        });
    }
    if states.is_empty() {
        return Ok(None);
    }
    let mut types = Vec::new();
    for row in read(
        "select type_id, category, shareable, name, offered, archived from ticket_type \
         where workspace_id = $1 order by place",
    )
    .await?
    {
        types.push(TicketType {
            id: rows::id(&row, "type_id", str::parse)?,
            name: row.try_get("", "name")?,
            category: rows::type_category(&row)?,
            states: Vec::new(),
            offered_to_contacts: row.try_get("", "offered")?,
            archived: row.try_get("", "archived")?,
        });
    }
    for row in read(
        "select type_id, state_id from ticket_type_state \
         where workspace_id = $1 order by type_id, place",
    )
    .await?
    {
        let of = rows::id(&row, "type_id", str::parse)?;
        if let Some(found) = types.iter_mut().find(|found| found.id == of) {
            found.states.push(rows::id(&row, "state_id", str::parse)?);
        }
    }
    Ok(Some(Catalog { types, states }))
}

/// Stores a workspace's first types and states, unless another transaction has.
///
/// # Errors
/// When the database fails.
pub async fn store(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    catalog: &Catalog,
) -> Result<(), DbErr> {
    let mut states: Vec<[Value; 7]> = Vec::new();
    for (place, state) in (0_i32..).zip(&catalog.states) {
        states.push([
            text(workspace),
            text(&state.id),
            place.into(),
            rows::state_number(state.category).into(),
            state.internal_label.as_str().into(),
            state.customer_label.as_str().into(),
            state.archived.into(),
        ]);
    }
    let state = "ticket_state (workspace_id, state_id, place, category, internal_label, customer_label, archived)";
    put(db, state, states).await?;
    put_types(db, workspace, &catalog.types, 0).await
}

/// Stores one more type, in the last place. Call it in the transaction that holds the workspace's turn and
/// stored or read this catalog.
///
/// # Errors
/// When the database fails.
pub async fn add(
    tx: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    catalog: &Catalog,
    of: TicketType,
) -> Result<(), DbErr> {
    put_types(tx, workspace, &[of], catalog.types.len() as i32).await
}

/// The kind of turn that a workspace's catalog is; replicas of all versions have to agree on it.
const CATALOG: i32 = 7005;

/// Waits for the turn of a workspace's catalog, before it is read what is in it: no row stands for the next
/// place, or for how many types there may be.
///
/// # Errors
/// When the database fails.
pub async fn take_turn(tx: &impl ConnectionTrait, workspace: &WorkspaceId) -> Result<(), DbErr> {
    let number = number_of(&[workspace.as_str()]);
    take_turns(tx, CATALOG, Turn::Alone, [number]).await
}

async fn put_types(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    added: &[TicketType],
    first_place: i32,
) -> Result<(), DbErr> {
    let mut types: Vec<[Value; 8]> = Vec::new();
    let mut links: Vec<[Value; 4]> = Vec::new();
    for (place, of) in (first_place..).zip(added) {
        types.push([
            text(workspace),
            text(&of.id),
            place.into(),
            rows::type_number(of.category).into(),
            of.category.shareable().into(),
            of.name.as_str().into(),
            of.offered_to_contacts.into(),
            of.archived.into(),
        ]);
        for (place, state) in (0_i32..).zip(&of.states) {
            links.push([text(workspace), text(&of.id), text(state), place.into()]);
        }
    }
    let of =
        "ticket_type (workspace_id, type_id, place, category, shareable, name, offered, archived)";
    put(db, of, types).await?;
    let link = "ticket_type_state (workspace_id, type_id, state_id, place)";
    put(db, link, links).await
}

async fn put<const N: usize>(
    db: &impl ConnectionTrait,
    into: &str,
    rows: Vec<[Value; N]>,
) -> Result<(), DbErr> {
    let places = tuples(rows.len(), N);
    let sql = format!("insert into {into} values {places} on conflict do nothing");
    db.execute_raw(statement(db, sql, rows.into_iter().flatten()))
        .await?;
    Ok(())
}
