//! The owner's side of a feed: `EventFeedService` over its log.

mod snapshot;

use std::{collections::HashMap, sync::Arc};

use futures::{StreamExt, stream, stream::BoxStream};
use proto::events::v1::{
    Envelope, EventBatch, GetHeadsRequest, GetHeadsResponse, Heartbeat, ReadRequest, ReadResponse,
    Reset, ResetKind, SnapshotCursors, SnapshotRequest, SnapshotResponse, SubscribeRequest,
    SubscribeResponse, event_feed_service_server::EventFeedService, snapshot_response::Piece,
    subscribe_response::Frame,
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    BATCH_BYTES, BATCH_EVENTS, EventLog, PARTITIONS,
    source::{ContactRef, Delivery, SnapshotPiece, SourceError, away},
    tail::Tail,
};

pub(crate) use snapshot::snapshot;
pub use snapshot::{SnapshotPage, SnapshotSource};

/// Contacts in a snapshot of some, at the most.
pub const SNAPSHOT_CONTACTS: usize = 100;

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
        request: Request<SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        let contacts = request.into_inner().contacts;
        let of = match contacts.len() {
            0 => None,
            1..=SNAPSHOT_CONTACTS => Some(parse(&contacts)?),
            _ => return Err(refuse_contacts("contacts must be at most 100")),
        };
        let pieces = snapshot(self.log.clone(), self.snapshots.clone(), of).map(|piece| {
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
        if first.prev_event_id.is_empty() && after > 0 {
            if after > floor {
                // pruned since the floor was read
                return Err(SourceError::OutOfRange { partition });
            }
            first.prev_event_id = floor_id;
        }
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

async fn reset(log: &EventLog, partition: usize, kind: ResetKind) -> Result<Frame, Status> {
    let (floor, _) = log.floor(partition).await.map_err(|e| internal(&e))?;
    Ok(Frame::Reset(Reset {
        partition: partition as u32,
        kind: kind.into(),
        floor,
    }))
}

fn parse(contacts: &[proto::events::v1::ContactRef]) -> Result<Vec<ContactRef>, Status> {
    let known = |contact: &proto::events::v1::ContactRef| {
        Some(ContactRef {
            workspace: contact.workspace_id.parse().ok()?,
            contact: contact.contact_id.parse().ok()?,
        })
    };
    let parsed: Option<Vec<_>> = contacts.iter().map(known).collect();
    parsed.ok_or_else(|| refuse_contacts("contacts must each have a workspace_id and a contact_id"))
}

fn refuse(why: &str) -> Status {
    told(Code::InvalidArgument, "INVALID_CURSORS", why)
}

fn refuse_contacts(why: &str) -> Status {
    told(Code::InvalidArgument, "INVALID_CONTACTS", why)
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
