use super::{ConversationChanged, Event, Rows, TicketChanged, TicketId, TicketRead, TicketRow};

/// What of a contact's inbox an event changed. What the contact cannot see changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changed {
    /// A visible ticket, or what was read of one.
    pub tickets: bool,
    /// A conversation that the contact can read.
    pub conversations: bool,
}

impl Changed {
    /// Whether anything did.
    pub fn any(self) -> bool {
        self.tickets || self.conversations
    }

    /// What either changed.
    pub fn or(self, other: Self) -> Self {
        Self {
            tickets: self.tickets || other.tickets,
            conversations: self.conversations || other.conversations,
        }
    }
}

/// Takes an event into a contact's rows. Only the rows of the ticket or conversation that it names, and
/// of the tickets in its frontier, are looked at: `rows` may lack all others.
pub fn apply(rows: &mut Rows, event: Event) -> Changed {
    match event {
        Event::TicketChanged(event) => Changed {
            tickets: ticket_changed(rows, event),
            conversations: false,
        },
        Event::ConversationChanged(event) => conversation_changed(rows, event),
        Event::TicketRead(TicketRead {
            ticket_id,
            up_to_revision,
        }) => Changed {
            tickets: read(rows, ticket_id, |row| {
                row.explicit_revision = row.explicit_revision.max(up_to_revision);
            }),
            conversations: false,
        },
    }
}

fn ticket_changed(rows: &mut Rows, TicketChanged { ticket_id, told }: TicketChanged) -> bool {
    let row = rows.tickets.entry(ticket_id).or_default();
    if row
        .told
        .as_ref()
        .is_some_and(|known| !told.supersedes(known))
    {
        return false;
    }
    let before = row.told.replace(told);
    let (before, after) = (
        before.as_ref().map(|told| &told.state),
        row.told.as_ref().map(|told| &told.state),
    );
    let seen = [before, after]
        .into_iter()
        .flatten()
        .any(|ticket| ticket.visible);
    seen && before != after
}

fn conversation_changed(rows: &mut Rows, event: ConversationChanged) -> Changed {
    let ConversationChanged {
        conversation_id,
        told,
        frontier,
    } = event;
    let before = rows.conversations.get(&conversation_id);
    if before.is_some_and(|known| !told.supersedes(known)) {
        // its frontier is part of the newer one's
        return Changed::default();
    }
    let seen = [before, Some(&told)]
        .into_iter()
        .flatten()
        .any(|told| told.state.readable());
    let mut changed = Changed {
        tickets: false,
        conversations: seen && before.map(|known| &known.state) != Some(&told.state),
    };
    for (ticket_id, revision) in frontier {
        // the ticket may have been stamped in other conversations too
        changed.tickets |= read(rows, ticket_id, |row| {
            row.frontier_revision = row.frontier_revision.max(revision);
        });
    }
    rows.conversations.insert(conversation_id, told);
    changed
}

/// Moves a register of a ticket's row; a read may come before what it is a read of.
fn read(rows: &mut Rows, ticket_id: TicketId, advance: impl FnOnce(&mut TicketRow)) -> bool {
    let row = rows.tickets.entry(ticket_id).or_default();
    let before = row.read_revision();
    advance(row);
    row.visible().is_some() && row.read_revision() != before
}
