//! The teammates' inbox: its pages, and how many tickets it has.

use database::lower_ascii;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Value};
use types::{WorkspaceId, micros};

use super::{
    lists::with_viewers,
    rows,
    rows::{of_ticket, text},
    statement,
};
use crate::domain::{Aggregate, InboxFilter, InboxPlace, StateCategory};

/// The inbox after a place, newest update first; deleted tickets are not in it.
///
/// # Errors
/// When the database fails.
pub async fn page(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    filter: &InboxFilter,
    after: Option<&InboxPlace>,
    limit: usize,
) -> Result<Vec<Aggregate>, DbErr> {
    let (updated, ticket) = after.map_or((i64::MAX, ""), |place| {
        (micros(place.updated_at), place.ticket.as_str())
    });
    let mut values = vec![
        text(workspace),
        updated.into(),
        ticket.into(),
        (limit as i64).into(),
    ];
    let which = which(db.get_database_backend(), filter, &mut values);
    let sql = format!(
        "select {} {which} and (t.updated_at, t.ticket_id) < ($2, $3) \
         order by t.updated_at desc, t.ticket_id desc limit $4",
        of_ticket()
    );
    let rows = db.query_all_raw(statement(db, sql, values)).await?;
    let tickets = rows.iter().map(rows::ticket).collect::<Result<_, _>>()?;
    with_viewers(db, workspace, tickets).await
}

/// How many tickets of each category the inbox has, each counted up to a limit. One statement, which stops
/// there: no count takes longer because a workspace has more tickets than that.
///
/// # Errors
/// When the database fails.
pub async fn counts(
    db: &impl ConnectionTrait,
    workspace: &WorkspaceId,
    filter: &InboxFilter,
    limit: u32,
) -> Result<Vec<(StateCategory, u32)>, DbErr> {
    let mut values = vec![text(workspace), i64::from(limit).into()];
    let which = which(db.get_database_backend(), filter, &mut values);
    let count = |category| {
        let number = rows::state_number(category);
        format!(
            "(select count(*) from (select 1 as one {which} and t.category = {number} limit $2) \
             as found_{number}) as count_{number}"
        )
    };
    let sql = format!("select {}", StateCategory::ALL.map(count).join(", "));
    let row = db.query_one_raw(statement(db, sql, values)).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("counts".into()))?;
    let counted = StateCategory::ALL.into_iter().map(|category| {
        let column = format!("count_{}", rows::state_number(category));
        Ok((category, rows::count(&row, &column)? as u32))
    });
    counted.collect()
}

/// From where, and which: live tickets for which all of the filter holds. `values` begin with the workspace.
fn which(backend: DbBackend, filter: &InboxFilter, values: &mut Vec<Value>) -> String {
    let mut conditions = String::new();
    let mut hold = |condition: &str, value: Value| {
        values.push(value);
        let place = format!("${}", values.len());
        conditions.push_str(" and ");
        conditions.push_str(&condition.replace('?', &place));
    };
    if let Some(category) = filter.category {
        hold("t.category = ?", rows::state_number(category).into());
    }
    if let Some(state) = &filter.state {
        hold("t.state_id = ?", text(state));
    }
    if let Some(assignee) = &filter.assignee {
        hold("t.assignee_id = ?", text(assignee));
    }
    if let Some(open) = filter.open {
        hold("t.open = ?", open.into());
    }
    if let Some(part) = &filter.text {
        let lower = lower_ascii(backend, "t.title");
        // `123` and `#123` are a ticket's number too, held against the same pattern: it stays one value
        let sql = format!(
            "({lower} like ? escape '\\' or ? in ('%' || t.number || '%', '%#' || t.number || '%'))"
        );
        hold(&sql, contains(&part.to_ascii_lowercase()).into());
    }
    // one customer's tickets are few: start from them instead of from the whole inbox
    let from = match &filter.requester {
        None => "ticket t",
        Some(requester) => {
            hold(
                "v.workspace_id = $1 and v.contact_id = ? and v.requester \
                 and t.ticket_id = v.ticket_id",
                text(requester),
            );
            "ticket_viewer v cross join ticket t"
        }
    };
    // in words, so that the index of those that are not can be seen to have them all
    let shared = match filter.shared {
        None => "",
        Some(true) => " and t.shared",
        Some(false) => " and not t.shared",
    };
    format!("from {from} where t.workspace_id = $1 and not t.deleted{shared}{conditions}")
}

/// A pattern for what contains the text itself, whatever signs of patterns it has.
fn contains(part: &str) -> String {
    let mut pattern = String::from("%");
    for c in part.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
