//! The rules of conversations: pure, without time, chance or I/O of their own.

mod conversation;
mod part;
mod stamping;
mod view;

pub use conversation::{
    Command, ContactMessage, Conversation, Decision, Key, LastMessage, Refusal, UpTo,
};
pub use part::{
    Author, AuthorKind, Category, ContactContent, ContactPart, Content, Part, Stamp, State,
};
#[cfg(test)]
pub use stamping::MAX_TICKETS;
pub use stamping::{Known, TicketUpdate, stamp};
pub use view::{Frontier, Participant, Told, View};

types::id!(
    /// A conversation.
    ConversationId, "cnv"
);
types::id!(
    /// An entry of a conversation's timeline.
    PartId, "prt"
);
types::id!(
    /// A ticket, as Tickets names it.
    TicketId, "tkt"
);
types::id!(
    /// A state of a ticket; its labels are looked up at Tickets.
    StateId, "tst"
);
