use std::collections::BTreeMap;

use jiff::Timestamp;

types::id!(
    /// A ticket.
    TicketId, "tkt"
);
types::id!(
    /// A state of a ticket; its labels are looked up at Tickets.
    StateId, "tst"
);
types::id!(
    /// A conversation.
    ConversationId, "cnv"
);

/// What is kept about one contact, or the part of it that some events touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Every ticket the contact sees or once saw, and every ticket something was read of.
    pub tickets: BTreeMap<TicketId, TicketRow>,
    /// Every conversation the contact is or once was in.
    pub conversations: BTreeMap<ConversationId, Told<Conversation>>,
}

impl Rows {
    /// What a replay from nothing starts with: explicit reads are owned here and told by nobody else.
    pub fn owned(&self) -> Self {
        let read = self
            .tickets
            .iter()
            .filter(|(_, row)| row.explicit_revision > 0);
        let tickets = read.map(|(id, row)| {
            let explicit_revision = row.explicit_revision;
            (
                id.clone(),
                TicketRow {
                    explicit_revision,
                    ..TicketRow::default()
                },
            )
        });
        Self {
            tickets: tickets.collect(),
            conversations: BTreeMap::new(),
        }
    }
}

/// The newest state that an owner told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<T> {
    /// Grows with each state told, from 1.
    pub version: u64,
    /// The state, whole.
    pub state: T,
}

impl<T> Told<T> {
    /// A6: whether this takes the place of what is known.
    pub fn supersedes(&self, known: &Self) -> bool {
        self.version > known.version
    }
}

/// One ticket for one contact: what Tickets said last, and what the contact has read of it. The two
/// come on different ways, so that either may be there without the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketRow {
    /// The newest state; `None` while only reads are known.
    pub told: Option<Told<Ticket>>,
    /// Newest revision read in any conversation that the ticket was ever stamped in; 0: none.
    pub frontier_revision: u64,
    /// Newest revision marked as read on its own; 0: none.
    pub explicit_revision: u64,
}

impl TicketRow {
    /// A4: the newest revision read, in either way.
    pub fn read_revision(&self) -> u64 {
        self.frontier_revision.max(self.explicit_revision)
    }

    /// The ticket, if the contact sees it.
    pub fn visible(&self) -> Option<&Ticket> {
        self.told
            .as_ref()
            .map(|told| &told.state)
            .filter(|ticket| ticket.visible)
    }

    /// A4, A5: an update is unread until a read is known that covers it.
    pub fn unread(&self) -> bool {
        self.visible()
            .is_some_and(|ticket| ticket.notify_revision > self.read_revision())
    }
}

/// One ticket for one contact, as Tickets tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The contact sees it.
    pub visible: bool,
    /// Grows with each change a customer could see.
    pub revision: u64,
    /// Newest revision that badges; 0 when none does.
    pub notify_revision: u64,
    /// Its state.
    pub state_id: StateId,
    /// What the state means.
    pub category: Category,
    /// The number people say.
    pub number: u64,
    /// The title now.
    pub title: String,
    /// The linked conversation.
    pub conversation_id: Option<ConversationId>,
    /// When it was created.
    pub create_time: Timestamp,
    /// Its last update that the contact could see: the card's order.
    pub ticket_update_time: Timestamp,
    /// Newest activity that the contact could see: the list's order.
    pub activity_time: Timestamp,
}

/// What a ticket's state means to the product, whatever its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Received, nobody works on it yet.
    Submitted,
    /// Somebody works on it.
    InProgress,
    /// The customer has to answer.
    WaitingOnCustomer,
    /// Done.
    Resolved,
}

impl Category {
    /// Not resolved.
    pub fn active(self) -> bool {
        self != Self::Resolved
    }
}

/// One conversation for one contact, as Conversations tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The contact is in it.
    pub participant: bool,
    /// It was deleted.
    pub deleted: bool,
    /// Whether it goes on.
    pub state: ConversationState,
    /// It has a customer-visible message by anyone.
    pub has_messages: bool,
    /// The newest message.
    pub preview: Option<Preview>,
    /// Newest place in the contact's timeline.
    pub head_seq: u64,
    /// Newest message by somebody else; 0 when there is none.
    pub last_foreign_message_seq: u64,
    /// The contact has read up to here.
    pub read_seq: u64,
    /// When the newest message was written.
    pub last_message_time: Option<Timestamp>,
}

impl Conversation {
    /// The contact can read it.
    pub fn readable(&self) -> bool {
        self.participant && !self.deleted
    }

    /// B1: it has an unread message by somebody else.
    pub fn unread(&self) -> bool {
        self.readable() && self.last_foreign_message_seq > self.read_seq
    }
}

/// Whether a conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationState {
    /// Going on.
    Open,
    /// Closed by a teammate.
    Closed,
}

/// The newest message, for a row in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Its beginning.
    pub text: String,
    /// Who wrote it.
    pub author_kind: AuthorKind,
    /// Name to show.
    pub author_name: String,
    /// The reading contact wrote it.
    pub mine: bool,
    /// When.
    pub time: Timestamp,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorKind {
    /// A contact.
    Contact,
    /// A teammate.
    Teammate,
    /// A bot or integration.
    Bot,
    /// The product itself.
    System,
}
