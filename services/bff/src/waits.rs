//! Reads that wait for a write of their own. A consistency token can be forged, and each such read then holds one of
//! the process's calls for as long as Notifications is willing to wait: only so many may.

use std::sync::Arc;

use proto::events::v1::LogPosition;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use types::ContactId;

use crate::{error::Error, limits::What, shared_map::SharedMap};

/// Of one contact at once: Home, a list and a detail, and one more.
const CONTACT: usize = 4;
/// Of all together: half of the calls that a process takes at once.
const ALL: usize = 1_024;
/// Who finds no place tries again after this long.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

/// The places for them.
pub(crate) struct Waits {
    contacts: SharedMap<ContactId, Semaphore>,
    all: Arc<Semaphore>,
}

/// A place, for as long as it is held; none is needed for a read that waits for nothing.
pub(crate) struct Waiting {
    _places: Option<[OwnedSemaphorePermit; 2]>,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            contacts: SharedMap::new(),
            all: Arc::new(Semaphore::new(ALL)),
        }
    }
}

impl Waits {
    /// A place for a read that is to show these positions.
    ///
    /// # Errors
    /// [`Error::TooOften`] when there is none.
    pub(crate) fn enter(
        &self,
        contact: &ContactId,
        at_least: &[LogPosition],
    ) -> Result<Waiting, Error> {
        if at_least.is_empty() {
            return Ok(Waiting { _places: None });
        }
        let full = |_| Error::TooOften {
            what: What::Waits,
            wait: AGAIN,
        };
        let own = self
            .contacts
            .get_or(contact.clone(), || Semaphore::new(CONTACT));
        let own = own.try_acquire_owned().map_err(full)?;
        let one = self.all.clone().try_acquire_owned().map_err(full)?;
        Ok(Waiting {
            _places: Some([own, one]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_contact_holds_only_so_many_calls_and_reads_that_wait_for_nothing_always_may() {
        let waits = Waits::default();
        let (greedy, other) = (ContactId::generate(), ContactId::generate());
        let forged = [LogPosition::default()];
        let mut held: Vec<_> = (0..CONTACT)
            .map(|_| waits.enter(&greedy, &forged).unwrap())
            .collect();
        assert!(waits.enter(&greedy, &forged).is_err());
        waits.enter(&greedy, &[]).unwrap();
        waits.enter(&other, &forged).unwrap();
        held.pop();
        waits.enter(&greedy, &forged).unwrap();
    }

    #[test]
    fn many_contacts_together_leave_half_of_the_calls_to_others() {
        let waits = Waits::default();
        let forged = [LogPosition::default()];
        let held: Vec<_> = (0..ALL)
            .map(|_| waits.enter(&ContactId::generate(), &forged).unwrap())
            .collect();
        assert!(waits.enter(&ContactId::generate(), &forged).is_err());
        drop(held);
        waits.enter(&ContactId::generate(), &forged).unwrap();
    }
}
