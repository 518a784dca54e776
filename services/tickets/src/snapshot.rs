//! What a consumer that starts from nothing is told: every ticket of every contact.

use database::Database;
use events::{BATCH_EVENTS, SnapshotPage, SnapshotSource};
use futures::future::BoxFuture;
use sea_orm::DbErr;
use types::micros;

use crate::{convert, domain::View, store};

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
        let seen = store::lists::everything(self.db.read(), place, BATCH_EVENTS).await?;
        let full = seen.len() == BATCH_EVENTS;
        let last = seen.last().filter(|_| full).map(|(ticket, viewer)| {
            format!("{}/{}/{}", ticket.workspace, ticket.id, viewer.contact)
        });
        let events = seen.iter().map(|(ticket, viewer)| {
            let view = View::new(ticket, viewer);
            convert::contact_ticket_changed(&view, viewer.version, micros(ticket.updated_at))
        });
        Ok(SnapshotPage {
            events: events.collect(),
            next: last,
        })
    }
}

impl SnapshotSource for Snapshots {
    fn page(&self, after: Option<String>) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        Box::pin(self.read(after))
    }
}
