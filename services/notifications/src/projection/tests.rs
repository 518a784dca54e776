//! The projection against an oracle that keeps the whole history, and against mutants of itself.

pub(crate) mod delivery;
pub(crate) mod history;
mod merges;
mod mutants;
mod oracle;
mod properties;
pub(crate) mod world;

use super::{Changed, ConversationId, Event, Inbox, Rows, StateId, TicketId, apply, view};

/// Few of each, so that histories keep meeting the same ones.
pub(crate) const CONTACTS: usize = 2;
const TICKETS: usize = 3;
const CONVERSATIONS: usize = 3;

/// What a property is asked of: the projection, or a mutant of it.
pub(crate) trait Subject {
    fn apply(&self, rows: &mut Rows, event: Event) -> Changed {
        apply(rows, event)
    }

    fn view(&self, rows: &Rows) -> Inbox {
        view(rows)
    }

    fn owned(&self, rows: &Rows) -> Rows {
        rows.owned()
    }
}

/// The projection as it is.
struct Projection;

impl Subject for Projection {}

fn ticket_id(ticket: usize) -> TicketId {
    static IDS: std::sync::LazyLock<[TicketId; TICKETS]> =
        std::sync::LazyLock::new(|| std::array::from_fn(|i| TicketId::derive(&[&i.to_string()])));
    IDS[ticket].clone()
}

fn conversation_id(conversation: usize) -> ConversationId {
    static IDS: std::sync::LazyLock<[ConversationId; CONVERSATIONS]> =
        std::sync::LazyLock::new(|| {
            std::array::from_fn(|i| ConversationId::derive(&[&i.to_string()]))
        });
    IDS[conversation].clone()
}

fn state_id() -> StateId {
    static ID: std::sync::LazyLock<StateId> = std::sync::LazyLock::new(|| StateId::derive(&[]));
    ID.clone()
}

fn time(second: i64) -> jiff::Timestamp {
    types::timestamp(second * 1_000_000)
}
