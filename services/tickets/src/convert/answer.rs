//! Answers: what teammates see, and the smaller part of it that customers see.

use jiff::Timestamp;
use proto::tickets::v1 as pb;
use types::{ContactId, micros};

use crate::domain::{
    Aggregate, Catalog, HistoryEntry, HistoryKind, State, StateCategory, StateId, Ticket,
    TicketType, TypeCategory, TypeId, Viewer,
};

pub(crate) fn ticket(aggregate: &Aggregate, catalog: &Catalog) -> pb::Ticket {
    let ticket = &aggregate.ticket;
    pb::Ticket {
        ticket_id: ticket.id.to_string(),
        number: ticket.number,
        type_id: ticket.type_id.to_string(),
        type_name: type_name(catalog, &ticket.type_id),
        title: ticket.title.clone(),
        description: ticket.description.clone(),
        state: catalog.state(&ticket.state).map(state),
        open: ticket.open,
        requester_contact_ids: aggregate.requesters().map(ToString::to_string).collect(),
        assignee_teammate_id: said(ticket.assignee.as_ref()),
        conversation_id: said(ticket.conversation.as_ref()),
        revision: ticket.revision,
        notify_revision: ticket.notify_revision,
        version: ticket.version,
        create_time: Some(time(ticket.created_at)),
        update_time: Some(time(ticket.updated_at)),
        shared: ticket.shared,
        shareable: catalog
            .ticket_type(&ticket.type_id)
            .is_some_and(|of| of.category.shareable()),
    }
}

/// How many tickets of each category, and up to where they were counted.
pub(crate) fn counts(found: &[(StateCategory, u32)], limit: u32) -> pb::CountTicketsResponse {
    let counts = found.iter().map(|(of, count)| pb::CategoryCount {
        category: category(*of).into(),
        count: *count,
    });
    pb::CountTicketsResponse {
        counts: counts.collect(),
        limit,
    }
}

/// V4: made from the customer's side of a ticket only.
pub(crate) fn contact_ticket(
    ticket: &Ticket,
    viewer: &Viewer,
    catalog: &Catalog,
) -> pb::ContactTicket {
    pb::ContactTicket {
        ticket_id: ticket.id.to_string(),
        number: ticket.number,
        title: ticket.title.clone(),
        description: ticket.description.clone(),
        type_name: type_name(catalog, &ticket.type_id),
        state_id: ticket.shown_state.to_string(),
        category: category(ticket.category).into(),
        state_label: customer_label(catalog, &ticket.shown_state),
        conversation_id: said(ticket.conversation.as_ref()),
        revision: ticket.revision,
        notify_revision: ticket.notify_revision,
        create_time: Some(time(ticket.created_at)),
        activity_time: Some(time(viewer.activity_at)),
    }
}

/// The ticket as a contact sees it, if they do.
pub(crate) fn seen_by(
    aggregate: &Aggregate,
    contact: &ContactId,
    catalog: &Catalog,
) -> Option<pb::ContactTicket> {
    let viewer = aggregate.seen_by(contact)?;
    Some(contact_ticket(&aggregate.ticket, viewer, catalog))
}

pub(crate) fn contact_update(entry: &HistoryEntry, catalog: &Catalog) -> pb::ContactTicketUpdate {
    let after = catalog.state(&entry.to);
    pb::ContactTicketUpdate {
        revision: entry.revision,
        category: after
            .map_or(pb::StateCategory::Unspecified, |state| {
                category(state.category)
            })
            .into(),
        state_label: customer_label(catalog, &entry.to),
        time: Some(time(entry.at)),
    }
}

pub(crate) fn history_entry(entry: &HistoryEntry) -> pb::HistoryEntry {
    let kind = match entry.kind {
        HistoryKind::Created => pb::HistoryKind::Created,
        HistoryKind::StateChanged => pb::HistoryKind::StateChanged,
        HistoryKind::Edited => pb::HistoryKind::Edited,
        HistoryKind::Linked => pb::HistoryKind::Linked,
        HistoryKind::Unlinked => pb::HistoryKind::Unlinked,
        HistoryKind::Deleted => pb::HistoryKind::Deleted,
        HistoryKind::Shared => pb::HistoryKind::Shared,
        HistoryKind::Unshared => pb::HistoryKind::Unshared,
        HistoryKind::Closed => pb::HistoryKind::Closed,
        HistoryKind::Reopened => pb::HistoryKind::Reopened,
        HistoryKind::Assigned => pb::HistoryKind::Assigned,
    };
    pb::HistoryEntry {
        kind: kind.into(),
        version: entry.version,
        revision: entry.revision,
        from_state_id: said(entry.from.as_ref()),
        to_state_id: entry.to.to_string(),
        actor_id: entry.actor.clone(),
        time: Some(time(entry.at)),
        visible_to_customer: entry.visible,
    }
}

pub(crate) fn ticket_type(of: &TicketType) -> pb::TicketType {
    let category = match of.category {
        TypeCategory::Customer => pb::TypeCategory::Customer,
        TypeCategory::BackOffice { .. } => pb::TypeCategory::BackOffice,
    };
    pb::TicketType {
        type_id: of.id.to_string(),
        name: of.name.clone(),
        category: category.into(),
        state_ids: of.states.iter().map(ToString::to_string).collect(),
        offered_to_contacts: of.offered_to_contacts,
        archived: of.archived,
        shareable: of.category.shareable(),
    }
}

pub(crate) fn state(state: &State) -> pb::TicketState {
    pb::TicketState {
        state_id: state.id.to_string(),
        category: category(state.category).into(),
        internal_label: state.internal_label.clone(),
        customer_label: state.customer_label.clone(),
        archived: state.archived,
    }
}

/// What a contact may choose from, and how to name what they see.
pub(crate) fn contact_form(catalog: &Catalog) -> pb::ListContactTicketFormsResponse {
    let offered = catalog
        .types
        .iter()
        .filter(|of| of.offered_to_contacts && !of.archived);
    let types = offered.map(|of| pb::ContactTicketType {
        type_id: of.id.to_string(),
        name: of.name.clone(),
    });
    let states = catalog.states.iter().map(|state| pb::ContactTicketState {
        state_id: state.id.to_string(),
        category: category(state.category).into(),
        label: state.customer_label.clone(),
    });
    pb::ListContactTicketFormsResponse {
        types: types.collect(),
        states: states.collect(),
    }
}

pub(super) fn category(category: StateCategory) -> pb::StateCategory {
    match category {
        StateCategory::Submitted => pb::StateCategory::Submitted,
        StateCategory::InProgress => pb::StateCategory::InProgress,
        StateCategory::WaitingOnCustomer => pb::StateCategory::WaitingOnCustomer,
        StateCategory::Resolved => pb::StateCategory::Resolved,
    }
}

pub(super) fn time(time: Timestamp) -> prost_types::Timestamp {
    let micros = micros(time);
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: (micros.rem_euclid(1_000_000) * 1_000) as i32,
    }
}

pub(crate) fn said(id: Option<&impl ToString>) -> String {
    id.map(ToString::to_string).unwrap_or_default()
}

fn type_name(catalog: &Catalog, id: &TypeId) -> String {
    let of = catalog.ticket_type(id);
    of.map(|of| of.name.clone()).unwrap_or_default()
}

fn customer_label(catalog: &Catalog, id: &StateId) -> String {
    let state = catalog.state(id);
    state
        .map(|state| state.customer_label.clone())
        .unwrap_or_default()
}
