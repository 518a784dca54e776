//! A map of what several holders share, for as long as one of them holds it.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

/// What nobody holds any more is swept out when the map has grown to this, then at twice what was left.
const FIRST_SWEEP: usize = 1_024;

/// Finds what somebody holds by its key, and never keeps it alive itself.
pub(crate) struct SharedMap<K, V> {
    inner: Mutex<Inner<K, V>>,
}

struct Inner<K, V> {
    map: HashMap<K, Weak<V>>,
    sweep_at: usize,
}

impl<K: Eq + Hash, V> SharedMap<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                map: HashMap::new(),
                sweep_at: FIRST_SWEEP,
            }),
        }
    }

    /// What is held under the key.
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.inner.lock().map.get(key)?.upgrade()
    }

    /// All of what is held that is so; looks at each.
    pub(crate) fn find(&self, is_so: impl Fn(&V) -> bool) -> Vec<Arc<V>> {
        let inner = self.inner.lock();
        inner
            .map
            .values()
            .filter_map(Weak::upgrade)
            .filter(|value| is_so(value))
            .collect()
    }

    /// What is held under the key, else what `make` makes.
    pub(crate) fn get_or(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut inner = self.inner.lock();
        if let Some(held) = inner.map.get(&key).and_then(Weak::upgrade) {
            return held;
        }
        if inner.map.len() >= inner.sweep_at {
            inner.map.retain(|_, value| value.strong_count() > 0);
            inner.sweep_at = (inner.map.len() * 2).max(FIRST_SWEEP);
        }
        let made = Arc::new(make());
        inner.map.insert(key, Arc::downgrade(&made));
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_who_ask_share_one_value_until_nobody_holds_it() {
        let map = SharedMap::new();
        let one = map.get_or("a", || 1);
        assert!(Arc::ptr_eq(&one, &map.get_or("a", || 2)));
        assert_eq!(map.get("a").as_deref(), Some(&1));
        drop(one);
        assert_eq!(map.get("a"), None);
        assert_eq!(*map.get_or("a", || 3), 3);
    }

    #[test]
    fn what_is_held_is_found_by_what_it_is() {
        let map = SharedMap::new();
        let (_one, _three) = (map.get_or("a", || 1), map.get_or("b", || 3));
        drop(map.get_or("c", || 5));
        let mut found = map.find(|value| *value > 0);
        found.sort();
        assert_eq!(found, [1.into(), 3.into()]);
        assert!(map.find(|value| *value > 3).is_empty());
    }

    #[test]
    fn what_nobody_holds_does_not_pile_up() {
        let map = SharedMap::new();
        let kept = map.get_or(usize::MAX, || 0);
        for key in 0..10 * FIRST_SWEEP {
            map.get_or(key, || 0);
        }
        assert!(map.inner.lock().map.len() <= FIRST_SWEEP);
        assert!(Arc::ptr_eq(&kept, &map.get(&usize::MAX).unwrap()));
    }
}
