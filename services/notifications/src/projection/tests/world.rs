//! Tickets and Conversations in miniature: they carry out what is done, write down what happened, and
//! tell each contact the resulting state, as the services do.

use super::{
    CONTACTS, CONVERSATIONS, TICKETS, conversation_id,
    history::{Author, Cause, Emitted, Fact, History, Op, Teller},
    state_id, ticket_id, time,
};
use crate::projection::{
    AuthorKind, Category, Conversation, ConversationChanged, ConversationState, Event, Preview,
    Ticket, TicketChanged, TicketId, TicketRead, Told,
};

/// Carries out what is done.
pub fn live(ops: &[Op]) -> History {
    let mut world = World::default();
    for op in ops {
        let done = world.history.facts.len();
        world.carry_out(op);
        if world.history.facts.len() > done {
            world.tell(cause(op));
        }
    }
    world.mark_newest();
    world.history
}

fn cause(op: &Op) -> Cause {
    match op {
        Op::Say { .. } => Cause::Message,
        Op::Create { .. }
        | Op::Move { .. }
        | Op::Rename { .. }
        | Op::Link { .. }
        | Op::Unlink { .. } => Cause::Ticket,
        _ => Cause::Other,
    }
}

#[derive(Default)]
struct World {
    now: i64,
    tickets: [Option<SimTicket>; TICKETS],
    conversations: [SimConversation; CONVERSATIONS],
    told_tickets: [[Option<Told<Ticket>>; TICKETS]; CONTACTS],
    told_conversations: [[Option<Told<Spoken>>; CONVERSATIONS]; CONTACTS],
    history: History,
}

type Spoken = (Conversation, Vec<(TicketId, u64)>);

struct SimTicket {
    requester: usize,
    shared: bool,
    deleted: bool,
    category: Category,
    revision: u64,
    notify_revision: u64,
    title: u64,
    conversation: Option<usize>,
    created: i64,
    updated: bool,
    /// What Conversations has not heard yet: which revision belongs into which conversation.
    unheard: Vec<(usize, u64)>,
}

#[derive(Default)]
struct SimConversation {
    participants: [bool; CONTACTS],
    deleted: bool,
    closed: bool,
    head: u64,
    read: [u64; CONTACTS],
    messages: Vec<(u64, Author, i64)>,
    stamps: Vec<(u64, usize, u64)>,
}

impl World {
    fn carry_out(&mut self, op: &Op) {
        match *op {
            Op::Wait(seconds) => self.now += seconds,
            Op::Create {
                ticket,
                requester,
                conversation,
                silent,
            } => {
                self.create(ticket, requester, conversation, silent);
            }
            Op::Move {
                ticket,
                category,
                silent,
            } => {
                let moved = self
                    .live_ticket(ticket)
                    .is_some_and(|found| found.category != category);
                if moved {
                    self.update(ticket, category, !silent);
                }
            }
            Op::Rename { ticket } => {
                if let Some(found) = self.live_ticket(ticket) {
                    found.revision += 1;
                    found.title = found.revision;
                    let revision = found.revision;
                    self.happened(Fact::Renamed { ticket, revision });
                }
            }
            Op::Share { ticket, shared } => self.share(ticket, shared),
            Op::DeleteTicket { ticket } => {
                if let Some(found) = self.live_ticket(ticket) {
                    found.deleted = true;
                    found.conversation = None;
                    self.happened(Fact::TicketDeleted { ticket });
                }
            }
            Op::Link {
                ticket,
                conversation,
            } => {
                let unlinked = self
                    .live_ticket(ticket)
                    .is_some_and(|found| found.conversation.is_none());
                if unlinked && self.may_link(ticket, conversation) {
                    self.link(ticket, conversation);
                }
            }
            Op::Unlink { ticket } => {
                if let Some(found) = self
                    .live_ticket(ticket)
                    .filter(|found| found.conversation.is_some())
                {
                    found.conversation = None;
                    found.revision += 1;
                    let revision = found.revision;
                    self.happened(Fact::Unlinked { ticket, revision });
                }
            }
            Op::Stamp { ticket, newest } => self.stamp(ticket, newest),
            Op::Say {
                conversation,
                author,
            } => self.say(conversation, author),
            Op::Close { conversation } => {
                let found = &self.conversations[conversation];
                if !found.deleted && !found.closed && found.participants.contains(&true) {
                    self.open(conversation, false);
                }
            }
            Op::Join {
                conversation,
                contact,
            } => {
                let found = &mut self.conversations[conversation];
                if !found.deleted && !found.participants[contact] {
                    self.join(conversation, contact);
                }
            }
            Op::Leave {
                conversation,
                contact,
            } => {
                let found = &mut self.conversations[conversation];
                if !found.deleted && found.participants[contact] {
                    found.participants[contact] = false;
                    self.happened(Fact::Left {
                        conversation,
                        contact,
                    });
                }
            }
            Op::DeleteConversation { conversation } => {
                let found = &mut self.conversations[conversation];
                if !found.deleted && found.participants.contains(&true) {
                    found.deleted = true;
                    self.happened(Fact::ConversationDeleted { conversation });
                }
            }
            Op::Receipt {
                conversation,
                contact,
                stamp,
                beside,
            } => {
                self.receipt(conversation, contact, stamp, beside);
            }
            Op::Show {
                ticket,
                contact,
                beside,
            } => self.show(ticket, contact, beside),
        }
    }

