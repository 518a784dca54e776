//! Where a consumer's events come from: one trait, several transports, one conformance suite.

use futures::{
    Stream, StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use proto::events::v1::{
    Cursor, Envelope, GetHeadsRequest, ReadRequest, ResetKind, SnapshotRequest, SubscribeRequest,
    event_feed_service_client::EventFeedServiceClient, snapshot_response::Piece,
    subscribe_response::Frame,
};
use runtime::client::call;
use sea_orm::DbErr;
use tonic::{Code, Response, Status, body::Body, client::GrpcService, codegen::Bytes};
use types::{ContactId, WorkspaceId};

use crate::{EventLog, feed, tail::Tail};
use std::{sync::Arc, time::Duration};

/// The owner has answered after this long, or begun to: less than any reader waits for it.
const ANSWER: Duration = Duration::from_secs(5);

/// What a subscription delivers.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// Events, in order within each partition.
    Batch(Vec<Envelope>),
    /// A sign of life, with the newest positions known.
    Heartbeat(Vec<Cursor>),
}

/// Why a source cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// What follows the cursor was pruned: take a snapshot.
    #[error("partition {partition} was pruned past the cursor")]
    OutOfRange {
        /// Which.
        partition: usize,
    },
    /// The log holds another history than was applied: rebuild from a snapshot.
    #[error("partition {partition} holds another history")]
    Diverged {
        /// Which.
        partition: usize,
    },
    /// Away for now: try again from the same cursors.
    #[error("the source is away: {0}")]
    Unavailable(String),
}

/// A piece of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub enum SnapshotPiece {
    /// First: subscribe from here afterwards.
    Cursors(Vec<Cursor>),
    /// Then: the state of each aggregate, as events at position 0.
    State(Vec<Envelope>),
}

/// A contact, as the aggregates that concern them name them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactRef {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The customer.
    pub contact: ContactId,
}

/// A stream of what a subscription delivers; after an error it ends.
pub type Deliveries = BoxStream<'static, Result<Delivery, SourceError>>;
/// A stream of a snapshot's pieces.
pub type Snapshot = BoxStream<'static, Result<SnapshotPiece, SourceError>>;

/// A transport. Contract, held by the conformance suite: per-partition order, dense from cursor + 1,
/// chain-checked at the start, at least once, explicit `OutOfRange` and `Diverged`, bounded memory.
pub trait EventSource: Send + Sync + 'static {
    /// Catches up from the cursors, then stays live.
    fn subscribe(&self, cursors: Vec<Cursor>) -> BoxFuture<'_, Result<Deliveries, SourceError>>;
    /// A bounded stretch of one partition, for filling a gap.
    fn read(
        &self,
        partition: usize,
        after: u64,
    ) -> BoxFuture<'_, Result<Vec<Envelope>, SourceError>>;
    /// The newest positions.
    fn heads(&self) -> BoxFuture<'_, Result<Vec<Cursor>, SourceError>>;
    /// The state of every aggregate, or of those that concern some contacts: at most
    /// [`SNAPSHOT_CONTACTS`](crate::feed::SNAPSHOT_CONTACTS).
    fn snapshot(&self, of: Option<Vec<ContactRef>>)
    -> BoxFuture<'_, Result<Snapshot, SourceError>>;
}

/// Reads a log in the same process, without a network in between.
pub struct LocalSource {
    log: EventLog,
    snapshots: Arc<dyn feed::SnapshotSource>,
}

impl LocalSource {
    /// Over the owner's log and what it tells in a snapshot.
    pub fn new(log: EventLog, snapshots: Arc<dyn feed::SnapshotSource>) -> Self {
        Self { log, snapshots }
    }

    /// Over a log of which nobody takes a snapshot: one would be empty.
    pub fn of_log(log: EventLog) -> Self {
        Self::new(log, Arc::new(NoStates))
    }
}

struct NoStates;

impl feed::SnapshotSource for NoStates {
    fn page(&self, _: Option<String>) -> BoxFuture<'_, Result<feed::SnapshotPage, DbErr>> {
        Box::pin(std::future::ready(Ok(feed::SnapshotPage::default())))
    }
}

impl EventSource for LocalSource {
    fn subscribe(&self, cursors: Vec<Cursor>) -> BoxFuture<'_, Result<Deliveries, SourceError>> {
        Box::pin(async move { Ok(Tail::new(self.log.clone(), &cursors)?.deliveries()) })
    }

    fn read(
        &self,
        partition: usize,
        after: u64,
    ) -> BoxFuture<'_, Result<Vec<Envelope>, SourceError>> {
        Box::pin(feed::read(&self.log, partition, after, crate::BATCH_EVENTS))
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Cursor>, SourceError>> {
        Box::pin(async { self.log.head_cursors().await.map_err(away) })
    }

    fn snapshot(
        &self,
        of: Option<Vec<ContactRef>>,
    ) -> BoxFuture<'_, Result<Snapshot, SourceError>> {
        let snapshot = feed::snapshot(self.log.clone(), self.snapshots.clone(), of);
        Box::pin(std::future::ready(Ok(snapshot)))
    }
}

