//! The owner's side of a feed: `EventFeedService` over its log.

use std::{collections::HashMap, sync::Arc};

use futures::{StreamExt, future::BoxFuture, stream, stream::BoxStream};
use proto::events::v1::{
    Envelope, EventBatch, GetHeadsRequest, GetHeadsResponse, Heartbeat, ReadRequest, ReadResponse,
    Reset, ResetKind, SnapshotCursors, SnapshotRequest, SnapshotResponse, SubscribeRequest,
    SubscribeResponse, event_feed_service_server::EventFeedService, snapshot_response::Piece,
    subscribe_response::Frame,
};
use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    BATCH_BYTES, BATCH_EVENTS, EventLog, PARTITIONS,
    log::NewEvent,
    source::{Delivery, Snapshot, SnapshotPiece, SourceError, away},
    tail::Tail,
};

/// A page of an owner's state.
pub struct SnapshotPage {
    /// The newest state of each aggregate on the page; at most [`BATCH_EVENTS`].
    pub events: Vec<NewEvent>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<String>,
}

/// What an owner tells in a snapshot: the newest state of every aggregate, page by page, each page in a
/// short transaction of its own. Versions absorb what changes in between.
pub trait SnapshotSource: Send + Sync + 'static {
    /// The page after a place; `None` for the first.
    fn page(&self, after: Option<String>) -> BoxFuture<'_, Result<SnapshotPage, DbErr>>;
}

/// Serves a log to other services.
pub struct FeedServer {
    log: EventLog,
    snapshots: Arc<dyn SnapshotSource>,
    drain: CancellationToken,
}

impl FeedServer {
    /// Streams end when `drain` is cancelled.
    pub fn new(
        log: EventLog,
        snapshots: Arc<dyn SnapshotSource>,
        drain: CancellationToken,
    ) -> Self {
        Self {
            log,
            snapshots,
            drain,
        }
    }
}

#[tonic::async_trait]
impl EventFeedService for FeedServer {
    type SubscribeStream = BoxStream<'static, Result<SubscribeResponse, Status>>;
    type SnapshotStream = BoxStream<'static, Result<SnapshotResponse, Status>>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let tail = Tail::new(self.log.clone(), &request.into_inner().cursors).map_err(|_| {
            refuse("cursors must each name a partition from 0 to 15, and none twice")
        })?;
        let log = self.log.clone();
        let frames = tail.deliveries().then(move |delivery| {
            let log = log.clone();
            async move {
                let frame = match delivery {
                    Ok(Delivery::Batch(events)) => Frame::Batch(EventBatch { events }),
                    Ok(Delivery::Heartbeat(heads)) => Frame::Heartbeat(Heartbeat { heads }),
                    Err(SourceError::OutOfRange { partition }) => {
                        reset(&log, partition, ResetKind::OutOfRange).await?
                    }
                    Err(SourceError::Diverged { partition }) => {
                        reset(&log, partition, ResetKind::Diverged).await?
                    }
                    Err(error @ SourceError::Unavailable(_)) => return Err(internal(&error)),
                };
                Ok(SubscribeResponse { frame: Some(frame) })
            }
        });
        Ok(Response::new(self.until_drained(frames.boxed())))
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        let request = request.into_inner();
        let partition = request.partition as usize;
        if partition >= PARTITIONS {
            return Err(refuse("partition must be 0 to 15"));
        }
        let limit = match request.limit as usize {
            0 => BATCH_EVENTS,
            limit => limit.min(BATCH_EVENTS),
        };
        match read(&self.log, partition, request.after_position, limit).await {
            Ok(events) => Ok(Response::new(ReadResponse { events })),
            Err(SourceError::Unavailable(error)) => Err(internal(&error)),
            Err(error) => Err(out_of_range(&error)),
        }
    }

    async fn get_heads(
        &self,
        _: Request<GetHeadsRequest>,
    ) -> Result<Response<GetHeadsResponse>, Status> {
        let heads = self.log.head_cursors().await.map_err(|e| internal(&e))?;
        Ok(Response::new(GetHeadsResponse { heads }))
    }

    async fn snapshot(
        &self,
        _: Request<SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        let pieces = snapshot(self.log.clone(), self.snapshots.clone()).map(|piece| {
            let piece = match piece.map_err(|e| internal(&e))? {
                SnapshotPiece::Cursors(cursors) => Piece::Cursors(SnapshotCursors { cursors }),
                SnapshotPiece::State(events) => Piece::State(EventBatch { events }),
            };
            Ok(SnapshotResponse { piece: Some(piece) })
        });
        Ok(Response::new(self.until_drained(pieces.boxed())))
    }
}

