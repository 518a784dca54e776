//! What a contact must see, worked out from what the owners hold and what was read: naively, from the
//! rules (B1, B3, L1, L2, R1–R3, S1), in no way that the product does it.

use std::collections::BTreeMap;

use proto::{
    bff::v1::{Home, TicketSummary},
    conversations::v1::{AuthorKind, ConversationState, Part, PartKind},
    notifications::v1::Inbox,
    settings::v1::{Platform, Space},
    tickets::v1::StateCategory,
};

use crate::client::micros;

use super::{
    ledger::{Read, Reading},
    truth::{ContactTruth, ConversationTruth, TicketTruth, Truth},
};

/// Characters of a message that a row shows.
const PREVIEW: usize = 140;

/// A ticket in the list or on the card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TicketRow {
    pub ticket_id: String,
    pub number: u64,
    pub title: String,
    pub category: i32,
    pub label: String,
    pub unread: bool,
    /// Newest activity in the list, newest update on the card.
    pub time: i64,
}

/// The most recent conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecentRow {
    pub conversation_id: String,
    pub open: bool,
    pub preview: String,
    pub mine: bool,
    pub unread: bool,
    /// The ticket on its row; empty: none.
    pub ticket_id: String,
}

/// What a contact sees on a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub space: bool,
    pub ticket_badge: Option<u32>,
    pub message_badge: Option<u32>,
    pub card: Vec<TicketRow>,
    pub recent: Option<RecentRow>,
}

/// What a contact must see, whatever the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub unread_tickets: u32,
    pub unread_conversations: u32,
    pub list: Vec<TicketRow>,
    pub card: Vec<TicketRow>,
    pub recent: Option<RecentRow>,
}

impl Expected {
    /// Of a contact whose reads were all answered.
    pub(super) fn of(truth: &Truth, reads: &[Read], contact: usize) -> Self {
        let held = &truth.contacts[contact];
        let mine: Vec<&Read> = reads
            .iter()
            .filter(|read| read.contact == contact)
            .collect();
        let row = |ticket: &TicketTruth, time| {
            let state = ticket.ticket.state.clone().unwrap_or_default();
            TicketRow {
                ticket_id: ticket.ticket.ticket_id.clone(),
                number: ticket.ticket.number,
                title: ticket.ticket.title.clone(),
                category: state.category,
                label: state.customer_label,
                unread: is_unread(held, &mine, ticket),
                time,
            }
        };
        // V1, V3
        let shared = || held.tickets.iter().filter(|t| t.ticket.shared);
        let mut list: Vec<_> = shared().map(|t| (activity(held, t), t)).collect();
        list.sort_by_key(|(at, t)| (*at, micros(t.ticket.create_time), &t.ticket.ticket_id));
        list.reverse();
        let active = |ticket: &&TicketTruth| {
            let state = ticket.ticket.state.clone().unwrap_or_default();
            state.category() != StateCategory::Resolved
        };
        let mut card: Vec<_> = shared()
            .filter(active)
            .map(|t| (last_update(t), t))
            .collect();
        card.sort_by_key(|(at, t)| (*at, micros(t.ticket.create_time), &t.ticket.ticket_id));
        card.reverse();
        card.truncate(3);
        let list: Vec<_> = list.into_iter().map(|(at, t)| row(t, at)).collect();
        let unread = |conversation: &&ConversationTruth| has_unread(&mine, conversation);
        Self {
            unread_tickets: list.iter().filter(|row| row.unread).count() as u32,
            unread_conversations: held.conversations.iter().filter(unread).count() as u32,
            card: card.into_iter().map(|(at, t)| row(t, at)).collect(),
            recent: recent(held, &mine),
            list,
        }
    }

    /// S1, R1, B6: what of it shows where the space is on, or off.
    pub(super) fn view(&self, enabled: bool) -> View {
        let space = enabled && !self.list.is_empty();
        View {
            space,
            ticket_badge: space.then_some(self.unread_tickets),
            message_badge: Some(self.unread_conversations),
            card: if space { self.card.clone() } else { Vec::new() },
            recent: self.recent.clone(),
        }
    }
}

