//! What must hold of everything that was asked, answered and shown. Each check answers with what is
//! wrong, a sentence each, and says how much it looked at.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proto::{
    conversations::v1::AuthorKind,
    tickets::v1::{HistoryEntry, HistoryKind, StateCategory},
};

use crate::client::micros;

use super::{
    ledger::{Badges, Book, Fate, Newest, Read, Reading, Row, ShownRead},
    oracle::{covers, messages, updates},
    sharing::turned_once,
    truth::{ContactTruth, TicketTruth, Truth},
};

/// What checks found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Things looked at.
    pub checked: u64,
    /// What is wrong.
    pub wrong: Vec<String>,
}

impl Verdict {
    pub(super) fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.checked += 1;
        if !holds {
            self.wrong.push(otherwise());
        }
    }

    /// Both.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.checked += other.checked;
        self.wrong.extend(other.wrong);
        self
    }
}

/// Every acknowledged write is there once, every other at most once, and nothing else is there.
pub(super) fn exactly_once(truth: &Truth, book: &Book) -> Verdict {
    let mut verdict = Verdict::default();
    let mut titles = Counts::default();
    let mut bodies = Counts::default();
    for (contact, held) in truth.contacts.iter().enumerate() {
        for ticket in &held.tickets {
            titles.add(contact, "", &ticket.ticket.title);
        }
        for conversation in &held.conversations {
            for part in messages(conversation) {
                let id = &conversation.conversation.conversation_id;
                bodies.add(contact, id, &part.body);
            }
        }
    }
    let stays = |contact: usize| !book.leaving.contains(&contact);
    for submission in book.submissions.iter().filter(|s| stays(s.contact)) {
        let found = titles.take(submission.contact, "", &submission.title);
        verdict.check(stands(submission.fate, found), || {
            format!(
                "{:?} {} is there {found} times",
                submission.fate, submission.title
            )
        });
    }
    for message in book.messages.iter().filter(|m| stays(m.contact)) {
        let found = bodies.take(message.contact, &message.conversation_id, &message.body);
        verdict.check(stands(message.fate, found), || {
            let (fate, body) = (message.fate, &message.body);
            format!(
                "{fate:?} {body} is in {} {found} times",
                message.conversation_id
            )
        });
    }
    for (what, left) in [("ticket", titles), ("message", bodies)] {
        for ((contact, place, text), count) in left.0 {
            // a conversation that nobody answered for has an id that nobody knows
            let unknown = book.messages.iter();
            let mut unknown = unknown.filter(|message| message.conversation_id.is_empty());
            verdict.check(
                unknown.any(|message| message.body == text && count == 1),
                || format!("nobody asked for {what} {text} of contact {contact} in {place:?}"),
            );
        }
    }
    for ticket in truth.contacts.iter().flat_map(|held| &held.tickets) {
        verdict = verdict.and(changes_once(ticket, book));
        verdict = verdict.and(turned_once(ticket, book));
    }
    let turned = truth.settings.version;
    verdict.check(turned == book.turns, || {
        format!(
            "spaces were turned {turned} times; {} were asked for",
            book.turns
        )
    });
    verdict
}

fn stands(fate: Fate, found: u64) -> bool {
    match fate {
        Fate::Acknowledged => found == 1,
        Fate::Maybe => found <= 1,
    }
}

#[derive(Default)]
struct Counts(BTreeMap<(usize, String, String), u64>);

impl Counts {
    fn add(&mut self, contact: usize, place: &str, text: &str) {
        let key = (contact, place.to_owned(), text.to_owned());
        *self.0.entry(key).or_default() += 1;
    }

    fn take(&mut self, contact: usize, place: &str, text: &str) -> u64 {
        let key = (contact, place.to_owned(), text.to_owned());
        self.0.remove(&key).unwrap_or_default()
    }
}

