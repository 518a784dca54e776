//! The checks are checked: a history in which all is well, and then one thing in it is made wrong.

use std::time::Duration;

use proto::{
    bff::v1::Home,
    conversations::v1::{AuthorKind, Conversation, ConversationState, Part, PartKind, TicketStamp},
    tickets::v1::{HistoryEntry, HistoryKind, StateCategory, Ticket, TicketState},
};

use crate::client::micros;

use super::{
    checks::{self, Verdict},
    ledger::{
        Badges, Book, Change, Fate, Message, Newest, Read, Reading, Row, Sharing, ShownRead,
        Submission,
    },
    oracle::{self, Expected},
    truth::{ContactTruth, ConversationTruth, TicketTruth, Truth},
};

const TICKET: &str = "tkt_1";
const TALK: &str = "cnv_1";
const WAITING: &str = "tst_waiting";
const WORKING: &str = "tst_working";

fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn state(id: &str, category: StateCategory) -> TicketState {
    TicketState {
        state_id: id.into(),
        category: category.into(),
        customer_label: id.trim_start_matches("tst_").into(),
        ..Default::default()
    }
}

fn entry(version: u64, from: &str, to: &str, actor: &str) -> HistoryEntry {
    let kind = match from {
        "" => HistoryKind::Created,
        _ => HistoryKind::StateChanged,
    };
    HistoryEntry {
        kind: kind.into(),
        version,
        revision: version,
        from_state_id: from.into(),
        to_state_id: to.into(),
        actor_id: actor.into(),
        time: at(version as i64 * 10),
        visible_to_customer: true,
    }
}

fn part(seq: u64, kind: PartKind, author: AuthorKind) -> Part {
    Part {
        seq,
        contact_seq: seq,
        kind: kind.into(),
        author_kind: author.into(),
        create_time: at(seq as i64 * 10),
        ..Default::default()
    }
}

fn stamp(seq: u64, revision: u64) -> Part {
    Part {
        ticket: Some(TicketStamp {
            ticket_id: TICKET.into(),
            revision,
            ..Default::default()
        }),
        ..part(seq, PartKind::TicketEvent, AuthorKind::System)
    }
}

fn message(seq: u64, author: AuthorKind, body: &str) -> Part {
    Part {
        body: body.into(),
        ..part(seq, PartKind::Message, author)
    }
}

/// The contact submitted a ticket; a teammate let it wait and asked; the contact read all of it and
/// answered, and so the ticket moved on by itself, which the contact has not seen yet.
fn well() -> (Truth, Book) {
    let ticket = Ticket {
        ticket_id: TICKET.into(),
        number: 1,
        title: "ticket-0-1".into(),
        state: Some(state(WORKING, StateCategory::InProgress)),
        conversation_id: TALK.into(),
        revision: 3,
        notify_revision: 3,
        version: 3,
        create_time: at(10),
        shared: true,
        ..Default::default()
    };
    let history = vec![
        entry(1, "", "tst_new", "con_1"),
        entry(2, "tst_new", WAITING, "tea_1"),
        entry(3, WAITING, WORKING, "tickets"),
    ];
    let talk = ConversationTruth {
        conversation: Conversation {
            conversation_id: TALK.into(),
            state: ConversationState::Open.into(),
            ..Default::default()
        },
        parts: vec![
            stamp(1, 1),
            stamp(2, 2),
            message(3, AuthorKind::Teammate, "answer-1"),
            message(4, AuthorKind::Contact, "message-0-2"),
            stamp(5, 3),
        ],
        read_seq: 3,
    };
    let states = [
        state(WAITING, StateCategory::WaitingOnCustomer),
        state(WORKING, StateCategory::InProgress),
    ];
    let mut truth = Truth {
        contacts: vec![ContactTruth {
            tickets: vec![TicketTruth { ticket, history }],
            conversations: vec![talk],
        }],
        states: states.map(|s| (s.state_id.clone(), s)).into(),
        ..Default::default()
    };
    truth.settings.version = 1;
    let said = |body: &str, seen| Message {
        contact: 0,
        conversation_id: TALK.into(),
        body: body.into(),
        seen,
        fate: Fate::Acknowledged,
    };
    let book = Book {
        submissions: vec![Submission {
            contact: 0,
            title: "ticket-0-1".into(),
            fate: Fate::Acknowledged,
        }],
        messages: vec![said("answer-1", 0), said("message-0-2", 3)],
        changes: vec![Change {
            ticket_id: TICKET.into(),
            state_id: WAITING.into(),
            version: 2,
            fate: Fate::Acknowledged,
        }],
        turns: 1,
        reads: vec![Read {
            contact: 0,
            started: seconds(5),
            reading: Reading::Conversation(TALK.into(), 3),
            acknowledged: true,
        }],
        rows: vec![
            Row {
                contact: 0,
                at: seconds(6),
                shown: ShownRead::Ticket(TICKET.into(), Newest::Time(20_000_000)),
            },
            Row {
                contact: 0,
                at: seconds(6),
                shown: ShownRead::Conversation(TALK.into(), "answer-1".into()),
            },
        ],
        badges: vec![badges(4, 1, 1), badges(6, 0, 0), badges(8, 1, 0)],
        ..Default::default()
    };
    (truth, book)
}

