use jiff::Timestamp;
use types::{ContactId, TeammateId};

use super::{StateCategory, StateId, TicketId};

/// L1: a place in a contact's list, newest activity first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPlace {
    /// Newest activity the contact could see.
    pub activity_at: Timestamp,
    /// Creation.
    pub created_at: Timestamp,
    /// The ticket.
    pub ticket: TicketId,
}

/// A place in the teammates' inbox, newest update first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxPlace {
    /// Last write.
    pub updated_at: Timestamp,
    /// The ticket.
    pub ticket: TicketId,
}

/// Which tickets of the inbox; all that are given must hold.
#[derive(Debug, Default)]
pub struct InboxFilter {
    /// Of this category.
    pub category: Option<StateCategory>,
    /// In this state.
    pub state: Option<StateId>,
    /// Asked for by this contact.
    pub requester: Option<ContactId>,
    /// Assigned to this teammate.
    pub assignee: Option<TeammateId>,
    /// Open, or closed.
    pub open: Option<bool>,
    /// Shared with the customer, or not.
    pub shared: Option<bool>,
    /// The title contains this, ignoring ASCII case.
    pub text: Option<String>,
}
