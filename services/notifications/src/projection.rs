//! The inbox of a contact as a pure function of what Tickets and Conversations said last.
//!
//! [`apply`] keeps, for each ticket and conversation, the newest state its owner told and how far the
//! contact has read; [`view`] answers from these rows. No clocks, no counters, no order of arrival:
//! any order, duplicates and lost intermediate events end in the same rows, and a replay of the newest
//! events gives the same rows as living through all of them.

mod apply;
mod event;
mod rows;
mod view;

#[cfg(test)]
pub(crate) mod tests;

pub use apply::{Changed, apply};
pub use event::{ConversationChanged, Event, TicketChanged, TicketRead};
pub use rows::{
    AuthorKind, Category, Conversation, ConversationId, ConversationState, Preview, Rows, StateId,
    Ticket, TicketId, TicketRow, Told,
};
pub use view::{CARD, Inbox, InboxConversation, InboxTicket, view};
