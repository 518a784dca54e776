use jiff::Timestamp;
use sea_orm::{DbErr, QueryResult, Value};
use types::{ContactId, InvalidId, WorkspaceId, micros, timestamp};

use crate::domain::{HistoryEntry, HistoryKind, StateCategory, Ticket, TypeCategory, Viewer};

/// Columns of `ticket` that stand still once it is there.
pub(super) const FIXED: [&str; 5] = [
    "workspace_id",
    "ticket_id",
    "number",
    "type_id",
    "created_at",
];

/// The other columns of `ticket`.
pub(super) const MOVING: [&str; 17] = [
    "title",
    "description",
    "state_id",
    "shown_state_id",
    "category",
    "open",
    "assignee_id",
    "conversation_id",
    "link_generation",
    "shared",
    "deleted",
    "revision",
    "notify_revision",
    "stamp_revision",
    "waiting_revision",
    "version",
    "updated_at",
];

/// Columns of `ticket_viewer` that the ticket does not have.
pub(super) const VIEWER: [&str; 6] = [
    "contact_id",
    "requester",
    "visible",
    "ticket_update_at",
    "activity_at",
    "viewer_version",
];

/// Columns of `ticket_history` after the ticket's id.
pub(super) const HISTORY: [&str; 8] = [
    "version",
    "kind",
    "revision",
    "from_state_id",
    "to_state_id",
    "actor_id",
    "happened_at",
    "visible",
];

/// What [`ticket`] reads, of the table that the statement calls `t`.
pub(super) fn of_ticket() -> String {
    let names = FIXED.iter().chain(&MOVING);
    let columns: Vec<String> = names.map(|name| format!("t.{name}")).collect();
    columns.join(", ")
}

/// What [`viewer`] reads, of the table that the statement calls `v`.
pub(super) fn of_viewer() -> String {
    let columns: Vec<String> = VIEWER.iter().map(|name| format!("v.{name}")).collect();
    columns.join(", ")
}

