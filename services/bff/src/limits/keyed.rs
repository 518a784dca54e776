//! One limit for many keys, in a bounded amount of memory.

use std::{convert::Infallible, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{
        StateStore,
        keyed::{HashMapStateStore, ShrinkableKeyedStateStore},
    },
};
use tokio::time::Instant;

/// Keys counted one by one; about 3 MiB a limit.
const KEYS: usize = 100_000;
/// Beyond that, keys share so many counts until a sweep makes room: memory stays bounded and nobody is let
/// through uncounted.
const SHARED: u64 = 1_024;

/// So many at once; they come back one by one, all within the time.
pub(super) struct Keyed {
    counting: RateLimiter<u64, Counts, Ticks, NoOpMiddleware<Duration>>,
    looking: RateLimiter<u64, Glance, Ticks, NoOpMiddleware<Duration>>,
    counts: Counts,
    clock: Ticks,
}

impl Keyed {
    pub(super) fn new(most: NonZeroU32, within: Duration) -> Self {
        let each = (within / most.get()).max(Duration::from_nanos(1));
        // which is not zero
        let quota = Quota::with_period(each)
            .map_or_else(|| Quota::per_second(most), |quota| quota.allow_burst(most));
        let clock = Ticks(Instant::now());
        let counts = Counts::default();
        Self {
            counting: RateLimiter::new(quota, counts.clone(), clock),
            looking: RateLimiter::new(quota, Glance(counts.clone()), clock),
            counts,
            clock,
        }
    }

    /// Counts one.
    ///
    /// # Errors
    /// The time until there is room for it.
    pub(super) fn count(&self, key: u64) -> Result<(), Duration> {
        self.counting
            .check_key(&self.bounded(key))
            .map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    /// Whether one would be let in now; counts nothing.
    ///
    /// # Errors
    /// The time until there is room.
    pub(super) fn look(&self, key: u64) -> Result<(), Duration> {
        self.looking
            .check_key(&self.bounded(key))
            .map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    /// Forgets keys that have everything back.
    pub(super) fn sweep(&self) {
        self.counting.retain_recent();
        self.counting.shrink_to_fit();
    }

    fn bounded(&self, key: u64) -> u64 {
        if self.counts.len() < KEYS {
            key
        } else {
            key % SHARED
        }
    }
}

/// Time since the limit was made; it never goes back, whatever the machine's clock does.
#[derive(Debug, Clone, Copy)]
struct Ticks(Instant);

impl Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[derive(Clone, Default)]
struct Counts(Arc<HashMapStateStore<u64>>);

impl StateStore for Counts {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.measure_and_replace(key, measure)
    }
}

impl ShrinkableKeyedStateStore<u64> for Counts {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.retain_recent(drop_below);
    }

    fn shrink_to_fit(&self) {
        self.0.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The same counts, measured and never replaced: a store leaves alone what was refused.
struct Glance(Counts);

impl StateStore for Glance {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let seen: Result<Infallible, Result<T, E>> =
            self.0
                .measure_and_replace(key, |state| match measure(state) {
                    Ok((value, _)) => Err(Ok(value)),
                    Err(refused) => Err(Err(refused)),
                });
        match seen {
            Ok(never) => match never {},
            Err(outcome) => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn three_a_minute() -> Keyed {
        Keyed::new(NonZeroU32::new(3).unwrap(), MINUTE)
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_at_once_then_one_by_one_each_key_for_itself() {
        let limit = three_a_minute();
        for _ in 0..3 {
            assert_eq!(limit.count(1), Ok(()));
        }
        assert_eq!(limit.count(1), Err(MINUTE / 3));
        assert_eq!(limit.count(2), Ok(()));
        advance(MINUTE / 3).await;
        assert_eq!(limit.count(1), Ok(()));
        assert_eq!(limit.count(1), Err(MINUTE / 3));
        advance(MINUTE).await;
        for _ in 0..3 {
            assert_eq!(limit.count(1), Ok(()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_says_what_a_count_would_and_counts_nothing() {
        let limit = three_a_minute();
        for _ in 0..10 {
            assert_eq!(limit.look(1), Ok(()));
        }
        for _ in 0..3 {
            assert_eq!(limit.count(1), Ok(()));
        }
        assert_eq!(limit.look(1), Err(MINUTE / 3));
        advance(MINUTE / 3).await;
        assert_eq!(limit.look(1), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn keys_that_have_everything_back_are_forgotten_and_no_others() {
        let limit = three_a_minute();
        for key in 0..1_000 {
            limit.count(key).unwrap();
        }
        advance(MINUTE).await;
        for _ in 0..3 {
            limit.count(7).unwrap();
        }
        limit.sweep();
        assert_eq!(limit.counts.len(), 1);
        assert!(limit.count(7).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_of_keys_takes_no_more_memory_and_is_counted_all_the_same() {
        let limit = three_a_minute();
        for key in 0..KEYS as u64 * 2 {
            let _ = limit.count(key);
        }
        assert!(limit.counts.len() <= KEYS + SHARED as usize);
        let late = u64::MAX;
        let _ = (0..3).map(|_| limit.count(late)).collect::<Vec<_>>();
        assert!(limit.count(late).is_err());
    }
}
