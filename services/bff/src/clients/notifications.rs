//! Notifications: what is unread.

use std::{sync::atomic::Ordering, time::Duration};

use proto::{events::v1::LogPosition, notifications::v1 as nt};
use tonic::Streaming;

use super::{Clients, Credential, GARNISH, WRITE};
use crate::error::Error;

/// Notifications waits up to 2 s for the positions of a consistency token.
const CATCH_UP: Duration = Duration::from_millis(2_500);
/// A watch is opened anew if it takes longer.
const OPEN: Duration = Duration::from_secs(5);

impl Clients {
    pub(crate) async fn inbox(
        &self,
        by: &Credential,
        at_least: Vec<LogPosition>,
    ) -> Result<nt::Inbox, Error> {
        let limit = patience(&at_least);
        let body = nt::GetInboxRequest { at_least };
        let answer = self
            .inbox
            .call(
                self.signed(by),
                true,
                limit,
                &body,
                |mut to, body| async move { to.get_inbox(body).await },
            )
            .await?;
        whole(answer.inbox)
    }

    pub(crate) async fn ticket_reads(
        &self,
        by: &Credential,
        ticket_ids: Vec<String>,
        at_least: Vec<LogPosition>,
    ) -> Result<Vec<nt::TicketRead>, Error> {
        let limit = patience(&at_least);
        let body = nt::BatchGetTicketReadsRequest {
            ticket_ids,
            at_least,
        };
        let answer = self
            .inbox
            .call(
                self.signed(by),
                true,
                limit,
                &body,
                |mut to, body| async move { to.batch_get_ticket_reads(body).await },
            )
            .await?;
        Ok(answer.reads)
    }

    pub(crate) async fn mark_ticket_read(
        &self,
        by: &Credential,
        body: nt::MarkTicketReadRequest,
    ) -> Result<(), Error> {
        self.inbox
            .call(
                self.signed(by),
                true,
                WRITE,
                &body,
                |mut to, body| async move { to.mark_ticket_read(body).await },
            )
            .await
            .map(drop)
    }

    /// Opens a watch, on the connection whose turn it is.
    pub(crate) async fn watch_inbox(
        &self,
        by: &Credential,
        after: Option<nt::InboxVersion>,
    ) -> Result<Streaming<nt::WatchInboxResponse>, Error> {
        let turn = self.next_watch.fetch_add(1, Ordering::Relaxed) % self.watches.len();
        let mut to = self.watches[turn].clone();
        let body = nt::WatchInboxRequest { after };
        let caller = self.signed(by);
        let request = caller.headers()?.on(body);
        let Ok(answer) = tokio::time::timeout(OPEN, to.watch_inbox(request)).await else {
            return Err(Error::Away("notifications"));
        };
        self.inbox.observe(answer.as_ref().err(), caller);
        Ok(answer?.into_inner())
    }
}

/// An inbox that does not say where it stands is none.
pub(crate) fn whole(inbox: Option<nt::Inbox>) -> Result<nt::Inbox, Error> {
    inbox
        .filter(|inbox| inbox.version.is_some())
        .ok_or(Error::Garbage("inbox"))
}

/// Badges are a garnish, unless the client asked to wait for a write of its own.
fn patience(at_least: &[LogPosition]) -> Duration {
    if at_least.is_empty() {
        GARNISH
    } else {
        CATCH_UP
    }
}
