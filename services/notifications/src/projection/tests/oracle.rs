//! What a contact's inbox must say, read off the whole history: no registers, no versions, nothing summed
//! up. It only asks whether things happened, so it shares no algorithm with the projection.

use super::{
    CONTACTS, CONVERSATIONS, TICKETS, conversation_id,
    history::{Author, Emitted, Fact, History, Teller},
    state_id, ticket_id, time,
    world::preview,
};
use crate::projection::{Category, ConversationState, Inbox, InboxConversation, InboxTicket};

/// The part of a history that was told: of each ticket and conversation, a contact's projection has heard
/// up to the newest event delivered.
pub struct Oracle<'a> {
    facts: &'a [(i64, Fact)],
    tickets: [[usize; TICKETS]; CONTACTS],
    conversations: [[usize; CONVERSATIONS]; CONTACTS],
    shown: Vec<bool>,
}

/// A ticket as one contact knows it.
struct Story {
    visible: bool,
    category: Category,
    revision: u64,
    renamed: u64,
    conversation: Option<usize>,
    created: i64,
    updated: i64,
}

impl<'a> Oracle<'a> {
    /// Who has heard nothing.
    pub fn of_nothing(history: &'a History) -> Self {
        Self {
            facts: &history.facts,
            tickets: [[0; TICKETS]; CONTACTS],
            conversations: [[0; CONVERSATIONS]; CONTACTS],
            shown: vec![false; history.facts.len()],
        }
    }

    /// Who has heard everything.
    pub fn of_everything(history: &'a History) -> Self {
        let all = history.facts.len();
        Self {
            facts: &history.facts,
            tickets: [[all; TICKETS]; CONTACTS],
            conversations: [[all; CONVERSATIONS]; CONTACTS],
            shown: vec![true; all],
        }
    }

    /// An event was delivered.
    pub fn hear(&mut self, event: &Emitted) {
        let heard = match event.teller {
            Teller::Ticket(ticket) => &mut self.tickets[event.contact][ticket],
            Teller::Conversation(conversation) => {
                &mut self.conversations[event.contact][conversation]
            }
            Teller::Contact(fact) => return self.shown[fact] = true,
        };
        *heard = event.facts.max(*heard);
    }

    /// The inbox.
    pub fn inbox(&self, contact: usize) -> Inbox {
        let mut seen: Vec<(usize, Story)> = (0..TICKETS)
            .filter_map(|ticket| self.story(contact, ticket).map(|story| (ticket, story)))
            .filter(|(_, story)| story.visible)
            .collect();
        seen.sort_by_key(|(ticket, story)| (story.updated, story.created, ticket_id(*ticket)));
        seen.reverse();
        let shown = |(ticket, story): &(usize, Story)| self.shown_ticket(contact, *ticket, story);
        let active = seen
            .iter()
            .filter(|(_, story)| story.category != Category::Resolved);
        let unread_tickets = seen
            .iter()
            .filter(|(ticket, _)| self.ticket_unread(contact, *ticket));
        let unread_conversations = (0..CONVERSATIONS)
            .filter(|conversation| self.conversation_unread(contact, *conversation));
        let latest = (0..CONVERSATIONS)
            .filter(|conversation| self.readable(contact, *conversation))
            .filter_map(|conversation| Some((self.last_said(contact, conversation)?, conversation)))
            .max_by_key(|((at, ..), conversation)| (*at, conversation_id(*conversation)));
        Inbox {
            unread_tickets: unread_tickets.count() as u32,
            unread_conversations: unread_conversations.count() as u32,
            recent_tickets: active.take(3).map(shown).collect(),
            any_ticket_visible: !seen.is_empty(),
            latest_conversation: latest.map(|((at, seq, author), conversation)| {
                InboxConversation {
                    conversation_id: conversation_id(conversation),
                    state: self.state(contact, conversation),
                    preview: Some(preview(seq, author, at, contact)),
                    unread: self.conversation_unread(contact, conversation),
                    ticket: seen
                        .iter()
                        .find(|(_, story)| story.conversation == Some(conversation))
                        .map(shown),
                }
            }),
        }
    }

    /// Whether a visible ticket has an unread update: one that badges and that nothing acknowledged.
    pub fn ticket_unread(&self, contact: usize, ticket: usize) -> bool {
        self.story(contact, ticket)
            .is_some_and(|story| story.visible)
            && self
                .updates(contact, ticket)
                .any(|revision| !self.acknowledged(contact, ticket, revision))
    }

    /// B3: an update was read once the contact acknowledged a part at which the ticket had come that far,
    /// or was shown the ticket itself when it had.
    pub fn acknowledged(&self, contact: usize, ticket: usize, revision: u64) -> bool {
        let by_receipt = (0..CONVERSATIONS).any(|conversation| {
            self.receipts(contact, conversation).any(|up_to| {
                self.facts.iter().any(|(_, fact)| match *fact {
                    Fact::Stamped {
                        conversation: at,
                        ticket: of,
                        revision: stamped,
                        seq,
                    } => at == conversation && of == ticket && stamped >= revision && seq <= up_to,
                    _ => false,
                })
            })
        });
        by_receipt
            || self
                .facts
                .iter()
                .zip(&self.shown)
                .any(|((_, fact), heard)| match *fact {
                    Fact::Shown {
                        ticket: of,
                        contact: by,
                        up_to,
                    } => *heard && of == ticket && by == contact && up_to >= revision,
                    _ => false,
                })
    }

