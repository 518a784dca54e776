use jiff::Timestamp;
use types::ContactId;

use super::TicketId;

types::id!(
    /// A conversation; Conversations owns it.
    ConversationId, "cnv"
);

/// A contact's place in a conversation, as Conversations told it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub contact: ContactId,
    /// Is in the conversation.
    pub participant: bool,
    /// The conversation was deleted.
    pub deleted: bool,
    /// The newest message this contact could see in it.
    pub last_message_at: Option<Timestamp>,
}

impl Member {
    /// The contact can read the conversation.
    pub fn reads(&self) -> bool {
        self.participant && !self.deleted
    }
}

/// What Conversations tells of one conversation and one of its contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Grows with everything told of this pair.
    pub version: u64,
    /// The contact's place in it.
    pub member: Member,
    /// The newest message by any contact.
    pub reply: Option<Reply>,
}

/// A message by a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its place in the conversation.
    pub seq: u64,
    /// For each ticket, the newest revision its author had before their eyes.
    pub seen: Vec<(TicketId, u64)>,
}

impl Reply {
    /// The newest revision of a ticket that its author had seen; 0: none.
    pub fn saw(&self, ticket: &TicketId) -> u64 {
        let revisions = self.seen.iter().filter(|(id, _)| id == ticket);
        revisions.map(|(_, revision)| *revision).max().unwrap_or(0)
    }
}
