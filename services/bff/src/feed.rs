//! The settings feed: what changed for whom, and the proof that nothing was missed. The cursors live in
//! memory, like everything that is learned here: a new process starts at the newest position with nothing
//! to forget.

use std::{sync::Arc, time::Duration};

use events::{Delivery, EventSource, PARTITIONS, SourceError};
use futures::StreamExt;
use prost::Message;
use proto::{
    events::v1::{Cursor, Envelope},
    settings::v1::{
        ContactErased, ContactMerged, MessengerSecurityChanged, MessengerSettingsChanged,
        SessionRevoked,
    },
};
use rand::Rng;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;
use types::WorkspaceId;

use crate::{
    apps::Apps,
    convert,
    freshness::Freshness,
    sessions::{End, Sessions},
    workspace::Workspaces,
};

/// The feed says something every 2 s; three missed and the connection is taken for dead.
const WATCHDOG: Duration = Duration::from_secs(6);
/// First wait after a failure; half of it at least.
const BACKOFF: Duration = Duration::from_millis(100);
/// Longest wait after repeated failures: what D3 bounds starts to count before.
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// A wait this long is told.
const WORTH_TELLING: Duration = Duration::from_millis(1_600);

const SETTINGS_CHANGED: &str = "messenger.settings.v1.MessengerSettingsChanged";
const SESSION_REVOKED: &str = "messenger.settings.v1.SessionRevoked";
const SECURITY_CHANGED: &str = "messenger.settings.v1.MessengerSecurityChanged";
const CONTACT_MERGED: &str = "messenger.settings.v1.ContactMerged";
const CONTACT_ERASED: &str = "messenger.settings.v1.ContactErased";

/// Why the feed cannot be followed any further.
#[derive(Debug, thiserror::Error)]
enum Stop {
    /// Try again from the same cursors.
    #[error("{0}")]
    Away(String),
    /// The cursors are no good: start at the newest positions.
    #[error("{0}")]
    Gap(String),
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Unavailable(_) => Self::Away(error.to_string()),
            SourceError::OutOfRange { .. } | SourceError::Diverged { .. } => {
                Self::Gap(error.to_string())
            }
        }
    }
}

/// Follows the settings feed for as long as the process runs.
pub(crate) struct Feed {
    source: Arc<dyn EventSource>,
    sessions: Arc<Sessions>,
    workspaces: Arc<Workspaces>,
    apps: Arc<Apps>,
    freshness: Arc<Freshness>,
    cursors: Option<Vec<Cursor>>,
    following: watch::Sender<bool>,
}

impl Feed {
    pub(crate) fn new(
        source: Arc<dyn EventSource>,
        sessions: Arc<Sessions>,
        workspaces: Arc<Workspaces>,
        apps: Arc<Apps>,
        freshness: Arc<Freshness>,
    ) -> Self {
        Self {
            source,
            sessions,
            workspaces,
            apps,
            freshness,
            cursors: None,
            following: watch::Sender::new(false),
        }
    }

    /// Says when the feed is followed for the first time.
    pub(crate) fn following(&self) -> watch::Receiver<bool> {
        self.following.subscribe()
    }

    /// Runs until told to stop. Failures are logged and tried again.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut backoff = BACKOFF;
        loop {
            let stopped = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.follow(&mut backoff) => match outcome {
                    Ok(never) => match never {},
                    Err(stopped) => stopped,
                },
            };
            match &stopped {
                // at first it is a neighbour's restart, later something that somebody should know
                Stop::Away(why) if backoff < WORTH_TELLING => {
                    tracing::debug!(why, "settings feed interrupted");
                }
                Stop::Away(why) => tracing::warn!(why, "settings feed interrupted"),
                Stop::Gap(why) => {
                    tracing::error!(why, "settings feed broken: starting anew");
                    self.cursors = None;
                }
            }
            let wait = rand::thread_rng().gen_range(backoff / 2..=backoff);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    async fn follow(&mut self, backoff: &mut Duration) -> Result<std::convert::Infallible, Stop> {
        let mut cursors = match self.cursors.take() {
            Some(cursors) => cursors,
            None => self.start_anew().await?,
        };
        self.cursors = Some(cursors.clone());
        let mut deliveries = patient(self.source.subscribe(cursors.clone())).await??;
        let mut goal = None;
        loop {
            let Some(delivery) = patient(deliveries.next()).await? else {
                return Err(Stop::Away("the feed ended".into()));
            };
            match delivery? {
                Delivery::Batch(events) => {
                    for event in events {
                        self.apply(&mut cursors, &event)?;
                    }
                    self.cursors = Some(cursors.clone());
                }
                Delivery::Heartbeat(heads) => {
                    *backoff = BACKOFF;
                    // one goal at a time: on a busy feed each new one would lie ahead
                    goal.get_or_insert((heads, self.freshness.now()));
                }
            }
            if let Some((_, at)) = goal.take_if(|(heads, _)| reached(&cursors, heads)) {
                self.freshness.alive(at);
                self.following.send_replace(true);
            }
        }
    }