pub(super) fn ticket(row: &QueryResult) -> Result<Ticket, DbErr> {
    let assignee: Option<String> = row.try_get("", "assignee_id")?;
    let conversation: Option<String> = row.try_get("", "conversation_id")?;
    Ok(Ticket {
        workspace: id(row, "workspace_id", WorkspaceId::parse)?,
        id: id(row, "ticket_id", str::parse)?,
        number: count(row, "number")?,
        type_id: id(row, "type_id", str::parse)?,
        title: row.try_get("", "title")?,
        description: row.try_get("", "description")?,
        state: id(row, "state_id", str::parse)?,
        shown_state: id(row, "shown_state_id", str::parse)?,
        category: state_category(row)?,
        open: row.try_get("", "open")?,
        assignee: optional(assignee)?,
        conversation: optional(conversation)?,
        link_generation: row.try_get::<i32>("", "link_generation")?.unsigned_abs(),
        shared: row.try_get("", "shared")?,
        deleted: row.try_get("", "deleted")?,
        revision: count(row, "revision")?,
        notify_revision: count(row, "notify_revision")?,
        stamp_revision: count(row, "stamp_revision")?,
        waiting_revision: count(row, "waiting_revision")?,
        version: count(row, "version")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// The viewer of a row; `None` when a left join found none.
pub(super) fn viewer(row: &QueryResult) -> Result<Option<Viewer>, DbErr> {
    if row.try_get::<Option<String>>("", "contact_id")?.is_none() {
        return Ok(None);
    }
    Ok(Some(Viewer {
        contact: id(row, "contact_id", ContactId::parse)?,
        requester: row.try_get("", "requester")?,
        visible: row.try_get("", "visible")?,
        ticket_update_at: time(row, "ticket_update_at")?,
        activity_at: time(row, "activity_at")?,
        version: count(row, "viewer_version")?,
    }))
}

pub(super) fn history(row: &QueryResult) -> Result<HistoryEntry, DbErr> {
    Ok(HistoryEntry {
        kind: match row.try_get::<i32>("", "kind")? {
            1 => HistoryKind::Created,
            2 => HistoryKind::StateChanged,
            3 => HistoryKind::Edited,
            4 => HistoryKind::Linked,
            5 => HistoryKind::Unlinked,
            6 => HistoryKind::Deleted,
            7 => HistoryKind::Shared,
            8 => HistoryKind::Unshared,
            9 => HistoryKind::Closed,
            10 => HistoryKind::Reopened,
            11 => HistoryKind::Assigned,
            other => return Err(unknown("kind", other)),
        },
        version: count(row, "version")?,
        revision: count(row, "revision")?,
        from: optional(row.try_get("", "from_state_id")?)?,
        to: id(row, "to_state_id", str::parse)?,
        actor: row.try_get("", "actor_id")?,
        at: time(row, "happened_at")?,
        visible: row.try_get("", "visible")?,
    })
}

pub(super) fn history_number(kind: HistoryKind) -> i32 {
    match kind {
        HistoryKind::Created => 1,
        HistoryKind::StateChanged => 2,
        HistoryKind::Edited => 3,
        HistoryKind::Linked => 4,
        HistoryKind::Unlinked => 5,
        HistoryKind::Deleted => 6,
        HistoryKind::Shared => 7,
        HistoryKind::Unshared => 8,
        HistoryKind::Closed => 9,
        HistoryKind::Reopened => 10,
        HistoryKind::Assigned => 11,
    }
}

pub(super) fn state_category(row: &QueryResult) -> Result<StateCategory, DbErr> {
    match row.try_get::<i32>("", "category")? {
        1 => Ok(StateCategory::Submitted),
        2 => Ok(StateCategory::InProgress),
        3 => Ok(StateCategory::WaitingOnCustomer),
        4 => Ok(StateCategory::Resolved),
        other => Err(unknown("category", other)),
    }
}

pub(super) fn state_number(category: StateCategory) -> i32 {
    match category {
        StateCategory::Submitted => 1,
        StateCategory::InProgress => 2,
        StateCategory::WaitingOnCustomer => 3,
        StateCategory::Resolved => 4,
    }
}

pub(super) fn type_category(row: &QueryResult) -> Result<TypeCategory, DbErr> {
    match row.try_get::<i32>("", "category")? {
        1 => Ok(TypeCategory::Customer),
        2 => Ok(TypeCategory::BackOffice {
            shareable: row.try_get("", "shareable")?,
        }),
        other => Err(unknown("category", other)),
    }
}

pub(super) fn type_number(category: TypeCategory) -> i32 {
    match category {
        TypeCategory::Customer => 1,
        TypeCategory::BackOffice { .. } => 2,
    }
}

pub(super) fn fixed_values(ticket: &Ticket) -> [Value; 5] {
    [
        text(&ticket.workspace),
        text(&ticket.id),
        number(ticket.number),
        text(&ticket.type_id),
        micros(ticket.created_at).into(),
    ]
}

pub(super) fn moving_values(ticket: &Ticket) -> [Value; 17] {
    [
        ticket.title.as_str().into(),
        ticket.description.as_str().into(),
        text(&ticket.state),
        text(&ticket.shown_state),
        state_number(ticket.category).into(),
        ticket.open.into(),
        maybe(ticket.assignee.as_ref()),
        maybe(ticket.conversation.as_ref()),
        (ticket.link_generation as i32).into(),
        ticket.shared.into(),
        ticket.deleted.into(),
        number(ticket.revision),
        number(ticket.notify_revision),
        number(ticket.stamp_revision),
        number(ticket.waiting_revision),
        number(ticket.version),
        micros(ticket.updated_at).into(),
    ]
}

pub(super) fn viewer_values(ticket: &Ticket, viewer: &Viewer) -> [Value; 9] {
    [
        text(&ticket.workspace),
        text(&ticket.id),
        text(&viewer.contact),
        viewer.requester.into(),
        viewer.visible.into(),
        micros(ticket.created_at).into(),
        micros(viewer.ticket_update_at).into(),
        micros(viewer.activity_at).into(),
        number(viewer.version),
    ]
}

pub(super) fn history_values(ticket: &Ticket, entry: &HistoryEntry) -> [Value; 10] {
    [
        text(&ticket.workspace),
        text(&ticket.id),
        number(entry.version),
        history_number(entry.kind).into(),
        number(entry.revision),
        maybe(entry.from.as_ref()),
        text(&entry.to),
        entry.actor.as_str().into(),
        micros(entry.at).into(),
        entry.visible.into(),
    ]
}

pub(super) fn id<T>(
    row: &QueryResult,
    column: &str,
    parse: impl Fn(&str) -> Result<T, InvalidId>,
) -> Result<T, DbErr> {
    let text: String = row.try_get("", column)?;
    parse(&text).map_err(|error| DbErr::Type(format!("{column} {error}")))
}

pub(super) fn count(row: &QueryResult, column: &str) -> Result<u64, DbErr> {
    Ok(row.try_get::<i64>("", column)?.unsigned_abs())
}

pub(super) fn time(row: &QueryResult, column: &str) -> Result<Timestamp, DbErr> {
    Ok(timestamp(row.try_get("", column)?))
}

pub(super) fn optional<T: std::str::FromStr<Err = InvalidId>>(
    text: Option<String>,
) -> Result<Option<T>, DbErr> {
    text.map(|text| text.parse::<T>())
        .transpose()
        .map_err(|error: InvalidId| DbErr::Type(error.to_string()))
}

pub(super) fn text(id: &impl ToString) -> Value {
    id.to_string().into()
}

fn maybe(id: Option<&impl ToString>) -> Value {
    id.map(ToString::to_string).into()
}

/// Counters never come near the sign.
pub(super) fn number(count: u64) -> Value {
    (count as i64).into()
}

fn unknown(column: &str, value: i32) -> DbErr {
    DbErr::Type(format!("{column} has the unknown value {value}"))
}
