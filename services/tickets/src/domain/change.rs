use jiff::Timestamp;

use super::{
    Aggregate, By, Catalog, ConversationId, Member, State, StateCategory, StateId, View, Viewer,
};

/// What happened to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryKind {
    /// Created.
    Created,
    /// Moved to another state.
    StateChanged,
    /// Title or description changed.
    Edited,
    /// Linked to a conversation.
    Linked,
    /// Unlinked.
    Unlinked,
    /// Deleted.
    Deleted,
    /// Shared with the customer.
    Shared,
    /// Taken back from the customer.
    Unshared,
    /// Closed in the inbox.
    Closed,
    /// Opened again in the inbox.
    Reopened,
    /// Given to another teammate or to nobody.
    Assigned,
}

/// One entry of a ticket's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// What happened.
    pub kind: HistoryKind,
    /// The ticket's version it made.
    pub version: u64,
    /// The ticket's revision after it.
    pub revision: u64,
    /// The state before; none on creation.
    pub from: Option<StateId>,
    /// The state after.
    pub to: StateId,
    /// Who.
    pub actor: String,
    /// When.
    pub at: Timestamp,
    /// The customer sees it as a ticket update.
    pub visible: bool,
}

/// A decision: the aggregate as it is to be, and what to save and tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The ticket's version that it was decided upon; 0: there was none.
    pub before: u64,
    /// How things are to be.
    pub after: Aggregate,
    /// The entry to add; `None` when only viewers changed.
    pub history: Option<HistoryEntry>,
    /// When.
    pub at: Timestamp,
    told: Vec<usize>,
}

impl Change {
    /// The viewers to tell of: those for whom something changed.
    pub fn viewers(&self) -> impl Iterator<Item = &Viewer> {
        self.told.iter().map(|place| &self.after.viewers[*place])
    }

    /// The viewers to save: the same, and of a new ticket also who asked for it and does not see it.
    pub fn kept(&self) -> impl Iterator<Item = &Viewer> {
        let viewers = self.after.viewers.iter().enumerate();
        viewers
            .filter(|(place, _)| self.before == 0 || self.told.contains(place))
            .map(|(_, viewer)| viewer)
    }

    /// What to tell of each of them, with its version.
    pub fn views(&self) -> impl Iterator<Item = (View<'_>, u64)> {
        let view = |viewer| View::new(&self.after.ticket, viewer);
        self.viewers()
            .map(move |viewer| (view(viewer), viewer.version))
    }
}

/// A decision being made. Its end compares what each contact sees with before: whoever sees something
/// new gets one event, and nobody else does.
pub(super) struct Draft<'a> {
    before: Option<&'a Aggregate>,
    pub(super) after: Aggregate,
    // when it happens, which for an import is not now
    at: Timestamp,
    now: Timestamp,
}

impl<'a> Draft<'a> {
    /// A change of something that is.
    pub(super) fn of(before: &'a Aggregate, now: Timestamp) -> Self {
        // a clock that was set back must not reorder anything
        let now = now.max(before.ticket.updated_at);
        Self {
            before: Some(before),
            after: before.clone(),
            at: now,
            now,
        }
    }

    /// A new ticket with its requesters, whose conversation has these members.
    pub(super) fn first(after: Aggregate, members: &[Member]) -> Self {
        let mut draft = Self {
            before: None,
            at: after.ticket.created_at,
            now: after.ticket.updated_at,
            after,
        };
        draft.seat_all(members);
        draft
    }

    /// Moves to a state; says whether the customer sees it (T5).
    pub(super) fn enter(&mut self, catalog: &Catalog, to: &State, notify: bool) -> bool {
        let ticket = &mut self.after.ticket;
        ticket.state = to.id.clone();
        if !ticket.shared {
            // nobody sees it: this is how it will look should it be shared
            ticket.shown_state = to.id.clone();
            ticket.category = to.category;
            return false;
        }
        let looks_the_same = catalog.state(&ticket.shown_state).is_some_and(|shown| {
            shown.category == to.category && shown.customer_label == to.customer_label
        });
        if looks_the_same {
            return false;
        }
        ticket.shown_state = to.id.clone();
        ticket.revision += 1;
        ticket.stamp_revision = ticket.revision;
        if notify {
            ticket.notify_revision = ticket.revision;
        }
        let waited = ticket.category == StateCategory::WaitingOnCustomer;
        ticket.category = to.category;
        if to.category != StateCategory::WaitingOnCustomer {
            ticket.waiting_revision = 0;
        } else if !waited {
            ticket.waiting_revision = ticket.revision;
        }
        for viewer in self.after.viewers.iter_mut().filter(|v| v.visible) {
            viewer.update(self.at);
        }
        true
    }

    /// Links to a conversation with these members. It is stamped there, so that reading it there reads
    /// the ticket (O4), and badges nobody.
    pub(super) fn link(&mut self, to: ConversationId, members: &[Member]) {
        let ticket = &mut self.after.ticket;
        ticket.conversation = Some(to);
        if ticket.shared {
            ticket.revision += 1;
            ticket.stamp_revision = ticket.revision;
        }
        self.seat_all(members);
    }

    /// Shares it with its requesters and with these members of its conversation: an update for each of
    /// them, stamped there, so that reading the conversation reads it.
    pub(super) fn share(&mut self, members: &[Member], notify: bool) {
        let ticket = &mut self.after.ticket;
        ticket.shared = true;
        ticket.shown_state = ticket.state.clone();
        ticket.revision += 1;
        ticket.stamp_revision = ticket.revision;
        // T12: what was unread when it was taken back went with it, and must not light now that nobody is to be told
        ticket.notify_revision = if notify { ticket.revision } else { 0 };
        if ticket.category == StateCategory::WaitingOnCustomer {
            ticket.waiting_revision = ticket.revision;
        }
        self.seat_all(members);
    }