    fn happened(&mut self, fact: Fact) {
        self.history.facts.push((self.now, fact));
    }

    fn live_ticket(&mut self, ticket: usize) -> Option<&mut SimTicket> {
        self.tickets[ticket].as_mut().filter(|found| !found.deleted)
    }

    fn create(&mut self, ticket: usize, requester: usize, conversation: usize, silent: bool) {
        if self.tickets[ticket].is_some() {
            return;
        }
        self.tickets[ticket] = Some(SimTicket {
            requester,
            shared: true,
            deleted: false,
            category: Category::Submitted,
            revision: 0,
            notify_revision: 0,
            title: 0,
            conversation: None,
            created: self.now,
            updated: false,
            unheard: Vec::new(),
        });
        self.happened(Fact::Created { ticket, requester });
        let fresh = !self.conversations[conversation]
            .participants
            .contains(&true);
        if fresh && !self.conversations[conversation].deleted {
            self.join(conversation, requester);
        }
        if self.may_link(ticket, conversation) {
            self.link(ticket, conversation);
        }
        self.update(ticket, Category::Submitted, !silent);
    }

    fn update(&mut self, ticket: usize, category: Category, badges: bool) {
        let Some(found) = self.live_ticket(ticket) else {
            return;
        };
        found.revision += 1;
        found.category = category;
        found.updated = true;
        if badges {
            found.notify_revision = found.revision;
        }
        let revision = found.revision;
        found.unheard.extend(
            found
                .conversation
                .map(|conversation| (conversation, revision)),
        );
        self.happened(Fact::Updated {
            ticket,
            revision,
            badges,
            category,
        });
    }

    fn share(&mut self, ticket: usize, shared: bool) {
        let Some(found) = self
            .live_ticket(ticket)
            .filter(|found| found.shared != shared)
        else {
            return;
        };
        let (conversation, category) = (found.conversation, found.category);
        if shared && conversation.is_some_and(|conversation| self.slot_taken(ticket, conversation))
        {
            return;
        }
        if let Some(found) = self.live_ticket(ticket) {
            found.shared = shared;
        }
        self.happened(Fact::Shared { ticket, shared });
        if shared {
            self.update(ticket, category, true);
        }
    }

    /// O1: at most one live shared ticket is linked to a conversation.
    fn slot_taken(&self, ticket: usize, conversation: usize) -> bool {
        (0..TICKETS).filter(|other| *other != ticket).any(|other| {
            self.tickets[other].as_ref().is_some_and(|found| {
                found.shared && !found.deleted && found.conversation == Some(conversation)
            })
        })
    }

    fn may_link(&self, ticket: usize, conversation: usize) -> bool {
        let found = &self.conversations[conversation];
        let requester = self.tickets[ticket]
            .as_ref()
            .map_or(0, |ticket| ticket.requester);
        !found.deleted && found.participants[requester] && !self.slot_taken(ticket, conversation)
    }

    fn link(&mut self, ticket: usize, conversation: usize) {
        let Some(found) = self.live_ticket(ticket) else {
            return;
        };
        found.conversation = Some(conversation);
        found.revision += 1;
        let revision = found.revision;
        found.unheard.push((conversation, revision));
        self.happened(Fact::Linked {
            ticket,
            conversation,
            revision,
        });
    }

