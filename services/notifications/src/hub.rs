//! Who watches which inbox. A change wakes them; what changed they read themselves, so that nothing is
//! queued for a slow watcher.

use std::{collections::HashMap, sync::Arc};

use metrics::gauge;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{error::Error, store::InboxId};

/// Streams of one contact at the most: devices and tabs, with room for those that are just ending.
pub const STREAMS_OF_A_CONTACT: usize = 16;
/// Streams at the most.
pub const STREAMS: usize = 50_000;

/// The trace of what changed an inbox, as far as that is known.
type Cause = Option<Arc<str>>;

/// The inboxes that are watched.
#[derive(Clone, Default)]
pub struct Hub {
    watched: Arc<Mutex<Watched>>,
}

#[derive(Default)]
struct Watched {
    inboxes: HashMap<InboxId, watch::Sender<Cause>>,
    streams: usize,
}

impl Hub {
    /// Nobody watches yet, which is told from the start: a number that is missing looks like a service that is.
    pub fn new() -> Self {
        gauge!("watches_open").increment(0);
        Self::default()
    }

    /// Starts to watch an inbox.
    ///
    /// # Errors
    /// When the contact, or this process, has too many streams open.
    pub fn subscribe(&self, id: &InboxId) -> Result<Subscription, Error> {
        let mut watched = self.watched.lock();
        if watched.streams >= STREAMS {
            return Err(Error::Full);
        }
        let inbox = watched.inboxes.entry(id.clone()).or_default();
        if inbox.receiver_count() >= STREAMS_OF_A_CONTACT {
            return Err(Error::TooManyStreams);
        }
        let changes = inbox.subscribe();
        watched.streams += 1;
        gauge!("watches_open").increment(1);
        Ok(Subscription {
            hub: self.clone(),
            id: id.clone(),
            changes,
        })
    }

    /// An inbox changed, in the trace of this traceparent; empty where that is not known.
    pub fn wake(&self, id: &InboxId, cause: &str) {
        if let Some(inbox) = self.watched.lock().inboxes.get(id) {
            inbox.send_replace((!cause.is_empty()).then(|| cause.into()));
        }
    }

    /// Any may have changed.
    pub fn wake_all(&self) {
        for inbox in self.watched.lock().inboxes.values() {
            inbox.send_replace(None);
        }
    }
}

/// One watcher's place; given up when dropped.
pub struct Subscription {
    hub: Hub,
    id: InboxId,
    changes: watch::Receiver<Cause>,
}

impl Subscription {
    /// Whose inbox is watched.
    pub fn id(&self) -> &InboxId {
        &self.id
    }

    /// Waits until the inbox changed since the last call, however often; answers the newest cause.
    pub async fn changed(&mut self) -> Cause {
        if self.changes.changed().await.is_err() {
            // the hub holds the sender for as long as somebody watches
            std::future::pending().await
        }
        self.changes.borrow_and_update().clone()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut watched = self.hub.watched.lock();
        watched.streams -= 1;
        gauge!("watches_open").decrement(1);
        // this one still counts
        if watched
            .inboxes
            .get(&self.id)
            .is_some_and(|inbox| inbox.receiver_count() <= 1)
        {
            watched.inboxes.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use types::{ContactId, WorkspaceId};

    use super::*;

    fn id() -> InboxId {
        InboxId {
            workspace: WorkspaceId::generate(),
            contact: ContactId::generate(),
        }
    }

    #[test]
    fn many_changes_wake_a_watcher_once() {
        let (hub, id, other) = (Hub::new(), id(), id());
        let mut watcher = hub.subscribe(&id).unwrap();
        let mut stranger = hub.subscribe(&other).unwrap();
        assert!(watcher.changed().now_or_never().is_none());
        (0..3).for_each(|_| hub.wake(&id, ""));
        assert!(watcher.changed().now_or_never().is_some());
        assert!(watcher.changed().now_or_never().is_none());
        assert!(stranger.changed().now_or_never().is_none());
        hub.wake_all();
        assert!(watcher.changed().now_or_never().is_some());
        assert!(stranger.changed().now_or_never().is_some());
    }

    #[test]
    fn a_contact_has_only_so_many_streams_and_a_closed_one_makes_room() {
        let (hub, id) = (Hub::new(), id());
        let mut open: Vec<_> = (0..STREAMS_OF_A_CONTACT)
            .map(|_| hub.subscribe(&id).unwrap())
            .collect();
        assert!(matches!(hub.subscribe(&id), Err(Error::TooManyStreams)));
        assert!(
            hub.subscribe(&super::tests::id()).is_ok(),
            "others are not affected"
        );
        open.pop();
        open.push(hub.subscribe(&id).unwrap());
        drop(open);
        assert!(
            hub.watched.lock().inboxes.is_empty(),
            "nothing is left behind"
        );
        assert_eq!(hub.watched.lock().streams, 0);
    }
}