/// T4, T9, T10: of the state changes asked for, each is in the ticket's history once.
fn changes_once(ticket: &TicketTruth, book: &Book) -> Verdict {
    let mut verdict = Verdict::default();
    let id = &ticket.ticket.ticket_id;
    let moves: Vec<&HistoryEntry> = ticket
        .history
        .iter()
        .filter(|entry| entry.kind() == HistoryKind::StateChanged)
        .filter(|entry| entry.actor_id.starts_with("tea_"))
        .collect();
    let asked: Vec<_> = book.changes.iter().filter(|c| c.ticket_id == *id).collect();
    let mut found = BTreeSet::new();
    for change in asked.iter().filter(|change| change.version > 0) {
        let entry = moves.iter().find(|entry| entry.version == change.version);
        let new = found.insert(change.version);
        let there = entry.is_some_and(|entry| entry.to_state_id == change.state_id);
        verdict.check(new && there, || {
            let (version, state) = (change.version, &change.state_id);
            format!("the move of {id} to {state}, answered with version {version}, is not in its history")
        });
    }
    let maybe = asked
        .iter()
        .filter(|change| change.fate == Fate::Maybe)
        .count();
    verdict.check(moves.len() <= found.len() + maybe, || {
        format!(
            "{id} was moved {} times; {} moves were answered and {maybe} not",
            moves.len(),
            found.len()
        )
    });
    verdict
}

/// T7, T9, A1: histories make sense, the conversation carries each newest update, and no ticket waits for
/// a customer who has answered.
pub(super) fn histories(truth: &Truth, book: &Book) -> Verdict {
    let mut verdict = Verdict::default();
    for held in &truth.contacts {
        for ticket in &held.tickets {
            let id = &ticket.ticket.ticket_id;
            let newest = updates(ticket).map(|(revision, _)| revision).max();
            let newest = newest.unwrap_or_default();
            let told = ticket.ticket.notify_revision;
            verdict.check(told == newest, || {
                format!("{id} badges at revision {told}; its newest update is {newest}")
            });
            let link = Reading::Conversation(ticket.ticket.conversation_id.clone(), u64::MAX);
            let stamped = covers(held, &link, id);
            // what was taken back may not have come as far
            verdict.check(stamped >= newest || !ticket.ticket.shared, || {
                format!("{id} is stamped up to {stamped}; its newest update is {newest}")
            });
            let versions: Vec<u64> = ticket.history.iter().map(|entry| entry.version).collect();
            let dense = versions.iter().copied().eq(1..=ticket.ticket.version);
            verdict.check(dense, || {
                format!("the history of {id} has versions {versions:?}")
            });
            verdict = verdict.and(answered(held, ticket, book, &truth.states));
        }
        for conversation in &held.conversations {
            let id = &conversation.conversation.conversation_id;
            let seqs: Vec<u64> = conversation.parts.iter().map(|part| part.seq).collect();
            let dense = seqs.iter().copied().eq(1..=seqs.len() as u64);
            verdict.check(dense, || format!("the parts of {id} are numbered {seqs:?}"));
        }
    }
    verdict
}

/// T7: the product moves a waiting ticket on, once for each message that saw it waiting.
fn answered(
    held: &ContactTruth,
    ticket: &TicketTruth,
    book: &Book,
    states: &BTreeMap<String, proto::tickets::v1::TicketState>,
) -> Verdict {
    let mut verdict = Verdict::default();
    let id = &ticket.ticket.ticket_id;
    let waits = |state: &str| {
        let state = states.get(state).map(|state| state.category());
        state == Some(StateCategory::WaitingOnCustomer)
    };
    let linked = held.conversations.iter().find(|conversation| {
        conversation.conversation.conversation_id == ticket.ticket.conversation_id
    });
    // how far the contact's messages had seen the ticket, oldest first
    let saw: Vec<u64> = linked
        .into_iter()
        .flat_map(messages)
        .filter(|part| part.author_kind() == AuthorKind::Contact)
        .map(|part| {
            let said = book
                .messages
                .iter()
                .find(|message| message.body == part.body);
            let seen = said.map(|message| message.seen).filter(|seen| *seen > 0);
            let place = seen.unwrap_or(part.contact_seq);
            let link = Reading::Conversation(ticket.ticket.conversation_id.clone(), place);
            covers(held, &link, id)
        })
        .collect();
    let mut moved = 0;
    let mut since = 0;
    let mut shared = false;
    for entry in &ticket.history {
        let by_itself =
            !entry.actor_id.starts_with("tea_") && entry.kind() == HistoryKind::StateChanged;
        if by_itself {
            moved += 1;
            let revision = entry.revision;
            let cause = saw
                .iter()
                .any(|saw| since > 0 && *saw >= since && *saw < revision);
            verdict.check(cause && waits(&entry.from_state_id), || {
                format!("{id} moved on by itself at revision {revision} without an answer")
            });
        }
        let told_of_before = shared && waits(&entry.from_state_id);
        shared = match entry.kind() {
            HistoryKind::Created => entry.visible_to_customer,
            HistoryKind::Shared => true,
            HistoryKind::Unshared => false,
            _ => shared,
        };
        match (told_of_before, shared && waits(&entry.to_state_id)) {
            (_, false) => since = 0,
            (false, true) => since = entry.revision,
            (true, true) => {}
        }
    }
    verdict.check(moved <= saw.len(), || {
        format!("{id} moved on {moved} times after {} messages", saw.len())
    });
    let newest = saw.iter().max().copied().unwrap_or_default();
    verdict.check(since == 0 || newest < since, || {
        format!("{id} waits since revision {since}; a message had seen {newest}")
    });
    verdict
}

