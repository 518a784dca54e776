use proto::{bff::v1 as pb, conversations::v1 as cv, notifications::v1 as nt, tickets::v1 as tk};

use super::conversation::conversation_state;

/// What is known of the conversation that a ticket is linked to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Linked<'a> {
    /// The ticket is linked to none.
    Nowhere,
    /// It was deleted, or this contact cannot read it.
    Unreadable,
    /// Conversations has not heard of it, so nobody has written in it.
    NotYet,
    /// It is this one.
    Known(&'a cv::ContactConversation),
    /// Conversations does not answer.
    Unavailable,
}

/// What an answer says of a ticket's conversation; no answer means that Conversations is away.
pub(crate) fn linked<'a>(
    conversation_id: &str,
    answer: Option<&'a cv::BatchGetContactConversationsResponse>,
) -> Linked<'a> {
    if conversation_id.is_empty() {
        return Linked::Nowhere;
    }
    let Some(answer) = answer else {
        return Linked::Unavailable;
    };
    let known = answer
        .conversations
        .iter()
        .find(|known| known.conversation_id == conversation_id);
    match known {
        Some(known) => Linked::Known(known),
        None if answer.unreadable_ids.iter().any(|id| id == conversation_id) => Linked::Unreadable,
        None => Linked::NotYet,
    }
}

/// C1: a function of the linked conversation only, never of the ticket's state; read from the top (C1b).
fn call_to_action(conversation_id: &str, linked: Linked<'_>) -> pb::CallToAction {
    use pb::CallToActionKind as Kind;
    let (kind, label, leads) = match linked {
        Linked::Nowhere | Linked::Unreadable => (Kind::SendMessage, "Send a Message", false),
        Linked::Known(known) if known.state() == cv::ConversationState::Closed => {
            (Kind::ViewConversation, "View the Conversation", true)
        }
        Linked::Known(known) if known.has_messages => (
            Kind::ContinueConversation,
            "Continue the Conversation",
            true,
        ),
        Linked::Known(_) | Linked::NotYet => (Kind::SendMessage, "Send a Message", true),
        Linked::Unavailable => (Kind::Unavailable, "", false),
    };
    pb::CallToAction {
        kind: kind.into(),
        label: label.to_owned(),
        conversation_id: if leads {
            conversation_id.to_owned()
        } else {
            String::new()
        },
    }
}

/// A4: unread iff the newest revision that badges is above the one read; no reads means that they could
/// not be had, and then nothing is called unread.
pub(crate) fn unread(ticket: &tk::ContactTicket, reads: Option<&[nt::TicketRead]>) -> bool {
    reads.is_some_and(|reads| {
        let read = reads
            .iter()
            .filter(|read| read.ticket_id == ticket.ticket_id)
            .map(|read| read.read_revision)
            .max();
        ticket.notify_revision > read.unwrap_or(0)
    })
}

/// A row of the list.
pub(crate) fn summary(ticket: tk::ContactTicket, unread: bool) -> pb::TicketSummary {
    pb::TicketSummary {
        ticket_id: ticket.ticket_id,
        number: ticket.number,
        title: ticket.title,
        type_name: ticket.type_name,
        state: Some(pb::TicketState {
            category: ticket.category,
            label: ticket.state_label,
        }),
        create_time: ticket.create_time,
        activity_time: ticket.activity_time,
        unread,
        revision: ticket.revision,
    }
}

/// A ticket in full (L5).
pub(crate) fn detail(
    mut ticket: tk::ContactTicket,
    updates: Vec<tk::ContactTicketUpdate>,
    linked: Linked<'_>,
    reads: Option<&[nt::TicketRead]>,
) -> pb::TicketDetail {
    let call_to_action = call_to_action(&ticket.conversation_id, linked);
    let conversation = match linked {
        Linked::Known(known) => Some(pb::LinkedConversation {
            conversation_id: known.conversation_id.clone(),
            state: conversation_state(known.state()).into(),
        }),
        _ => None,
    };
    let unread = unread(&ticket, reads);
    pb::TicketDetail {
        description: std::mem::take(&mut ticket.description),
        summary: Some(summary(ticket, unread)),
        history: updates.into_iter().map(update).collect(),
        conversation,
        call_to_action: Some(call_to_action),
        unread_unavailable: reads.is_none(),
    }
}

/// The one update that a ticket just made has.
pub(crate) fn created(ticket: &tk::ContactTicket) -> tk::ContactTicketUpdate {
    tk::ContactTicketUpdate {
        revision: ticket.revision,
        category: ticket.category,
        state_label: ticket.state_label.clone(),
        time: ticket.create_time,
    }
}

fn update(update: tk::ContactTicketUpdate) -> pb::TicketUpdate {
    pb::TicketUpdate {
        state: Some(pb::TicketState {
            category: update.category,
            label: update.state_label,
        }),
        time: update.time,
        revision: update.revision,
    }
}