/// B3, A4: it has an update that no read has reached.
fn is_unread(held: &ContactTruth, reads: &[&Read], ticket: &TicketTruth) -> bool {
    let newest = updates(ticket).map(|(revision, _)| revision).max();
    newest.is_some_and(|newest| {
        !reads
            .iter()
            .any(|read| covers(held, &read.reading, &ticket.ticket.ticket_id) >= newest)
    })
}

/// A3: the newest revision of a ticket that a read has reached; 0: none.
pub(super) fn covers(held: &ContactTruth, reading: &Reading, ticket_id: &str) -> u64 {
    match reading {
        Reading::Ticket(of, revision) if of == ticket_id => *revision,
        Reading::Ticket(..) => 0,
        Reading::Conversation(of, up_to) => {
            let conversations = held.conversations.iter();
            let stamps = conversations
                .filter(|held| held.conversation.conversation_id == *of)
                .flat_map(|held| &held.parts)
                .filter(|part| part.contact_seq > 0 && part.contact_seq <= *up_to)
                .filter_map(|part| part.ticket.as_ref())
                .filter(|stamp| stamp.ticket_id == ticket_id);
            stamps.map(|stamp| stamp.revision).max().unwrap_or_default()
        }
    }
}

/// The updates of a ticket that badge: their revisions and times.
pub(super) fn updates(ticket: &TicketTruth) -> impl Iterator<Item = (u64, i64)> {
    let visible = ticket.history.iter();
    let visible = visible.filter(|entry| entry.visible_to_customer);
    visible.map(|entry| (entry.revision, micros(entry.time)))
}

fn last_update(ticket: &TicketTruth) -> i64 {
    updates(ticket).map(|(_, at)| at).max().unwrap_or_default()
}

/// L2.
fn activity(held: &ContactTruth, ticket: &TicketTruth) -> i64 {
    let linked = held.conversations.iter().find(|conversation| {
        conversation.conversation.conversation_id == ticket.ticket.conversation_id
    });
    let said = linked.into_iter().flat_map(messages);
    let said = said.map(|part| micros(part.create_time)).max();
    last_update(ticket).max(said.unwrap_or_default())
}

/// A conversation's messages, oldest first.
pub(super) fn messages(conversation: &ConversationTruth) -> impl Iterator<Item = &Part> {
    let parts = conversation.parts.iter();
    parts.filter(|part| part.kind() == PartKind::Message)
}

/// B1: somebody else wrote and it was not read up to there.
fn has_unread(reads: &[&Read], conversation: &ConversationTruth) -> bool {
    let theirs = messages(conversation).filter(|part| part.author_kind() != AuthorKind::Contact);
    let newest = theirs.map(|part| part.contact_seq).max();
    newest.is_some_and(|newest| read_place(reads, conversation) < newest)
}

/// How far a conversation was read.
pub(super) fn read_place(reads: &[&Read], conversation: &ConversationTruth) -> u64 {
    let id = &conversation.conversation.conversation_id;
    let places = reads.iter().filter_map(|read| match &read.reading {
        Reading::Conversation(of, up_to) if of == id => Some(*up_to),
        _ => None,
    });
    places.max().unwrap_or_default()
}

fn recent(held: &ContactTruth, reads: &[&Read]) -> Option<RecentRow> {
    let said = held
        .conversations
        .iter()
        .filter_map(|conversation| Some((messages(conversation).last()?, conversation)));
    let (message, newest) = said.max_by_key(|(message, conversation)| {
        let id = conversation.conversation.conversation_id.clone();
        (micros(message.create_time), id)
    })?;
    let id = &newest.conversation.conversation_id;
    let ticket = held
        .tickets
        .iter()
        .find(|t| t.ticket.shared && t.ticket.conversation_id == *id);
    Some(RecentRow {
        conversation_id: id.clone(),
        open: newest.conversation.state() == ConversationState::Open,
        preview: message.body.chars().take(PREVIEW).collect(),
        mine: message.author_kind() == AuthorKind::Contact,
        unread: has_unread(reads, newest),
        ticket_id: ticket.map_or_else(String::new, |t| t.ticket.ticket_id.clone()),
    })
}

/// Whether the Tickets space is on, as Settings holds it (S2).
pub(super) fn enabled(truth: &Truth, platform: Platform) -> bool {
    let setting = truth
        .settings
        .spaces
        .iter()
        .find(|setting| setting.platform() == platform && setting.space() == Space::Tickets);
    setting.is_none_or(|setting| setting.enabled)
}

