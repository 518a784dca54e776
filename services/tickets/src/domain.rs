//! The rules of tickets, pure: each decision takes what is and gives what is to be, with the time and
//! every id handed in.

mod catalog;
mod change;
mod conversation;
mod decide;
mod departure;
mod query;
mod ticket;

#[cfg(test)]
mod tests;

pub use catalog::{
    Catalog, NewType, State, StateCategory, StateId, TicketType, TypeCategory, TypeId,
};
pub use change::{Change, HistoryEntry, HistoryKind};
pub use conversation::{ConversationId, Member, News, Reply};
pub use departure::Parting;
pub use query::{InboxFilter, InboxPlace, ListPlace};
#[cfg(test)]
pub use ticket::Sight;
pub use ticket::{Aggregate, By, Edit, NewTicket, Ticket, TicketId, TicketRef, View, Viewer};

/// Why a command is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such ticket, or not for this caller to know of.
    #[error("there is no such ticket")]
    TicketNotFound,
    /// The type does not have this state, or the state is archived or unknown.
    #[error("the ticket's type does not have this state, or it is archived")]
    StateNotAllowed,
    /// The type is unknown, archived or not offered to this caller.
    #[error("there is no such ticket type for new tickets")]
    TypeNotAllowed,
    /// The conversation already has a shared ticket.
    #[error("the conversation already has a ticket that is shared with the customer")]
    SharedTicketExists,
    /// The ticket's type says whether its tickets are shared, or that they never are.
    #[error(
        "the type of this ticket decides whether the customer sees it: it is no back-office type whose tickets may be shared one by one"
    )]
    NotShareable,
    /// The ticket is linked to another conversation.
    #[error("the ticket is linked to another conversation; unlink it first")]
    AlreadyLinked,
    /// The conversation was deleted, or a requester is not in it.
    #[error("the conversation was deleted, or the ticket's requester is not in it")]
    ConversationNotLinkable,
    /// It has no conversation, and nobody has chosen to tell a customer of it.
    #[error(
        "the ticket has no conversation; share it with the customer, or link it to one of their conversations"
    )]
    NoConversation,
    /// Conversations has not told of this conversation.
    #[error("the conversation is not known here yet; try again after the delay")]
    ConversationNotKnownYet,
    /// The contact was erased.
    #[error("this contact was erased; nothing can be done in their name any more")]
    ContactGone,
    /// The workspace has as many types as it can have.
    #[error("the workspace has as many ticket types as it can have")]
    TooManyTypes,
    /// A type has to have a state of every category.
    #[error(
        "a type needs at least one state of every category: submitted, in progress, waiting on customer and resolved"
    )]
    CategoryWithoutState,
    /// The caller read an older version.
    #[error("the ticket was changed since it was read; read it again")]
    StaleVersion,
}
