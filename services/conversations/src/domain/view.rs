use jiff::Timestamp;
use types::ContactId;

use super::{Conversation, TicketId};

/// A3: for each ticket ever stamped in a conversation, the newest revision stamped at or below a place.
pub type Frontier = Vec<(TicketId, u64)>;

/// A contact's place in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub contact: ContactId,
    /// Grows by 1 with every event about this contact's copy.
    pub version: u64,
    /// Read up to here, in the contact's numbers.
    pub read_seq: u64,
    /// Newest message by somebody else, in the contact's numbers; 0 when there is none.
    pub last_foreign_message_seq: u64,
    /// When the contact left; `None` while in the conversation.
    pub left_at: Option<Timestamp>,
}

/// A conversation as one contact has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The conversation.
    pub conversation: Conversation,
    /// The contact's place in it.
    pub participant: Participant,
}

impl View {
    /// V2: whether the contact may know of it.
    pub fn readable(&self) -> bool {
        self.participant.left_at.is_none() && self.conversation.deleted_at.is_none()
    }
}

/// A [`View`] with what the contact, and the newest contact message, had read of tickets: all that an
/// event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The conversation and the contact's place in it.
    pub view: View,
    /// What reading up to `read_seq` read.
    pub frontier: Frontier,
    /// What the author of the newest contact message had seen; empty when there is no such message.
    pub message_frontier: Frontier,
}
