//! The RPC handlers: parse, wait or write, read, reply.

use std::{sync::Arc, time::Duration};

use database::{is_passing, retried};
use events::{EventLog, departed::Departure};
use futures::{StreamExt, stream::BoxStream};
use jetstream::Hints;
use proto::notifications::v1::{
    BatchGetTicketReadsRequest, BatchGetTicketReadsResponse, GetInboxRequest, GetInboxResponse,
    MarkTicketReadRequest, MarkTicketReadResponse, RebuildProjectionRequest,
    RebuildProjectionResponse, WatchInboxRequest, WatchInboxResponse,
    notification_service_server::NotificationService,
};
use runtime::{Tasks, auth, edge};
use sea_orm::DbErr;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};
use types::micros;

use crate::{
    convert,
    error::Error,
    feed::{Mirrored, Position},
    inboxes::Inboxes,
    projection::TicketRead,
    rebuild::Rebuilder,
    store::{self, InboxId, Marked},
    watch,
};

/// Longest wait for a position.
const CATCH_UP: Duration = Duration::from_secs(2);
/// What is kept back of a shorter deadline of the caller's.
const MARGIN: Duration = Duration::from_millis(20);

/// `messenger.notifications.v1.NotificationService`.
pub struct Service {
    /// This service's own log, for its transactions.
    pub log: EventLog,
    /// What is read.
    pub inboxes: Arc<Inboxes>,
    /// Tells other replicas what no feed does, before they find it in the log.
    pub hints: Hints,
    /// How far what is read has come.
    pub mirrored: Mirrored,
    /// Starts over.
    pub rebuilder: Arc<Rebuilder>,
    /// Where work goes on when its caller is gone.
    pub tasks: Tasks,
}

#[tonic::async_trait]
impl NotificationService for Service {
    async fn get_inbox(
        &self,
        request: Request<GetInboxRequest>,
    ) -> Result<Response<GetInboxResponse>, Status> {
        let id = caller(&request)?;
        let at_least = convert::at_least(&request.get_ref().at_least)?;
        self.wait_for(&at_least).await?;
        let snapshot = self.inboxes.read(&id).await?;
        Ok(Response::new(GetInboxResponse {
            inbox: Some(convert::inbox(&snapshot)),
        }))
    }

    async fn batch_get_ticket_reads(
        &self,
        request: Request<BatchGetTicketReadsRequest>,
    ) -> Result<Response<BatchGetTicketReadsResponse>, Status> {
        let id = caller(&request)?;
        let (ticket_ids, at_least) = convert::ticket_reads(request.get_ref())?;
        self.wait_for(&at_least).await?;
        let reads = self.inboxes.store().ticket_reads(&id, &ticket_ids).await;
        let reads = reads
            .map_err(Error::from)?
            .into_iter()
            .map(convert::read)
            .collect();
        Ok(Response::new(BatchGetTicketReadsResponse { reads }))
    }

    async fn mark_ticket_read(
        &self,
        request: Request<MarkTicketReadRequest>,
    ) -> Result<Response<MarkTicketReadResponse>, Status> {
        let id = caller(&request)?;
        let read = convert::mark_ticket_read(request.get_ref())?;
        let id = self.mark_read(id, read).await?;
        let snapshot = self.inboxes.read(&id).await?;
        Ok(Response::new(MarkTicketReadResponse {
            inbox: Some(convert::inbox(&snapshot)),
        }))
    }

    type WatchInboxStream = BoxStream<'static, Result<WatchInboxResponse, Status>>;

    async fn watch_inbox(
        &self,
        request: Request<WatchInboxRequest>,
    ) -> Result<Response<Self::WatchInboxStream>, Status> {
        let id = caller(&request)?;
        let held = convert::watch(request.into_inner());
        let subscription = self.inboxes.watch(&id)?;
        let frames = watch::frames(
            self.inboxes.clone(),
            subscription,
            held,
            self.tasks.stopping(),
        );
        let frames = frames.map(|frame| Ok(convert::frame(&frame?)));
        Ok(Response::new(frames.boxed()))
    }

    async fn rebuild_projection(
        &self,
        _: Request<RebuildProjectionRequest>,
    ) -> Result<Response<RebuildProjectionResponse>, Status> {
        let rebuilder = self.rebuilder.clone();
        let rebuilt = self
            .to_its_end(async move { rebuilder.run().await })
            .await?;
        Ok(Response::new(convert::rebuilt(rebuilt)))
    }
}

impl Service {
    async fn wait_for(&self, positions: &[Position]) -> Result<(), Error> {
        // a little less than what the caller has left, to tell them why
        let left = edge::time_left().map_or(CATCH_UP, |left| left.saturating_sub(MARGIN));
        if self.mirrored.reached(positions, CATCH_UP.min(left)).await {
            Ok(())
        } else {
            Err(Error::NotCaughtUp)
        }
    }

    /// Returns whose read it became: a visitor may be a user by now.
    async fn mark_read(&self, id: InboxId, read: TicketRead) -> Result<InboxId, Error> {
        match self.try_mark_read(id.clone(), read.clone()).await? {
            None => Ok(id),
            Some(Departure::Merged(user)) => {
                let id = InboxId {
                    contact: user.contact,
                    ..id
                };
                match self.try_mark_read(id.clone(), read).await? {
                    None => Ok(id),
                    Some(_) => Err(Error::ContactGone),
                }
            }
            Some(Departure::Erased) => Err(Error::ContactGone),
        }
    }

    /// What became of the contact, if nothing was kept since they are no more.
    async fn try_mark_read(
        &self,
        id: InboxId,
        read: TicketRead,
    ) -> Result<Option<Departure>, Error> {
        let (log, inboxes) = (self.log.clone(), self.inboxes.clone());
        let hints = self.hints.clone();
        self.to_its_end(async move {
            // what is read already stays read
            let marked = retried(is_passing, || async {
                let mut work = log.begin_of(&id.workspace).await?;
                let seen = match store::mark_read(work.tx(), &id, read.clone()).await? {
                    Marked::Kept(seen) => seen,
                    Marked::Departed(departure) => return Ok((Vec::new(), Some(departure))),
                };
                if seen && inboxes.are_shared() {
                    let now = micros(log.clock().now());
                    work.emit(convert::ticket_read(&id, &read, now));
                }
                Ok((work.commit().await?, None))
            });
            let marked: Result<_, DbErr> = marked.await;
            // also when the answer to the commit was lost: it may have happened
            inboxes.changed(&id);
            let (positions, departure) = marked?;
            if !positions.is_empty() {
                hints.publish(&id.workspace, &id.contact).await;
            }
            Ok(departure)
        })
        .await
    }

    /// Work that must not stop between its commit and the announcement of it, though its caller may be
    /// gone by then.
    async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (done, outcome) = oneshot::channel();
        self.tasks.spawn(async move {
            // nobody listens any more: the work is done all the same
            let _ = done.send(work.await);
        });
        outcome.await.map_err(|_| Error::Unfinished)?
    }
}

/// Whose inbox it is: the caller's own.
fn caller<T>(request: &Request<T>) -> Result<InboxId, Error> {
    let actor = auth::actor(request)?;
    Ok(InboxId {
        workspace: actor.workspace()?.clone(),
        contact: actor.contact()?,
    })
}