/// A2: what the owner holds as read is what was read.
pub(super) fn read_places(truth: &Truth, reads: &[Read]) -> Verdict {
    let mut verdict = Verdict::default();
    for (contact, held) in truth.contacts.iter().enumerate() {
        let mine: Vec<&Read> = reads
            .iter()
            .filter(|read| read.contact == contact)
            .collect();
        for conversation in &held.conversations {
            let place = super::oracle::read_place(&mine, conversation);
            let is = conversation.read_seq;
            verdict.check(is == place, || {
                let id = &conversation.conversation.conversation_id;
                format!("{id} is read up to {is}; contact {contact} read up to {place}")
            });
        }
    }
    verdict
}

/// A5: nothing was ever shown as read that nobody had begun to read by then.
pub(super) fn never_cleared(truth: &Truth, book: &Book) -> Verdict {
    let mut verdict = Verdict::default();
    let reads = &book.reads;
    // what was shown to somebody who was erased since cannot be told any more
    let stays = |row: &&Row| !book.leaving.contains(&row.contact);
    for row in book.rows.iter().filter(stays) {
        let held = &truth.contacts[row.contact];
        let begun = reads.iter();
        let mut begun = begun.filter(|read| read.contact == row.contact && read.started <= row.at);
        let at = row.at.as_secs_f64();
        match &row.shown {
            ShownRead::Ticket(id, newest) => {
                let Some(revision) = revision(held, id, *newest) else {
                    verdict.check(false, || {
                        format!("at {at:.3} s {id} was shown at {newest:?}, which never was")
                    });
                    continue;
                };
                verdict.check(begun.any(|read| covers(held, &read.reading, id) >= revision), || {
                    format!("at {at:.3} s {id} was shown as read at revision {revision}, which nobody had read")
                });
            }
            ShownRead::Conversation(id, preview) => {
                let said = held.conversations.iter();
                let said = said.filter(|held| held.conversation.conversation_id == *id);
                let part = said.flat_map(messages).find(|part| part.body == *preview);
                let seq = part.map_or(u64::MAX, |part| part.contact_seq);
                let read = begun.any(|read| {
                    matches!(&read.reading, Reading::Conversation(of, up_to) if of == id && *up_to >= seq)
                });
                verdict.check(read, || {
                    format!("at {at:.3} s {id} was shown as read with {preview:?}, which nobody had read")
                });
            }
        }
    }
    verdict
}

/// The newest update of a ticket at a row; `None` when there was none like it.
fn revision(held: &ContactTruth, ticket_id: &str, newest: Newest) -> Option<u64> {
    let ticket = held
        .tickets
        .iter()
        .find(|t| t.ticket.ticket_id == ticket_id)?;
    let mut until = updates(ticket).filter(|(revision, at)| match newest {
        Newest::Revision(shown) => *revision <= shown,
        Newest::Time(shown) => *at == shown,
    });
    match newest {
        Newest::Revision(_) => until.map(|(revision, _)| revision).max(),
        Newest::Time(_) => until.next().map(|(revision, _)| revision),
    }
}

