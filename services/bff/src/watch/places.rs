//! The streams of one contact: only so many, and a new one always finds a place.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// Streams of one contact at once.
const STREAMS: usize = 5;
/// With those that were told to end and have not yet: a client that never reads the end holds them.
const ALL: usize = 2 * STREAMS;

/// Places for the streams of one contact.
#[derive(Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    /// Oldest first.
    open: VecDeque<CancellationToken>,
    /// All that are not over, told to end or not.
    alive: usize,
}

impl Places {
    /// A place, if need be the one of the oldest stream, which ends.
    ///
    /// # Errors
    /// [`Error::TooManyStreams`] when too many that were told to end have not.
    pub(super) fn take(self: Arc<Self>) -> Result<Place, Error> {
        let displaced = CancellationToken::new();
        {
            let mut taken = self.0.lock();
            if taken.alive >= ALL {
                return Err(Error::TooManyStreams);
            }
            if taken.open.len() >= STREAMS
                && let Some(oldest) = taken.open.pop_front()
            {
                oldest.cancel();
            }
            taken.open.push_back(displaced.clone());
            taken.alive += 1;
        }
        Ok(Place {
            places: self,
            displaced,
        })
    }
}

/// A stream's place, for as long as it is held.
pub(super) struct Place {
    places: Arc<Places>,
    displaced: CancellationToken,
}

impl Place {
    /// Tells when a newer stream has taken it.
    pub(super) fn displaced(&self) -> CancellationToken {
        self.displaced.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // how it is told apart from the others
        self.displaced.cancel();
        let mut taken = self.places.0.lock();
        taken.open.retain(|open| !open.is_cancelled());
        taken.alive -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_takes_the_place_of_the_oldest_and_one_that_ended_makes_room() {
        let places = Arc::new(Places::default());
        let mut open: Vec<_> = (0..STREAMS)
            .map(|_| places.clone().take().unwrap())
            .collect();
        drop(open.remove(3));
        open.push(places.clone().take().unwrap());
        assert!(open.iter().all(|place| !place.displaced.is_cancelled()));
        let _sixth = places.clone().take().unwrap();
        assert!(open[0].displaced.is_cancelled());
        assert!(
            open[1..]
                .iter()
                .all(|place| !place.displaced.is_cancelled())
        );
    }

    #[test]
    fn streams_that_are_not_read_to_their_end_do_not_pile_up() {
        let places = Arc::new(Places::default());
        let mut open: Vec<_> = (0..ALL).map(|_| places.clone().take().unwrap()).collect();
        assert!(matches!(places.clone().take(), Err(Error::TooManyStreams)));
        drop(open.remove(0));
        places.take().unwrap();
    }
}
