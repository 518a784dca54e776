use jiff::Timestamp;
use proto::{conversations::v1 as conversations, notifications::v1 as pb, tickets::v1 as tickets};
use types::micros;

use crate::{
    projection::{
        AuthorKind, Category, ConversationState, InboxConversation, InboxTicket, Preview, TicketId,
    },
    rebuild::Rebuilt,
    store::{Snapshot, Version},
    watch::Frame,
};

/// An inbox.
pub fn inbox(snapshot: &Snapshot) -> pb::Inbox {
    let inbox = &snapshot.inbox;
    pb::Inbox {
        unread_tickets: inbox.unread_tickets,
        unread_conversations: inbox.unread_conversations,
        recent_tickets: inbox.recent_tickets.iter().map(ticket).collect(),
        any_ticket_visible: inbox.any_ticket_visible,
        latest_conversation: inbox.latest_conversation.as_ref().map(conversation),
        version: Some(bookmark(snapshot.version)),
    }
}

fn bookmark(version: Version) -> pb::InboxVersion {
    pb::InboxVersion {
        epoch: version.epoch,
        version: version.version,
        tickets_version: version.tickets,
        conversations_version: version.conversations,
    }
}

/// A frame of a watch.
pub fn frame(frame: &Frame) -> pb::WatchInboxResponse {
    use pb::watch_inbox_response::Frame as Wire;
    let (frame, cause) = match frame {
        Frame::Inbox(snapshot, cause) => (Wire::Inbox(inbox(snapshot)), cause.as_deref()),
        Frame::Bookmark(version) => (Wire::Bookmark(bookmark(*version)), None),
    };
    pb::WatchInboxResponse {
        frame: Some(frame),
        traceparent: cause.unwrap_or_default().to_owned(),
    }
}

/// A contact's place in a ticket.
pub fn read((ticket_id, read_revision): (TicketId, u64)) -> pb::TicketRead {
    pb::TicketRead {
        ticket_id: ticket_id.into(),
        read_revision,
    }
}

/// What a rebuild made.
pub fn rebuilt(rebuilt: Rebuilt) -> pb::RebuildProjectionResponse {
    pb::RebuildProjectionResponse {
        epoch: rebuilt.epoch,
        contacts: rebuilt.contacts,
        differed: rebuilt.differed,
    }
}

fn ticket(ticket: &InboxTicket) -> pb::InboxTicket {
    pb::InboxTicket {
        ticket_id: ticket.ticket_id.to_string(),
        number: ticket.number,
        title: ticket.title.clone(),
        state_id: ticket.state_id.to_string(),
        category: category(ticket.category).into(),
        revision: ticket.revision,
        unread: ticket.unread,
        ticket_update_time: Some(time(ticket.ticket_update_time)),
        conversation_id: ticket
            .conversation_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

fn conversation(conversation: &InboxConversation) -> pb::InboxConversation {
    pb::InboxConversation {
        conversation_id: conversation.conversation_id.to_string(),
        state: match conversation.state {
            ConversationState::Open => conversations::ConversationState::Open,
            ConversationState::Closed => conversations::ConversationState::Closed,
        }
        .into(),
        preview: conversation.preview.as_ref().map(preview),
        unread: conversation.unread,
        ticket: conversation.ticket.as_ref().map(ticket),
    }
}

fn preview(preview: &Preview) -> conversations::MessagePreview {
    conversations::MessagePreview {
        text: preview.text.clone(),
        author_kind: match preview.author_kind {
            AuthorKind::Contact => conversations::AuthorKind::Contact,
            AuthorKind::Teammate => conversations::AuthorKind::Teammate,
            AuthorKind::Bot => conversations::AuthorKind::Bot,
            AuthorKind::System => conversations::AuthorKind::System,
        }
        .into(),
        author_name: preview.author_name.clone(),
        mine: preview.mine,
        time: Some(time(preview.time)),
    }
}

fn category(category: Category) -> tickets::StateCategory {
    match category {
        Category::Submitted => tickets::StateCategory::Submitted,
        Category::InProgress => tickets::StateCategory::InProgress,
        Category::WaitingOnCustomer => tickets::StateCategory::WaitingOnCustomer,
        Category::Resolved => tickets::StateCategory::Resolved,
    }
}

fn time(at: Timestamp) -> prost_types::Timestamp {
    let micros = micros(at);
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: (micros.rem_euclid(1_000_000) * 1_000) as i32,
    }
}
