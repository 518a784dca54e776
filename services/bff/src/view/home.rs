use proto::{bff::v1 as pb, notifications::v1 as nt, settings::v1 as st};

use super::{
    conversation::{author, preview_state},
    token::token,
};
use crate::{
    labels::LabelSet,
    spaces::{Platform, Space, Switches},
};

/// Whom a Home is for.
#[derive(Clone, Copy)]
pub(crate) struct Who<'a> {
    pub(crate) contact_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) kind: st::ContactKind,
}

/// Tickets on the card at the most (R2).
const CARD: usize = 3;

/// Home of a contact on a platform. Without an inbox, badges, card and the Tickets space are absent,
/// not zero (D4).
pub(crate) fn home(
    who: Who<'_>,
    platform: Platform,
    switches: Switches,
    inbox: Option<nt::Inbox>,
    labels: &LabelSet,
) -> pb::Home {
    let inbox_unavailable = inbox.is_none();
    let version = inbox.as_ref().and_then(|inbox| inbox.version);
    let inbox = inbox.unwrap_or_default();
    // S1
    let tickets_visible = switches.enabled(platform, Space::Tickets) && inbox.any_ticket_visible;
    pb::Home {
        identity: Some(pb::Identity {
            contact_id: who.contact_id.to_owned(),
            name: who.name.to_owned(),
            kind: who.kind.into(),
        }),
        spaces: vec![
            space(st::Space::Home, switches.enabled(platform, Space::Home)),
            space(
                st::Space::Messages,
                switches.enabled(platform, Space::Messages),
            ),
            space(st::Space::Tickets, tickets_visible),
        ],
        badges: Some(pb::Badges {
            // B6
            tickets: tickets_visible.then_some(inbox.unread_tickets),
            messages: (!inbox_unavailable).then_some(inbox.unread_conversations),
        }),
        recent_tickets: card(tickets_visible, inbox.recent_tickets, labels),
        recent_conversation: inbox
            .latest_conversation
            .map(|latest| recent_conversation(latest, labels)),
        tickets_version: version.map_or(0, |version| version.tickets_version),
        conversations_version: version.map_or(0, |version| version.conversations_version),
        token: Some(token(version.as_ref(), switches.version)),
        inbox_unavailable,
    }
}

/// The states whose labels a Home of this inbox shows.
pub(crate) fn inbox_states(inbox: &nt::Inbox) -> impl Iterator<Item = &str> {
    let latest = inbox
        .latest_conversation
        .iter()
        .filter_map(|latest| latest.ticket.as_ref());
    inbox
        .recent_tickets
        .iter()
        .chain(latest)
        .map(|ticket| ticket.state_id.as_str())
}

fn space(space: st::Space, visible: bool) -> pb::SpaceView {
    pb::SpaceView {
        space: space.into(),
        visible,
    }
}

/// R1: never empty, and gone with the space. Notifications orders it and leaves resolved ones out.
fn card(
    tickets_visible: bool,
    tickets: Vec<nt::InboxTicket>,
    labels: &LabelSet,
) -> Option<pb::RecentTicketsCard> {
    if !tickets_visible || tickets.is_empty() {
        return None;
    }
    let tickets = tickets
        .into_iter()
        .take(CARD)
        .map(|ticket| pb::CardTicket {
            state: Some(state(&ticket, labels)),
            ticket_id: ticket.ticket_id,
            number: ticket.number,
            title: ticket.title,
            unread: ticket.unread,
            update_time: ticket.ticket_update_time,
        })
        .collect();
    Some(pb::RecentTicketsCard { tickets })
}

fn recent_conversation(
    latest: nt::InboxConversation,
    labels: &LabelSet,
) -> pb::ConversationSummary {
    let preview = latest.preview;
    pb::ConversationSummary {
        state: preview_state(latest.state).into(),
        conversation_id: latest.conversation_id,
        author: preview.as_ref().map(author),
        activity_time: preview.as_ref().and_then(|preview| preview.time),
        preview: preview.map(|preview| preview.text).unwrap_or_default(),
        unread: latest.unread,
        // S4: whether the space shows or not
        ticket: latest.ticket.map(|ticket| pb::TicketPill {
            state: Some(state(&ticket, labels)),
            ticket_id: ticket.ticket_id,
            number: ticket.number,
            title: ticket.title,
        }),
        head_seq: 0,
        read_seq: 0,
    }
}

fn state(ticket: &nt::InboxTicket, labels: &LabelSet) -> pb::TicketState {
    pb::TicketState {
        category: ticket.category,
        label: labels.of(&ticket.state_id, ticket.category),
    }
}
