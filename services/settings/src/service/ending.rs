//! Ending sessions before their time, with an event for each: whoever has looked one up must be told.

use events::{EventLog, UnitOfWork};
use jiff::Timestamp;
use tokio::sync::oneshot;
use types::{WorkspaceId, micros};

use super::Service;
use crate::{Error, convert, domain::Opener, store};

/// Sessions ended in one transaction at the most: other writers wait for it.
const ENDED_AT_ONCE: i32 = 500;

/// Sessions that a transaction ends.
pub(super) struct SomeEnded {
    pub ended: u32,
    pub more: bool,
}

/// Ends a bounded number of the open sessions that hang on a key or a contact.
pub(super) async fn end_some(
    work: &mut UnitOfWork,
    workspace: &WorkspaceId,
    opener: &Opener,
    now: Timestamp,
) -> Result<SomeEnded, Error> {
    let ended =
        store::sessions::revoke_of(work.tx(), workspace, opener, micros(now), ENDED_AT_ONCE)
            .await?;
    let some = SomeEnded {
        ended: ended.len() as u32,
        more: ended.len() as i32 == ENDED_AT_ONCE,
    };
    for session in ended {
        work.emit(convert::session_revoked(session));
    }
    Ok(some)
}

/// As [`end_all`], and to the end even if the caller does not wait for it.
pub(super) async fn end_the_rest(
    service: &Service,
    workspace: WorkspaceId,
    opener: Opener,
) -> Result<u32, Error> {
    let (done, outcome) = oneshot::channel();
    let log = service.log.clone();
    service.tasks.spawn(async move {
        let outcome = end_all(&log, &workspace, &opener).await;
        if let Err(Err(error)) = done.send(outcome) {
            tracing::warn!(%error, ?opener, "sessions that are over wait for housekeeping");
        }
    });
    outcome.await.unwrap_or(Err(Error::Draining))
}

/// Ends the open sessions that hang on a key or a contact, however many; returns how many.
///
/// # Errors
/// When the database fails; what was ended stays ended, and the next call goes on.
pub(crate) async fn end_all(
    log: &EventLog,
    workspace: &WorkspaceId,
    opener: &Opener,
) -> Result<u32, Error> {
    let mut all = 0;
    loop {
        let mut work = log.begin_of(workspace).await?;
        let some = end_some(&mut work, workspace, opener, log.clock().now()).await?;
        work.commit().await?;
        all += some.ended;
        if !some.more {
            return Ok(all);
        }
    }
}
