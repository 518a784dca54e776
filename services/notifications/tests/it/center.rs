//! The service under test between its stand-ins, and the customers who call it.

use std::{collections::BTreeMap, sync::Arc};

use database::Database;
use notifications::{Config, migration::Migrations};
use parking_lot::Mutex;
use proto::{
    events::v1::LogPosition,
    notifications::v1::{
        BatchGetTicketReadsRequest, GetInboxRequest, Inbox, InboxVersion, MarkTicketReadRequest,
        RebuildProjectionRequest, RebuildProjectionResponse, WatchInboxRequest, WatchInboxResponse,
        notification_service_client::NotificationServiceClient, watch_inbox_response::Frame,
    },
};
use runtime::{Actor, KeyRing, Running, ServerArgs, config::DatabaseArgs};
use sea_orm::{ConnectionTrait, Statement};
use testing::{Departures, Scratch, contact, request, teammate};
use tonic::{Request, Status, Streaming, transport::Channel};
use types::{ContactId, WorkspaceId};

use crate::owner::Owner;

/// Notifications, with what it depends on.
pub struct Center {
    pub scratch: Scratch,
    pub tickets: Owner,
    pub conversations: Owner,
    pub departures: Departures,
    /// For the next start; none unless a test wants it.
    pub scrub_per_second: u32,
    bff: Arc<KeyRing>,
    running: Option<Running>,
    client: Option<NotificationServiceClient<Channel>>,
    written: Mutex<BTreeMap<(String, u32), LogPosition>>,
}

/// A contact of a workspace.
#[derive(Debug, Clone)]
pub struct Customer {
    pub workspace: WorkspaceId,
    pub contact: ContactId,
}

impl Customer {
    pub fn new() -> Self {
        Self {
            workspace: WorkspaceId::generate(),
            contact: ContactId::generate(),
        }
    }

    pub fn colleague(&self) -> Self {
        Self {
            workspace: self.workspace.clone(),
            contact: ContactId::generate(),
        }
    }

    pub fn actor(&self) -> Actor {
        contact(&self.workspace, &self.contact)
    }
}

impl Center {
    pub async fn start() -> Self {
        Self::on(Scratch::new()).await
    }

    /// On a scratch with its databases as they are.
    pub async fn on(scratch: Scratch) -> Self {
        scratch.keys(&[
            "bff",
            "tickets",
            "conversations",
            "notifications",
            "settings",
        ]);
        let mut center = Self {
            tickets: Owner::start(&scratch, "tickets").await,
            conversations: Owner::start(&scratch, "conversations").await,
            departures: Departures::start(&scratch).await,
            bff: scratch.ring("bff"),
            scrub_per_second: 0,
            scratch,
            running: None,
            client: None,
            written: Mutex::default(),
        };
        center.serve().await;
        center
    }

    /// Notifications comes up, with the data it had.
    pub async fn serve(&mut self) {
        let (running, client) = self.replica().await;
        self.client = Some(client);
        self.running = Some(running);
    }

    /// One more process on the same data.
    pub async fn replica(&self) -> (Running, NotificationServiceClient<Channel>) {
        let config = Config {
            server: ServerArgs {
                drain_seconds: 1,
                ..ServerArgs::loopback(self.scratch.path("keys"))
            },
            database: DatabaseArgs::at(self.scratch.url_with::<Migrations>("notifications")),
            tickets: self.tickets.address(),
            conversations: self.conversations.address(),
            settings: self.departures.address(),
            scrub_per_second: self.scrub_per_second,
            nats: Default::default(),
        };
        let running = notifications::start(config).await.unwrap();
        let address = format!("http://{}", running.address());
        let channel = runtime::client::channel(&address).unwrap();
        (running, NotificationServiceClient::new(channel))
    }

    /// Notifications goes down.
    pub async fn stop(&mut self) {
        self.running.take().unwrap().drain().await;
    }

    pub fn channel(&self) -> Channel {
        let address = self.running.as_ref().unwrap().address();
        runtime::client::channel(&format!("http://{address}")).unwrap()
    }

    pub fn client(&self) -> NotificationServiceClient<Channel> {
        self.client.clone().unwrap()
    }

    /// A call with an actor's credential.
    pub fn signed<T>(&self, actor: &Actor, body: T) -> Request<T> {
        request(&self.bff, actor, body)
    }

    /// Something was written; whoever reads next waits for it.
    pub fn wrote(&self, position: LogPosition) {
        self.written
            .lock()
            .insert((position.source.clone(), position.partition), position);
    }

    /// A log was replaced: places in it mean nothing any more.
    pub fn forget_written(&self) {
        self.written.lock().clear();
    }

    /// Everything written so far.
    pub fn written(&self) -> Vec<LogPosition> {
        self.written.lock().values().cloned().collect()
    }

