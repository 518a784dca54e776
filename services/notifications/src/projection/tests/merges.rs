//! A visitor turns out to be a user: Tickets, Conversations and this service hear of it at different times, and
//! what they tell arrives in any order. A small world of one ticket and one conversation, in which both may be
//! from the beginning, or the visitor alone.

use std::collections::BTreeMap;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{conversation_id, state_id, ticket_id, time};
use crate::projection::{
    Category, Conversation, ConversationChanged, ConversationState, Event, Rows, Ticket,
    TicketChanged, TicketRead, Told, apply, view,
};

const VISITOR: usize = 0;
const USER: usize = 1;

/// What happens, in the order in which it is decided.
#[derive(Debug, Clone)]
enum Act {
    /// The ticket's status changes.
    Move,
    /// Conversations hears of it and stamps it.
    Stamp,
    /// A word by a teammate.
    Teammate,
    /// A word by the customer, as whoever they still are in the conversation.
    Customer,
    /// Somebody reads a part of the conversation, or all of it.
    Read(usize, u64),
    /// Somebody is shown the ticket itself.
    Show(usize),
    /// One of the three services gives the visitor's to the user.
    Merge(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => Just(Act::Move),
        3 => Just(Act::Stamp),
        2 => Just(Act::Teammate),
        1 => Just(Act::Customer),
        4 => (0..2_usize, 0..4_u64).prop_map(|(who, short)| Act::Read(who, short)),
        2 => (0..2_usize).prop_map(Act::Show),
        2 => (0..3_usize).prop_map(Act::Merge),
    ];
    vec(act, 0..24).prop_map(|mut acts| {
        // in the end everybody has heard
        acts.extend((0..3).map(Act::Merge));
        acts.push(Act::Stamp);
        acts
    })
}

/// The owners, and what they told of each contact in turn.
struct World {
    revision: u64,
    sees: [bool; 2],
    versions: [u64; 2],
    stamps: Vec<(u64, u64)>,
    head: u64,
    words: Vec<(u64, Option<usize>)>,
    seats: [bool; 2],
    seat_versions: [u64; 2],
    read: [u64; 2],
    /// Whether this service has given the visitor's reads to the user.
    given: bool,
    /// What it owns.
    explicit: [u64; 2],
    /// The newest revision that either of them was ever shown.
    shown: u64,
    told: [[Vec<Event>; 2]; 2],
}

impl World {
    fn new(both: bool) -> Self {
        let mut world = Self {
            revision: 1,
            sees: [true, both],
            versions: [0; 2],
            stamps: Vec::new(),
            head: 0,
            words: Vec::new(),
            seats: [true, both],
            seat_versions: [0; 2],
            read: [0; 2],
            given: false,
            explicit: [0; 2],
            shown: 0,
            told: Default::default(),
        };
        world.tell_ticket();
        world.tell_conversation();
        world
    }

    fn tell_ticket(&mut self) {
        for who in [VISITOR, USER] {
            if !self.sees[who] {
                continue;
            }
            self.tell_ticket_to(who);
        }
    }

    fn tell_ticket_to(&mut self, who: usize) {
        self.versions[who] += 1;
        let state = Ticket {
            visible: self.sees[who],
            revision: self.revision,
            notify_revision: self.revision,
            state_id: state_id(),
            category: Category::InProgress,
            number: 1,
            title: "Printer".into(),
            conversation_id: Some(conversation_id(0)),
            create_time: time(0),
            ticket_update_time: time(self.revision as i64),
            activity_time: time(self.revision as i64),
        };
        let told = Told {
            version: self.versions[who],
            state,
        };
        self.told[who][0].push(Event::TicketChanged(TicketChanged {
            ticket_id: ticket_id(0),
            told,
        }));
    }

    fn frontier(&self, who: usize) -> Vec<(crate::projection::TicketId, u64)> {
        let stamped = self.stamps.iter().filter(|(seq, _)| *seq <= self.read[who]);
        let newest = stamped.map(|(_, revision)| *revision).max();
        newest
            .map(|revision| (ticket_id(0), revision))
            .into_iter()
            .collect()
    }

    fn foreign(&self, who: usize) -> u64 {
        let foreign = self.words.iter().filter(|(_, by)| *by != Some(who));
        foreign.map(|(seq, _)| *seq).max().unwrap_or(0)
    }

    fn tell_conversation(&mut self) {
        for who in [VISITOR, USER] {
            if !self.seats[who] {
                continue;
            }
            self.tell_conversation_to(who);
        }
    }

    fn tell_conversation_to(&mut self, who: usize) {
        self.seat_versions[who] += 1;
        let state = Conversation {
            participant: self.seats[who],
            deleted: false,
            state: ConversationState::Open,
            has_messages: !self.words.is_empty(),
            preview: None,
            head_seq: self.head,
            last_foreign_message_seq: self.foreign(who),
            read_seq: self.read[who],
            last_message_time: self.words.last().map(|(seq, _)| time(*seq as i64)),
        };
        let told = Told {
            version: self.seat_versions[who],
            state,
        };
        let frontier = self.frontier(who);
        self.told[who][1].push(Event::ConversationChanged(ConversationChanged {
            conversation_id: conversation_id(0),
            told,
            frontier,
        }));
    }

