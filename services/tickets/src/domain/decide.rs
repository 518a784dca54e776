use types::ContactId;

use super::{
    Aggregate, By, Catalog, Change, ConversationId, Edit, HistoryKind, Member, NewTicket, News,
    Refusal, StateCategory, StateId, Ticket, TicketType, Viewer, change::Draft,
};

impl Aggregate {
    /// A new ticket. A shared one is one update (T9) and has its conversation (C2); of another no customer
    /// hears anything (V4).
    ///
    /// # Errors
    /// When the conversation asked for cannot be linked.
    pub fn create(new: NewTicket<'_>, by: &By<'_>) -> Result<Change, Refusal> {
        let shared = new.of.category.shared();
        let waiting = new.state.category == StateCategory::WaitingOnCustomer;
        let requester = Viewer::new(new.requester, true, new.created_at);
        let (conversation, members, link_generation) = match new.conversation {
            Some((conversation, members)) => {
                linkable(&members, [&requester.contact].into_iter())?;
                (Some(conversation), members, 0)
            }
            None if shared => (Some(Ticket::conversation_of(&new.id, 1)), Vec::new(), 1),
            None => (None, Vec::new(), 0),
        };
        let ticket = Ticket {
            workspace: new.workspace,
            id: new.id,
            number: new.number,
            type_id: new.of.id.clone(),
            title: new.title,
            description: new.description,
            state: new.state.id.clone(),
            shown_state: new.state.id.clone(),
            category: new.state.category,
            open: true,
            assignee: new.assignee,
            conversation,
            link_generation,
            shared,
            deleted: false,
            revision: u64::from(shared),
            notify_revision: u64::from(shared && new.notify),
            stamp_revision: u64::from(shared),
            waiting_revision: u64::from(shared && waiting),
            version: 1,
            created_at: new.created_at,
            updated_at: by.at,
        };
        let viewers = vec![requester];
        Ok(Draft::first(Self { ticket, viewers }, &members).created(by))
    }

    /// Moves to another state of the type; `None` when it is the state it has (T4).
    ///
    /// # Errors
    /// When the type does not have the state.
    pub fn change_state(
        &self,
        catalog: &Catalog,
        to: &StateId,
        notify: bool,
        by: &By<'_>,
    ) -> Result<Option<Change>, Refusal> {
        if self.ticket.state == *to {
            return Ok(None);
        }
        let of = self.ticket_type(catalog)?;
        let to = catalog.choose_state(of, to)?;
        let mut draft = Draft::of(self, by.at);
        let visible = draft.enter(catalog, to, notify);
        Ok(Some(draft.finish(HistoryKind::StateChanged, visible, by)))
    }

    /// Edits it; `None` when nothing is another than before. Never badges (B2).
    pub fn edit(&self, edit: &Edit, by: &By<'_>) -> Option<Change> {
        let mut draft = Draft::of(self, by.at);
        let ticket = &mut draft.after.ticket;
        if let Some(title) = &edit.title {
            ticket.title.clone_from(title);
        }
        if let Some(description) = &edit.description {
            ticket.description.clone_from(description);
        }
        if let Some(assignee) = &edit.assignee {
            ticket.assignee.clone_from(assignee);
        }
        if let Some(open) = edit.open {
            ticket.open = open;
        }
        if *ticket == self.ticket {
            return None;
        }
        let reworded =
            ticket.title != self.ticket.title || ticket.description != self.ticket.description;
        let kind = match (ticket.open != self.ticket.open, ticket.open) {
            (true, true) => HistoryKind::Reopened,
            (true, false) => HistoryKind::Closed,
            _ if reworded => HistoryKind::Edited,
            _ => HistoryKind::Assigned,
        };
        if reworded {
            draft.revise();
        }
        Some(draft.finish(kind, false, by))
    }

    /// Links it to a conversation; `None` when it is linked to that one (O3).
    ///
    /// # Errors
    /// When it is linked to another, or the conversation is not one that its requesters are in.
    pub fn link(
        &self,
        to: &ConversationId,
        members: &[Member],
        by: &By<'_>,
    ) -> Result<Option<Change>, Refusal> {
        match &self.ticket.conversation {
            Some(linked) if linked == to => return Ok(None),
            Some(_) => return Err(Refusal::AlreadyLinked),
            None => {}
        }
        // one that was made for this ticket may be linked before Conversations tells of it
        if !(members.is_empty() && self.made_for_it(to)) {
            linkable(members, self.requesters())?;
        }
        let mut draft = Draft::of(self, by.at);
        draft.link(to.clone(), members);
        Ok(Some(draft.finish(HistoryKind::Linked, false, by)))
    }

    /// Unlinks it; it stays visible to its requesters (O4). `None` when it is not linked.
    pub fn unlink(&self, by: &By<'_>) -> Option<Change> {
        self.ticket.conversation.as_ref()?;
        let mut draft = Draft::of(self, by.at);
        draft.unlink();
        Some(draft.finish(HistoryKind::Unlinked, false, by))
    }

    /// Shares it with its requesters, and with `members`, of the conversation that it is linked to; `None`
    /// when it is shared. Without a conversation, or when that was deleted, it gets a fresh one (C2).
    ///
    /// # Errors
    /// When its type does not leave it to a teammate.
    pub fn share(
        &self,
        catalog: &Catalog,
        members: &[Member],
        notify: bool,
        by: &By<'_>,
    ) -> Result<Option<Change>, Refusal> {
        if self.ticket.shared {
            return Ok(None);
        }
        self.shareable(catalog)?;
        let mut draft = Draft::of(self, by.at);
        let ticket = &mut draft.after.ticket;
        let dead = members.iter().any(|member| member.deleted);
        if dead || ticket.conversation.is_none() {
            ticket.conversation = Some(ticket.next_conversation());
        }
        draft.share(if dead { &[] } else { members }, notify);
        Ok(Some(draft.finish(HistoryKind::Shared, true, by)))
    }

