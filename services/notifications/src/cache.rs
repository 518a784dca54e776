//! Inboxes kept in memory: bounded, and never older than the last change that was announced.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::store::{InboxId, Snapshot};

/// Slots that inboxes are spread over; each has a lock and a generation of its own.
const SLOTS: usize = 1_024;
/// Inboxes kept in a slot at the most; the oldest makes room.
const PER_SLOT: usize = 16;

/// Inboxes of contacts that were asked for lately, about a kilobyte each.
pub struct Cache {
    slots: Box<[Mutex<Slot>]>,
    // keyed, so that nobody can choose contacts that share a slot
    hasher: RandomState,
}

#[derive(Default)]
struct Slot {
    /// Grows whenever something of the slot changed.
    generation: u64,
    kept: VecDeque<(InboxId, Arc<Snapshot>)>,
}

/// The generation in which a read began.
#[derive(Debug, Clone, Copy)]
pub struct Generation(u64);

impl Cache {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// What is kept of an inbox, or the generation in which to read it.
    pub fn get(&self, id: &InboxId) -> Result<Arc<Snapshot>, Generation> {
        let slot = self.slot(id).lock();
        match slot.kept.iter().find(|(kept, _)| kept == id) {
            Some((_, snapshot)) => Ok(snapshot.clone()),
            None => Err(Generation(slot.generation)),
        }
    }

    /// Keeps what was read, unless a change was announced since the read began: then it may be old.
    pub fn keep(&self, id: &InboxId, read_in: Generation, snapshot: Arc<Snapshot>) {
        let mut slot = self.slot(id).lock();
        if slot.generation != read_in.0 || slot.kept.iter().any(|(kept, _)| kept == id) {
            return;
        }
        if slot.kept.len() >= PER_SLOT {
            slot.kept.pop_front();
        }
        slot.kept.push_back((id.clone(), snapshot));
    }

    /// An inbox changed.
    pub fn forget(&self, id: &InboxId) {
        let mut slot = self.slot(id).lock();
        slot.generation += 1;
        slot.kept.retain(|(kept, _)| kept != id);
    }

    /// Any may have changed.
    pub fn forget_all(&self) {
        for slot in &self.slots {
            let mut slot = slot.lock();
            slot.generation += 1;
            slot.kept.clear();
        }
    }

    fn slot(&self, id: &InboxId) -> &Mutex<Slot> {
        let hash = self.hasher.hash_one(id) as usize;
        &self.slots[hash % SLOTS]
    }
}

#[cfg(test)]
mod tests {
    use types::{ContactId, WorkspaceId};

    use super::*;
    use crate::{projection::Inbox, store::Version};

    fn id() -> InboxId {
        InboxId {
            workspace: WorkspaceId::generate(),
            contact: ContactId::generate(),
        }
    }

    fn snapshot(version: u64) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            inbox: Inbox::default(),
            version: Version {
                version,
                ..Version::default()
            },
        })
    }

    fn kept(cache: &Cache, id: &InboxId) -> Option<u64> {
        cache.get(id).ok().map(|snapshot| snapshot.version.version)
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (cache, id) = (Cache::new(), id());
        let before = cache.get(&id).unwrap_err();
        cache.forget(&id);
        cache.keep(&id, before, snapshot(1));
        assert_eq!(kept(&cache, &id), None);
        cache.keep(&id, cache.get(&id).unwrap_err(), snapshot(2));
        assert_eq!(kept(&cache, &id), Some(2));
        cache.forget(&id);
        assert_eq!(kept(&cache, &id), None);
        let before = cache.get(&id).unwrap_err();
        cache.forget_all();
        cache.keep(&id, before, snapshot(2));
        assert_eq!(kept(&cache, &id), None);
    }

    #[test]
    fn only_so_many_are_kept() {
        let cache = Cache::new();
        for _ in 0..3 * SLOTS * PER_SLOT {
            let id = id();
            let generation = cache.get(&id).unwrap_err();
            cache.keep(&id, generation, snapshot(1));
        }
        let kept: usize = cache.slots.iter().map(|slot| slot.lock().kept.len()).sum();
        assert!(kept <= SLOTS * PER_SLOT, "{kept}");
        assert!(
            cache
                .slots
                .iter()
                .all(|slot| slot.lock().kept.len() <= PER_SLOT)
        );
    }
}
