use jiff::Timestamp;
use types::{ContactId, TeammateId, WorkspaceId};

use super::{ConversationId, Member, Refusal, State, StateCategory, StateId, TicketType, TypeId};

types::id!(
    /// A ticket.
    TicketId, "tkt"
);

/// T8: how a caller names a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketRef {
    /// By its id.
    Id(TicketId),
    /// By the number people say.
    Number(u64),
}

/// A ticket's own facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Its id.
    pub id: TicketId,
    /// T8: the number people say.
    pub number: u64,
    /// Its type.
    pub type_id: TypeId,
    /// One line.
    pub title: String,
    /// Many lines; may be empty.
    pub description: String,
    /// The state teammates see.
    pub state: StateId,
    /// The state customers see: it stays behind where a change is invisible to them (T5).
    pub shown_state: StateId,
    /// What both of these states mean.
    pub category: StateCategory,
    /// T3: false once closed in the inbox.
    pub open: bool,
    /// Who works on it.
    pub assignee: Option<TeammateId>,
    /// The linked conversation.
    pub conversation: Option<ConversationId>,
    /// C2: how many conversations were made for it; the next one's id follows from the next number.
    pub link_generation: u32,
    /// The customer may see it.
    pub shared: bool,
    /// Gone for everybody.
    pub deleted: bool,
    /// T9: grows with each change a customer could see; 0 while it was never shared.
    pub revision: u64,
    /// T9: the newest revision that badges; 0: none.
    pub notify_revision: u64,
    /// The newest revision to stamp into the linked conversation: the last update or link.
    pub stamp_revision: u64,
    /// T7: the revision that entered WAITING_ON_CUSTOMER; 0 in any other category, and while it is not shared.
    pub waiting_revision: u64,
    /// T9: grows with any write.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Last write of any kind.
    pub updated_at: Timestamp,
}

impl Ticket {
    /// C2: the conversation of a link generation. The same ticket and generation give the same id, so
    /// that two who make it at once make one.
    pub fn conversation_of(id: &TicketId, generation: u32) -> ConversationId {
        ConversationId::derive(&[id.as_str(), &generation.to_string()])
    }

    /// C2: the next one that is made for it.
    pub(super) fn next_conversation(&mut self) -> ConversationId {
        self.link_generation += 1;
        Self::conversation_of(&self.id, self.link_generation)
    }
}

/// A ticket as one contact's: whether they see it, and when something last happened that they could see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Who.
    pub contact: ContactId,
    /// Asked for the ticket.
    pub requester: bool,
    /// V1.
    pub visible: bool,
    /// R2: the last ticket update they could see.
    pub ticket_update_at: Timestamp,
    /// L2: the newest activity they could see; never moves back.
    pub activity_at: Timestamp,
    /// Grows by 1 with each event about this pair; 0 while nothing was told of it.
    pub version: u64,
}

/// A ticket with everybody who sees or once saw it: what a command decides upon and saves as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// The ticket.
    pub ticket: Ticket,
    /// A set: one entry a contact.
    pub viewers: Vec<Viewer>,
}

/// What is told of one ticket and one contact. What does not change it is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "as in Ticket and Viewer, from where they are taken"
)]
pub struct View<'a> {
    pub workspace: &'a WorkspaceId,
    pub contact: &'a ContactId,
    pub ticket: &'a TicketId,
    pub deleted: bool,
    /// V4: `None` for a contact who does not see it. Whatever happens to the ticket then is no event.
    pub seen: Option<Sight<'a>>,
}

/// What a contact who sees a ticket is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "as in Ticket and Viewer, from where they are taken"
)]
pub struct Sight<'a> {
    pub revision: u64,
    pub notify_revision: u64,
    pub stamp_revision: u64,
    pub state: &'a StateId,
    pub category: StateCategory,
    pub number: u64,
    pub title: &'a str,
    pub conversation: Option<&'a ConversationId>,
    pub requester: bool,
    pub created_at: Timestamp,
    pub ticket_update_at: Timestamp,
    pub activity_at: Timestamp,
}

impl<'a> View<'a> {
    /// What the viewer sees of the ticket.
    pub fn new(ticket: &'a Ticket, viewer: &'a Viewer) -> Self {
        let seen = viewer.visible.then(|| Sight {
            revision: ticket.revision,
            notify_revision: ticket.notify_revision,
            stamp_revision: ticket.stamp_revision,
            state: &ticket.shown_state,
            category: ticket.category,
            number: ticket.number,
            title: &ticket.title,
            conversation: ticket.conversation.as_ref(),
            requester: viewer.requester,
            created_at: ticket.created_at,
            ticket_update_at: viewer.ticket_update_at,
            activity_at: viewer.activity_at,
        });
        Self {
            workspace: &ticket.workspace,
            contact: &viewer.contact,
            ticket: &ticket.id,
            deleted: ticket.deleted,
            seen,
        }
    }
}

/// Who does something, and when.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// A contact's or teammate's id, or a service's name.
    pub actor: &'a str,
    /// Now.
    pub at: Timestamp,
}

/// A ticket to create.
#[derive(Debug)]
pub struct NewTicket<'a> {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// A fresh id.
    pub id: TicketId,
    /// The workspace's next number.
    pub number: u64,
    /// Its type.
    pub of: &'a TicketType,
    /// Its first state, one of the type's.
    pub state: &'a State,
    /// Who it is for.
    pub requester: ContactId,
    /// One line.
    pub title: String,
    /// Many lines.
    pub description: String,
    /// Who works on it.
    pub assignee: Option<TeammateId>,
    /// An existing conversation and who is in it; else one is made, if the ticket is shared.
    pub conversation: Option<(ConversationId, Vec<Member>)>,
    /// T12: false for no badge.
    pub notify: bool,
    /// L3: when it was created; not after now.
    pub created_at: Timestamp,
}

/// An edit; what is `None` stays.
#[derive(Debug, Default)]
pub struct Edit {
    /// One line.
    pub title: Option<String>,
    /// Many lines.
    pub description: Option<String>,
    /// Somebody, or nobody.
    pub assignee: Option<Option<TeammateId>>,
    /// T3.
    pub open: Option<bool>,
}

impl Aggregate {
    /// What `contact` has of the ticket, if they see it (V1).
    pub fn seen_by(&self, contact: &ContactId) -> Option<&Viewer> {
        self.viewers
            .iter()
            .find(|viewer| viewer.contact == *contact && viewer.visible)
    }

    /// Who asked for it.
    pub fn requesters(&self) -> impl Iterator<Item = &ContactId> {
        let asked = self.viewers.iter().filter(|viewer| viewer.requester);
        asked.map(|viewer| &viewer.contact)
    }

    /// T9: the caller read the newest version; 0 means that they do not care.
    ///
    /// # Errors
    /// When it has changed since.
    pub fn expect(&self, version: u64) -> Result<(), Refusal> {
        if version == 0 || version == self.ticket.version {
            Ok(())
        } else {
            Err(Refusal::StaleVersion)
        }
    }
}

impl Viewer {
    pub(super) fn new(contact: ContactId, requester: bool, since: Timestamp) -> Self {
        Self {
            contact,
            requester,
            visible: false,
            ticket_update_at: since,
            activity_at: since,
            version: 0,
        }
    }
}