    /// Takes it back: gone from everything a customer sees (V3), and its conversation's slot is free. `None`
    /// when it is not shared.
    ///
    /// # Errors
    /// When its type does not leave it to a teammate.
    pub fn unshare(&self, catalog: &Catalog, by: &By<'_>) -> Result<Option<Change>, Refusal> {
        if !self.ticket.shared {
            return Ok(None);
        }
        self.shareable(catalog)?;
        let mut draft = Draft::of(self, by.at);
        draft.unshare();
        Ok(Some(draft.finish(HistoryKind::Unshared, false, by)))
    }

    fn shareable(&self, catalog: &Catalog) -> Result<(), Refusal> {
        let of = self.ticket_type(catalog)?;
        if of.category.shareable() {
            Ok(())
        } else {
            Err(Refusal::NotShareable)
        }
    }

    /// C2: gives a contact's ticket a fresh conversation, unless it is linked to one that is not `dead`.
    ///
    /// # Errors
    /// When the contact does not see the ticket.
    pub fn ensure_conversation(
        &self,
        contact: &ContactId,
        dead: Option<&ConversationId>,
        by: &By<'_>,
    ) -> Result<Option<Change>, Refusal> {
        self.seen_by(contact).ok_or(Refusal::TicketNotFound)?;
        let linked = self.ticket.conversation.as_ref();
        let has_one = linked.is_some() && linked != dead;
        Ok((!has_one).then(|| self.link_fresh(by)))
    }

    /// Gives a shared ticket a fresh conversation for a teammate who writes to its customers, unless its own, which
    /// has these members, is there.
    ///
    /// # Errors
    /// When it has none and customers do not see it: a word to them must not be how they learn of it.
    pub fn ensure_conversation_for_team(
        &self,
        members: &[Member],
        by: &By<'_>,
    ) -> Result<Option<Change>, Refusal> {
        if self.has_conversation(members) {
            return Ok(None);
        }
        if !self.ticket.shared {
            return Err(Refusal::NoConversation);
        }
        Ok(Some(self.link_fresh(by)))
    }

    /// Whether it has a conversation, with these members, that can be written to.
    pub fn has_conversation(&self, members: &[Member]) -> bool {
        self.ticket.conversation.is_some() && !members.iter().any(|member| member.deleted)
    }

    /// Two who decide upon the same version make the same one.
    fn link_fresh(&self, by: &By<'_>) -> Change {
        let mut draft = Draft::of(self, by.at);
        let fresh = draft.after.ticket.next_conversation();
        draft.link(fresh, &[]);
        draft.finish(HistoryKind::Linked, false, by)
    }

    /// Deletes it: gone from everything a customer sees (V3), and its conversation's slot is free.
    pub fn delete(&self, by: &By<'_>) -> Change {
        let mut draft = Draft::of(self, by.at);
        draft.delete();
        draft.finish(HistoryKind::Deleted, false, by)
    }

    /// Takes in what Conversations tells of the linked conversation: who sees the ticket (V1, V5), its
    /// place in that contact's list (L2), and the customer's answer (T7), if `unanswered` says that this
    /// message was not taken in before. `None` when nothing follows from it.
    ///
    /// # Errors
    /// When the type has no state to move on to.
    pub fn hear(
        &self,
        news: &News,
        unanswered: bool,
        catalog: &Catalog,
        by: &By<'_>,
    ) -> Result<Option<Change>, Refusal> {
        if self.ticket.conversation.as_ref() != Some(&news.conversation) {
            return Ok(None);
        }
        let mut draft = Draft::of(self, by.at);
        draft.seat(&news.member);
        if !(unanswered && self.is_answered_by(news)) {
            return Ok(draft.tell());
        }
        let of = self.ticket_type(catalog)?;
        let to = catalog.first_state(of, StateCategory::InProgress)?;
        let visible = draft.enter(catalog, to, true);
        Ok(Some(draft.finish(HistoryKind::StateChanged, visible, by)))
    }

    /// T7: it waits for the customer, and the message was written after it began to.
    fn is_answered_by(&self, news: &News) -> bool {
        let since = self.ticket.waiting_revision;
        self.ticket.category == StateCategory::WaitingOnCustomer
            && news
                .reply
                .as_ref()
                .is_some_and(|reply| since > 0 && reply.saw(&self.ticket.id) >= since)
    }

    fn ticket_type<'a>(&self, catalog: &'a Catalog) -> Result<&'a TicketType, Refusal> {
        catalog
            .ticket_type(&self.ticket.type_id)
            .ok_or(Refusal::StateNotAllowed)
    }

    fn made_for_it(&self, conversation: &ConversationId) -> bool {
        // the newest first; nobody links back further than this
        let newest = (1..=self.ticket.link_generation).rev().take(64);
        newest
            .map(|generation| Ticket::conversation_of(&self.ticket.id, generation))
            .any(|made| made == *conversation)
    }
}

/// Checks a conversation that a ticket of these requesters is to be linked to.
fn linkable<'a>(
    members: &[Member],
    mut requesters: impl Iterator<Item = &'a ContactId>,
) -> Result<(), Refusal> {
    if members.is_empty() {
        return Err(Refusal::ConversationNotKnownYet);
    }
    let gone = members.iter().any(|member| member.deleted);
    let reads = |contact: &ContactId| {
        members
            .iter()
            .any(|member| member.contact == *contact && member.reads())
    };
    if gone || !requesters.all(reads) {
        return Err(Refusal::ConversationNotLinkable);
    }
    Ok(())
}
