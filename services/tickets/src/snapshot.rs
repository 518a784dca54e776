//! What a consumer that starts from nothing is told: every ticket of every contact.

use database::Database;
use events::{BATCH_EVENTS, ContactRef, SnapshotPage, SnapshotSource};
use futures::future::BoxFuture;
use sea_orm::DbErr;
use types::{micros, timestamp};

use crate::{
    convert,
    domain::{ListPlace, View},
    store::lists,
};

/// Reads the pages of a snapshot.
pub(crate) struct Snapshots {
    db: Database,
}

impl Snapshots {
    pub(crate) fn new(db: Database) -> Self {
        Self { db }
    }

    async fn read(&self, after: Option<String>) -> Result<SnapshotPage, DbErr> {
        let after = after.unwrap_or_default();
        let mut place = after.splitn(3, '/');
        let mut next = || place.next().unwrap_or_default();
        let place = (next(), next(), next());
        let seen = lists::everything(self.db.read(), place, BATCH_EVENTS).await?;
        let last = seen.last().filter(|_| seen.len() == BATCH_EVENTS);
        let next = last.map(|(ticket, viewer)| {
            format!("{}/{}/{}", ticket.workspace, ticket.id, viewer.contact)
        });
        Ok(page(&seen, next))
    }

    /// What the contact sees first, then the rest, each as their list is ordered. What moves in the list
    /// meanwhile is told again after the snapshot's cursors.
    async fn read_of(&self, of: &ContactRef, after: Option<String>) -> Result<SnapshotPage, DbErr> {
        let (visible, place) = match after.as_deref() {
            None => (true, None),
            Some(HIDDEN) => (false, None),
            Some(place) => {
                let (visible, place) =
                    parse(place).ok_or_else(|| DbErr::Type("not a place in a snapshot".into()))?;
                (visible, Some(place))
            }
        };
        let (db, place) = (self.db.read(), place.as_ref());
        let (workspace, contact, limit) = (&of.workspace, &of.contact, BATCH_EVENTS);
        let seen =
            lists::of_contact_seen_or_not(db, workspace, contact, visible, place, limit).await?;
        let next = match seen.last().filter(|_| seen.len() == BATCH_EVENTS) {
            Some((ticket, viewer)) => Some(format!(
                "{visible}/{}/{}/{}",
                micros(viewer.activity_at),
                micros(ticket.created_at),
                ticket.id
            )),
            None if visible => Some(HIDDEN.to_owned()),
            None => None,
        };
        Ok(page(&seen, next))
    }
}

/// Where what the contact does not see begins.
const HIDDEN: &str = "hidden";

fn parse(place: &str) -> Option<(bool, ListPlace)> {
    let mut parts = place.splitn(4, '/');
    let visible = parts.next()?.parse().ok()?;
    let mut time = || Some(timestamp(parts.next()?.parse().ok()?));
    let (activity_at, created_at) = (time()?, time()?);
    let ticket = parts.next()?.parse().ok()?;
    Some((
        visible,
        ListPlace {
            activity_at,
            created_at,
            ticket,
        },
    ))
}

fn page(seen: &[lists::Seen], next: Option<String>) -> SnapshotPage {
    // of what they never saw nobody was told
    let told = seen.iter().filter(|(_, viewer)| viewer.version > 0);
    let events = told.map(|(ticket, viewer)| {
        let view = View::new(ticket, viewer);
        convert::contact_ticket_changed(&view, viewer.version, micros(ticket.updated_at))
    });
    SnapshotPage {
        events: events.collect(),
        next,
    }
}

impl SnapshotSource for Snapshots {
    fn page(&self, after: Option<String>) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        Box::pin(self.read(after))
    }

    fn page_of(
        &self,
        contact: &ContactRef,
        after: Option<String>,
    ) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        let contact = contact.clone();
        Box::pin(async move { self.read_of(&contact, after).await })
    }
}
