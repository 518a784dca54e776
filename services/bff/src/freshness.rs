//! How far what was learned from Settings can still be believed.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tokio::sync::watch;
use types::{Clock, micros};

/// What was last confirmed this long ago is not believed any more (D3), in microseconds.
const LAST_KNOWN: u64 = 5 * 60 * 1_000_000;

/// When something was learned from Settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Learned {
    /// In which stretch of the feed.
    pub(crate) generation: u64,
    at: i64,
}

/// The state of the settings feed: what it has confirmed by being alive, and whether it has a hole.
/// A hole begins a new generation, and nothing from an older one counts.
pub(crate) struct Freshness {
    generation: watch::Sender<u64>,
    alive_at: AtomicI64,
    clock: Arc<dyn Clock>,
}

impl Freshness {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            generation: watch::Sender::new(0),
            alive_at: AtomicI64::new(i64::MIN),
            clock,
        }
    }

    /// Now, in microseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        micros(self.clock.now())
    }

    /// The feed has shown that nothing was missed up to then.
    pub(crate) fn alive(&self, at: i64) {
        self.alive_at.store(at, Ordering::Relaxed);
    }

    /// Something may have been missed: what was learned so far does not count any more.
    pub(crate) fn gap(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// Taken before asking Settings, so that a hole that opens while it answers is noticed.
    pub(crate) fn learning(&self) -> Learned {
        Learned {
            generation: *self.generation.borrow(),
            at: self.now(),
        }
    }

    /// What was learned then still counts.
    pub(crate) fn holds(&self, learned: Learned, now: i64) -> bool {
        let confirmed = learned.at.max(self.alive_at.load(Ordering::Relaxed));
        learned.generation == *self.generation.borrow() && now.abs_diff(confirmed) <= LAST_KNOWN
    }

    /// Tells of new generations.
    pub(crate) fn generations(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use testing::ManualClock;

    use super::*;

    /// D3
    #[test]
    fn what_was_known_counts_for_five_minutes_after_the_last_sign_of_life() {
        let clock = ManualClock::new();
        let fresh = Freshness::new(Arc::new(clock.clone()));
        let learned = fresh.learning();
        let holds = || fresh.holds(learned, fresh.now());
        assert!(holds());
        clock.advance(SignedDuration::from_secs(200));
        fresh.alive(fresh.now());
        clock.advance(SignedDuration::from_secs(300));
        assert!(holds());
        clock.advance(SignedDuration::from_secs(1));
        assert!(!holds());
        fresh.alive(fresh.now());
        assert!(holds());
    }

    #[test]
    fn after_a_hole_nothing_learned_before_counts() {
        let fresh = Freshness::new(Arc::new(ManualClock::new()));
        let before = fresh.learning();
        fresh.gap();
        assert!(!fresh.holds(before, fresh.now()));
        assert!(fresh.holds(fresh.learning(), fresh.now()));
    }
}
