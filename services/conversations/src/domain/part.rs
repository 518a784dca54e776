use jiff::Timestamp;
use types::ContactId;

use super::{PartId, StateId, TicketId};

/// What sort of actor wrote something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorKind {
    /// A contact.
    Contact,
    /// A teammate.
    Teammate,
    /// A bot or integration.
    Bot,
    /// The product itself.
    System,
}

/// Who wrote something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// What sort of actor.
    pub kind: AuthorKind,
    /// `con_…`, `tea_…` or a service's name; empty for the product itself.
    pub id: String,
    /// Name to show; may be empty, never an address of a teammate.
    pub name: String,
}

impl Author {
    /// The product itself.
    pub fn system() -> Self {
        Self {
            kind: AuthorKind::System,
            id: String::new(),
            name: String::new(),
        }
    }

    /// Whether it is this contact.
    pub fn is(&self, contact: &ContactId) -> bool {
        self.contact() == Some(contact.as_str())
    }

    /// The contact who wrote, if one did.
    pub fn contact(&self) -> Option<&str> {
        (self.kind == AuthorKind::Contact).then_some(self.id.as_str())
    }
}

/// Whether a conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Going on.
    Open,
    /// Closed by a teammate; a contact's message reopens it.
    Closed,
}

/// What a ticket's state means to the product, whatever its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Received, nobody works on it yet.
    Submitted,
    /// Somebody works on it.
    InProgress,
    /// The customer has to answer.
    WaitingOnCustomer,
    /// Done.
    Resolved,
}

/// A1: a ticket update in the timeline; reading past it reads the ticket up to its revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Which ticket.
    pub ticket: TicketId,
    /// Its revision.
    pub revision: u64,
    /// Its state at that revision.
    pub state: StateId,
    /// What that state means.
    pub category: Category,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A message everybody in the conversation sees.
    Message(String),
    /// A teammates' note.
    Note(String),
    /// A ticket update.
    Stamp(Stamp),
    /// Closed or reopened.
    State(State),
}

/// One entry of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its id, which tells nothing of its place.
    pub id: PartId,
    /// Dense in the conversation, from 1, notes included.
    pub seq: u64,
    /// Dense among what customers see, from 1; `None` for a note.
    pub contact_seq: Option<u64>,
    /// Who wrote it.
    pub author: Author,
    /// What it is.
    pub content: Content,
    /// When.
    pub created_at: Timestamp,
}

/// What a part is that customers see: a note cannot be said with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactContent {
    /// A message.
    Message(String),
    /// A ticket update.
    Stamp(Stamp),
    /// Closed or reopened.
    State(State),
}

/// One entry of the timeline as one contact sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactPart {
    /// Its id.
    pub id: PartId,
    /// Dense in the contact's timeline, from 1.
    pub seq: u64,
    /// Who wrote it.
    pub author_kind: AuthorKind,
    /// Name to show.
    pub author_name: String,
    /// The reading contact wrote it.
    pub mine: bool,
    /// What it is.
    pub content: ContactContent,
    /// When.
    pub created_at: Timestamp,
}

impl Part {
    /// V4: the part as a contact sees it; `None` for a note.
    pub fn for_contact(self, reader: &ContactId) -> Option<ContactPart> {
        let content = match self.content {
            Content::Note(_) => return None,
            Content::Message(body) => ContactContent::Message(body),
            Content::Stamp(stamp) => ContactContent::Stamp(stamp),
            Content::State(state) => ContactContent::State(state),
        };
        Some(ContactPart {
            id: self.id,
            seq: self.contact_seq?,
            author_kind: self.author.kind,
            mine: self.author.is(reader),
            author_name: self.author.name,
            content,
            created_at: self.created_at,
        })
    }
}
