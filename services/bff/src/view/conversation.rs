use std::collections::HashMap;

use proto::{bff::v1 as pb, conversations::v1 as cv, tickets::v1 as tk};

use crate::labels::LabelSet;

/// The ticket of a conversation, for its row and its thread (S4).
pub(crate) fn pill(ticket: tk::ContactTicket) -> pb::TicketPill {
    pb::TicketPill {
        ticket_id: ticket.ticket_id,
        number: ticket.number,
        title: ticket.title,
        state: Some(pb::TicketState {
            category: ticket.category,
            label: ticket.state_label,
        }),
    }
}

/// Pills by the conversation they belong to.
pub(crate) fn pills(tickets: Vec<tk::ContactTicket>) -> HashMap<String, pb::TicketPill> {
    tickets
        .into_iter()
        .filter(|ticket| !ticket.conversation_id.is_empty())
        .map(|mut ticket| (std::mem::take(&mut ticket.conversation_id), pill(ticket)))
        .collect()
}

/// A row of the Messages space.
pub(crate) fn summary(
    conversation: cv::ContactConversation,
    ticket: Option<pb::TicketPill>,
) -> pb::ConversationSummary {
    let preview = conversation.preview;
    pb::ConversationSummary {
        state: preview_state(conversation.state).into(),
        conversation_id: conversation.conversation_id,
        author: preview.as_ref().map(author),
        preview: preview.map(|preview| preview.text).unwrap_or_default(),
        activity_time: conversation.activity_time,
        unread: conversation.last_foreign_message_seq > conversation.read_seq,
        ticket,
        head_seq: conversation.head_seq,
        read_seq: conversation.read_seq,
    }
}

/// One entry of a thread. `None` for a kind that customers are not known to see: what is private stays
/// behind even if it should come this far (V4).
pub(crate) fn part(part: cv::ContactPart, labels: &LabelSet) -> Option<pb::Part> {
    let kind = match part.kind() {
        cv::PartKind::Message => pb::PartKind::Message,
        cv::PartKind::TicketEvent => pb::PartKind::TicketEvent,
        cv::PartKind::StateEvent => pb::PartKind::StateEvent,
        cv::PartKind::Note | cv::PartKind::Unspecified => return None,
    };
    let state = match kind {
        pb::PartKind::StateEvent => preview_state(part.state),
        _ => pb::ConversationState::Unspecified,
    };
    let author = pb::Author {
        kind: author_kind(part.author_kind()).into(),
        name: part.author_name,
        me: part.mine,
    };
    let (ticket_id, ticket_state) = match part.ticket {
        Some(stamp) if kind == pb::PartKind::TicketEvent => {
            let state = pb::TicketState {
                category: stamp.category,
                label: labels.of(&stamp.state_id, stamp.category),
            };
            (stamp.ticket_id, Some(state))
        }
        _ => (String::new(), None),
    };
    Some(pb::Part {
        part_id: part.part_id,
        seq: part.seq,
        kind: kind.into(),
        author: Some(author),
        body: part.body,
        ticket_id,
        ticket_state,
        state: state.into(),
        create_time: part.create_time,
    })
}

/// The states whose labels these entries show.
pub(crate) fn part_states(parts: &[cv::ContactPart]) -> impl Iterator<Item = &str> {
    parts
        .iter()
        .filter_map(|part| part.ticket.as_ref())
        .map(|stamp| stamp.state_id.as_str())
}

/// Who wrote the newest message.
pub(super) fn author(preview: &cv::MessagePreview) -> pb::Author {
    pb::Author {
        kind: author_kind(preview.author_kind()).into(),
        name: preview.author_name.clone(),
        me: preview.mine,
    }
}

pub(super) fn conversation_state(state: cv::ConversationState) -> pb::ConversationState {
    match state {
        cv::ConversationState::Open => pb::ConversationState::Open,
        cv::ConversationState::Closed => pb::ConversationState::Closed,
        cv::ConversationState::Unspecified => pb::ConversationState::Unspecified,
    }
}

/// As [`conversation_state`], for a value that this version may not know.
pub(super) fn preview_state(state: i32) -> pb::ConversationState {
    conversation_state(cv::ConversationState::try_from(state).unwrap_or_default())
}

fn author_kind(kind: cv::AuthorKind) -> pb::AuthorKind {
    match kind {
        cv::AuthorKind::Contact => pb::AuthorKind::Contact,
        cv::AuthorKind::Teammate => pb::AuthorKind::Teammate,
        cv::AuthorKind::Bot => pb::AuthorKind::Bot,
        cv::AuthorKind::System => pb::AuthorKind::System,
        cv::AuthorKind::Unspecified => pb::AuthorKind::Unspecified,
    }
}
