//! A watcher's stream: the inbox, then the newest again whenever it changed.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use futures::{Stream, stream};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Error,
    hub::Subscription,
    inboxes::Inboxes,
    store::{Snapshot, Version},
};

/// A stream says something at least this often, so that either side notices when the other is gone.
pub const BOOKMARK: Duration = Duration::from_secs(20);

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The inbox, whole, and the trace of what changed it, as far as that is known.
    Inbox(Arc<Snapshot>, Option<Arc<str>>),
    /// Nothing changed; where the inbox stands.
    Bookmark(Version),
}

/// The frames for a client that holds the inbox of version `held`. The subscription is older than every
/// read, so that no change is missed; who reads slowly meets only the newest. After an error, which a
/// drain is too, the stream ends.
pub fn frames(
    inboxes: Arc<Inboxes>,
    subscription: Subscription,
    held: Option<Version>,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Frame, Error>> {
    let watcher = Watcher {
        inboxes,
        subscription,
        stop,
        sent: None,
        held,
    };
    stream::unfold(Some(watcher), |watcher| async {
        let mut watcher = watcher?;
        match watcher.next().await {
            Ok(frame) => Some((Ok(frame), Some(watcher))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

struct Watcher {
    inboxes: Arc<Inboxes>,
    subscription: Subscription,
    stop: CancellationToken,
    /// The newest version that a frame told.
    sent: Option<Version>,
    /// What the client came with.
    held: Option<Version>,
}

impl Watcher {
    async fn next(&mut self) -> Result<Frame, Error> {
        let Some(sent) = self.sent else {
            let snapshot = self.inboxes.read_in_turn(self.subscription.id()).await?;
            self.sent = Some(snapshot.version);
            let current = self.held.is_some_and(|held| held.same_as(snapshot.version));
            return Ok(if current {
                Frame::Bookmark(snapshot.version)
            } else {
                Frame::Inbox(snapshot, None)
            });
        };
        let bookmark = Instant::now() + BOOKMARK;
        let mut cause = None;
        loop {
            let quiet = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Error::Draining),
                newest = self.subscription.changed() => {
                    cause = newest;
                    false
                }
                () = sleep_until(bookmark) => true,
            };
            if quiet && !self.inboxes.are_shared() {
                return Ok(Frame::Bookmark(sent));
            }
            // where there are other replicas, a change that nobody announced here is found by now
            let snapshot = self.inboxes.read_in_turn(self.subscription.id()).await?;
            if snapshot.version.newer_than(sent) {
                self.sent = Some(snapshot.version);
                return Ok(Frame::Inbox(snapshot, cause));
            }
            if quiet {
                return Ok(Frame::Bookmark(sent));
            }
        }
    }
}
