//! The rules, one sentence each.

mod conversations;
mod departures;
mod histories;
mod states;

use jiff::{SignedDuration, Timestamp};
use types::{ContactId, WorkspaceId};

use super::*;

/// Two states IN_PROGRESS look the same to the customer, a third does not; likewise WAITING.
fn catalog(workspace: &WorkspaceId) -> Catalog {
    let mut catalog = Catalog::defaults(workspace);
    for (category, internal, shown) in [
        (StateCategory::InProgress, "With engineering", "In progress"),
        (StateCategory::InProgress, "Being shipped", "On its way"),
        (
            StateCategory::WaitingOnCustomer,
            "Waiting for logs",
            "We need your logs",
        ),
    ] {
        let id = state_id(internal);
        catalog.types[0].states.push(id.clone());
        catalog.states.push(State {
            id,
            category,
            internal_label: internal.into(),
            customer_label: shown.into(),
            archived: false,
        });
    }
    catalog
}

fn state_id(internal_label: &str) -> StateId {
    StateId::derive(&["test", internal_label])
}

fn minute(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    start
        .checked_add(SignedDuration::from_mins(minutes))
        .unwrap()
}

fn grace(minutes: i64) -> By<'static> {
    By {
        actor: "tea_grace",
        at: minute(minutes),
    }
}

/// A workspace with one customer.
struct Desk {
    catalog: Catalog,
    ada: ContactId,
}

impl Desk {
    fn new() -> Self {
        Self {
            catalog: catalog(&WorkspaceId::derive(&["desk"])),
            ada: ContactId::derive(&["ada"]),
        }
    }

    fn state(&self, internal_label: &str) -> &State {
        let mut states = self.catalog.states.iter();
        states
            .find(|state| state.internal_label == internal_label)
            .unwrap()
    }

    fn new_ticket(&self, state: &str) -> NewTicket<'_> {
        NewTicket {
            workspace: WorkspaceId::derive(&["desk"]),
            id: TicketId::derive(&["ticket"]),
            number: 1,
            of: &self.catalog.types[0],
            state: self.state(state),
            requester: self.ada.clone(),
            title: "The printer is on fire".into(),
            description: String::new(),
            assignee: None,
            conversation: None,
            notify: true,
            created_at: minute(0),
        }
    }

    /// A ticket of Ada's, created at minute 0.
    fn ticket(&self, state: &str) -> Aggregate {
        let created = Aggregate::create(self.new_ticket(state), &grace(0));
        created.unwrap().after
    }

    fn moved(&self, ticket: &Aggregate, to: &str, minutes: i64) -> Change {
        let to = self.state(to).id.clone();
        ticket
            .change_state(&self.catalog, &to, true, &grace(minutes))
            .unwrap()
            .expect("another state")
    }

    /// Ada in a conversation.
    fn member(&self) -> Member {
        Member {
            contact: self.ada.clone(),
            participant: true,
            deleted: false,
            last_message_at: None,
        }
    }
}

fn viewer<'a>(ticket: &'a Aggregate, contact: &ContactId) -> &'a Viewer {
    let mut viewers = ticket.viewers.iter();
    viewers.find(|viewer| viewer.contact == *contact).unwrap()
}

fn told(change: &Change) -> Vec<&ContactId> {
    change.viewers().map(|viewer| &viewer.contact).collect()
}