fn badges(at: u64, tickets: u32, messages: u32) -> Badges {
    Badges {
        contact: 0,
        watcher: 0,
        at: seconds(at),
        tickets: Some(tickets),
        messages: Some(messages),
    }
}

fn judge(truth: &Truth, book: &Book) -> Verdict {
    checks::exactly_once(truth, book)
        .and(checks::histories(truth, book))
        .and(checks::read_places(truth, &book.reads))
        .and(checks::never_cleared(truth, book))
        .and(checks::badges_cover(truth, book))
}

/// Makes one thing wrong; exactly the sentences that name it must be found.
fn found(wrong: impl FnOnce(&mut Truth, &mut Book), sentences: &[&str]) {
    let (mut truth, mut book) = well();
    wrong(&mut truth, &mut book);
    let verdict = judge(&truth, &book);
    assert_eq!(verdict.wrong.len(), sentences.len(), "{:#?}", verdict.wrong);
    for (is, must) in verdict.wrong.iter().zip(sentences) {
        assert!(is.contains(must), "{is:?} does not say {must:?}");
    }
}

fn parts(truth: &mut Truth) -> &mut Vec<Part> {
    &mut truth.contacts[0].conversations[0].parts
}

fn history(truth: &mut Truth) -> &mut TicketTruth {
    &mut truth.contacts[0].tickets[0]
}

#[test]
fn nothing_is_found_when_all_is_well() {
    let (truth, book) = well();
    let verdict = judge(&truth, &book);
    assert_eq!(verdict.wrong, Vec::<String>::new());
    assert!(verdict.checked > 20, "{}", verdict.checked);
}

#[test]
fn an_answered_message_that_is_not_in_the_thread_is_found() {
    let said = "Acknowledged answer-1 is in cnv_1 0 times";
    let drop = |truth: &mut Truth, book: &mut Book| {
        parts(truth)[2].kind = PartKind::Note.into();
        // what was shown of it is another finding
        book.rows.pop();
        book.badges
            .iter_mut()
            .for_each(|badges| badges.messages = None);
    };
    found(drop, &[said]);
}

#[test]
fn a_message_that_is_there_twice_is_found() {
    let twice = |truth: &mut Truth, _: &mut Book| {
        parts(truth).push(message(6, AuthorKind::Teammate, "answer-1"));
    };
    found(twice, &["answer-1 is in cnv_1 2 times"]);
}

#[test]
fn a_message_that_nobody_wrote_is_found() {
    let more = |truth: &mut Truth, _: &mut Book| {
        parts(truth).push(message(6, AuthorKind::Teammate, "answer-2"));
    };
    found(more, &["nobody asked for message answer-2"]);
}

#[test]
fn a_write_that_nobody_answered_may_be_missing_but_not_be_there_twice() {
    found(
        |truth, book| {
            book.messages[0].fate = Fate::Maybe;
            parts(truth)[2].body = "another".into();
            book.messages.push(Message {
                body: "another".into(),
                ..book.messages[0].clone()
            });
            book.rows.pop();
        },
        &[],
    );
    found(
        |truth, book| {
            book.messages[0].fate = Fate::Maybe;
            parts(truth).push(message(6, AuthorKind::Teammate, "answer-1"));
        },
        &["Maybe answer-1 is in cnv_1 2 times"],
    );
}