    /// A call in somebody's name lands on the user once the service it goes to has merged.
    fn act(&mut self, act: &Act) {
        match *act {
            Act::Move => {
                self.revision += 1;
                self.tell_ticket();
            }
            Act::Stamp => {
                let newest = self.stamps.iter().map(|(_, revision)| *revision).max();
                if newest < Some(self.revision) {
                    self.head += 1;
                    self.stamps.push((self.head, self.revision));
                    self.tell_conversation();
                }
            }
            Act::Teammate => self.say(None),
            Act::Customer => self.say(Some(if self.seats[VISITOR] { VISITOR } else { USER })),
            Act::Read(who, short) => {
                let who = if self.seats[VISITOR] { who } else { USER };
                let seq = self.head.saturating_sub(short);
                if self.seats[who] && seq > self.read[who] {
                    self.read[who] = seq;
                    let read = self
                        .frontier(who)
                        .first()
                        .map_or(0, |(_, revision)| *revision);
                    self.shown = self.shown.max(read);
                    self.tell_conversation_to(who);
                }
            }
            Act::Show(who) => {
                if self.sees[who] {
                    self.shown = self.shown.max(self.revision);
                    let whose = if self.given { USER } else { who };
                    self.explicit[whose] = self.explicit[whose].max(self.revision);
                }
            }
            Act::Merge(0) if self.sees[VISITOR] => {
                self.sees = [false, true];
                self.tell_ticket_to(VISITOR);
                self.tell_ticket_to(USER);
            }
            Act::Merge(1) if self.seats[VISITOR] => {
                self.seats = [false, true];
                self.read[USER] = self.read[USER].max(self.read[VISITOR]);
                for (_, by) in self.words.iter_mut().filter(|(_, by)| *by == Some(VISITOR)) {
                    *by = Some(USER);
                }
                self.tell_conversation_to(VISITOR);
                self.tell_conversation_to(USER);
            }
            Act::Merge(2) => {
                self.given = true;
                self.explicit[USER] = self.explicit[USER].max(self.explicit[VISITOR]);
                self.explicit[VISITOR] = 0;
            }
            Act::Merge(_) => {}
        }
    }

    fn say(&mut self, by: Option<usize>) {
        self.head += 1;
        self.words.push((self.head, by));
        self.tell_conversation();
    }
}

/// What a contact's rows are when all was delivered, in an order that `picks` says.
fn rows(events: &[&Event], explicit: u64, picks: &[usize]) -> Rows {
    let mut left: Vec<&Event> = events.to_vec();
    let mut rows = Rows::default();
    let mut turn = 0;
    let read = Event::TicketRead(TicketRead {
        ticket_id: ticket_id(0),
        up_to_revision: explicit,
    });
    if explicit > 0 {
        left.push(&read);
    }
    while !left.is_empty() {
        let event = left.remove(picks[turn % picks.len()] % left.len());
        apply(&mut rows, event.clone());
        // and once more, late
        if picks[turn % picks.len()].is_multiple_of(3) {
            apply(&mut rows, event.clone());
        }
        turn += 1;
    }
    rows
}

fn after(acts: &[Act], both: bool, picks: &[usize]) -> (World, BTreeMap<usize, Rows>) {
    let mut world = World::new(both);
    for act in acts {
        world.act(act);
    }
    let each = [VISITOR, USER].map(|who| {
        let events: Vec<&Event> = world.told[who].iter().flatten().collect();
        (who, rows(&events, world.explicit[who], picks))
    });
    (world, each.into())
}

/// A4, A5, A6
#[test]
fn a_merge_heard_in_any_order_ends_in_the_users_inbox_and_an_empty_one() {
    let config = Config {
        cases: 20_000,
        failure_persistence: None,
        ..Config::default()
    };
    let story = (acts(), any::<bool>(), vec(any::<usize>(), 1..32));
    TestRunner::new(config)
        .run(&story, |(acts, both, picks)| {
            let (world, rows) = after(&acts, both, &picks);
            let (visitor, user) = (view(&rows[&VISITOR]), view(&rows[&USER]));
            prop_assert_eq!(visitor.unread_tickets, 0);
            prop_assert_eq!(visitor.unread_conversations, 0);
            prop_assert!(!visitor.any_ticket_visible && visitor.recent_tickets.is_empty());
            prop_assert!(visitor.latest_conversation.is_none());
            prop_assert!(user.any_ticket_visible);
            prop_assert_eq!(user.recent_tickets.len(), 1);
            // no update is taken for read that neither of them was shown, and none they were is unread
            prop_assert_eq!(user.unread_tickets == 0, world.shown >= world.revision);
            let unread = world.foreign(USER) > world.read[USER];
            prop_assert_eq!(user.unread_conversations == 1, unread);
            let (_, in_order) = after(&acts, both, &[0]);
            prop_assert_eq!(&rows[&USER], &in_order[&USER]);
            Ok(())
        })
        .unwrap();
}