    /// The newest positions. Whatever was learned before they were read does not count any more; what is
    /// asked for from now on is as new as they are, or newer.
    async fn start_anew(&self) -> Result<Vec<Cursor>, Stop> {
        let heads = patient(self.source.heads()).await??;
        let whole = heads.len() == PARTITIONS
            && (0..)
                .zip(&heads)
                .all(|(partition, head)| head.partition == partition);
        if !whole {
            return Err(Stop::Away(
                "the newest positions are not one a partition".into(),
            ));
        }
        self.freshness.gap();
        Ok(heads)
    }

    fn apply(&self, cursors: &mut [Cursor], event: &Envelope) -> Result<(), Stop> {
        let cursor = cursors
            .get_mut(event.partition as usize)
            .ok_or_else(|| Stop::Gap("an event is in no partition".into()))?;
        if event.position <= cursor.position {
            return Ok(());
        }
        if event.position != cursor.position + 1 {
            return Err(Stop::Gap(format!(
                "partition {} goes from {} to {}",
                event.partition, cursor.position, event.position
            )));
        }
        self.learn(event)?;
        *cursor = Cursor {
            partition: event.partition,
            position: event.position,
            event_id: event.event_id.clone(),
            log_epoch: event.log_epoch.clone(),
        };
        Ok(())
    }

    fn learn(&self, event: &Envelope) -> Result<(), Stop> {
        let unreadable = || Stop::Gap(format!("an event of type {} cannot be read", event.r#type));
        match event.r#type.as_str() {
            SETTINGS_CHANGED => {
                let changed = MessengerSettingsChanged::decode(event.payload.as_slice())
                    .map_err(|_| unreadable())?;
                let workspace =
                    WorkspaceId::parse(&event.workspace_id).map_err(|_| unreadable())?;
                let settings = changed.settings.ok_or_else(unreadable)?;
                self.workspaces
                    .told(&workspace, convert::switches(&settings));
            }
            SESSION_REVOKED => {
                let revoked =
                    SessionRevoked::decode(event.payload.as_slice()).map_err(|_| unreadable())?;
                self.sessions.revoke(&revoked.session_id);
            }
            SECURITY_CHANGED => {
                let changed = MessengerSecurityChanged::decode(event.payload.as_slice())
                    .map_err(|_| unreadable())?;
                let workspace =
                    WorkspaceId::parse(&event.workspace_id).map_err(|_| unreadable())?;
                let security = changed.security.ok_or_else(unreadable)?;
                self.apps.told(workspace, &security);
            }
            CONTACT_MERGED => {
                let merged =
                    ContactMerged::decode(event.payload.as_slice()).map_err(|_| unreadable())?;
                self.sessions
                    .end_all_of(&merged.from_contact_id, End::Merged);
            }
            CONTACT_ERASED => {
                let erased =
                    ContactErased::decode(event.payload.as_slice()).map_err(|_| unreadable())?;
                self.sessions.end_all_of(&erased.contact_id, End::Revoked);
            }
            _ if event.must_understand => return Err(unreadable()),
            _ => {}
        }
        Ok(())
    }
}

/// Everything that the feed had when it said so was applied.
fn reached(cursors: &[Cursor], heads: &[Cursor]) -> bool {
    heads.iter().all(|head| {
        cursors
            .get(head.partition as usize)
            .is_some_and(|cursor| cursor.position >= head.position)
    })
}

async fn patient<T>(step: impl Future<Output = T>) -> Result<T, Stop> {
    timeout(WATCHDOG, step)
        .await
        .map_err(|_| Stop::Away("the feed went silent".into()))
}

#[cfg(test)]
mod tests;