#[test]
fn a_ticket_that_was_submitted_once_and_is_there_twice_is_found() {
    let twice = |truth: &mut Truth, _: &mut Book| {
        let mut again = history(truth).clone();
        again.ticket.ticket_id = "tkt_2".into();
        again.ticket.conversation_id = "cnv_2".into();
        again.history.truncate(1);
        (again.ticket.version, again.ticket.notify_revision) = (1, 0);
        again.history[0].visible_to_customer = false;
        truth.contacts[0].tickets.push(again);
    };
    found(twice, &["ticket-0-1 is there 2 times"]);
}

#[test]
fn a_move_that_was_answered_and_is_not_in_the_history_is_found() {
    let other = |truth: &mut Truth, _: &mut Book| {
        history(truth).history[1].actor_id = "tickets".into();
        history(truth).history[1].from_state_id = WAITING.into();
    };
    found(
        other,
        &[
            "answered with version 2, is not in its history",
            "moved on by itself at revision 2 without an answer",
            "moved on by itself at revision 3 without an answer",
            "moved on 2 times after 1 messages",
        ],
    );
}

#[test]
fn a_move_carried_out_twice_is_found() {
    let twice = |_: &mut Truth, book: &mut Book| book.changes.clear();
    found(twice, &["was moved 1 times; 0 moves were answered"]);
}

#[test]
fn a_space_that_was_turned_twice_is_found() {
    let twice = |truth: &mut Truth, _: &mut Book| truth.settings.version = 2;
    found(twice, &["spaces were turned 2 times; 1 were asked for"]);
}

/// T7
#[test]
fn a_ticket_that_waits_though_the_customer_has_answered_is_found() {
    let waits = |truth: &mut Truth, _: &mut Book| {
        let ticket = history(truth);
        ticket.history.pop();
        (ticket.ticket.version, ticket.ticket.notify_revision) = (2, 2);
    };
    found(waits, &["waits since revision 2"]);
}

/// T7
#[test]
fn a_ticket_that_moves_on_for_a_message_which_had_not_seen_it_wait_is_found() {
    let unseen = |_: &mut Truth, book: &mut Book| book.messages[1].seen = 1;
    found(
        unseen,
        &["moved on by itself at revision 3 without an answer"],
    );
}

/// A1
#[test]
fn an_update_that_never_reached_the_conversation_is_found() {
    let lost = |truth: &mut Truth, _: &mut Book| {
        parts(truth).pop();
    };
    found(lost, &["is stamped up to 2; its newest update is 3"]);
}

/// A5
#[test]
fn a_row_shown_as_read_before_anybody_read_it_is_found() {
    found(
        |_, book| book.rows[0].at = seconds(4),
        &["at 4.000 s tkt_1 was shown as read at revision 2, which nobody had read"],
    );
    found(
        |_, book| book.rows[1].at = seconds(4),
        &["cnv_1 was shown as read with \"answer-1\", which nobody had read"],
    );
}

/// A5
#[test]
fn a_newer_update_shown_as_read_by_an_older_read_is_found() {
    found(
        |_, book| book.rows[0].shown = ShownRead::Ticket(TICKET.into(), Newest::Revision(3)),
        &["was shown as read at revision 3"],
    );
}

#[test]
fn a_frame_that_shows_one_less_is_found() {
    // the frame after the new update: one less than it must show
    let (truth, mut book) = well();
    book.badges.push(badges(9, 0, 0));
    let verdict = checks::badges_cover(&truth, &book);
    assert_eq!(verdict.wrong.len(), 1, "{:?}", verdict.wrong);
    assert!(verdict.wrong[0].contains("had gone down by 2; 1 reads account for that"));
    // and as the last of a watch it is another than the oracle's
    let must = Expected::of(&truth, &book.reads, 0).view(true);
    assert_eq!((must.ticket_badge, must.message_badge), (Some(1), Some(0)));
    let mut shown = must.clone();
    shown.ticket_badge = Some(0);
    let wrong = oracle::compare("the watch", &must, &shown);
    assert_eq!(wrong, ["the watch shows the Tickets badge 0; it must be 1"]);
    assert!(!oracle::compare("the watch", &must, &oracle::seen(&Home::default())).is_empty());
}

