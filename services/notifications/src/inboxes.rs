//! Inboxes as everything else here reads them: from memory while nothing changed, with word of changes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sea_orm::DbErr;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    cache::{Cache, Generation},
    error::Error,
    hub::{Hub, Subscription},
    store::{InboxId, Snapshot, Store},
};

/// Streams that read at once. After a rebuild everybody who watches reads again: half of the connections that
/// calls have, four of a pool of eight, are left to those who ask.
const STREAMS_AT_ONCE: usize = 2;
/// A stream's turn comes within this long, or the stream ends and is opened again.
const TURN: Duration = Duration::from_secs(20);

/// Every contact's inbox.
pub struct Inboxes {
    store: Store,
    cache: Cache,
    hub: Hub,
    turns: Semaphore,
    epoch: AtomicU64,
}

impl Inboxes {
    /// Over the stored rows.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            cache: Cache::new(),
            hub: Hub::new(),
            turns: Semaphore::new(STREAMS_AT_ONCE),
            epoch: AtomicU64::new(0),
        }
    }

    /// The newest epoch that anything read here was of: somebody may have been shown it, whatever the database says
    /// since.
    pub fn newest_epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// The epoch stored now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn epoch(&self) -> Result<u64, DbErr> {
        let epoch = self.store.epoch().await?;
        self.saw(epoch);
        Ok(epoch)
    }

    /// Something of this epoch was read.
    pub(crate) fn saw(&self, epoch: u64) {
        self.epoch.fetch_max(epoch, Ordering::Relaxed);
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
        match self.known(id).await? {
            Ok(snapshot) => Ok(snapshot),
            Err(generation) => {
                let snapshot = Arc::new(self.store.inbox(id).await?);
                self.saw(snapshot.version.epoch);
                self.cache.keep(id, generation, snapshot.clone());
                Ok(snapshot)
            }
        }
    }

    /// What is in memory and still so; or else the generation to keep under what is read instead.
    async fn known(&self, id: &InboxId) -> Result<Result<Arc<Snapshot>, Generation>, Error> {
        if self.are_shared()
            && let Ok(snapshot) = self.cache.get(id)
            && !self.store.version(id).await?.same_as(snapshot.version)
        {
            self.changed(id);
        }
        Ok(self.cache.get(id))
    }

    /// [`Self::read`] for a stream. What is not in memory it reads when its turn comes among the streams, so that
    /// it keeps nobody waiting who only asks.
    ///
    /// # Errors
    /// When the database fails, or so many streams read at once that the turn does not come within 20 s.
    pub async fn read_in_turn(&self, id: &InboxId) -> Result<Arc<Snapshot>, Error> {
        if let Ok(snapshot) = self.known(id).await? {
            return Ok(snapshot);
        }
        let turn = timeout(TURN, self.turns.acquire()).await;
        let _turn = turn.ok().and_then(Result::ok).ok_or(Error::Full)?;
        self.read(id).await
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

    /// Every turn of the streams, as many of them take.
    #[cfg(test)]
    pub(crate) async fn all_turns(&self) -> tokio::sync::SemaphorePermit<'_> {
        let all = self.turns.acquire_many(STREAMS_AT_ONCE as u32);
        all.await.expect("turns are never closed")
    }
}
