//! Mistakes in taking an event in.

use super::{
    super::{
        Subject,
        properties::{
            any_gap, any_order, any_repetition, changes_are_told, no_lost_update, rebuild,
            right_at_every_step,
        },
    },
    caught,
};
use crate::projection::{Changed, Event, Rows, TicketRow, apply};

struct TheLastArrivalWins;

impl Subject for TheLastArrivalWins {
    fn apply(&self, rows: &mut Rows, event: Event) -> Changed {
        match &event {
            Event::TicketChanged(event) => {
                let told = rows
                    .tickets
                    .get_mut(&event.ticket_id)
                    .and_then(|row| row.told.as_mut());
                told.into_iter().for_each(|told| told.version = 0);
            }
            Event::ConversationChanged(event) => {
                let told = rows.conversations.get_mut(&event.conversation_id);
                told.into_iter().for_each(|told| told.version = 0);
            }
            Event::TicketRead(_) => {}
        }
        apply(rows, event)
    }
}

/// A6
#[test]
fn letting_the_last_arrival_win_is_noticed() {
    caught(
        &TheLastArrivalWins,
        &[("any order", any_order), ("any repetition", any_repetition)],
    );
}

struct OnlyTheNextVersionCounts;

impl Subject for OnlyTheNextVersionCounts {
    fn apply(&self, rows: &mut Rows, event: Event) -> Changed {
        let (told, known) = match &event {
            Event::TicketChanged(event) => {
                let known = rows
                    .tickets
                    .get(&event.ticket_id)
                    .and_then(|row| row.told.as_ref());
                (event.told.version, known.map_or(0, |told| told.version))
            }
            Event::ConversationChanged(event) => {
                let known = rows.conversations.get(&event.conversation_id);
                (event.told.version, known.map_or(0, |told| told.version))
            }
            Event::TicketRead(_) => (1, 0),
        };
        if told == known + 1 {
            apply(rows, event)
        } else {
            Changed::default()
        }
    }
}

/// A6
#[test]
fn waiting_for_an_event_that_was_lost_is_noticed() {
    caught(
        &OnlyTheNextVersionCounts,
        &[("any gap", any_gap), ("rebuild", rebuild)],
    );
}

struct TheFrontierIsKeptPerConversation;

impl Subject for TheFrontierIsKeptPerConversation {
    fn apply(&self, rows: &mut Rows, mut event: Event) -> Changed {
        if let Event::ConversationChanged(event) = &mut event {
            let newest = event
                .frontier
                .iter()
                .map(|(_, revision)| *revision)
                .max()
                .unwrap_or(0);
            let linked = rows.tickets.iter().filter(|(_, row)| {
                let linked = row
                    .visible()
                    .and_then(|ticket| ticket.conversation_id.as_ref());
                linked == Some(&event.conversation_id)
            });
            event.frontier = linked
                .map(|(ticket_id, _)| (ticket_id.clone(), newest))
                .collect();
        }
        apply(rows, event)
    }
}

/// A3
#[test]
fn a_frontier_kept_per_conversation_is_noticed() {
    caught(
        &TheFrontierIsKeptPerConversation,
        &[("any order", any_order), ("no lost update", no_lost_update)],
    );
}

struct TheNewestFrontierReplacesTheOthers;

impl Subject for TheNewestFrontierReplacesTheOthers {
    fn apply(&self, rows: &mut Rows, event: Event) -> Changed {
        if let Event::ConversationChanged(event) = &event {
            for (ticket_id, _) in &event.frontier {
                let row = rows.tickets.get_mut(ticket_id);
                row.into_iter().for_each(|row| row.frontier_revision = 0);
            }
        }
        apply(rows, event)
    }
}

/// A4
#[test]
fn assigning_a_frontier_instead_of_keeping_the_greatest_is_noticed() {
    caught(
        &TheNewestFrontierReplacesTheOthers,
        &[
            ("any order", any_order),
            ("every step", right_at_every_step),
        ],
    );
}

struct ReadsOfUnknownTicketsAreDropped;