    /// Its database, beside it.
    pub async fn database(&self) -> Database {
        let url = self.scratch.database_url("notifications");
        Database::open::<Migrations>(&url).await.unwrap()
    }

    /// How many events were put aside.
    pub async fn parked(&self) -> i64 {
        let db = self.database().await;
        let sql = "select count(*) as parked from consumer_quarantine where projection = 'inbox'";
        let count = Statement::from_string(db.read().get_database_backend(), sql);
        let row = db.read().query_one_raw(count).await.unwrap().unwrap();
        row.try_get("", "parked").unwrap()
    }

    /// What a customer sees once everything written has arrived.
    pub async fn inbox(&self, customer: &Customer) -> Inbox {
        self.inbox_after(customer, self.written()).await.unwrap()
    }

    pub async fn inbox_after(
        &self,
        customer: &Customer,
        at_least: Vec<LogPosition>,
    ) -> Result<Inbox, Status> {
        let request = self.signed(&customer.actor(), GetInboxRequest { at_least });
        let answer = self.client().get_inbox(request).await?;
        Ok(answer.into_inner().inbox.unwrap())
    }

    /// The two badges: tickets, conversations.
    pub async fn badges(&self, customer: &Customer) -> (u32, u32) {
        let inbox = self.inbox(customer).await;
        (inbox.unread_tickets, inbox.unread_conversations)
    }

    /// Titles on the card, from the top.
    pub async fn card(&self, customer: &Customer) -> Vec<String> {
        let inbox = self.inbox(customer).await;
        inbox
            .recent_tickets
            .into_iter()
            .map(|ticket| ticket.title)
            .collect()
    }

    /// The customer was shown a ticket's detail.
    pub async fn show(
        &self,
        customer: &Customer,
        ticket_id: &str,
        up_to_revision: u64,
    ) -> Result<Inbox, Status> {
        let body = MarkTicketReadRequest {
            ticket_id: ticket_id.into(),
            up_to_revision,
        };
        let answer = self
            .client()
            .mark_ticket_read(self.signed(&customer.actor(), body))
            .await?;
        Ok(answer.into_inner().inbox.unwrap())
    }

    /// Read revisions by ticket.
    pub async fn reads(
        &self,
        customer: &Customer,
        ticket_ids: &[&str],
    ) -> Result<BTreeMap<String, u64>, Status> {
        let body = BatchGetTicketReadsRequest {
            ticket_ids: ticket_ids.iter().map(ToString::to_string).collect(),
            at_least: self.written(),
        };
        let request = self.signed(&customer.actor(), body);
        let answer = self
            .client()
            .batch_get_ticket_reads(request)
            .await?
            .into_inner();
        Ok(answer
            .reads
            .into_iter()
            .map(|read| (read.ticket_id, read.read_revision))
            .collect())
    }

    pub async fn watch(
        &self,
        customer: &Customer,
        after: Option<InboxVersion>,
    ) -> Result<Watch, Status> {
        let request = self.signed(&customer.actor(), WatchInboxRequest { after });
        Ok(Watch(
            self.client().watch_inbox(request).await?.into_inner(),
        ))
    }

    pub async fn watch_at(
        &self,
        mut replica: NotificationServiceClient<Channel>,
        customer: &Customer,
        after: Option<InboxVersion>,
    ) -> Result<Watch, Status> {
        let request = self.signed(&customer.actor(), WatchInboxRequest { after });
        Ok(Watch(replica.watch_inbox(request).await?.into_inner()))
    }

    pub async fn rebuild(&self) -> Result<RebuildProjectionResponse, Status> {
        let admin = teammate(&WorkspaceId::generate(), &["notifications:admin"]);
        let request = self.signed(&admin, RebuildProjectionRequest {});
        Ok(self
            .client()
            .rebuild_projection(request)
            .await?
            .into_inner())
    }
}

/// A device that watches.
pub struct Watch(Streaming<WatchInboxResponse>);

impl Watch {
    /// The next frame, or the status the stream ended with.
    pub async fn next(&mut self) -> Result<Frame, Status> {
        let frame = self.0.message().await?;
        Ok(frame.expect("a stream ends with a status").frame.unwrap())
    }

    /// The next frame that is an inbox.
    pub async fn inbox(&mut self) -> Inbox {
        loop {
            if let Frame::Inbox(inbox) = self.next().await.unwrap() {
                return inbox;
            }
        }
    }

    /// Frames up to the one that shows what is looked for.
    pub async fn until(&mut self, shows: impl Fn(&Inbox) -> bool) -> Inbox {
        let limit = std::time::Duration::from_secs(20);
        let looked_for = async {
            loop {
                let inbox = self.inbox().await;
                if shows(&inbox) {
                    return inbox;
                }
            }
        };
        tokio::time::timeout(limit, looked_for)
            .await
            .expect("the frame never came")
    }
}