    /// Revisions of the updates that badge.
    pub fn updates(&self, contact: usize, ticket: usize) -> impl Iterator<Item = u64> {
        self.facts[..self.tickets[contact][ticket]]
            .iter()
            .filter_map(move |(_, fact)| match *fact {
                Fact::Updated {
                    ticket: of,
                    revision,
                    badges: true,
                    ..
                } if of == ticket => Some(revision),
                _ => None,
            })
    }

    fn receipts(&self, contact: usize, conversation: usize) -> impl Iterator<Item = u64> {
        let heard = self.conversations[contact][conversation];
        self.facts[..heard]
            .iter()
            .filter_map(move |(_, fact)| match *fact {
                Fact::Receipt {
                    conversation: at,
                    contact: by,
                    up_to,
                } if at == conversation && by == contact => Some(up_to),
                _ => None,
            })
    }

    fn conversation_unread(&self, contact: usize, conversation: usize) -> bool {
        self.readable(contact, conversation)
            && self.said(contact, conversation).any(|(_, seq, author)| {
                author != Author::Contact(contact)
                    && !self
                        .receipts(contact, conversation)
                        .any(|up_to| up_to >= seq)
            })
    }

    fn said(
        &self,
        contact: usize,
        conversation: usize,
    ) -> impl Iterator<Item = (i64, u64, Author)> {
        let heard = self.conversations[contact][conversation];
        self.facts[..heard]
            .iter()
            .filter_map(move |(at, fact)| match *fact {
                Fact::Said {
                    conversation: place,
                    author,
                    seq,
                } if place == conversation => Some((*at, seq, author)),
                _ => None,
            })
    }

    fn last_said(&self, contact: usize, conversation: usize) -> Option<(i64, u64, Author)> {
        self.said(contact, conversation).last()
    }

    fn readable(&self, contact: usize, conversation: usize) -> bool {
        let mut readable = false;
        for (_, fact) in &self.facts[..self.conversations[contact][conversation]] {
            match *fact {
                Fact::Joined {
                    conversation: at,
                    contact: by,
                } if at == conversation && by == contact => {
                    readable = true;
                }
                Fact::Left {
                    conversation: at,
                    contact: by,
                } if at == conversation && by == contact => {
                    readable = false;
                }
                Fact::ConversationDeleted { conversation: at } if at == conversation => {
                    return false;
                }
                _ => {}
            }
        }
        readable
    }

    fn state(&self, contact: usize, conversation: usize) -> ConversationState {
        let heard = self.conversations[contact][conversation];
        let open = self.facts[..heard]
            .iter()
            .rev()
            .find_map(|(_, fact)| match *fact {
                Fact::Opened {
                    conversation: at,
                    open,
                } if at == conversation => Some(open),
                _ => None,
            });
        if open.unwrap_or(true) {
            ConversationState::Open
        } else {
            ConversationState::Closed
        }
    }

    /// Tells a ticket's life from its beginning. A ticket update is what the contact could see: another
    /// status, or the ticket itself for the first time (again).
    fn story(&self, contact: usize, ticket: usize) -> Option<Story> {
        let mut story: Option<Story> = None;
        let (mut requester, mut shared, mut deleted) = (false, true, false);
        let mut inside = [false; CONVERSATIONS];
        for (at, fact) in &self.facts[..self.tickets[contact][ticket]] {
            let mut updated = false;
            match *fact {
                Fact::Joined {
                    conversation,
                    contact: by,
                } if by == contact => inside[conversation] = true,
                Fact::Left {
                    conversation,
                    contact: by,
                } if by == contact => inside[conversation] = false,
                Fact::ConversationDeleted { conversation } => inside[conversation] = false,
                Fact::Created {
                    ticket: of,
                    requester: by,
                } if of == ticket => {
                    requester = by == contact;
                    story = Some(Story {
                        visible: false,
                        category: Category::Submitted,
                        revision: 0,
                        renamed: 0,
                        conversation: None,
                        created: *at,
                        updated: *at,
                    });
                }
                _ => {}
            }
            let Some(story) = story.as_mut() else {
                continue;
            };
            match *fact {
                Fact::Updated {
                    ticket: of,
                    revision,
                    category,
                    ..
                } if of == ticket => {
                    (story.revision, story.category, updated) = (revision, category, true);
                }
                Fact::Renamed {
                    ticket: of,
                    revision,
                } if of == ticket => {
                    (story.revision, story.renamed) = (revision, revision);
                }
                Fact::Linked {
                    ticket: of,
                    conversation,
                    revision,
                } if of == ticket => {
                    (story.revision, story.conversation) = (revision, Some(conversation));
                }
                Fact::Unlinked {
                    ticket: of,
                    revision,
                } if of == ticket => {
                    (story.revision, story.conversation) = (revision, None);
                }
                Fact::Shared {
                    ticket: of,
                    shared: now,
                } if of == ticket => shared = now,
                Fact::TicketDeleted { ticket: of } if of == ticket => deleted = true,
                _ => {}
            }
            let linked = story
                .conversation
                .is_some_and(|conversation| inside[conversation]);
            let visible = shared && !deleted && (requester || linked);
            if visible && (updated || !story.visible) {
                story.updated = *at;
            }
            story.visible = visible;
        }
        story
    }

    fn shown_ticket(&self, contact: usize, ticket: usize, story: &Story) -> InboxTicket {
        InboxTicket {
            ticket_id: ticket_id(ticket),
            number: ticket as u64 + 1,
            title: format!("title {}", story.renamed),
            state_id: state_id(),
            category: story.category,
            revision: story.revision,
            unread: self.ticket_unread(contact, ticket),
            ticket_update_time: time(story.updated),
            conversation_id: story.conversation.map(conversation_id),
        }
    }
}
