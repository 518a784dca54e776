use jiff::Timestamp;

use super::{
    Category, Conversation, ConversationId, ConversationState, Preview, Rows, StateId, Ticket,
    TicketId, TicketRow,
};

/// Tickets on the card at the most (R2).
pub const CARD: usize = 3;

/// What a contact has not read, whatever the platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inbox {
    /// Visible tickets with an unread update.
    pub unread_tickets: u32,
    /// Conversations with an unread message by somebody else.
    pub unread_conversations: u32,
    /// At most [`CARD`], active only, last update first.
    pub recent_tickets: Vec<InboxTicket>,
    /// The contact sees at least one ticket, resolved ones included.
    pub any_ticket_visible: bool,
    /// The conversation with the newest message.
    pub latest_conversation: Option<InboxConversation>,
}

/// A ticket, as an inbox shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxTicket {
    /// Which.
    pub ticket_id: TicketId,
    /// The number people say.
    pub number: u64,
    /// The title.
    pub title: String,
    /// Its state.
    pub state_id: StateId,
    /// What the state means.
    pub category: Category,
    /// Its revision.
    pub revision: u64,
    /// It has an unread update.
    pub unread: bool,
    /// Its last update.
    pub ticket_update_time: Timestamp,
    /// The linked conversation.
    pub conversation_id: Option<ConversationId>,
}

impl InboxTicket {
    /// The ticket of a row; `None` where the contact does not see it.
    pub fn of(ticket_id: &TicketId, row: &TicketRow) -> Option<Self> {
        row.visible().map(|ticket| Self {
            ticket_id: ticket_id.clone(),
            number: ticket.number,
            title: ticket.title.clone(),
            state_id: ticket.state_id.clone(),
            category: ticket.category,
            revision: ticket.revision,
            unread: row.unread(),
            ticket_update_time: ticket.ticket_update_time,
            conversation_id: ticket.conversation_id.clone(),
        })
    }
}

/// A conversation, as an inbox shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxConversation {
    /// Which.
    pub conversation_id: ConversationId,
    /// Whether it goes on.
    pub state: ConversationState,
    /// The newest message.
    pub preview: Option<Preview>,
    /// It has an unread message by somebody else.
    pub unread: bool,
    /// The ticket linked to it, if the contact sees one.
    pub ticket: Option<InboxTicket>,
}

impl InboxConversation {
    /// A conversation with its ticket.
    pub fn of(
        conversation_id: &ConversationId,
        conversation: &Conversation,
        ticket: Option<InboxTicket>,
    ) -> Self {
        Self {
            conversation_id: conversation_id.clone(),
            state: conversation.state,
            preview: conversation.preview.clone(),
            unread: conversation.unread(),
            ticket,
        }
    }
}

/// The inbox that all of a contact's rows amount to.
pub fn view(rows: &Rows) -> Inbox {
    let mut visible: Vec<_> = rows
        .tickets
        .iter()
        .filter_map(|(id, row)| row.visible().map(|ticket| (id, ticket, row)))
        .collect();
    visible
        .sort_unstable_by(|(a_id, a, _), (b_id, b, _)| card_key(b_id, b).cmp(&card_key(a_id, a)));
    let shown = |(id, _, row): &(&TicketId, &Ticket, &TicketRow)| InboxTicket::of(id, row);
    let latest = rows
        .conversations
        .iter()
        .map(|(id, told)| (id, &told.state))
        .filter(|(_, conversation)| {
            conversation.readable() && conversation.last_message_time.is_some()
        })
        .max_by_key(|(id, conversation)| (conversation.last_message_time, *id));
    Inbox {
        unread_tickets: count(rows.tickets.values().filter(|row| row.unread())),
        unread_conversations: count(
            rows.conversations
                .values()
                .filter(|told| told.state.unread()),
        ),
        recent_tickets: visible
            .iter()
            .filter(|(_, ticket, _)| ticket.category.active())
            .take(CARD)
            .filter_map(shown)
            .collect(),
        any_ticket_visible: !visible.is_empty(),
        latest_conversation: latest.map(|(id, conversation)| {
            // while an unlink and the next link are on their way there may be two: the newer counts
            let ticket = visible
                .iter()
                .find(|(_, ticket, _)| ticket.conversation_id.as_ref() == Some(id));
            InboxConversation::of(id, conversation, ticket.and_then(shown))
        }),
    }
}

/// R2: the greatest is on top.
fn card_key<'a>(id: &'a TicketId, ticket: &Ticket) -> (Timestamp, Timestamp, &'a TicketId) {
    (ticket.ticket_update_time, ticket.create_time, id)
}

/// How many; a count that does not fit is as good as the largest that does.
fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}
