use std::collections::{BTreeMap, btree_map::Entry};

use jiff::Timestamp;
use types::ContactId;

use super::{Conversation, Decision, Key, PartId, Stamp, TicketId};

/// Tickets ever stamped in one conversation at the most, so that a frontier fits into an event. An
/// update of one more stays unread until the ticket itself is shown (A5).
pub const MAX_TICKETS: usize = 500;

/// What Tickets told of a ticket that one contact sees, and of the conversation it is linked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketUpdate {
    /// The linked conversation.
    pub key: Key,
    /// The contact it was told about.
    pub contact: ContactId,
    /// That contact asked for the ticket.
    pub requester: bool,
    /// What to stamp.
    pub stamp: Stamp,
    /// When it happened.
    pub at: Timestamp,
}

/// What is known of the conversations that updates name.
#[derive(Debug, Default)]
pub struct Known {
    /// Those that exist, tombstones included.
    pub conversations: BTreeMap<Key, Conversation>,
    /// The newest revision stamped of each ticket.
    pub stamped: BTreeMap<Key, BTreeMap<TicketId, u64>>,
}

/// A1, C2: decides on the stamps of a batch of updates. Every update is stamped once, whoever of its
/// viewers it was told about; the conversation of a new ticket is made if it is not there; a deleted one
/// stays deleted. An update that comes after a newer one of the same ticket is covered by it.
pub fn stamp(mut known: Known, updates: &[TicketUpdate], fresh: fn() -> PartId) -> Vec<Decision> {
    let mut decisions: BTreeMap<Key, Decision> = BTreeMap::new();
    for update in updates {
        let decision = match decisions.entry(update.key.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => match known.conversations.remove(&update.key) {
                Some(conversation) => entry.insert(Decision::on(conversation)),
                None if update.requester => entry.insert(Decision::start(
                    update.key.clone(),
                    update.contact.clone(),
                    update.at,
                )),
                None => continue,
            },
        };
        if decision.conversation.deleted_at.is_some() {
            continue;
        }
        let stamped = known.stamped.entry(update.key.clone()).or_default();
        let tickets = stamped.len();
        match stamped.entry(update.stamp.ticket.clone()) {
            Entry::Occupied(newest) if *newest.get() >= update.stamp.revision => continue,
            Entry::Occupied(mut newest) => {
                newest.insert(update.stamp.revision);
            }
            Entry::Vacant(_) if tickets >= MAX_TICKETS => continue,
            Entry::Vacant(first) => {
                first.insert(update.stamp.revision);
            }
        }
        decision.stamp(update.stamp.clone(), update.at, fresh);
    }
    decisions.into_values().filter(Decision::changes).collect()
}

#[cfg(test)]
mod tests {
    use types::WorkspaceId;

    use super::*;
    use crate::domain::{Category, Content, ConversationId, StateId};

    fn fresh() -> PartId {
        PartId::derive(&["part"])
    }

    fn key(name: &str) -> Key {
        Key {
            workspace: WorkspaceId::derive(&["w"]),
            conversation: ConversationId::derive(&[name]),
        }
    }

    fn update(conversation: &str, ticket: &str, revision: u64, requester: bool) -> TicketUpdate {
        TicketUpdate {
            key: key(conversation),
            contact: ContactId::derive(&[if requester { "requester" } else { "other" }]),
            requester,
            stamp: Stamp {
                ticket: TicketId::derive(&[ticket]),
                revision,
                state: StateId::derive(&["s"]),
                category: Category::Submitted,
            },
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn with(conversation: Conversation) -> Known {
        Known {
            conversations: BTreeMap::from([(conversation.key.clone(), conversation)]),
            stamped: BTreeMap::new(),
        }
    }

    fn existing(name: &str) -> Conversation {
        let mut conversation = Conversation::start(key(name), Timestamp::UNIX_EPOCH);
        conversation.version = 3;
        conversation
    }

    fn revisions(decision: &Decision) -> Vec<u64> {
        decision
            .parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::Stamp(stamp) => Some(stamp.revision),
                _ => None,
            })
            .collect()
    }

    /// A1
    #[test]
    fn an_update_told_about_several_viewers_is_stamped_once() {
        let updates = [
            update("c", "t", 1, true),
            update("c", "t", 1, false),
            update("c", "t", 2, false),
            update("c", "t", 1, true),
        ];
        let decisions = stamp(with(existing("c")), &updates, fresh);
        assert_eq!(decisions.len(), 1);
        assert_eq!(revisions(&decisions[0]), [1, 2]);
        assert_eq!(decisions[0].conversation.version, 4);
    }

    /// C2
    #[test]
    fn only_the_requesters_event_makes_the_conversation_of_a_new_ticket() {
        assert_eq!(
            stamp(Known::default(), &[update("c", "t", 1, false)], fresh),
            []
        );
        let made = stamp(Known::default(), &[update("c", "t", 1, true)], fresh);
        assert_eq!(made[0].joins, Some(ContactId::derive(&["requester"])));
        assert_eq!((made[0].was, revisions(&made[0])), (None, vec![1]));
    }

    #[test]
    fn a_deleted_conversation_is_neither_stamped_nor_made_again() {
        let mut tombstone = existing("c");
        tombstone.deleted_at = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(
            stamp(with(tombstone), &[update("c", "t", 1, true)], fresh),
            []
        );
    }

    #[test]
    fn a_conversation_is_stamped_for_at_most_500_tickets_and_the_stamped_ones_go_on() {
        let mut known = with(existing("c"));
        let tickets = (0..MAX_TICKETS).map(|n| (TicketId::derive(&[&n.to_string()]), 1));
        known.stamped.insert(key("c"), tickets.collect());
        let updates = [update("c", "one more", 1, true), update("c", "0", 2, true)];
        assert_eq!(revisions(&stamp(known, &updates, fresh)[0]), [2]);
    }
}