#[test]
fn a_read_that_is_skipped_is_found() {
    let (truth, mut book) = well();
    let all = book.reads.clone();
    book.reads.clear();
    let verdict = judge(&truth, &book);
    for sentence in [
        "is read up to 3; contact 0 read up to 0",
        "was shown as read at revision 2, which nobody had read",
        "Tickets badge of contact 0 at replica 0 had gone down by 1; 0 reads",
        "Messages badge of contact 0 at replica 0 had gone down by 1; 0 reads",
    ] {
        let said = verdict.wrong.iter().any(|wrong| wrong.contains(sentence));
        assert!(said, "nobody says {sentence:?}: {:#?}", verdict.wrong);
    }
    let (with, without) = (
        Expected::of(&truth, &all, 0),
        Expected::of(&truth, &book.reads, 0),
    );
    assert_eq!((with.unread_tickets, with.unread_conversations), (1, 0));
    assert_eq!(
        (without.unread_tickets, without.unread_conversations),
        (1, 1)
    );
}

/// The teammate takes the ticket back at second 8, and its badge goes.
fn taken_back(truth: &mut Truth, book: &mut Book) {
    let ticket = history(truth);
    ticket.history.push(HistoryEntry {
        kind: HistoryKind::Unshared.into(),
        revision: 4,
        visible_to_customer: false,
        ..entry(4, WORKING, WORKING, "tea_1")
    });
    (ticket.ticket.version, ticket.ticket.shared) = (4, false);
    book.badges.push(badges(9, 0, 0));
    book.sharings.push(Sharing {
        contact: 0,
        ticket_id: TICKET.into(),
        shared: false,
        started: seconds(8),
        version: 4,
        fate: Fate::Acknowledged,
    });
}

/// V3
#[test]
fn a_ticket_that_is_taken_back_takes_its_badge_with_it() {
    found(taken_back, &[]);
    let (mut truth, mut book) = well();
    taken_back(&mut truth, &mut book);
    let must = Expected::of(&truth, &book.reads, 0);
    assert_eq!(
        (must.unread_tickets, must.list.len(), must.card.len()),
        (0, 0, 0)
    );
    assert!(
        must.recent
            .is_some_and(|recent| recent.ticket_id.is_empty())
    );
}

/// V3
#[test]
fn a_badge_that_goes_before_its_ticket_is_taken_back_is_found() {
    let early = |truth: &mut Truth, book: &mut Book| {
        taken_back(truth, book);
        book.sharings[0].started = seconds(10);
    };
    found(early, &["had gone down by 2; 1 reads account for that"]);
}

/// V3, T10
#[test]
fn a_ticket_taken_back_twice_or_not_at_all_is_found() {
    let unasked = |truth: &mut Truth, book: &mut Book| {
        taken_back(truth, book);
        book.sharings[0].version = 0;
    };
    found(unasked, &["was Unshared 1 times; 0 were answered"]);
    let lost = |truth: &mut Truth, book: &mut Book| {
        taken_back(truth, book);
        history(truth).history[3].kind = HistoryKind::Edited.into();
    };
    found(
        lost,
        &["as Unshared with version 4, which is not in its history"],
    );
}

/// R2, L2
#[test]
fn a_message_moves_the_list_and_not_the_card() {
    let (mut truth, book) = well();
    for number in 2..=4 {
        let mut more = history(&mut truth).clone();
        more.ticket.ticket_id = format!("tkt_{number}");
        more.ticket.number = number;
        more.ticket.conversation_id = format!("cnv_{number}");
        more.history.truncate(1);
        more.history[0].time = at(30 + number as i64);
        truth.contacts[0].tickets.push(more);
    }
    let must = Expected::of(&truth, &book.reads, 0);
    let numbers = |rows: &[oracle::TicketRow]| rows.iter().map(|r| r.number).collect::<Vec<_>>();
    // the first ticket's message is of second 40, its update of second 30
    assert_eq!(numbers(&must.list), [1, 4, 3, 2]);
    assert_eq!(numbers(&must.card), [4, 3, 2]);
    assert_eq!(must.list[0].time, micros(at(40)));
    let off = must.view(false);
    assert_eq!(
        (off.ticket_badge, off.card.len(), off.space),
        (None, 0, false)
    );
}