/// One of the two badges.
type Count = fn(&Badges) -> Option<u32>;

/// Over time no badge went down more often than something that was unread was read, or taken back.
pub(super) fn badges_cover(truth: &Truth, book: &Book) -> Verdict {
    let (reads, badges) = (&book.reads, &book.badges);
    let mut verdict = Verdict::default();
    for (contact, held) in truth.contacts.iter().enumerate() {
        let (mut tickets, talks) = clearing(held, reads, contact);
        // V3: whose ticket is taken back has one less
        let taken = book.sharings.iter();
        let taken = taken.filter(|sharing| sharing.contact == contact && !sharing.shared);
        tickets.extend(taken.map(|sharing| sharing.started));
        let watchers: BTreeSet<usize> = badges.iter().map(|b| b.watcher).collect();
        for watcher in watchers {
            let mine = |b: &&Badges| b.contact == contact && b.watcher == watcher;
            let shown: Vec<&Badges> = badges.iter().filter(mine).collect();
            let counts: [(_, Count, _); 2] = [
                ("Tickets", |b| b.tickets, &tickets),
                ("Messages", |b| b.messages, &talks),
            ];
            for (what, count, clearing) in counts {
                let (mut last, mut down) = (0_u32, 0_usize);
                for badge in &shown {
                    let Some(now) = count(badge) else { continue };
                    down += last.saturating_sub(now) as usize;
                    last = now;
                    let read = clearing.iter().filter(|at| **at <= badge.at).count();
                    verdict.check(down <= read, || {
                        let at = badge.at.as_secs_f64();
                        format!(
                            "by {at:.3} s the {what} badge of contact {contact} at replica {watcher} \
                             had gone down by {down}; {read} reads account for that"
                        )
                    });
                    if down > read {
                        break;
                    }
                }
            }
        }
    }
    verdict
}

/// When reads began that can take one off the badges of tickets, and of messages.
fn clearing(held: &ContactTruth, reads: &[Read], contact: usize) -> (Vec<Duration>, Vec<Duration>) {
    let mut mine: Vec<&Read> = reads
        .iter()
        .filter(|read| read.contact == contact)
        .collect();
    mine.sort_by_key(|read| read.started);
    let (mut tickets, mut talks) = (Vec::new(), Vec::new());
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    for read in mine {
        for ticket in &held.tickets {
            let id = ticket.ticket.ticket_id.as_str();
            let to = covers(held, &read.reading, id);
            let from = reached.entry(id).or_default();
            if updates(ticket).any(|(revision, _)| *from < revision && revision <= to) {
                tickets.push(read.started);
            }
            *from = to.max(*from);
        }
        let Reading::Conversation(of, to) = &read.reading else {
            continue;
        };
        let of_it = held.conversations.iter();
        for conversation in of_it.filter(|held| held.conversation.conversation_id == *of) {
            let from = reached.entry(of).or_default();
            let mut theirs = messages(conversation);
            if theirs.any(|part| {
                let theirs = part.author_kind() != AuthorKind::Contact;
                theirs && *from < part.contact_seq && part.contact_seq <= *to
            }) {
                talks.push(read.started);
            }
            *from = (*to).max(*from);
        }
    }
    (tickets, talks)
}

/// The newest thing the owners know of, in microseconds since 1970; two equal ones are a quiet time.
pub(super) fn newest(truth: &Truth) -> (i64, usize) {
    let entries = truth.contacts.iter().flat_map(|held| &held.tickets);
    let entries = entries
        .flat_map(|ticket| &ticket.history)
        .map(|entry| entry.time);
    let parts = truth.contacts.iter().flat_map(|held| &held.conversations);
    let parts = parts
        .flat_map(|held| &held.parts)
        .map(|part| part.create_time);
    let times: Vec<i64> = entries.chain(parts).map(micros).collect();
    (times.iter().copied().max().unwrap_or_default(), times.len())
}
