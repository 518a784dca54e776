//! The newest events of this process, for readers that keep up: they are not read from the database again.

use std::{collections::VecDeque, time::Duration};

use parking_lot::Mutex;
use proto::events::v1::Envelope;
use tokio::time::Instant;

use super::look::End;
use crate::{BATCH_BYTES, BATCH_EVENTS, PARTITIONS};

/// Kept so long at the most. Another replica may empty what this one committed, for a contact who is erased, and
/// tells nobody: what it emptied is out of every memory this long after. Readers that keep up are never so late.
const KEPT: Duration = Duration::from_secs(10);

/// What was committed last, of each partition one stretch of the chain without a gap.
#[derive(Default)]
pub(super) struct Recent {
    partitions: [Mutex<Stretch>; PARTITIONS],
}

#[derive(Default)]
struct Stretch {
    events: VecDeque<Envelope>,
    /// When each of them came.
    since: VecDeque<Instant>,
    bytes: usize,
}

impl Recent {
    /// Keeps committed events, those of a partition in order, each with the id of the one before it.
    pub(super) fn add(&self, events: Vec<Envelope>) {
        for event in events {
            if let Some(stretch) = self.partitions.get(event.partition as usize) {
                stretch.lock().add(event);
            }
        }
    }

    /// Drops what was pruned, so that memory answers no more than the database.
    pub(super) fn forget(&self, partition: usize, up_to: u64) {
        if let Some(stretch) = self.partitions.get(partition) {
            let mut stretch = stretch.lock();
            while stretch
                .events
                .front()
                .is_some_and(|oldest| oldest.position <= up_to)
            {
                stretch.drop_oldest();
            }
        }
    }

    /// Keeps only what ends where the database does: it may have been restored, or another server took over that
    /// had not heard of it, and then others took the places. (Or this process committed since these ends were
    /// read, or another did: what is dropped then is read again.)
    pub(super) fn keep(&self, heads: &[End; PARTITIONS]) {
        for (stretch, head) in self.partitions.iter().zip(heads) {
            let mut stretch = stretch.lock();
            stretch.drop_old();
            if stretch.events.back().is_some_and(|last| {
                last.position != head.position || last.event_id != head.event_id
            }) {
                *stretch = Stretch::default();
            }
        }
    }

    /// The events after an event, at least one; `None` when they are to be looked for in the database.
    pub(super) fn after(
        &self,
        partition: usize,
        position: u64,
        event_id: &[u8],
        limit: usize,
    ) -> Option<Vec<Envelope>> {
        let mut stretch = self.partitions.get(partition)?.lock();
        stretch.drop_old();
        let first = stretch.events.front()?.position;
        let known = position.checked_add(1)?.checked_sub(first)?;
        let known = usize::try_from(known).ok()?;
        // of another history: the database judges
        if stretch.events.get(known)?.prev_event_id != event_id {
            return None;
        }
        let events = stretch.events.iter().skip(known).take(limit);
        Some(events.cloned().collect())
    }
}

impl Stretch {
    fn add(&mut self, event: Envelope) {
        if let (Some(first), Some(last)) = (self.events.front(), self.events.back()) {
            // told later than the commit after it: the database has it
            if event.position < first.position {
                return;
            }
            // Commits of other processes lie in between, or took the place of what is here: no stretch then.
            if last.position + 1 != event.position || last.event_id != event.prev_event_id {
                *self = Self::default();
            }
        }
        self.bytes += event.payload.len();
        self.events.push_back(event);
        self.since.push_back(Instant::now());
        self.drop_old();
        while self.events.len() > BATCH_EVENTS || self.bytes > BATCH_BYTES {
            self.drop_oldest();
        }
    }

