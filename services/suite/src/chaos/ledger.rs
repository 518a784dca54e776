//! What was asked for, what was answered and what was shown, each with its time: the side of the
//! customers and teammates, held against the services' own data when all is quiet.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was answered: it must be there, once.
    Acknowledged,
    /// Nobody answered in all the time it was repeated: it may be there, at most once.
    Maybe,
}

/// A ticket somebody knows of.
#[derive(Debug, Clone)]
pub(super) struct KnownTicket {
    /// Whose.
    pub contact: usize,
    pub ticket_id: String,
    pub conversation_id: String,
}

/// A submission.
#[derive(Debug, Clone)]
pub(super) struct Submission {
    pub contact: usize,
    /// Unique.
    pub title: String,
    pub fate: Fate,
}

/// A message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// Whose conversation.
    pub contact: usize,
    pub conversation_id: String,
    /// Unique.
    pub body: String,
    /// The place its author said to have seen; 0: not said.
    pub seen: u64,
    pub fate: Fate,
}

/// A change of a ticket's state by a teammate.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub ticket_id: String,
    pub state_id: String,
    /// The version it made, once it was answered; 0: it had the state already.
    pub version: u64,
    pub fate: Fate,
}

/// A ticket shown to its contact by a teammate, or taken back.
#[derive(Debug, Clone)]
pub(super) struct Sharing {
    pub contact: usize,
    pub ticket_id: String,
    pub shared: bool,
    /// Before the first try: from then on it may show.
    pub started: Duration,
    /// The version it made, once it was answered; 0: it was so already.
    pub version: u64,
    pub fate: Fate,
}

/// What a contact has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// A ticket's detail, at this revision.
    Ticket(String, u64),
    /// A conversation, up to this place.
    Conversation(String, u64),
}

/// A read, as a promise: from its first try on it may show.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub contact: usize,
    /// Before the first try.
    pub started: Duration,
    pub reading: Reading,
    pub acknowledged: bool,
}

/// Which of a ticket's updates a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newest {
    /// The newest at this revision.
    Revision(u64),
    /// The one of this time, in microseconds since 1970.
    Time(i64),
}

/// Something that was shown as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ShownRead {
    /// A ticket.
    Ticket(String, Newest),
    /// A conversation whose newest message, somebody else's, is this.
    Conversation(String, String),
}

/// A row that was shown as read, with the time at which it was there.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub contact: usize,
    pub at: Duration,
    pub shown: ShownRead,
}

/// The badges that one watcher shows from a time on; absent where they are.
#[derive(Debug, Clone)]
pub(super) struct Badges {
    pub contact: usize,
    pub watcher: usize,
    pub at: Duration,
    pub tickets: Option<u32>,
    pub messages: Option<u32>,
}

/// Everything noted.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub tickets: Vec<KnownTicket>,
    /// Tickets of the team, which a contact sees while they are shared.
    pub office: Vec<KnownTicket>,
    pub sharings: Vec<Sharing>,
    /// Contacts whose erasure was asked for.
    pub leaving: BTreeSet<usize>,
    /// How many of them were answered.
    pub erasures: u64,
    /// Conversations without a ticket: whose, and which.
    pub conversations: Vec<(usize, String)>,
    pub submissions: Vec<Submission>,
    pub messages: Vec<Message>,
    pub changes: Vec<Change>,
    pub closings: u64,
    /// Whether the Tickets space is on, by platform.
    pub spaces: BTreeMap<i32, bool>,
    pub turns: u64,
    pub rebuilds: u64,
    pub reads: Vec<Read>,
    pub rows: Vec<Row>,
    pub badges: Vec<Badges>,
    /// Rows looked at, read or not.
    pub looked_at: u64,
    pub frames: u64,
    /// Frames older than what was shown already.
    pub stale_frames: u64,
    pub repeats: u64,
    /// Answers by code, other than OK, that were tried again.
    pub tried_again: BTreeMap<String, u64>,
    /// What else is worth a line in the fault log, with its time.
    pub notes: Vec<(Duration, String)>,
    /// Answers that no fault excuses.
    pub refusals: Vec<String>,
}

/// The book and the clock by which it is kept.
pub(super) struct Ledger {
    began: Instant,
    book: Mutex<Book>,
}

impl Ledger {
    /// Empty, from now on.
    pub(super) fn open() -> Self {
        Self {
            began: Instant::now(),
            book: Mutex::default(),
        }
    }

    /// Since the beginning.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The book, for a moment.
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock()
    }

    /// Notes something for the fault log.
    pub(super) fn note(&self, what: &str) {
        let at = self.now();
        self.book().notes.push((at, what.to_owned()));
    }

    /// Notes a read before its first try; the answer is where it stands in the book.
    pub(super) fn start_reading(&self, contact: usize, reading: Reading) -> usize {
        let started = self.now();
        let mut book = self.book();
        book.reads.push(Read {
            contact,
            started,
            reading,
            acknowledged: false,
        });
        book.reads.len() - 1
    }

    /// Notes that a read was answered.
    pub(super) fn acknowledge(&self, read: usize) {
        if let Some(read) = self.book().reads.get_mut(read) {
            read.acknowledged = true;
        }
    }
}

impl Book {
    /// Writes that nobody answered.
    pub(super) fn unanswered(&self) -> u64 {
        let is = |fate: &Fate| *fate == Fate::Maybe;
        let count = self.submissions.iter().filter(|s| is(&s.fate)).count()
            + self.messages.iter().filter(|m| is(&m.fate)).count()
            + self.changes.iter().filter(|c| is(&c.fate)).count()
            + self.sharings.iter().filter(|s| is(&s.fate)).count();
        count as u64
    }
}