impl Subject for ReadsOfUnknownTicketsAreDropped {
    fn apply(&self, rows: &mut Rows, mut event: Event) -> Changed {
        match &mut event {
            Event::ConversationChanged(event) => {
                event
                    .frontier
                    .retain(|(ticket_id, _)| rows.tickets.contains_key(ticket_id));
            }
            Event::TicketRead(event) if !rows.tickets.contains_key(&event.ticket_id) => {
                return Changed::default();
            }
            _ => {}
        }
        apply(rows, event)
    }
}

/// A6
#[test]
fn dropping_a_read_that_comes_before_its_ticket_is_noticed() {
    caught(
        &ReadsOfUnknownTicketsAreDropped,
        &[
            ("any order", any_order),
            ("every step", right_at_every_step),
            ("rebuild", rebuild),
        ],
    );
}

struct AReceiptReadsWhateverIsLinkedNow;

impl Subject for AReceiptReadsWhateverIsLinkedNow {
    fn apply(&self, rows: &mut Rows, event: Event) -> Changed {
        if let Event::ConversationChanged(event) = &event
            && event.told.state.read_seq == event.told.state.head_seq
        {
            for row in rows.tickets.values_mut() {
                let linked = row.visible().filter(|ticket| {
                    ticket.conversation_id.as_ref() == Some(&event.conversation_id)
                });
                let shown = linked.map_or(0, |ticket| ticket.notify_revision);
                row.frontier_revision = row.frontier_revision.max(shown);
            }
        }
        apply(rows, event)
    }
}

/// A5
#[test]
fn clearing_what_a_receipt_has_not_shown_is_noticed() {
    caught(
        &AReceiptReadsWhateverIsLinkedNow,
        &[("no lost update", no_lost_update), ("any order", any_order)],
    );
}

struct ReopeningForgetsWhatWasRead;

impl Subject for ReopeningForgetsWhatWasRead {
    fn apply(&self, rows: &mut Rows, event: Event) -> Changed {
        let Event::TicketChanged(changed) = &event else {
            return apply(rows, event);
        };
        let ticket_id = changed.ticket_id.clone();
        let active = |row: Option<&TicketRow>| {
            row.and_then(TicketRow::visible)
                .is_some_and(|ticket| ticket.category.active())
        };
        let before = active(rows.tickets.get(&ticket_id));
        let changed = apply(rows, event);
        if let Some(row) = rows.tickets.get_mut(&ticket_id)
            && !before
            && active(Some(row))
        {
            (row.frontier_revision, row.explicit_revision) = (0, 0);
        }
        changed
    }
}

/// A4, T12
#[test]
fn forgetting_what_was_read_when_a_ticket_reopens_is_noticed() {
    caught(
        &ReopeningForgetsWhatWasRead,
        &[
            ("any order", any_order),
            ("every step", right_at_every_step),
        ],
    );
}

struct ExplicitReadsAreDroppedByARebuild;

impl Subject for ExplicitReadsAreDroppedByARebuild {
    fn owned(&self, _: &Rows) -> Rows {
        Rows::default()
    }
}

/// A6
#[test]
fn a_rebuild_that_drops_explicit_reads_is_noticed() {
    caught(&ExplicitReadsAreDroppedByARebuild, &[("rebuild", rebuild)]);
}

struct ReadsAreNotTold;

impl Subject for ReadsAreNotTold {
    fn apply(&self, rows: &mut Rows, event: Event) -> Changed {
        let told = matches!(event, Event::TicketChanged(_));
        let changed = apply(rows, event);
        Changed {
            tickets: changed.tickets && told,
            ..changed
        }
    }
}

struct EverythingIsToldAsAChange;

impl Subject for EverythingIsToldAsAChange {
    fn apply(&self, rows: &mut Rows, event: Event) -> Changed {
        apply(rows, event);
        Changed {
            tickets: true,
            conversations: true,
        }
    }
}

/// B5
#[test]
fn a_read_that_other_devices_do_not_hear_of_is_noticed() {
    caught(&ReadsAreNotTold, &[("changes are told", changes_are_told)]);
    caught(
        &EverythingIsToldAsAChange,
        &[("changes are told", changes_are_told)],
    );
}
