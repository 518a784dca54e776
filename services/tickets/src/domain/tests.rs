//! The rules, one sentence each.

mod conversations;
mod departures;
mod histories;
mod sharing;
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
    for (name, shareable) in BACK_OFFICE {
        let new = NewType {
            name: name.into(),
            category: TypeCategory::BackOffice { shareable },
            states: Vec::new(),
            offered_to_contacts: false,
        };
        let id = TypeId::derive(&["test", name]);
        let made = catalog.design(id, &new).unwrap();
        catalog.types.push(made);
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

/// A type whose tickets are shared one by one, and one whose tickets never are.
const BACK_OFFICE: [(&str, bool); 2] = [("Bug report", true), ("Chore", false)];

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

    /// The same, of a back-office type.
    fn back_office(&self, name: &str, state: &str) -> Aggregate {
        let new = NewTicket {
            of: self.type_named(name),
            ..self.new_ticket(state)
        };
        Aggregate::create(new, &grace(0)).unwrap().after
    }

    fn type_named(&self, name: &str) -> &TicketType {
        let mut types = self.catalog.types.iter();
        types.find(|of| of.name == name).unwrap()
    }

    fn shared(&self, ticket: &Aggregate, members: &[Member], minutes: i64) -> Change {
        ticket
            .share(&self.catalog, members, true, &grace(minutes))
            .unwrap()
            .expect("not shared before")
    }

    fn unshared(&self, ticket: &Aggregate, minutes: i64) -> Change {
        ticket
            .unshare(&self.catalog, &grace(minutes))
            .unwrap()
            .expect("shared before")
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
