//! Mistakes in working the inbox out.

use std::cmp::Reverse;

use super::{
    super::{
        Subject,
        properties::{any_order, independence, no_lost_update, right_at_every_step},
    },
    caught,
};
use crate::projection::{
    Category, Conversation, Inbox, InboxTicket, Rows, Ticket, TicketRow, view,
};

/// What a mutant does to the tickets before the inbox is worked out.
fn with_tickets(rows: &Rows, mut change: impl FnMut(&mut Ticket)) -> Rows {
    let mut rows = rows.clone();
    let told = rows
        .tickets
        .values_mut()
        .filter_map(|row| row.told.as_mut());
    told.for_each(|told| change(&mut told.state));
    rows
}

fn with_conversations(rows: &Rows, change: impl FnMut(&mut Conversation)) -> Rows {
    let mut rows = rows.clone();
    rows.conversations
        .values_mut()
        .map(|told| &mut told.state)
        .for_each(change);
    rows
}

/// A card made by another rule.
fn card<K: Ord>(
    rows: &Rows,
    on: impl Fn(&Ticket) -> bool,
    key: impl Fn(&Ticket) -> K,
    most: usize,
) -> Inbox {
    let mut tickets: Vec<_> = rows
        .tickets
        .iter()
        .filter_map(|(id, row)| {
            row.visible()
                .filter(|ticket| on(ticket))
                .map(|ticket| (key(ticket), id, row))
        })
        .collect();
    tickets.sort_by(|(a, a_id, _), (b, b_id, _)| (b, b_id).cmp(&(a, a_id)));
    let recent_tickets = tickets
        .iter()
        .take(most)
        .filter_map(|(_, id, row)| InboxTicket::of(id, row))
        .collect();
    Inbox {
        recent_tickets,
        ..view(rows)
    }
}

struct OwnMessagesCount;

impl Subject for OwnMessagesCount {
    fn view(&self, rows: &Rows) -> Inbox {
        view(&with_conversations(rows, |conversation| {
            if conversation
                .preview
                .as_ref()
                .is_some_and(|preview| preview.mine)
            {
                conversation.last_foreign_message_seq = conversation.head_seq;
            }
        }))
    }
}

/// B2
#[test]
fn counting_the_contacts_own_messages_is_noticed() {
    caught(
        &OwnMessagesCount,
        &[
            ("any order", any_order),
            ("every step", right_at_every_step),
        ],
    );
}

struct EveryPartIsAMessage;

impl Subject for EveryPartIsAMessage {
    fn view(&self, rows: &Rows) -> Inbox {
        view(&with_conversations(rows, |conversation| {
            conversation.last_foreign_message_seq = conversation.head_seq;
        }))
    }
}

/// B2
#[test]
fn counting_stamps_as_messages_is_noticed() {
    caught(&EveryPartIsAMessage, &[("any order", any_order)]);
}

struct ConversationsLeftCount;

impl Subject for ConversationsLeftCount {
    fn view(&self, rows: &Rows) -> Inbox {
        view(&with_conversations(rows, |conversation| {
            conversation.participant = true
        }))
    }
}

struct DeletedConversationsCount;

impl Subject for DeletedConversationsCount {
    fn view(&self, rows: &Rows) -> Inbox {
        view(&with_conversations(rows, |conversation| {
            conversation.deleted = false
        }))
    }
}

/// B1
#[test]
fn counting_conversations_that_cannot_be_read_is_noticed() {
    caught(&ConversationsLeftCount, &[("any order", any_order)]);
    caught(&DeletedConversationsCount, &[("any order", any_order)]);
}

struct ResolvingReads;

impl Subject for ResolvingReads {
    fn view(&self, rows: &Rows) -> Inbox {
        view(&with_tickets(rows, |ticket| {
            if ticket.category == Category::Resolved {
                ticket.notify_revision = 0;
            }
        }))
    }
}

/// B4
#[test]
fn clearing_the_badge_by_resolving_is_noticed() {
    caught(
        &ResolvingReads,
        &[("no lost update", no_lost_update), ("any order", any_order)],
    );
}

struct ReadUpToTheRevisionIsUnread;

impl Subject for ReadUpToTheRevisionIsUnread {
    // `notify_revision >= read_revision` is `notify_revision + 1 > read_revision`
    fn view(&self, rows: &Rows) -> Inbox {
        view(&with_tickets(rows, |ticket| ticket.notify_revision += 1))
    }
}

struct ReadUpToTheMessageIsUnread;

impl Subject for ReadUpToTheMessageIsUnread {
    fn view(&self, rows: &Rows) -> Inbox {
        view(&with_conversations(rows, |conversation| {
            conversation.last_foreign_message_seq += 1
        }))
    }
}

/// A4, A2
#[test]
fn at_or_above_where_above_is_meant_is_noticed() {
    caught(&ReadUpToTheRevisionIsUnread, &[("any order", any_order)]);
    caught(&ReadUpToTheMessageIsUnread, &[("any order", any_order)]);
}

struct AReadOneShortIsEnough;