/// A Home, as it is compared.
pub(super) fn seen(home: &Home) -> View {
    let badges = home.badges.unwrap_or_default();
    let space = home.spaces.iter();
    let mut space = space.filter(|view| view.space() == Space::Tickets);
    let card = home.recent_tickets.iter().flat_map(|card| &card.tickets);
    let card = card.map(|row| {
        let state = row.state.clone().unwrap_or_default();
        TicketRow {
            ticket_id: row.ticket_id.clone(),
            number: row.number,
            title: row.title.clone(),
            category: state.category,
            label: state.label,
            unread: row.unread,
            time: micros(row.update_time),
        }
    });
    let recent = home.recent_conversation.as_ref().map(|row| RecentRow {
        conversation_id: row.conversation_id.clone(),
        open: row.state() == proto::bff::v1::ConversationState::Open,
        preview: row.preview.clone(),
        mine: row.author.as_ref().is_some_and(|author| author.me),
        unread: row.unread,
        ticket_id: row
            .ticket
            .as_ref()
            .map_or_else(String::new, |pill| pill.ticket_id.clone()),
    });
    View {
        space: space.next().is_some_and(|view| view.visible),
        ticket_badge: badges.tickets,
        message_badge: badges.messages,
        card: card.collect(),
        recent,
    }
}

/// The list, as it is compared.
pub(super) fn listed(list: &[TicketSummary]) -> Vec<TicketRow> {
    let rows = list.iter().map(|row| {
        let state = row.state.clone().unwrap_or_default();
        TicketRow {
            ticket_id: row.ticket_id.clone(),
            number: row.number,
            title: row.title.clone(),
            category: state.category,
            label: state.label,
            unread: row.unread,
            time: micros(row.activity_time),
        }
    });
    rows.collect()
}

/// How what is shown differs from what must be, as sentences.
pub(super) fn compare(place: &str, must: &View, is: &View) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, must: String, is: String| {
        if must != is {
            found.push(format!("{place} shows {what} {is}; it must be {must}"));
        }
    };
    differ("the Tickets space as", yes(must.space), yes(is.space));
    let badge = |badge: Option<u32>| badge.map_or("absent".into(), |count| count.to_string());
    differ(
        "the Tickets badge",
        badge(must.ticket_badge),
        badge(is.ticket_badge),
    );
    differ(
        "the Messages badge",
        badge(must.message_badge),
        badge(is.message_badge),
    );
    differ("the card", rows(&must.card), rows(&is.card));
    let recent = |recent: &Option<RecentRow>| format!("{recent:?}");
    differ(
        "as the recent conversation",
        recent(&must.recent),
        recent(&is.recent),
    );
    found
}

/// The same of the list.
pub(super) fn compare_lists(place: &str, must: &[TicketRow], is: &[TicketRow]) -> Option<String> {
    let differ = must != is;
    differ.then(|| format!("{place} lists {}; it must be {}", rows(is), rows(must)))
}

/// The same of an inbox.
pub(super) fn compare_inboxes(place: &str, must: &Expected, is: &Inbox) -> Vec<String> {
    let mut found = Vec::new();
    let counts = [
        ("tickets", must.unread_tickets, is.unread_tickets),
        (
            "conversations",
            must.unread_conversations,
            is.unread_conversations,
        ),
    ];
    for (what, must, is) in counts {
        if must != is {
            found.push(format!(
                "{place} counts {is} unread {what}; it must be {must}"
            ));
        }
    }
    let on_card: BTreeMap<_, _> = must.card.iter().map(|r| (&r.ticket_id, r.unread)).collect();
    let in_inbox = is
        .recent_tickets
        .iter()
        .map(|row| (&row.ticket_id, row.unread));
    if on_card != in_inbox.collect() {
        found.push(format!(
            "{place} has another card than {}",
            rows(&must.card)
        ));
    }
    found
}

fn yes(is: bool) -> String {
    if is { "on".into() } else { "off".into() }
}

fn rows(rows: &[TicketRow]) -> String {
    let each = rows.iter().map(|row| {
        let unread = if row.unread { ", unread" } else { "" };
        format!(
            "#{} {} ({}{unread}, {})",
            row.number, row.title, row.label, row.time
        )
    });
    format!("[{}]", each.collect::<Vec<_>>().join("; "))
}
