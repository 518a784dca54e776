//! Inboxes as everything else here reads them: from memory while nothing changed, with word of changes.

use std::sync::Arc;

use crate::{
    cache::Cache,
    error::Error,
    hub::{Hub, Subscription},
    store::{InboxId, Snapshot, Store},
};

/// Every contact's inbox.
pub struct Inboxes {
    store: Store,
    cache: Cache,
    hub: Hub,
}

impl Inboxes {
    /// Over the stored rows.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            cache: Cache::new(),
            hub: Hub::new(),
        }
    }

    /// The rows.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether other processes change them too.
    pub fn are_shared(&self) -> bool {
        self.store.is_shared()
    }

    /// An inbox as it was at some moment of this call, whichever replica changed it last: where there are
    /// others, what is in memory is used only after a look at its version.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(&self, id: &InboxId) -> Result<Arc<Snapshot>, Error> {
        if self.are_shared()
            && let Ok(snapshot) = self.cache.get(id)
            && !self.store.version(id).await?.same_as(snapshot.version)
        {
            self.changed(id);
        }
        match self.cache.get(id) {
            Ok(snapshot) => Ok(snapshot),
            Err(generation) => {
                let snapshot = Arc::new(self.store.inbox(id).await?);
                self.cache.keep(id, generation, snapshot.clone());
                Ok(snapshot)
            }
        }
    }

    /// Starts to watch an inbox; read it afterwards, so that no change falls in between.
    ///
    /// # Errors
    /// When too many watch.
    pub fn watch(&self, id: &InboxId) -> Result<Subscription, Error> {
        self.hub.subscribe(id)
    }

    /// To be called when a change was committed: before that nobody could read it.
    pub fn changed(&self, id: &InboxId) {
        self.changed_by(id, "");
    }

    /// The same, where the trace of what changed it is known.
    pub fn changed_by(&self, id: &InboxId, traceparent: &str) {
        self.cache.forget(id);
        self.hub.wake(id, traceparent);
    }

    /// To be called when any inbox may have changed.
    pub fn all_changed(&self) {
        self.cache.forget_all();
        self.hub.wake_all();
    }
}
