use super::{Conversation, ConversationId, Ticket, TicketId, Told};

/// Something that concerns one contact's inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Tickets told the state of a ticket.
    TicketChanged(TicketChanged),
    /// Conversations told the state of a conversation, the contact's place in it included.
    ConversationChanged(ConversationChanged),
    /// The contact was shown a ticket by itself.
    TicketRead(TicketRead),
}

/// The state of one ticket for the contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketChanged {
    /// Which.
    pub ticket_id: TicketId,
    /// Its state.
    pub told: Told<Ticket>,
}

/// The state of one conversation for the contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationChanged {
    /// Which.
    pub conversation_id: ConversationId,
    /// Its state.
    pub told: Told<Conversation>,
    /// A3: for each ticket ever stamped in it, the newest revision stamped at or below the contact's
    /// place. A newer event never tells less of it than an older one.
    pub frontier: Vec<(TicketId, u64)>,
}

/// The contact was shown a ticket's detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRead {
    /// Which.
    pub ticket_id: TicketId,
    /// The revision shown.
    pub up_to_revision: u64,
}