    fn stamp(&mut self, ticket: usize, newest: bool) {
        let Some(found) = self.tickets[ticket]
            .as_mut()
            .filter(|found| !found.unheard.is_empty())
        else {
            return;
        };
        let heard = if newest { found.unheard.len() } else { 1 };
        let Some((conversation, revision)) = found.unheard.drain(..heard).next_back() else {
            return;
        };
        let found = &mut self.conversations[conversation];
        if !found.deleted {
            found.head += 1;
            let seq = found.head;
            found.stamps.push((seq, ticket, revision));
            self.happened(Fact::Stamped {
                conversation,
                ticket,
                revision,
                seq,
            });
        }
    }

    fn say(&mut self, conversation: usize, author: Author) {
        let found = &mut self.conversations[conversation];
        let known = match author {
            Author::Contact(contact) => found.participants[contact],
            Author::Teammate => found.participants.contains(&true),
        };
        if found.deleted || !known {
            return;
        }
        found.head += 1;
        let seq = found.head;
        found.messages.push((seq, author, self.now));
        let reopened = found.closed && author != Author::Teammate;
        self.happened(Fact::Said {
            conversation,
            author,
            seq,
        });
        if reopened {
            self.open(conversation, true);
        }
    }

    fn open(&mut self, conversation: usize, open: bool) {
        let found = &mut self.conversations[conversation];
        found.closed = !open;
        found.head += 1;
        self.happened(Fact::Opened { conversation, open });
    }

    fn join(&mut self, conversation: usize, contact: usize) {
        self.conversations[conversation].participants[contact] = true;
        self.happened(Fact::Joined {
            conversation,
            contact,
        });
    }

    fn receipt(&mut self, conversation: usize, contact: usize, stamp: usize, beside: i64) {
        let found = &mut self.conversations[conversation];
        let from_newest = found.stamps.iter().rev().nth(stamp);
        let place = from_newest.map_or(found.head, |(seq, _, _)| *seq);
        let up_to = place.saturating_add_signed(beside);
        if found.deleted || !found.participants[contact] || up_to == 0 || up_to > found.head {
            return;
        }
        found.read[contact] = found.read[contact].max(up_to);
        self.happened(Fact::Receipt {
            conversation,
            contact,
            up_to,
        });
    }

    fn show(&mut self, ticket: usize, contact: usize, beside: i64) {
        let Some(found) = self.tickets[ticket].as_ref() else {
            return;
        };
        let up_to = found.notify_revision.saturating_add_signed(beside);
        if up_to == 0 || up_to > found.revision || !self.sees(contact, found) {
            return;
        }
        self.happened(Fact::Shown {
            ticket,
            contact,
            up_to,
        });
        self.history.events.push(Emitted {
            contact,
            teller: Teller::Contact(self.history.facts.len() - 1),
            facts: self.history.facts.len(),
            newest: true,
            cause: Cause::Other,
            event: Event::TicketRead(TicketRead {
                ticket_id: ticket_id(ticket),
                up_to_revision: up_to,
            }),
        });
    }

    /// V1.
    fn sees(&self, contact: usize, ticket: &SimTicket) -> bool {
        let in_linked = ticket
            .conversation
            .map(|conversation| &self.conversations[conversation])
            .is_some_and(|found| !found.deleted && found.participants[contact]);
        ticket.shared && !ticket.deleted && (ticket.requester == contact || in_linked)
    }

    /// Tells each contact what changed for them, each change under the next version of its aggregate.
    fn tell(&mut self, cause: Cause) {
        for contact in 0..CONTACTS {
            for ticket in 0..TICKETS {
                self.tell_ticket(contact, ticket, cause);
            }
            for conversation in 0..CONVERSATIONS {
                self.tell_conversation(contact, conversation, cause);
            }
        }
        for found in self.tickets.iter_mut().flatten() {
            found.updated = false;
        }
    }