impl Subject for AReadOneShortIsEnough {
    // `notify_revision > read_revision + 1`
    fn view(&self, rows: &Rows) -> Inbox {
        view(&with_tickets(rows, |ticket| {
            ticket.notify_revision = ticket.notify_revision.saturating_sub(1);
        }))
    }
}

/// A4
#[test]
fn a_read_that_falls_one_short_and_still_counts_is_noticed() {
    caught(
        &AReadOneShortIsEnough,
        &[("no lost update", no_lost_update), ("any order", any_order)],
    );
}

struct UpdatesAreCounted;

impl Subject for UpdatesAreCounted {
    fn view(&self, rows: &Rows) -> Inbox {
        let unread = rows.tickets.values().filter(|row| row.unread()).map(|row| {
            let newest = row.visible().map_or(0, |ticket| ticket.notify_revision);
            newest - row.read_revision()
        });
        Inbox {
            unread_tickets: unread.sum::<u64>() as u32,
            ..view(rows)
        }
    }
}

/// B1
#[test]
fn counting_updates_instead_of_tickets_is_noticed() {
    caught(&UpdatesAreCounted, &[("any order", any_order)]);
}

struct InvisibleTicketsCount;

impl Subject for InvisibleTicketsCount {
    fn view(&self, rows: &Rows) -> Inbox {
        let all = view(&with_tickets(rows, |ticket| ticket.visible = true));
        Inbox {
            unread_tickets: all.unread_tickets,
            ..view(rows)
        }
    }
}

/// V3
#[test]
fn counting_tickets_that_the_contact_does_not_see_is_noticed() {
    caught(&InvisibleTicketsCount, &[("any order", any_order)]);
}

struct OnlyActiveTicketsMakeTheSpace;

impl Subject for OnlyActiveTicketsMakeTheSpace {
    fn view(&self, rows: &Rows) -> Inbox {
        let inbox = view(rows);
        Inbox {
            any_ticket_visible: !inbox.recent_tickets.is_empty(),
            ..inbox
        }
    }
}

/// S1
#[test]
fn a_space_that_goes_with_the_last_active_ticket_is_noticed() {
    caught(&OnlyActiveTicketsMakeTheSpace, &[("any order", any_order)]);
}

struct ResolvedTicketsAreOnTheCard;

impl Subject for ResolvedTicketsAreOnTheCard {
    fn view(&self, rows: &Rows) -> Inbox {
        card(
            rows,
            |_| true,
            |ticket| (ticket.ticket_update_time, ticket.create_time),
            3,
        )
    }
}

struct TheCardIsOrderedByActivity;

impl Subject for TheCardIsOrderedByActivity {
    fn view(&self, rows: &Rows) -> Inbox {
        card(
            rows,
            |ticket| ticket.category.active(),
            |ticket| (ticket.activity_time, ticket.create_time),
            3,
        )
    }
}

struct TheOldestIsOnTop;

impl Subject for TheOldestIsOnTop {
    fn view(&self, rows: &Rows) -> Inbox {
        card(
            rows,
            |ticket| ticket.category.active(),
            |ticket| Reverse(ticket.ticket_update_time),
            3,
        )
    }
}

struct TiesIgnoreWhichWasCreatedFirst;

impl Subject for TiesIgnoreWhichWasCreatedFirst {
    fn view(&self, rows: &Rows) -> Inbox {
        card(
            rows,
            |ticket| ticket.category.active(),
            |ticket| ticket.ticket_update_time,
            3,
        )
    }
}

struct TheCardIsTooSmall;

impl Subject for TheCardIsTooSmall {
    fn view(&self, rows: &Rows) -> Inbox {
        card(
            rows,
            |ticket| ticket.category.active(),
            |ticket| (ticket.ticket_update_time, ticket.create_time),
            2,
        )
    }
}

/// R2, R3
#[test]
fn a_card_made_by_another_rule_is_noticed() {
    caught(&ResolvedTicketsAreOnTheCard, &[("any order", any_order)]);
    caught(
        &TheCardIsOrderedByActivity,
        &[("any order", any_order), ("independence", independence)],
    );
    caught(&TheOldestIsOnTop, &[("any order", any_order)]);
    caught(&TiesIgnoreWhichWasCreatedFirst, &[("any order", any_order)]);
    caught(&TheCardIsTooSmall, &[("any order", any_order)]);
}

struct AMessageBadgesItsTicket;

impl Subject for AMessageBadgesItsTicket {
    fn view(&self, rows: &Rows) -> Inbox {
        let unread = |row: &TicketRow| {
            let linked = row
                .visible()
                .and_then(|ticket| ticket.conversation_id.as_ref());
            let told = linked.and_then(|linked| rows.conversations.get(linked));
            row.unread() || told.is_some_and(|told| told.state.unread())
        };
        let unread_tickets = rows.tickets.values().filter(|row| unread(row)).count() as u32;
        Inbox {
            unread_tickets,
            ..view(rows)
        }
    }
}

/// B2
#[test]
fn a_message_that_badges_its_ticket_is_noticed() {
    caught(
        &AMessageBadgesItsTicket,
        &[("independence", independence), ("any order", any_order)],
    );
}
