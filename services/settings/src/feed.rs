//! What the feed tells a reader who starts from nothing: the settings and the security of every workspace
//! that ever changed them, the visitors who became users and the contacts who were erased, for ever, then the
//! sessions that were ended before their time, while that time has not come.

use events::{ContactRef, EventLog, NewEvent, SnapshotPage, SnapshotSource};
use futures::future::BoxFuture;
use sea_orm::DbErr;
use types::micros;

use crate::{
    convert,
    store::{self, snapshot::Whole},
};

/// Aggregates on a page.
const PAGE: i32 = 200;

/// The parts of a snapshot, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Settings,
    Security,
    Merges,
    Erasures,
    Sessions,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Settings,
        Self::Security,
        Self::Merges,
        Self::Erasures,
        Self::Sessions,
    ];

    /// What a place in it begins with.
    fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Security => "security",
            Self::Merges => "merges",
            Self::Erasures => "erasures",
            Self::Sessions => "sessions",
        }
    }

    /// The part of a place and what was told of it last; from the start without one.
    fn of(place: Option<&str>) -> (Self, &str) {
        let (name, after) = place
            .and_then(|place| place.split_once('|'))
            .unwrap_or_default();
        let part = Self::ALL.into_iter().find(|part| part.name() == name);
        (part.unwrap_or(Self::Settings), after)
    }

    /// Where the next page starts, after one that ends with `last`.
    fn next(self, last: Option<String>, full: bool) -> Option<String> {
        if let (Some(last), true) = (last, full) {
            return Some(format!("{}|{last}", self.name()));
        }
        let mut parts = Self::ALL.into_iter();
        parts.find(|part| *part == self)?;
        Some(format!("{}|", parts.next()?.name()))
    }
}

/// Reads the state behind a log.
pub(crate) struct Snapshots {
    log: EventLog,
}

impl Snapshots {
    /// Of the database in which the log lives.
    pub fn new(log: EventLog) -> Self {
        Self { log }
    }

    async fn read(&self, part: Part, after: &str) -> Result<SnapshotPage, DbErr> {
        let (events, last) = match part {
            Part::Settings => self.whole(Whole::Settings, after).await?,
            Part::Security => self.whole(Whole::Security, after).await?,
            Part::Merges => self.merges(after).await?,
            Part::Erasures => self.erasures(after).await?,
            Part::Sessions => self.sessions(after).await?,
        };
        let full = events.len() as i32 == PAGE;
        Ok(SnapshotPage {
            next: part.next(last, full),
            events,
        })
    }

    async fn whole(
        &self,
        whole: Whole,
        after: &str,
    ) -> Result<(Vec<NewEvent>, Option<String>), DbErr> {
        let db = self.log.database().read();
        let workspaces = store::snapshot::changed_workspaces(db, whole, after, PAGE).await?;
        let last = workspaces.last().map(|(last, _)| last.to_string());
        let mut events = Vec::with_capacity(workspaces.len());
        for (workspace, changed_at) in workspaces {
            events.push(match whole {
                Whole::Settings => {
                    let settings = store::spaces::load(db, &workspace).await?;
                    convert::settings_changed(&workspace, &settings, changed_at)
                }
                Whole::Security => {
                    let security = store::security::load(db, &workspace).await?;
                    convert::security_changed(&workspace, &security, changed_at)
                }
            });
        }
        Ok((events, last))
    }

    async fn merges(&self, after: &str) -> Result<(Vec<NewEvent>, Option<String>), DbErr> {
        let db = self.log.database().read();
        let merges = store::snapshot::merges(db, pair(after), PAGE).await?;
        let last = merges.last();
        let last = last.map(|merge| format!("{}|{}", merge.workspace, merge.from));
        let events = merges.into_iter().map(convert::contact_merged).collect();
        Ok((events, last))
    }

    async fn erasures(&self, after: &str) -> Result<(Vec<NewEvent>, Option<String>), DbErr> {
        let db = self.log.database().read();
        let erasures = store::snapshot::erasures(db, pair(after), PAGE).await?;
        let last = erasures.last();
        let last = last.map(|erasure| format!("{}|{}", erasure.workspace, erasure.contact));
        let events = erasures.into_iter().map(convert::contact_erased).collect();
        Ok((events, last))
    }

    async fn sessions(&self, after: &str) -> Result<(Vec<NewEvent>, Option<String>), DbErr> {
        let db = self.log.database().read();
        let now = micros(self.log.clock().now());
        let ended = store::snapshot::ended_sessions(db, after, now, PAGE).await?;
        let last = ended.last().map(|last| last.id.to_string());
        let events = ended.into_iter().map(convert::session_revoked).collect();
        Ok((events, last))
    }

    /// What became of one contact; their sessions are no state of theirs.
    async fn read_of(&self, of: &ContactRef) -> Result<SnapshotPage, DbErr> {
        let db = self.log.database().read();
        let workspace = &of.workspace;
        let merge = store::snapshot::merge_of(db, workspace, &of.contact).await?;
        let erasure = store::snapshot::erasure_of(db, workspace, &of.contact).await?;
        let events = merge.into_iter().map(convert::contact_merged);
        let events = events.chain(erasure.into_iter().map(convert::contact_erased));
        Ok(SnapshotPage {
            events: events.collect(),
            next: None,
        })
    }
}

fn pair(place: &str) -> (&str, &str) {
    place.split_once('|').unwrap_or((place, ""))
}

impl SnapshotSource for Snapshots {
    fn page(&self, after: Option<String>) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        Box::pin(async move {
            let (part, after) = Part::of(after.as_deref());
            self.read(part, after).await
        })
    }

    fn page_of(
        &self,
        contact: &ContactRef,
        _: Option<String>,
    ) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        let contact = contact.clone();
        Box::pin(async move { self.read_of(&contact).await })
    }
}