    /// Takes it back; nobody sees it any more.
    pub(super) fn unshare(&mut self) {
        let ticket = &mut self.after.ticket;
        ticket.revision += 1;
        ticket.shared = false;
        ticket.waiting_revision = 0;
        self.seat_all(&[]);
    }

    /// Unlinks; whoever saw it as a participant sees it no more.
    pub(super) fn unlink(&mut self) {
        self.after.ticket.conversation = None;
        self.revise();
        self.seat_all(&[]);
    }

    /// Deletes; nobody sees it any more.
    pub(super) fn delete(&mut self) {
        self.after.ticket.deleted = true;
        self.revise();
        self.seat_all(&[]);
    }

    /// T9, V4: counts a change that a customer could see; nothing of an unshared ticket is one.
    pub(super) fn revise(&mut self) {
        self.after.ticket.revision += u64::from(self.after.ticket.shared);
    }

    /// Takes these members, and nobody else, for the linked conversation's.
    fn seat_all(&mut self, members: &[Member]) {
        for place in 0..self.after.viewers.len() {
            let contact = &self.after.viewers[place].contact;
            if !members.iter().any(|member| member.contact == *contact) {
                self.show(place, false);
            }
        }
        for member in members {
            self.seat(member);
        }
    }

    /// Takes in a member of the linked conversation: they see the ticket if they can read there (V5),
    /// and the newest message there is activity (L2); a foreign clock's future is now.
    pub(super) fn seat(&mut self, member: &Member) {
        let known = |viewer: &Viewer| viewer.contact == member.contact;
        let place = match self.after.viewers.iter().position(known) {
            Some(place) => place,
            None if member.reads() && self.after.ticket.shared => {
                let since = self.after.ticket.created_at;
                let viewer = Viewer::new(member.contact.clone(), false, since);
                self.after.viewers.push(viewer);
                self.after.viewers.len() - 1
            }
            None => return,
        };
        self.show(place, member.reads());
        let viewer = &mut self.after.viewers[place];
        if let Some(last) = member.last_message_at.filter(|_| viewer.visible) {
            viewer.activity_at = viewer.activity_at.max(last.min(self.now));
        }
    }

    /// V1, for one viewer who can or cannot read the linked conversation. To see a ticket for the first
    /// time, or again, is an update of it.
    fn show(&mut self, place: usize, reads: bool) {
        let ticket = &self.after.ticket;
        let viewer = &mut self.after.viewers[place];
        let visible = ticket.shared && !ticket.deleted && (viewer.requester || reads);
        if visible && !viewer.visible {
            viewer.update(self.at);
        }
        viewer.visible = visible;
    }

    /// Ends a creation.
    pub(super) fn created(self, by: &By<'_>) -> Change {
        let entry = HistoryEntry {
            kind: super::HistoryKind::Created,
            version: self.after.ticket.version,
            revision: self.after.ticket.revision,
            from: None,
            to: self.after.ticket.state.clone(),
            actor: by.actor.into(),
            at: self.at,
            visible: self.after.ticket.shared,
        };
        self.settle(Some(entry))
    }

    /// Ends a change of the ticket itself.
    pub(super) fn finish(mut self, kind: HistoryKind, visible: bool, by: &By<'_>) -> Change {
        let from = self.before.map(|before| before.ticket.state.clone());
        let ticket = &mut self.after.ticket;
        ticket.version += 1;
        ticket.updated_at = self.at;
        let entry = HistoryEntry {
            kind,
            version: ticket.version,
            revision: ticket.revision,
            from,
            to: ticket.state.clone(),
            actor: by.actor.into(),
            at: self.at,
            visible: visible && ticket.shared,
        };
        self.settle(Some(entry))
    }

    /// Ends a change of viewers alone, if there is one. Another viewer is a write (T9): whoever decides at the
    /// same moment, on who saw it before, is outrun, so that nobody is left seeing what was taken away.
    pub(super) fn tell(mut self) -> Option<Change> {
        let sees = |of: &Aggregate| -> Vec<bool> {
            let seen = of.viewers.iter().map(|viewer| viewer.visible);
            seen.collect()
        };
        if self
            .before
            .is_some_and(|before| sees(before) != sees(&self.after))
        {
            self.after.ticket.version += 1;
        }
        let change = self.settle(None);
        (!change.told.is_empty()).then_some(change)
    }

    fn settle(mut self, history: Option<HistoryEntry>) -> Change {
        let mut told = Vec::new();
        for place in 0..self.after.viewers.len() {
            let now = View::new(&self.after.ticket, &self.after.viewers[place]);
            let before = self.before.and_then(|before| {
                let viewer = before.viewers.get(place)?;
                Some(View::new(&before.ticket, viewer))
            });
            // who was never told of it and does not see it does not hear of it now
            let unheard = self.after.viewers[place].version == 0 && now.seen.is_none();
            if !unheard && before.as_ref() != Some(&now) {
                told.push(place);
            }
        }
        for place in &told {
            self.after.viewers[*place].version += 1;
        }
        Change {
            before: self.before.map_or(0, |before| before.ticket.version),
            after: self.after,
            history,
            at: self.at,
            told,
        }
    }
}

impl Viewer {
    /// A ticket update they see: it moves the ticket up (L2) and, on the card, to the top (R2).
    fn update(&mut self, at: Timestamp) {
        self.ticket_update_at = at;
        self.activity_at = self.activity_at.max(at);
    }
}
