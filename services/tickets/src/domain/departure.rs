use jiff::Timestamp;
use types::ContactId;

use super::{Aggregate, Viewer};

/// A ticket after a visitor became a user, or after a contact was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parting {
    /// The ticket with the viewers that are left.
    pub after: Aggregate,
    /// The visitor as they are told of for the last time, if they ever were; nobody is told of who was erased.
    pub left: Option<Viewer>,
    /// Who else something is told of.
    pub told: Vec<ContactId>,
}

impl Parting {
    /// The viewers to tell of.
    pub fn viewers(&self) -> impl Iterator<Item = &Viewer> {
        let viewers = self.after.viewers.iter();
        viewers.filter(|viewer| self.told.contains(&viewer.contact))
    }

    /// The viewers to save: the same, and the user, who may have asked for what they do not see.
    pub fn kept(&self, user: Option<&ContactId>) -> impl Iterator<Item = &Viewer> {
        let viewers = self.after.viewers.iter();
        viewers.filter(move |viewer| {
            self.told.contains(&viewer.contact) || user == Some(&viewer.contact)
        })
    }
}

impl Aggregate {
    /// Makes the user what the visitor was: who asked, who sees it, and when something last happened that
    /// they could see. It badges nobody: what was read of it is not said here. `None` for a visitor who has
    /// nothing of it.
    ///
    /// `merged_at`: a user who came to see the ticket after it did so since Conversations was faster to put
    /// them in the visitor's place. That is no update of the ticket (R2); the visitor, who still sees it, has
    /// had every one.
    pub fn hand_over(
        &self,
        visitor: &ContactId,
        user: &ContactId,
        merged_at: Timestamp,
    ) -> Option<Parting> {
        let mut after = self.clone();
        let place = position(&after.viewers, visitor)?;
        let visitor = after.viewers.remove(place);
        let known = position(&after.viewers, user);
        let place = known.unwrap_or_else(|| {
            let since = visitor.ticket_update_at;
            after.viewers.push(Viewer::new(user.clone(), false, since));
            after.viewers.len() - 1
        });
        let ticket = &after.ticket;
        let theirs = &mut after.viewers[place];
        let late = known.is_some() && theirs.ticket_update_at >= merged_at && visitor.visible;
        theirs.requester |= visitor.requester;
        let saw = theirs.visible;
        theirs.visible = ticket.shared && !ticket.deleted && (theirs.visible || visitor.visible);
        theirs.ticket_update_at = if late {
            visitor.ticket_update_at
        } else {
            theirs.ticket_update_at.max(visitor.ticket_update_at)
        };
        theirs.activity_at = theirs.activity_at.max(visitor.activity_at);
        // V4: of a ticket that they do not see nobody is told
        let told = if saw || theirs.visible {
            theirs.version += 1;
            vec![user.clone()]
        } else {
            Vec::new()
        };
        after.ticket.version += 1;
        let left = (visitor.version > 0).then(|| Viewer {
            requester: false,
            visible: false,
            version: visitor.version + 1,
            ..visitor
        });
        Some(Parting { after, left, told })
    }

    /// Takes a contact out. A ticket that they asked for is deleted with all its words, and whoever else saw
    /// it is told; its number stays taken. `None` for a contact who has nothing of it.
    pub fn forget(&self, contact: &ContactId) -> Option<Parting> {
        let mut after = self.clone();
        let place = position(&after.viewers, contact)?;
        let leaver = after.viewers.remove(place);
        after.ticket.version += 1;
        let mut told = Vec::new();
        if leaver.requester {
            let ticket = &mut after.ticket;
            ticket.title.clear();
            ticket.description.clear();
            ticket.revision += u64::from(ticket.shared && !ticket.deleted);
            ticket.deleted = true;
            for viewer in after.viewers.iter_mut().filter(|v| v.version > 0) {
                viewer.visible = false;
                viewer.version += 1;
                told.push(viewer.contact.clone());
            }
        }
        Some(Parting {
            after,
            left: None,
            told,
        })
    }
}

fn position(viewers: &[Viewer], contact: &ContactId) -> Option<usize> {
    viewers.iter().position(|viewer| viewer.contact == *contact)
}
