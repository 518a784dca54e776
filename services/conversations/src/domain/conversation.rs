use jiff::Timestamp;
use types::{ContactId, WorkspaceId, text};

use super::{Author, AuthorKind, Content, ConversationId, Part, PartId, Stamp, State};

/// Characters of a message that a list shows.
const PREVIEW: usize = 140;

/// Where a conversation is: nothing is looked for without its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Which of its conversations.
    pub conversation: ConversationId,
}

/// The newest customer-visible message, for a row in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastMessage {
    /// Its first 140 characters.
    pub preview: String,
    /// Who wrote it.
    pub author: Author,
    /// When.
    pub at: Timestamp,
}

/// The newest message by a contact, the cause of a move from WAITING_ON_CUSTOMER (T7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactMessage {
    /// Its place, in the contact's numbers.
    pub seq: u64,
    /// What its author had before their eyes: the place it said, else its own.
    pub seen: u64,
}

/// A conversation without its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Where it is.
    pub key: Key,
    /// Grows by 1 with each write: of two writers at once, one starts over.
    pub version: u64,
    /// Whether it goes on.
    pub state: State,
    /// Newest `seq`; 0 when empty.
    pub head_seq: u64,
    /// Newest place that customers see; 0 when they see none.
    pub contact_head_seq: u64,
    /// The newest message; `None` while nobody wrote one.
    pub last_message: Option<LastMessage>,
    /// The newest message by a contact.
    pub last_contact_message: Option<ContactMessage>,
    /// When it was deleted: what is left is a tombstone.
    pub deleted_at: Option<Timestamp>,
    /// When it started.
    pub created_at: Timestamp,
    /// Newest part, notes included: the order of teammates' lists.
    pub updated_at: Timestamp,
    /// Newest message, else the start: the order of contacts' lists. Never moves backwards.
    pub activity_at: Timestamp,
}

/// What is wanted of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// That it exists.
    Exist,
    /// A message.
    Say {
        /// The text.
        body: String,
        /// A7: the place its author, a contact, had been shown; it is a receipt too.
        seen: Option<u64>,
    },
    /// A teammates' note.
    Note {
        /// The text.
        body: String,
    },
    /// To be open or closed.
    Become(State),
    /// To be gone.
    Delete,
}

/// How far a receipt goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpTo {
    /// Up to a place in the contact's timeline.
    Seq(u64),
    /// Up to the newest, whatever it is when the receipt is processed.
    Head,
}

/// Why a conversation does not do what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A2: a place above the newest part that the contact could have been shown.
    SeqAboveHead {
        /// The newest place there is.
        head: u64,
    },
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The conversation afterwards.
    pub conversation: Conversation,
    /// The version it was decided on; `None` for a new conversation.
    pub was: Option<u64>,
    /// The contact a new conversation is with.
    pub joins: Option<ContactId>,
    /// New parts, in order.
    pub parts: Vec<Part>,
    /// The contact who wrote and the place they had been shown.
    pub seen: Option<(String, u64)>,
}

impl Conversation {
    /// An empty one.
    pub fn start(key: Key, at: Timestamp) -> Self {
        Self {
            key,
            version: 0,
            state: State::Open,
            head_seq: 0,
            contact_head_seq: 0,
            last_message: None,
            last_contact_message: None,
            deleted_at: None,
            created_at: at,
            updated_at: at,
            activity_at: at,
        }
    }

    /// A2: the place a receipt reads up to.
    ///
    /// # Errors
    /// When it is above the newest.
    pub fn place(&self, up_to: UpTo) -> Result<u64, Refusal> {
        let head = self.contact_head_seq;
        match up_to {
            UpTo::Head => Ok(head),
            UpTo::Seq(seq) if seq <= head => Ok(seq),
            UpTo::Seq(_) => Err(Refusal::SeqAboveHead { head }),
        }
    }
}

impl Decision {
    /// Nothing yet, on a conversation that exists.
    pub fn on(conversation: Conversation) -> Self {
        Self {
            was: Some(conversation.version),
            conversation,
            joins: None,
            parts: Vec::new(),
            seen: None,
        }
    }

    /// A new conversation with a contact.
    pub fn start(key: Key, contact: ContactId, at: Timestamp) -> Self {
        let mut conversation = Conversation::start(key, at);
        conversation.version = 1;
        Self {
            conversation,
            was: None,
            joins: Some(contact),
            parts: Vec::new(),
            seen: None,
        }
    }

