//! When keys and tokens were last used: noted in memory as they are used, and written once a minute, so that
//! no caller waits for it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use events::EventLog;
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use types::WorkspaceId;

use crate::{
    Error,
    domain::{ApiTokenId, IdentityKeyId},
    store::{self, uses::Kept},
};

const EVERY: Duration = Duration::from_secs(60);

/// One of the keys and tokens.
type Used = (WorkspaceId, Kept, String);

/// What was used since the last writing: one entry for each key and token that is there, at the most.
#[derive(Default)]
pub(crate) struct Uses(Mutex<BTreeMap<Used, i64>>);

impl Uses {
    /// A user token of this key opened a session, at so many microseconds since 1970.
    pub fn key(&self, workspace: &WorkspaceId, key: &IdentityKeyId, at: i64) {
        self.note((workspace.clone(), Kept::IdentityKey, key.to_string()), at);
    }

    /// This token was exchanged.
    pub fn token(&self, workspace: &WorkspaceId, token: &ApiTokenId, at: i64) {
        self.note((workspace.clone(), Kept::ApiToken, token.to_string()), at);
    }

    fn note(&self, used: Used, at: i64) {
        let mut noted = self.0.lock();
        let last = noted.entry(used).or_insert(at);
        *last = at.max(*last);
    }

    /// Writes what was noted. What cannot be written is noted again.
    pub async fn write(&self, log: &EventLog) {
        let noted = std::mem::take(&mut *self.0.lock());
        if noted.is_empty() {
            return;
        }
        if let Err(error) = write(log, &noted).await {
            tracing::warn!(%error, "when keys and tokens were used is written later");
            for (used, at) in noted {
                self.note(used, at);
            }
        }
    }
}

/// In the order of the keys, so that replicas never wait for each other in a circle.
async fn write(log: &EventLog, noted: &BTreeMap<Used, i64>) -> Result<(), Error> {
    let tx = log.database().begin().await?;
    for ((workspace, kept, id), at) in noted {
        store::uses::note(&tx, workspace, *kept, id, *at).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Writes once a minute until told to stop. What is noted after that is for who stops it to write.
pub(crate) async fn run(uses: Arc<Uses>, log: EventLog, stop: CancellationToken) {
    let mut ticks = tokio::time::interval_at(Instant::now() + EVERY, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => uses.write(&log).await,
        }
    }
}
