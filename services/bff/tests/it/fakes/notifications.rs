use std::{collections::HashMap, path::Path, sync::Arc};

use futures::{StreamExt, stream, stream::BoxStream};
use parking_lot::Mutex;
use proto::{
    events::v1::LogPosition,
    notifications::v1::{
        BatchGetTicketReadsRequest, BatchGetTicketReadsResponse, GetInboxRequest, GetInboxResponse,
        Inbox, InboxVersion, MarkTicketReadRequest, MarkTicketReadResponse,
        RebuildProjectionRequest, RebuildProjectionResponse, TicketRead, WatchInboxRequest,
        WatchInboxResponse,
        notification_service_server::{NotificationService, NotificationServiceServer},
        watch_inbox_response::Frame,
    },
};
use runtime::{Access, auth::AccessTable};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};
use types::ContactId;

use super::{Gate, Host, refused};

const ACCESS: AccessTable = &[
    (
        "/messenger.notifications.v1.NotificationService/GetInbox",
        Access::Contact,
    ),
    (
        "/messenger.notifications.v1.NotificationService/BatchGetTicketReads",
        Access::Contact,
    ),
    (
        "/messenger.notifications.v1.NotificationService/MarkTicketRead",
        Access::Contact,
    ),
    (
        "/messenger.notifications.v1.NotificationService/WatchInbox",
        Access::Contact,
    ),
];

/// Notifications, with inboxes that a test writes.
#[derive(Default)]
pub struct State {
    pub gate: Gate,
    inboxes: Mutex<HashMap<String, watch::Sender<Inbox>>>,
    /// What was read of which ticket, of everybody.
    pub reads: Mutex<Vec<TicketRead>>,
    /// The positions that the newest read had to wait for.
    pub waited_for: Mutex<Vec<LogPosition>>,
}

pub struct FakeNotifications {
    pub state: Arc<State>,
    pub host: Host,
}

impl FakeNotifications {
    pub async fn start(keys: &Path) -> Self {
        let state = Arc::new(State::default());
        let routes = {
            let state = state.clone();
            move |tasks: &runtime::Tasks| {
                Routes::new(NotificationServiceServer::new(Handler {
                    state: state.clone(),
                    stopping: tasks.stopping(),
                }))
            }
        };
        let services = &["messenger.notifications.v1.NotificationService"];
        let host = Host::start("notifications", services, ACCESS, keys, routes).await;
        Self { state, host }
    }

    /// The contact's inbox from now on, at the next version.
    pub fn tell(&self, contact: &ContactId, inbox: Inbox) {
        self.state.slot(contact.as_str()).send_modify(|current| {
            let before = current.version.unwrap_or_default();
            let version = before.version + 1;
            *current = Inbox {
                version: Some(InboxVersion {
                    epoch: 1,
                    version,
                    tickets_version: version,
                    conversations_version: version,
                }),
                ..inbox
            };
        });
    }

    /// Streams open for the contact.
    pub fn watchers(&self, contact: &ContactId) -> usize {
        self.state.slot(contact.as_str()).receiver_count()
    }
}

impl State {
    fn slot(&self, contact: &str) -> watch::Sender<Inbox> {
        let mut inboxes = self.inboxes.lock();
        let slot = inboxes.entry(contact.to_owned()).or_insert_with(|| {
            watch::Sender::new(Inbox {
                version: Some(InboxVersion {
                    epoch: 1,
                    ..Default::default()
                }),
                ..Default::default()
            })
        });
        slot.clone()
    }
}

struct Handler {
    state: Arc<State>,
    stopping: CancellationToken,
}

#[tonic::async_trait]
impl NotificationService for Handler {
    type WatchInboxStream = BoxStream<'static, Result<WatchInboxResponse, Status>>;

    async fn get_inbox(
        &self,
        request: Request<GetInboxRequest>,
    ) -> Result<Response<GetInboxResponse>, Status> {
        let (actor, empty) = self.state.gate.pass("GetInbox", &request).await?;
        *self.state.waited_for.lock() = request.into_inner().at_least;
        let inbox = self.state.slot(&actor.id).borrow().clone();
        Ok(Response::new(GetInboxResponse {
            inbox: (!empty).then_some(inbox),
        }))
    }

    async fn batch_get_ticket_reads(
        &self,
        request: Request<BatchGetTicketReadsRequest>,
    ) -> Result<Response<BatchGetTicketReadsResponse>, Status> {
        self.state
            .gate
            .pass("BatchGetTicketReads", &request)
            .await?;
        let request = request.into_inner();
        *self.state.waited_for.lock() = request.at_least;
        let reads = self.state.reads.lock().clone();
        Ok(Response::new(BatchGetTicketReadsResponse {
            reads: reads
                .into_iter()
                .filter(|read| request.ticket_ids.contains(&read.ticket_id))
                .collect(),
        }))
    }

    async fn mark_ticket_read(
        &self,
        request: Request<MarkTicketReadRequest>,
    ) -> Result<Response<MarkTicketReadResponse>, Status> {
        let (actor, _) = self.state.gate.pass("MarkTicketRead", &request).await?;
        let request = request.into_inner();
        self.state.reads.lock().push(TicketRead {
            ticket_id: request.ticket_id,
            read_revision: request.up_to_revision,
        });
        let inbox = self.state.slot(&actor.id).borrow().clone();
        Ok(Response::new(MarkTicketReadResponse { inbox: Some(inbox) }))
    }

    async fn watch_inbox(
        &self,
        request: Request<WatchInboxRequest>,
    ) -> Result<Response<Self::WatchInboxStream>, Status> {
        let (actor, _) = self.state.gate.pass("WatchInbox", &request).await?;
        let after = request.into_inner().after;
        let mut inboxes = self.state.slot(&actor.id).subscribe();
        inboxes.mark_changed();
        let frames = stream::unfold((inboxes, after), |(mut inboxes, after)| async move {
            inboxes.changed().await.ok()?;
            let inbox = inboxes.borrow_and_update().clone();
            let frame = match after {
                Some(after) if inbox.version == Some(after) => Frame::Bookmark(after),
                _ => Frame::Inbox(inbox),
            };
            Some((
                Ok(WatchInboxResponse {
                    frame: Some(frame),
                    ..Default::default()
                }),
                (inboxes, None),
            ))
        });
        let stopping = self.stopping.clone();
        let frames = frames.take_until(async move { stopping.cancelled().await });
        Ok(Response::new(frames.boxed()))
    }

    refused! {
        rebuild_projection(RebuildProjectionRequest) -> RebuildProjectionResponse;
    }
}