    /// Decides on a command. What already is as wanted stays, and is no change (T3, C3).
    ///
    /// # Errors
    /// When the command names a place that is not there; then nothing is to be written.
    pub fn carry_out(
        &mut self,
        command: &Command,
        author: &Author,
        now: Timestamp,
        fresh: fn() -> PartId,
    ) -> Result<(), Refusal> {
        match command {
            Command::Exist => {}
            Command::Say { body, seen } => {
                let by_contact = author.kind == AuthorKind::Contact;
                if let Some(seq) = *seen {
                    self.conversation.place(UpTo::Seq(seq))?;
                    self.seen = author.contact().map(|contact| (contact.to_owned(), seq));
                }
                if by_contact && self.conversation.state == State::Closed {
                    self.become_state(State::Open, author, now, fresh);
                }
                self.say(body, *seen, author, now, fresh);
            }
            Command::Note { body } => {
                self.append(author, Content::Note(body.clone()), now, fresh);
            }
            Command::Become(state) if self.conversation.state == *state => {}
            Command::Become(state) => self.become_state(*state, author, now, fresh),
            Command::Delete => {
                self.touch();
                self.conversation.deleted_at = Some(now);
                self.conversation.last_message = None;
            }
        }
        Ok(())
    }

    /// A1: stamps a ticket update. It is no message: it moves neither the preview, nor the activity,
    /// nor what is unread in Messages (B2).
    pub fn stamp(&mut self, stamp: Stamp, at: Timestamp, fresh: fn() -> PartId) {
        self.append(&Author::system(), Content::Stamp(stamp), at, fresh);
    }

    /// Whether anything is to be written.
    pub fn changes(&self) -> bool {
        self.was != Some(self.conversation.version)
    }

    /// V4: whether a contact gets to know of it. Notes alone are nothing to them.
    pub fn told(&self) -> bool {
        self.was.is_none()
            || self.conversation.deleted_at.is_some()
            || self.parts.iter().any(|part| part.contact_seq.is_some())
    }

    /// The message among the new parts: its place and the contact who wrote it, if one did.
    pub fn message(&self) -> Option<(u64, Option<&str>)> {
        let part = self
            .parts
            .iter()
            .rfind(|part| matches!(part.content, Content::Message(_)))?;
        Some((part.contact_seq?, part.author.contact()))
    }

    fn become_state(
        &mut self,
        state: State,
        author: &Author,
        now: Timestamp,
        fresh: fn() -> PartId,
    ) {
        self.conversation.state = state;
        self.append(author, Content::State(state), now, fresh);
    }

    fn say(
        &mut self,
        body: &str,
        seen: Option<u64>,
        author: &Author,
        now: Timestamp,
        fresh: fn() -> PartId,
    ) {
        self.append(author, Content::Message(body.to_owned()), now, fresh);
        let conversation = &mut self.conversation;
        conversation.activity_at = conversation.activity_at.max(now);
        conversation.last_message = Some(LastMessage {
            preview: text::truncate(body, PREVIEW),
            author: author.clone(),
            at: now,
        });
        if author.kind == AuthorKind::Contact {
            let seq = conversation.contact_head_seq;
            conversation.last_contact_message = Some(ContactMessage {
                seq,
                seen: seen.unwrap_or(seq),
            });
        }
    }

    fn append(&mut self, author: &Author, content: Content, at: Timestamp, fresh: fn() -> PartId) {
        self.touch();
        let conversation = &mut self.conversation;
        conversation.head_seq += 1;
        let contact_seq = match content {
            Content::Note(_) => None,
            Content::Message(_) | Content::Stamp(_) | Content::State(_) => {
                conversation.contact_head_seq += 1;
                Some(conversation.contact_head_seq)
            }
        };
        conversation.updated_at = conversation.updated_at.max(at);
        self.parts.push(Part {
            id: fresh(),
            seq: conversation.head_seq,
            contact_seq,
            author: author.clone(),
            content,
            created_at: at,
        });
    }

    fn touch(&mut self) {
        self.conversation.version = self.was.map_or(1, |was| was + 1);
    }
}

#[cfg(test)]
mod tests;
