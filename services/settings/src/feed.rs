//! What the feed tells a reader who starts from nothing: the settings of every workspace that ever
//! changed them, then the sessions that were ended before their time, while that time has not come.

use events::{EventLog, SnapshotPage, SnapshotSource};
use futures::future::BoxFuture;
use sea_orm::DbErr;
use types::micros;

use crate::{convert, store};

/// Aggregates on a page.
const PAGE: i32 = 200;
/// Where the sessions start: every place in them begins with the prefix of their ids.
const SESSIONS: &str = "ses_";

/// Reads the state behind a log.
pub(crate) struct Snapshots {
    log: EventLog,
}

impl Snapshots {
    /// Of the database in which the log lives.
    pub fn new(log: EventLog) -> Self {
        Self { log }
    }

    async fn settings(&self, after: &str) -> Result<SnapshotPage, DbErr> {
        let db = self.log.database().read();
        let workspaces = store::snapshot::changed_workspaces(db, after, PAGE).await?;
        let next = match workspaces.last() {
            Some((last, _)) if workspaces.len() as i32 == PAGE => last.to_string(),
            _ => SESSIONS.to_owned(),
        };
        let mut events = Vec::with_capacity(workspaces.len());
        for (workspace, changed_at) in workspaces {
            let settings = store::spaces::load(db, &workspace).await?;
            events.push(convert::settings_changed(&workspace, &settings, changed_at));
        }
        Ok(SnapshotPage {
            events,
            next: Some(next),
        })
    }

    async fn sessions(&self, after: &str) -> Result<SnapshotPage, DbErr> {
        let db = self.log.database().read();
        let now = micros(self.log.clock().now());
        let ended = store::snapshot::ended_sessions(db, after, now, PAGE).await?;
        let next = match ended.last() {
            Some(last) if ended.len() as i32 == PAGE => Some(last.id.to_string()),
            _ => None,
        };
        Ok(SnapshotPage {
            events: ended.into_iter().map(convert::session_revoked).collect(),
            next,
        })
    }
}

impl SnapshotSource for Snapshots {
    fn page(&self, after: Option<String>) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        Box::pin(async move {
            match after {
                Some(place) if place.starts_with(SESSIONS) => self.sessions(&place).await,
                place => self.settings(&place.unwrap_or_default()).await,
            }
        })
    }
}
