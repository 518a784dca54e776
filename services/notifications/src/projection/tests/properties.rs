//! What must hold for every history, however it arrives.

use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};

use super::{
    CONTACTS, Projection, Subject,
    delivery::{Inboxes, Picks, all, picks},
    history::{Cause, Emitted, History, Op, Teller, ops},
    oracle::Oracle,
    world::live,
};

/// Histories a property is asked of.
const CASES: u32 = 20_000;
/// Acts in one of them, at most.
const ACTS: usize = 60;

/// Something that holds for a history and a way in which it arrives, or what breaks it.
pub type Property = fn(&History, &Picks, &dyn Subject) -> Result<(), String>;

/// Asks a property of many histories, up to the first that breaks it, which is then made as small as
/// possible in so many steps.
fn ask(
    property: Property,
    subject: &dyn Subject,
    max_shrink_iters: u32,
) -> Result<(), TestError<(Vec<Op>, Picks)>> {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters,
        ..Config::default()
    };
    TestRunner::new(config).run(&(ops(ACTS), picks()), |(ops, picks)| {
        property(&live(&ops), &picks, subject).map_err(TestCaseError::fail)
    })
}

/// Whether some history breaks a property.
pub fn breaks(property: Property, subject: &dyn Subject) -> bool {
    ask(property, subject, 0).is_err()
}

fn holds(property: Property) {
    if let Err(broken) = ask(property, &Projection, 100_000) {
        panic!("{broken}");
    }
}

/// A6
#[test]
fn events_in_any_order_end_in_the_same_inbox() {
    holds(any_order);
}

/// A6
#[test]
fn an_event_that_comes_again_changes_nothing() {
    holds(any_repetition);
}

/// A6
#[test]
fn events_lost_on_the_way_are_made_up_for_by_the_newest() {
    holds(any_gap);
}

/// A6
#[test]
fn a_replay_of_the_newest_gives_the_rows_of_living_through_it() {
    holds(rebuild);
}

/// A5, B3, B4
#[test]
fn no_update_is_ever_taken_for_read_that_no_read_covers() {
    holds(no_lost_update);
}

/// B1, A4: whatever was delivered so far, the inbox says what follows from it, no more and no less.
#[test]
fn the_inbox_is_right_after_every_single_event() {
    holds(right_at_every_step);
}

/// B2
#[test]
fn a_message_alone_never_badges_tickets_and_a_ticket_alone_never_badges_messages() {
    holds(independence);
}

#[test]
fn whatever_an_inbox_shows_differently_was_told_as_a_change() {
    holds(changes_are_told);
}

pub fn any_order(history: &History, picks: &Picks, subject: &dyn Subject) -> Result<(), String> {
    ends_right(history, subject, &picks.any_interleaving(all(history)))?;
    ends_right(history, subject, &picks.any_order(all(history)))
}

pub fn any_repetition(
    history: &History,
    picks: &Picks,
    subject: &dyn Subject,
) -> Result<(), String> {
    ends_right(history, subject, &picks.with_duplicates(all(history)))?;
    ends_right(
        history,
        subject,
        &picks.any_order(picks.with_duplicates(all(history))),
    )
}

pub fn any_gap(history: &History, picks: &Picks, subject: &dyn Subject) -> Result<(), String> {
    ends_right(history, subject, &picks.with_gaps(all(history)))?;
    ends_right(
        history,
        subject,
        &picks.any_order(picks.with_gaps(all(history))),
    )
}

fn ends_right(history: &History, subject: &dyn Subject, events: &[&Emitted]) -> Result<(), String> {
    let inboxes = Inboxes::new(subject).deliver_all(events);
    let oracle = Oracle::of_everything(history);
    (0..CONTACTS)
        .try_for_each(|contact| same(contact, &inboxes.inbox(contact), &oracle.inbox(contact)))
}