impl FeedServer {
    fn until_drained<T: Send + 'static>(
        &self,
        stream: BoxStream<'static, Result<T, Status>>,
    ) -> BoxStream<'static, Result<T, Status>> {
        let drain = self.drain.clone();
        // a stream that came to its own end has nothing to add
        let last = stream::iter(std::iter::from_fn({
            let mut said = false;
            move || {
                let cut = drain.is_cancelled() && !std::mem::replace(&mut said, true);
                cut.then(|| Err(draining()))
            }
        }));
        stream
            .take_until(self.drain.clone().cancelled_owned())
            .chain(last)
            .boxed()
    }
}

/// A stretch of one partition, with its chain.
///
/// # Errors
/// When it was pruned, or the database fails.
pub(crate) async fn read(
    log: &EventLog,
    partition: usize,
    after: u64,
    limit: usize,
) -> Result<Vec<Envelope>, SourceError> {
    if partition >= PARTITIONS {
        return Err(away("there is no such partition"));
    }
    let (floor, floor_id) = log.floor(partition).await.map_err(away)?;
    if after < floor {
        return Err(SourceError::OutOfRange { partition });
    }
    let mut events = log.read(partition, after, limit).await.map_err(away)?;
    if let Some(first) = events.first_mut() {
        first.prev_event_id = match log.event_id_at(partition, after).await.map_err(away)? {
            Some(id) => id,
            None if after == floor => floor_id,
            // pruned since the floor was read
            None => return Err(SourceError::OutOfRange { partition }),
        };
        if first.position != after + 1 {
            return Err(SourceError::OutOfRange { partition });
        }
    }
    events.truncate(fitting(&events));
    Ok(events)
}

/// How many of these events go into one message.
fn fitting(events: &[Envelope]) -> usize {
    let mut bytes = 0;
    events
        .iter()
        .take(BATCH_EVENTS)
        .take_while(|event| {
            let first = bytes == 0;
            bytes += event.payload.len();
            first || bytes <= BATCH_BYTES
        })
        .count()
}

/// The cursors first, then every page, in as many pieces as its bytes need: what changes while the pages
/// are read comes again after the cursors, and versions decide.
pub(crate) fn snapshot(log: EventLog, source: Arc<dyn SnapshotSource>) -> Snapshot {
    enum Next {
        Cursors,
        Page(Option<String>),
        Done,
    }
    stream::unfold(
        (Next::Cursors, Vec::new(), log, source),
        |(next, mut states, log, source)| async move {
            let (piece, next) = match next {
                next if !states.is_empty() => (Ok(one_piece(&mut states)), next),
                Next::Done => return None,
                Next::Cursors => match log.head_cursors().await {
                    Ok(cursors) => (Ok(SnapshotPiece::Cursors(cursors)), Next::Page(None)),
                    Err(error) => (Err(away(error)), Next::Done),
                },
                Next::Page(after) => match source.page(after).await {
                    Ok(page) => {
                        states = page.events.into_iter().map(|e| log.state(e)).collect();
                        let next = page.next.map_or(Next::Done, |at| Next::Page(Some(at)));
                        (Ok(one_piece(&mut states)), next)
                    }
                    Err(error) => (Err(away(error)), Next::Done),
                },
            };
            Some((piece, (next, states, log, source)))
        },
    )
    .boxed()
}

fn one_piece(states: &mut Vec<Envelope>) -> SnapshotPiece {
    let rest = states.split_off(fitting(states));
    SnapshotPiece::State(std::mem::replace(states, rest))
}

async fn reset(log: &EventLog, partition: usize, kind: ResetKind) -> Result<Frame, Status> {
    let (floor, _) = log.floor(partition).await.map_err(|e| internal(&e))?;
    Ok(Frame::Reset(Reset {
        partition: partition as u32,
        kind: kind.into(),
        floor,
    }))
}

fn refuse(why: &str) -> Status {
    told(Code::InvalidArgument, "INVALID_CURSORS", why)
}

fn out_of_range(error: &SourceError) -> Status {
    told(Code::OutOfRange, "PRUNED", &error.to_string())
}

fn draining() -> Status {
    let why = "the server is draining: resume from your cursor";
    told(Code::Unavailable, "DRAINING", why)
}

fn internal(error: &dyn std::fmt::Display) -> Status {
    tracing::error!(%error, "a feed cannot be read");
    let why = "the log cannot be read now; resume from your cursor";
    told(Code::Unavailable, "UNAVAILABLE", why)
}

#[allow(
    clippy::disallowed_methods,
    reason = "the feed is below the crate that makes a service's statuses"
)]
fn told(code: Code, reason: &str, why: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "events.messenger", HashMap::new());
    Status::with_error_details(code, why, details)
}