    fn drop_old(&mut self) {
        while self
            .since
            .front()
            .is_some_and(|since| since.elapsed() >= KEPT)
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        self.since.pop_front();
        if let Some(oldest) = self.events.pop_front() {
            self.bytes -= oldest.payload.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(position: u64) -> Envelope {
        Envelope {
            partition: 3,
            position,
            event_id: id(position),
            prev_event_id: id(position - 1),
            payload: vec![0; 8],
            ..Default::default()
        }
    }

    fn id(position: u64) -> Vec<u8> {
        match position {
            0 => Vec::new(),
            _ => position.to_be_bytes().to_vec(),
        }
    }

    fn end(position: u64, event_id: Vec<u8>) -> [End; PARTITIONS] {
        let mut ends: [End; PARTITIONS] = Default::default();
        ends[3] = End { position, event_id };
        ends
    }

    fn positions(recent: &Recent, after: u64, limit: usize) -> Option<Vec<u64>> {
        let events = recent.after(3, after, &id(after), limit)?;
        Some(events.iter().map(|event| event.position).collect())
    }

    #[test]
    fn what_was_committed_last_is_read_from_memory_and_the_rest_is_not() {
        let recent = Recent::default();
        recent.add((5..=9).map(event).collect());
        assert_eq!(positions(&recent, 4, 3), Some(vec![5, 6, 7]));
        assert_eq!(positions(&recent, 7, 9), Some(vec![8, 9]));
        assert_eq!(positions(&recent, 9, 9), None, "nothing is not an answer");
        assert_eq!(positions(&recent, 3, 9), None, "4 is not in memory");
        assert_eq!(positions(&recent, u64::MAX, 9), None);
        assert!(recent.after(4, 4, &id(4), 9).is_none());
        assert!(recent.after(PARTITIONS, 4, &id(4), 9).is_none());
        assert!(
            recent.after(3, 6, &id(5), 9).is_none(),
            "another 6 was applied than the one before the 7 in memory"
        );
    }

    #[test]
    fn a_stretch_in_memory_has_no_gap_and_no_place_twice() {
        let recent = Recent::default();
        recent.add(vec![event(1), event(2), event(4)]);
        assert_eq!(positions(&recent, 0, 9), None);
        assert_eq!(positions(&recent, 3, 9), Some(vec![4]));
        // two commits told in the other order
        recent.add(vec![event(6)]);
        recent.add(vec![event(5)]);
        assert_eq!(positions(&recent, 4, 9), None);
        assert_eq!(positions(&recent, 5, 9), Some(vec![6]));
        recent.add(vec![event(7)]);
        assert_eq!(positions(&recent, 5, 9), Some(vec![6, 7]));
    }

    /// A place that is in memory and was given away again: whatever follows it here is of another history.
    #[test]
    fn what_the_database_no_longer_has_is_not_in_memory_either() {
        let recent = Recent::default();
        recent.add((5..=9).map(event).collect());
        recent.keep(&end(9, id(9)));
        assert_eq!(positions(&recent, 7, 9), Some(vec![8, 9]));
        for (head, of) in [(8, 8), (9, 1), (10, 10)] {
            recent.keep(&end(head, id(of)));
            assert_eq!(positions(&recent, 7, 9), None, "{head}");
            recent.add((5..=9).map(event).collect());
        }
        recent.add((5..=9).map(event).collect());
        recent.add(vec![event(7)]);
        assert_eq!(positions(&recent, 6, 9), Some(vec![7]));
        assert_eq!(positions(&recent, 7, 9), None);
    }

    /// A server that took over had not heard of 8 and 9; others were written there, and this process goes on.
    #[test]
    fn an_event_is_not_remembered_behind_one_that_it_does_not_follow() {
        let recent = Recent::default();
        recent.add((5..=9).map(event).collect());
        let forked = Envelope {
            prev_event_id: vec![9],
            ..event(10)
        };
        recent.add(vec![forked]);
        assert_eq!(positions(&recent, 7, 9), None);
        assert_eq!(positions(&recent, 9, 9), None);
        assert!(recent.after(3, 9, &[9], 9).is_some());
    }

    #[test]
    fn what_was_pruned_is_not_in_memory_either() {
        let recent = Recent::default();
        recent.add((5..=9).map(event).collect());
        recent.forget(3, 7);
        assert_eq!(positions(&recent, 6, 9), None);
        assert_eq!(positions(&recent, 7, 9), Some(vec![8, 9]));
        recent.forget(3, 9);
        assert_eq!(positions(&recent, 8, 9), None);
    }

    /// Another replica may have emptied it.
    #[tokio::test(start_paused = true)]
    async fn what_was_committed_ten_seconds_ago_is_read_from_the_database() {
        let recent = Recent::default();
        recent.add(vec![event(1)]);
        tokio::time::advance(Duration::from_secs(6)).await;
        recent.add(vec![event(2)]);
        assert_eq!(positions(&recent, 0, 9), Some(vec![1, 2]));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(positions(&recent, 0, 9), None);
        assert_eq!(positions(&recent, 1, 9), Some(vec![2]));
        tokio::time::advance(Duration::from_secs(6)).await;
        // a look at the heads, which every reader takes every two seconds, is enough
        recent.keep(&end(2, id(2)));
        let stretch = recent.partitions[3].lock();
        assert!(stretch.events.is_empty() && stretch.since.is_empty() && stretch.bytes == 0);
    }

    #[test]
    fn memory_is_bounded_in_events_and_in_bytes() {
        let recent = Recent::default();
        let many = BATCH_EVENTS as u64 + 10;
        recent.add((1..=many).map(event).collect());
        assert_eq!(positions(&recent, 9, 1), None);
        assert_eq!(positions(&recent, 10, 1), Some(vec![11]));
        let large = |position| Envelope {
            payload: vec![0; BATCH_BYTES / 2],
            ..event(position)
        };
        recent.add((many + 1..=many + 3).map(large).collect());
        assert_eq!(positions(&recent, many, 1), None);
        assert_eq!(
            positions(&recent, many + 1, 9),
            Some(vec![many + 2, many + 3])
        );
    }
}