pub fn rebuild(history: &History, picks: &Picks, subject: &dyn Subject) -> Result<(), String> {
    let events = picks.any_order(picks.with_gaps(all(history)));
    let live = Inboxes::new(subject).deliver_all(&events);
    let rebuilt = live.rebuild(&picks.any_order(all(history)));
    for contact in 0..CONTACTS {
        same(contact, &rebuilt.rows()[contact], &live.rows()[contact])?;
    }
    // what was under way meanwhile arrives once more
    let after = live.rebuild(&all(history)).deliver_all(&events);
    for contact in 0..CONTACTS {
        same(contact, &after.rows()[contact], &live.rows()[contact])?;
    }
    Ok(())
}

pub fn no_lost_update(
    history: &History,
    picks: &Picks,
    subject: &dyn Subject,
) -> Result<(), String> {
    let mut inboxes = Inboxes::new(subject);
    let mut heard = Oracle::of_nothing(history);
    for event in picks.any_order(picks.with_duplicates(picks.with_gaps(all(history)))) {
        inboxes.deliver(event);
        heard.hear(event);
        let inbox = inboxes.inbox(event.contact);
        let uncovered = (0..super::TICKETS)
            .filter(|ticket| heard.ticket_unread(event.contact, *ticket))
            .count();
        if (inbox.unread_tickets as usize) < uncovered {
            return Err(format!(
                "{uncovered} updates without a read, but the badge is {}",
                inbox.unread_tickets
            ));
        }
        for ticket in &inbox.recent_tickets {
            let place = ticket.number as usize - 1;
            let newest = heard.updates(event.contact, place).max();
            if !ticket.unread
                && newest.is_some_and(|newest| !heard.acknowledged(event.contact, place, newest))
            {
                return Err(format!("{ticket:?} shows as read"));
            }
        }
    }
    Ok(())
}

pub fn right_at_every_step(
    history: &History,
    picks: &Picks,
    subject: &dyn Subject,
) -> Result<(), String> {
    let mut inboxes = Inboxes::new(subject);
    let mut heard = Oracle::of_nothing(history);
    for event in picks.any_order(all(history)) {
        inboxes.deliver(event);
        heard.hear(event);
        same(
            event.contact,
            &inboxes.inbox(event.contact),
            &heard.inbox(event.contact),
        )?;
    }
    Ok(())
}

pub fn independence(history: &History, _: &Picks, subject: &dyn Subject) -> Result<(), String> {
    let mut inboxes = Inboxes::new(subject);
    for event in all(history) {
        let before = inboxes.inbox(event.contact);
        inboxes.deliver(event);
        let after = inboxes.inbox(event.contact);
        if event.cause == Cause::Message {
            same(event.contact, &after.unread_tickets, &before.unread_tickets)?;
            // R2: nor does it put a ticket on the card or move one there
            same(event.contact, &after.recent_tickets, &before.recent_tickets)?;
        }
        if matches!(event.teller, Teller::Ticket(_)) {
            same(
                event.contact,
                &after.unread_conversations,
                &before.unread_conversations,
            )?;
        }
    }
    Ok(())
}

pub fn changes_are_told(
    history: &History,
    picks: &Picks,
    subject: &dyn Subject,
) -> Result<(), String> {
    let mut inboxes = Inboxes::new(subject);
    for event in picks.any_order(picks.with_duplicates(all(history))) {
        let before = inboxes.inbox(event.contact);
        let known = inboxes.rows()[event.contact].clone();
        let changed = inboxes.deliver(event);
        let after = inboxes.inbox(event.contact);
        if before != after && !changed.any() {
            return Err(format!("{before:?} became {after:?} and nobody was told"));
        }
        if before.unread_tickets != after.unread_tickets && !changed.tickets {
            return Err("the tickets' part changed and was not told".into());
        }
        if before.unread_conversations != after.unread_conversations && !changed.conversations {
            return Err("the conversations' part changed and was not told".into());
        }
        if known == inboxes.rows()[event.contact] && changed.any() {
            return Err("nothing changed, but a change was told".into());
        }
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(
    contact: usize,
    found: &T,
    right: &T,
) -> Result<(), String> {
    if found == right {
        return Ok(());
    }
    Err(format!(
        "contact {contact} is shown {found:#?}\ninstead of {right:#?}"
    ))
}
