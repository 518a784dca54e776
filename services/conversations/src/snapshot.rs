//! What this service tells those who start from nothing: every contact's copy of every conversation.

use events::{ContactRef, EventLog, SnapshotPage, SnapshotSource};
use futures::future::BoxFuture;
use sea_orm::DbErr;

use crate::{
    convert,
    domain::Told,
    store::{self, Whose},
};

/// Copies on a page: at the size of the largest, a page still fits into a message.
const PAGE: usize = 128;

/// The copies, in the order of their keys.
pub struct Copies {
    log: EventLog,
}

impl Copies {
    /// Over the database that the log lives in.
    pub fn new(log: EventLog) -> Self {
        Self { log }
    }

    async fn read(&self, after: Option<String>) -> Result<SnapshotPage, DbErr> {
        let after = after
            .as_deref()
            .map(|place| {
                let mut parts = place.splitn(3, '|');
                match (parts.next(), parts.next(), parts.next()) {
                    (Some(workspace), Some(contact), Some(id)) => Ok((workspace, contact, id)),
                    _ => Err(DbErr::Type("not a place in a snapshot".into())),
                }
            })
            .transpose()?;
        self.copies(Whose::Page(after, PAGE), |last| {
            let key = &last.view.conversation.key;
            let contact = &last.view.participant.contact;
            format!("{}|{contact}|{}", key.workspace, key.conversation)
        })
        .await
    }

    async fn read_of(&self, of: &ContactRef, after: Option<String>) -> Result<SnapshotPage, DbErr> {
        let after = after.unwrap_or_default();
        let whose = Whose::PageOf(&of.workspace, &of.contact, &after, PAGE);
        self.copies(whose, |last| {
            last.view.conversation.key.conversation.to_string()
        })
        .await
    }

    async fn copies(
        &self,
        whose: Whose<'_>,
        place: impl Fn(&Told) -> String,
    ) -> Result<SnapshotPage, DbErr> {
        // places and frontiers of one moment
        let tx = self.log.database().snapshot().await?;
        let copies = store::views(&tx, whose).await?;
        tx.commit().await?;
        let next = copies.last().filter(|_| copies.len() == PAGE).map(place);
        let events = copies
            .iter()
            .map(|copy| convert::changed(copy, copy.view.conversation.activity_at))
            .collect();
        Ok(SnapshotPage { events, next })
    }
}

impl SnapshotSource for Copies {
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
