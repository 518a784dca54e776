//! Ways for events to arrive.

use proptest::{collection::vec, prelude::*};

use super::{
    CONTACTS, Subject,
    history::{Emitted, History, Teller},
};
use crate::projection::{Changed, Inbox, Rows};

/// Decisions about what arrives next; all zeros is the order in which it was told.
#[derive(Debug, Clone)]
pub struct Picks(Vec<u16>);

pub fn picks() -> impl Strategy<Value = Picks> {
    vec(any::<u16>(), 1..48).prop_map(Picks)
}

impl Picks {
    fn pick(&self, turn: usize, among: usize) -> usize {
        usize::from(self.0[turn % self.0.len()]) % among
    }

    /// The same events, in any order at all.
    pub fn any_order<'a>(&self, mut events: Vec<&'a Emitted>) -> Vec<&'a Emitted> {
        let mut order = Vec::with_capacity(events.len());
        while !events.is_empty() {
            order.push(events.remove(self.pick(order.len(), events.len())));
        }
        order
    }

    /// The same events; each source in its own order, the sources in any.
    pub fn any_interleaving<'a>(&self, events: Vec<&'a Emitted>) -> Vec<&'a Emitted> {
        let source = |event: &&Emitted| match event.teller {
            Teller::Ticket(_) => 0,
            Teller::Conversation(_) => 1,
            Teller::Contact(_) => 2,
        };
        let mut sources: [Vec<&Emitted>; 3] = Default::default();
        for event in events.into_iter().rev() {
            sources[source(&event)].push(event);
        }
        let mut order = Vec::new();
        loop {
            let mut open: Vec<_> = sources.iter_mut().filter(|left| !left.is_empty()).collect();
            let count = open.len();
            if count == 0 {
                return order;
            }
            order.extend(open[self.pick(order.len(), count)].pop());
        }
    }

    /// Some events come again, once or twice, right away or after all others.
    pub fn with_duplicates<'a>(&self, events: Vec<&'a Emitted>) -> Vec<&'a Emitted> {
        let mut order = Vec::new();
        let mut late = Vec::new();
        for (turn, event) in events.into_iter().enumerate() {
            order.push(event);
            match self.pick(turn, 4) {
                1 => order.push(event),
                2 => late.push(event),
                3 => {
                    order.push(event);
                    late.push(event);
                }
                _ => {}
            }
        }
        order.extend(late);
        order
    }

    /// Some events are lost, but never the newest of a ticket or conversation.
    pub fn with_gaps<'a>(&self, events: Vec<&'a Emitted>) -> Vec<&'a Emitted> {
        let kept = |(turn, event): &(usize, &Emitted)| event.newest || self.pick(*turn, 2) == 0;
        events
            .into_iter()
            .enumerate()
            .filter(kept)
            .map(|(_, event)| event)
            .collect()
    }
}

/// The projections of all contacts.
pub struct Inboxes<'a> {
    subject: &'a dyn Subject,
    rows: [Rows; CONTACTS],
}

impl<'a> Inboxes<'a> {
    pub fn new(subject: &'a dyn Subject) -> Self {
        Self {
            subject,
            rows: Default::default(),
        }
    }

    pub fn deliver(&mut self, event: &Emitted) -> Changed {
        self.subject
            .apply(&mut self.rows[event.contact], event.event.clone())
    }

    pub fn deliver_all(mut self, events: &[&Emitted]) -> Self {
        for event in events {
            self.deliver(event);
        }
        self
    }

    pub fn inbox(&self, contact: usize) -> Inbox {
        self.subject.view(&self.rows[contact])
    }

    pub fn rows(&self) -> &[Rows; CONTACTS] {
        &self.rows
    }

    /// Starts over from a snapshot: the newest of everything, told in any order. What came as an explicit
    /// read is owned, not told.
    pub fn rebuild(&self, snapshot: &[&Emitted]) -> Self {
        let rows = std::array::from_fn(|contact| self.subject.owned(&self.rows[contact]));
        let told: Vec<&Emitted> = snapshot
            .iter()
            .copied()
            .filter(|event| event.newest && !matches!(event.teller, Teller::Contact(_)))
            .collect();
        Self {
            subject: self.subject,
            rows,
        }
        .deliver_all(&told)
    }
}

/// Every event of a history, in the order told.
pub fn all(history: &History) -> Vec<&Emitted> {
    history.events.iter().collect()
}
