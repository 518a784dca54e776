//! The newest events of this process, for readers that keep up: they cost the database nothing.

use std::{collections::VecDeque, time::Duration};

use parking_lot::Mutex;
use proto::events::v1::Envelope;
use tokio::time::Instant;

use super::Heads;
use crate::{BATCH_BYTES, BATCH_EVENTS, PARTITIONS};

/// Kept so long at the most. Another replica may empty what this one committed, for a contact who is erased, and
/// tells nobody: what it emptied is out of every memory this long after. Readers that keep up are never so late.
const KEPT: Duration = Duration::from_secs(10);

/// What was committed last, of each partition one stretch without a gap.
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
    /// Keeps committed events, those of a partition in order.
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

    /// Drops what the database does not have: it was restored, or another server took over that had not
    /// heard of it. (Or what was committed since these heads were read, which is read again then.)
    pub(super) fn keep_up_to(&self, heads: &Heads) {
        for (stretch, head) in self.partitions.iter().zip(heads) {
            let mut stretch = stretch.lock();
            stretch.drop_old();
            if stretch
                .events
                .back()
                .is_some_and(|last| last.position > *head)
            {
                *stretch = Stretch::default();
            }
        }
    }

    /// The events after a position, at least one; `None` when they are to be looked for in the database.
    pub(super) fn after(
        &self,
        partition: usize,
        position: u64,
        limit: usize,
    ) -> Option<Vec<Envelope>> {
        let mut stretch = self.partitions.get(partition)?.lock();
        stretch.drop_old();
        let first = stretch.events.front()?.position;
        let known = position.checked_add(1)?.checked_sub(first)?;
        let known = usize::try_from(known).ok()?;
        let events: Vec<_> = stretch
            .events
            .iter()
            .skip(known)
            .take(limit)
            .cloned()
            .collect();
        (!events.is_empty()).then_some(events)
    }
}

impl Stretch {
    fn add(&mut self, event: Envelope) {
        if let (Some(first), Some(last)) = (self.events.front(), self.events.back()) {
            // told later than the commit after it: the database has it
            if event.position < first.position {
                return;
            }
            // Commits of other processes lie in between: what is kept then is no stretch.
            if last.position + 1 != event.position {
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
            payload: vec![0; 8],
            ..Default::default()
        }
    }

    fn positions(recent: &Recent, after: u64, limit: usize) -> Option<Vec<u64>> {
        let events = recent.after(3, after, limit)?;
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
        assert!(recent.after(4, 4, 9).is_none());
        assert!(recent.after(PARTITIONS, 4, 9).is_none());
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
        let mut heads = [0; PARTITIONS];
        heads[3] = 9;
        recent.keep_up_to(&heads);
        assert_eq!(positions(&recent, 7, 9), Some(vec![8, 9]));
        heads[3] = 8;
        recent.keep_up_to(&heads);
        assert_eq!(positions(&recent, 7, 9), None);
        recent.add((5..=9).map(event).collect());
        recent.add(vec![event(7)]);
        assert_eq!(positions(&recent, 6, 9), Some(vec![7]));
        assert_eq!(positions(&recent, 7, 9), None);
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
        recent.keep_up_to(&[9; PARTITIONS]);
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