/// Reads another service's feed over gRPC.
pub struct GrpcSource<T> {
    client: EventFeedServiceClient<T>,
}

impl<T> GrpcSource<T>
where
    T: GrpcService<Body>,
    T::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <T::ResponseBody as http_body::Body>::Error:
        Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    /// Over a channel that carries the caller's credentials.
    pub fn new(channel: T) -> Self {
        Self {
            client: EventFeedServiceClient::new(channel).max_decoding_message_size(8 << 20),
        }
    }
}

impl<T: Clone> GrpcSource<T> {
    /// Asks, and asks again when the connection breaks: each of these only reads. Where a server ended a
    /// connection in peace, as each does now and then, the first call afterwards is how one hears of it.
    async fn ask<A, F, Fut>(&self, method: F) -> Result<A, Status>
    where
        F: Fn(EventFeedServiceClient<T>) -> Fut,
        Fut: Future<Output = Result<Response<A>, Status>>,
    {
        call(true, ANSWER, |_| method(self.client.clone())).await
    }
}

impl<T> EventSource for GrpcSource<T>
where
    T: GrpcService<Body> + Clone + Send + Sync + 'static,
    T::Future: Send,
    T::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <T::ResponseBody as http_body::Body>::Error:
        Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    fn subscribe(&self, cursors: Vec<Cursor>) -> BoxFuture<'_, Result<Deliveries, SourceError>> {
        Box::pin(async move {
            let request = SubscribeRequest { cursors };
            let opened = self.ask(|mut client| {
                let request = request.clone();
                async move { client.subscribe(request).await }
            });
            let stream = opened.await.map_err(status)?;
            Ok(until_error(stream.map_err(status).map(
                |frame| match frame?.frame {
                    Some(Frame::Batch(batch)) => Ok(Delivery::Batch(batch.events)),
                    Some(Frame::Heartbeat(heartbeat)) => Ok(Delivery::Heartbeat(heartbeat.heads)),
                    Some(Frame::Reset(reset)) => Err(match reset.kind() {
                        ResetKind::OutOfRange => SourceError::OutOfRange {
                            partition: reset.partition as usize,
                        },
                        _ => SourceError::Diverged {
                            partition: reset.partition as usize,
                        },
                    }),
                    None => Err(SourceError::Unavailable("an empty frame".into())),
                },
            )))
        })
    }

    fn read(
        &self,
        partition: usize,
        after: u64,
    ) -> BoxFuture<'_, Result<Vec<Envelope>, SourceError>> {
        let request = ReadRequest {
            partition: partition as u32,
            after_position: after,
            limit: 0,
        };
        Box::pin(async move {
            let answer = self.ask(|mut client| async move { client.read(request).await });
            match answer.await {
                Ok(answer) => Ok(answer.events),
                Err(e) if e.code() == Code::OutOfRange => {
                    Err(SourceError::OutOfRange { partition })
                }
                Err(e) => Err(status(e)),
            }
        })
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Cursor>, SourceError>> {
        Box::pin(async move {
            let answer =
                self.ask(|mut client| async move { client.get_heads(GetHeadsRequest {}).await });
            Ok(answer.await.map_err(status)?.heads)
        })
    }

    fn snapshot(
        &self,
        of: Option<Vec<ContactRef>>,
    ) -> BoxFuture<'_, Result<Snapshot, SourceError>> {
        Box::pin(async move {
            // asking for nobody must not be taken for asking for everybody
            if of.as_ref().is_some_and(Vec::is_empty) {
                return Err(SourceError::Unavailable("a snapshot of nobody".into()));
            }
            let contacts = of.unwrap_or_default().into_iter();
            let contacts = contacts.map(|of| proto::events::v1::ContactRef {
                workspace_id: of.workspace.into(),
                contact_id: of.contact.into(),
            });
            let request = SnapshotRequest {
                contacts: contacts.collect(),
            };
            let opened = self.ask(|mut client| {
                let request = request.clone();
                async move { client.snapshot(request).await }
            });
            let stream = opened.await.map_err(status)?;
            Ok(until_error(stream.map_err(status).map(
                |piece| match piece?.piece {
                    Some(Piece::Cursors(cursors)) => Ok(SnapshotPiece::Cursors(cursors.cursors)),
                    Some(Piece::State(state)) => Ok(SnapshotPiece::State(state.events)),
                    None => Err(SourceError::Unavailable("an empty piece".into())),
                },
            )))
        })
    }
}

/// Ends after the first error, whatever the stream would say next.
fn until_error<T: Send + 'static>(
    stream: impl Stream<Item = Result<T, SourceError>> + Send + 'static,
) -> BoxStream<'static, Result<T, SourceError>> {
    stream::unfold(Some(stream.boxed()), |stream| async move {
        let mut stream = stream?;
        let item = stream.next().await?;
        let rest = item.is_ok().then_some(stream);
        Some((item, rest))
    })
    .boxed()
}

pub(crate) fn away(error: impl std::fmt::Display) -> SourceError {
    SourceError::Unavailable(error.to_string())
}

fn status(status: Status) -> SourceError {
    SourceError::Unavailable(format!("{:?}: {}", status.code(), status.message()))
}
