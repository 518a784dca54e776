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
    /// Whether both are the same but for what was told of tickets that the contact does not see: of those
    /// nothing shows but that, and older versions of Tickets told more of them.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let alike = |((a_id, a), (b_id, b)): ((&TicketId, &TicketRow), (&TicketId, &TicketRow))| {
            a_id == b_id && a.agrees_with(b)
        };
        self.conversations == other.conversations
            && self.tickets.len() == other.tickets.len()
            && self.tickets.iter().zip(&other.tickets).all(alike)
    }

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
    fn agrees_with(&self, other: &Self) -> bool {
        let hidden = |row: &Self| {
            let told = row.told.as_ref().filter(|told| !told.state.visible);
            told.map(|told| told.version)
        };
        let same_told = match (hidden(self), hidden(other)) {
            (Some(a), Some(b)) => a == b,
            _ => self.told == other.told,
        };
        same_told
            && self.frontier_revision == other.frontier_revision
            && self.explicit_revision == other.explicit_revision
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(visible: bool, title: &str, version: u64) -> Rows {
        let state = Ticket {
            visible,
            revision: 1,
            notify_revision: 1,
            state_id: StateId::derive(&["open"]),
            category: Category::Submitted,
            number: 1,
            title: title.into(),
            conversation_id: None,
            create_time: Timestamp::UNIX_EPOCH,
            ticket_update_time: Timestamp::UNIX_EPOCH,
            activity_time: Timestamp::UNIX_EPOCH,
        };
        let row = TicketRow {
            told: Some(Told { version, state }),
            ..TicketRow::default()
        };
        Rows {
            tickets: BTreeMap::from([(TicketId::derive(&["printer"]), row)]),
            conversations: BTreeMap::new(),
        }
    }

    /// A6, V4
    #[test]
    fn what_was_told_of_a_ticket_that_is_not_seen_is_no_drift_and_everything_else_is() {
        let hidden = rows(false, "Printer", 2);
        assert!(hidden.agrees_with(&rows(false, "", 2)));
        for drifted in [
            rows(true, "Printer", 2),
            rows(false, "Printer", 3),
            Rows::default(),
        ] {
            assert!(!hidden.agrees_with(&drifted) && !drifted.agrees_with(&hidden));
        }
        assert!(!rows(true, "Printer", 2).agrees_with(&rows(true, "Scanner", 2)));
        let mut read = hidden.clone();
        for row in read.tickets.values_mut() {
            row.explicit_revision = 1;
        }
        assert!(!hidden.agrees_with(&read));
    }
}