    fn tell_ticket(&mut self, contact: usize, ticket: usize, cause: Cause) {
        let Some(found) = self.tickets[ticket].as_ref() else {
            return;
        };
        let before = self.told_tickets[contact][ticket].as_ref();
        let visible = self.sees(contact, found);
        if before.is_none() && !visible {
            return;
        }
        let seen = before.is_some_and(|told| told.state.visible);
        let ticket_update_time = match before {
            Some(told) if !visible || (seen && !found.updated) => told.state.ticket_update_time,
            _ => time(self.now),
        };
        let said = found
            .conversation
            .and_then(|conversation| self.conversations[conversation].messages.last())
            .map(|(_, _, at)| time(*at));
        let activity = before.map(|told| told.state.activity_time);
        let state = Ticket {
            visible,
            revision: found.revision,
            notify_revision: found.notify_revision,
            state_id: state_id(),
            category: found.category,
            number: ticket as u64 + 1,
            title: format!("title {}", found.title),
            conversation_id: found.conversation.map(conversation_id),
            create_time: time(found.created),
            ticket_update_time,
            activity_time: activity
                .max(said)
                .map_or(ticket_update_time, |at| at.max(ticket_update_time)),
        };
        if before.is_none_or(|told| told.state != state) {
            let told = Told {
                version: before.map_or(0, |told| told.version) + 1,
                state,
            };
            self.told_tickets[contact][ticket] = Some(told.clone());
            let event = Event::TicketChanged(TicketChanged {
                ticket_id: ticket_id(ticket),
                told,
            });
            self.emit(contact, Teller::Ticket(ticket), cause, event);
        }
    }

    fn tell_conversation(&mut self, contact: usize, conversation: usize, cause: Cause) {
        let found = &self.conversations[conversation];
        let before = self.told_conversations[contact][conversation].as_ref();
        if before.is_none() && !found.participants[contact] {
            return;
        }
        let read_seq = found.read[contact];
        let foreign = found
            .messages
            .iter()
            .filter(|(_, author, _)| *author != Author::Contact(contact));
        let last = found.messages.last();
        let state = Conversation {
            participant: found.participants[contact],
            deleted: found.deleted,
            state: if found.closed {
                ConversationState::Closed
            } else {
                ConversationState::Open
            },
            has_messages: last.is_some(),
            preview: last.map(|(seq, author, at)| preview(*seq, *author, *at, contact)),
            head_seq: found.head,
            last_foreign_message_seq: foreign.map(|(seq, _, _)| *seq).max().unwrap_or(0),
            read_seq,
            last_message_time: last.map(|(_, _, at)| time(*at)),
        };
        let newest = |ticket| {
            let read = found
                .stamps
                .iter()
                .filter(|(seq, of, _)| *of == ticket && *seq <= read_seq);
            read.map(|(_, _, revision)| (ticket_id(ticket), *revision))
                .max_by_key(|(_, revision)| *revision)
        };
        let spoken = (state, (0..TICKETS).filter_map(newest).collect::<Vec<_>>());
        if before.is_none_or(|told| told.state != spoken) {
            let version = before.map_or(0, |told| told.version) + 1;
            let (state, frontier) = spoken.clone();
            self.told_conversations[contact][conversation] = Some(Told {
                version,
                state: spoken,
            });
            let event = Event::ConversationChanged(ConversationChanged {
                conversation_id: conversation_id(conversation),
                told: Told { version, state },
                frontier,
            });
            self.emit(contact, Teller::Conversation(conversation), cause, event);
        }
    }

    fn emit(&mut self, contact: usize, teller: Teller, cause: Cause, event: Event) {
        let facts = self.history.facts.len();
        self.history.events.push(Emitted {
            contact,
            teller,
            facts,
            newest: false,
            cause,
            event,
        });
    }

    fn mark_newest(&mut self) {
        let mut told = Vec::new();
        for event in self.history.events.iter_mut().rev() {
            event.newest = !told.contains(&(event.contact, event.teller));
            told.push((event.contact, event.teller));
        }
    }
}

/// The newest message, as one contact sees it.
pub fn preview(seq: u64, author: Author, at: i64, reader: usize) -> Preview {
    let (author_kind, author_name) = match author {
        Author::Contact(_) => (AuthorKind::Contact, "customer"),
        Author::Teammate => (AuthorKind::Teammate, "teammate"),
    };
    Preview {
        text: format!("message {seq}"),
        author_kind,
        author_name: author_name.into(),
        mine: author == Author::Contact(reader),
        time: time(at),
    }
}
