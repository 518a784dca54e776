//! What happens to tickets and conversations, as people would tell it.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{CONTACTS, CONVERSATIONS, TICKETS};
use crate::projection::{Category, Event};

/// Something somebody does. What makes no sense at its moment (a receipt above the head, a second shared
/// ticket in a conversation) is refused and leaves no trace, as the services would refuse it.
#[derive(Debug, Clone)]
pub enum Op {
    Wait(i64),
    Create {
        ticket: usize,
        requester: usize,
        conversation: usize,
        silent: bool,
    },
    Move {
        ticket: usize,
        category: Category,
        silent: bool,
    },
    Rename {
        ticket: usize,
    },
    Share {
        ticket: usize,
        shared: bool,
    },
    DeleteTicket {
        ticket: usize,
    },
    Link {
        ticket: usize,
        conversation: usize,
    },
    Unlink {
        ticket: usize,
    },
    /// Conversations hears of a ticket: of its next change, or only of its newest.
    Stamp {
        ticket: usize,
        newest: bool,
    },
    Say {
        conversation: usize,
        author: Author,
    },
    Close {
        conversation: usize,
    },
    Join {
        conversation: usize,
        contact: usize,
    },
    Leave {
        conversation: usize,
        contact: usize,
    },
    DeleteConversation {
        conversation: usize,
    },
    /// A receipt: at a stamp or at the head, or one part beside it.
    Receipt {
        conversation: usize,
        contact: usize,
        stamp: usize,
        beside: i64,
    },
    /// A ticket's detail is shown: at its newest badging revision, or one beside it.
    Show {
        ticket: usize,
        contact: usize,
        beside: i64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    Contact(usize),
    Teammate,
}

/// What happened, in order: the whole truth. Nothing is ever taken back or summed up.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    Created {
        ticket: usize,
        requester: usize,
    },
    /// A ticket update: the customer sees another status, or sees the ticket again.
    Updated {
        ticket: usize,
        revision: u64,
        badges: bool,
        category: Category,
    },
    Renamed {
        ticket: usize,
        revision: u64,
    },
    Shared {
        ticket: usize,
        shared: bool,
    },
    TicketDeleted {
        ticket: usize,
    },
    Linked {
        ticket: usize,
        conversation: usize,
        revision: u64,
    },
    Unlinked {
        ticket: usize,
        revision: u64,
    },
    Stamped {
        conversation: usize,
        ticket: usize,
        revision: u64,
        seq: u64,
    },
    Said {
        conversation: usize,
        author: Author,
        seq: u64,
    },
    Opened {
        conversation: usize,
        open: bool,
    },
    Joined {
        conversation: usize,
        contact: usize,
    },
    Left {
        conversation: usize,
        contact: usize,
    },
    ConversationDeleted {
        conversation: usize,
    },
    Receipt {
        conversation: usize,
        contact: usize,
        up_to: u64,
    },
    Shown {
        ticket: usize,
        contact: usize,
        up_to: u64,
    },
}

/// Whose state an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    Ticket(usize),
    Conversation(usize),
    /// An explicit read, given to the projection itself: it cannot be lost. Its fact's place.
    Contact(usize),
}

/// An event on its way to the projection.
#[derive(Debug, Clone)]
pub struct Emitted {
    pub contact: usize,
    pub teller: Teller,
    /// How much of the history had happened when it was told.
    pub facts: usize,
    /// No later event tells of the same.
    pub newest: bool,
    /// What was done when it was told.
    pub cause: Cause,
    pub event: Event,
}

/// What kind of act an event follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Message,
    Ticket,
    Other,
}

/// A history and the events that tell it.
#[derive(Debug, Default)]
pub struct History {
    /// When and what.
    pub facts: Vec<(i64, Fact)>,
    pub events: Vec<Emitted>,
}

/// Up to so many acts.
pub fn ops(most: usize) -> impl Strategy<Value = Vec<Op>> {
    vec(op(), 1..=most)
}

fn op() -> impl Strategy<Value = Op> {
    let ticket = 0..TICKETS;
    // one conversation and one contact are busier, so that tickets follow each other in a conversation
    let conversation = select((0..CONVERSATIONS).chain([0, 0]).collect::<Vec<_>>());
    let contact = select((0..CONTACTS).chain([0]).collect::<Vec<_>>());
    let beside = select(vec![0, 0, -1, 1]);
    let category = select(vec![
        Category::Submitted,
        Category::InProgress,
        Category::WaitingOnCustomer,
        Category::Resolved,
    ]);
    let silent = proptest::bool::weighted(0.2);
    let author = prop_oneof![
        3 => Just(Author::Teammate),
        2 => contact.clone().prop_map(Author::Contact),
    ];
    prop_oneof![
        4 => (0..3_i64).prop_map(Op::Wait),
        5 => (ticket.clone(), contact.clone(), conversation.clone(), silent)
            .prop_map(|(ticket, requester, conversation, silent)| Op::Create { ticket, requester, conversation, silent }),
        6 => (ticket.clone(), category, silent)
            .prop_map(|(ticket, category, silent)| Op::Move { ticket, category, silent }),
        1 => ticket.clone().prop_map(|ticket| Op::Rename { ticket }),
        2 => (ticket.clone(), any::<bool>()).prop_map(|(ticket, shared)| Op::Share { ticket, shared }),
        1 => ticket.clone().prop_map(|ticket| Op::DeleteTicket { ticket }),
        4 => (ticket.clone(), conversation.clone())
            .prop_map(|(ticket, conversation)| Op::Link { ticket, conversation }),
        3 => ticket.clone().prop_map(|ticket| Op::Unlink { ticket }),
        6 => (ticket.clone(), any::<bool>()).prop_map(|(ticket, newest)| Op::Stamp { ticket, newest }),
        5 => (conversation.clone(), author)
            .prop_map(|(conversation, author)| Op::Say { conversation, author }),
        1 => conversation.clone().prop_map(|conversation| Op::Close { conversation }),
        2 => (conversation.clone(), contact.clone())
            .prop_map(|(conversation, contact)| Op::Join { conversation, contact }),
        1 => (conversation.clone(), contact.clone())
            .prop_map(|(conversation, contact)| Op::Leave { conversation, contact }),
        1 => conversation.clone().prop_map(|conversation| Op::DeleteConversation { conversation }),
        6 => (conversation, contact.clone(), 0..4_usize, beside.clone())
            .prop_map(|(conversation, contact, stamp, beside)| Op::Receipt { conversation, contact, stamp, beside }),
        2 => (ticket, contact, beside)
            .prop_map(|(ticket, contact, beside)| Op::Show { ticket, contact, beside }),
    ]
}
