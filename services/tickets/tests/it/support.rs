//! A running service, who calls it, and the feed it follows.

use std::sync::Arc;

use events::partition_of;
use jiff::{SignedDuration, Timestamp};
use prost::Message;
use proto::{
    events::v1::{
        ContactRef, Envelope, LogPosition, ReadRequest, SnapshotRequest,
        event_feed_service_client::EventFeedServiceClient, snapshot_response::Piece,
    },
    tickets::v1::{
        self as pb, StateCategory, ticket_service_client::TicketServiceClient,
        ticket_type_service_client::TicketTypeServiceClient,
    },
};
use runtime::{Actor, KeyRing, Running, ServerArgs, config::DatabaseArgs};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use testing::{Departures, ManualClock, Scratch, eventually};
use tickets::Config;
use tonic::{Code, Request, Response, Status, transport::Channel};
use tonic_types::StatusExt;
use types::{Clock, ContactId, WorkspaceId, micros};

pub use super::feed::{Feed, member, reply};

types::id!(
    /// A conversation.
    ConversationId, "cnv"
);

pub const BOTH: &[&str] = &["tickets:read", "tickets:write"];

/// The service with a workspace, and two customers of it.
pub struct Desk {
    pub scratch: Scratch,
    pub clock: ManualClock,
    pub workspace: WorkspaceId,
    pub ada: ContactId,
    pub bob: ContactId,
    ring: Arc<KeyRing>,
    channel: Channel,
    _running: Running,
}

/// Whose keys a test needs.
pub const KEYS: &[&str] = &["bff", "tickets", "conversations", "settings"];

impl Desk {
    /// One whose Conversations is away.
    pub async fn new() -> Self {
        let scratch = Scratch::new();
        scratch.keys(KEYS);
        Self::start(scratch, "http://127.0.0.1:9").await
    }

    /// One that follows a feed.
    pub async fn with_feed() -> (Self, Feed) {
        let scratch = Scratch::new();
        scratch.keys(KEYS);
        let feed = Feed::start(&scratch).await;
        let desk = Self::start(scratch, &feed.address).await;
        (desk, feed)
    }

    /// One that follows a feed, and hears of contacts who are no more.
    pub async fn with_both() -> (Self, Feed, Departures) {
        let scratch = Scratch::new();
        scratch.keys(KEYS);
        let departures = Departures::start(&scratch).await;
        let feed = Feed::start(&scratch).await;
        let desk = Self::between(scratch, &feed.address, &departures.address()).await;
        (desk, feed, departures)
    }

    /// On a scratch with keys, and its databases as they are.
    pub async fn start(scratch: Scratch, conversations: &str) -> Self {
        Self::between(scratch, conversations, "http://127.0.0.1:9").await
    }

    /// On addresses of what it follows.
    pub async fn between(scratch: Scratch, conversations: &str, settings: &str) -> Self {
        let clock = ManualClock::new();
        let config = Config {
            server: ServerArgs::loopback(scratch.path("keys")),
            database: DatabaseArgs::at(scratch.url_with::<tickets::Migrator>("tickets")),
            conversations: conversations.into(),
            settings: settings.into(),
            nats: Default::default(),
            streams: Default::default(),
        };
        let running = tickets::start_with(config, Arc::new(clock.clone()));
        let running = running.await.unwrap();
        let address = format!("http://{}", running.address());
        Self {
            ring: scratch.ring("bff"),
            channel: runtime::client::channel(&address).unwrap(),
            workspace: WorkspaceId::generate(),
            ada: ContactId::generate(),
            bob: ContactId::generate(),
            clock,
            scratch,
            _running: running,
        }
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub fn tickets(&self) -> TicketServiceClient<Channel> {
        TicketServiceClient::new(self.channel.clone())
    }

    pub fn types(&self) -> TicketTypeServiceClient<Channel> {
        TicketTypeServiceClient::new(self.channel.clone())
    }

    pub fn feed(&self) -> EventFeedServiceClient<Channel> {
        EventFeedServiceClient::new(self.channel.clone())
    }

    /// A request by a teammate who may read and write tickets.
    pub fn staff<T>(&self, body: T) -> Request<T> {
        self.as_actor(&testing::teammate(&self.workspace, BOTH), body)
    }

    /// A request by a customer.
    pub fn by<T>(&self, contact: &ContactId, body: T) -> Request<T> {
        self.as_actor(&testing::contact(&self.workspace, contact), body)
    }

    pub fn as_actor<T>(&self, actor: &Actor, body: T) -> Request<T> {
        testing::request(&self.ring, actor, body)
    }

    pub fn minutes(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A ticket that a customer submits.
    pub async fn submit(&self, contact: &ContactId, title: &str) -> pb::ContactTicket {
        let request = pb::CreateContactTicketRequest {
            title: title.into(),
            ..Default::default()
        };
        let answer = self
            .tickets()
            .create_contact_ticket(self.by(contact, request))
            .await;
        answer.unwrap().into_inner().ticket.unwrap()
    }

    /// A ticket that a teammate creates.
    pub async fn create(&self, request: pb::CreateTicketRequest) -> Result<pb::Ticket, Status> {
        let answer = self.tickets().create_ticket(self.staff(request)).await?;
        Ok(answer.into_inner().ticket.unwrap())
    }

    pub async fn state_id(&self, category: StateCategory) -> String {
        let request = self.staff(pb::ListTicketStatesRequest {});
        let states = self
            .types()
            .list_ticket_states(request)
            .await
            .unwrap()
            .into_inner()
            .states;
        let mut found = states
            .into_iter()
            .filter(|state| state.category() == category);
        found.next().unwrap().state_id
    }

    pub async fn set_state(&self, ticket: &str, category: StateCategory) -> pb::Ticket {
        self.move_to(ticket, self.state_id(category).await).await
    }

    pub async fn move_to(&self, ticket: &str, state_id: String) -> pb::Ticket {
        let request = pb::ChangeTicketStateRequest {
            ticket_id: ticket.into(),
            state_id,
            ..Default::default()
        };
        let answer = self
            .tickets()
            .change_ticket_state(self.staff(request))
            .await;
        answer.unwrap().into_inner().ticket.unwrap()
    }

    pub async fn get(&self, ticket: &str) -> Result<pb::Ticket, Status> {
        let request = pb::GetTicketRequest {
            ticket_id: ticket.into(),
        };
        let answer = self.tickets().get_ticket(self.staff(request)).await?;
        Ok(answer.into_inner().ticket.unwrap())
    }

    pub async fn detail(
        &self,
        contact: &ContactId,
        ticket: &str,
    ) -> Result<pb::GetContactTicketResponse, Status> {
        let request = pb::GetContactTicketRequest {
            ticket_id: ticket.into(),
        };
        let answer = self
            .tickets()
            .get_contact_ticket(self.by(contact, request))
            .await?;
        Ok(answer.into_inner())
    }

    /// The first hundred of a customer's list.
    pub async fn list(&self, contact: &ContactId) -> Vec<pb::ContactTicket> {
        let request = pb::ListContactTicketsRequest {
            page_size: 100,
            ..Default::default()
        };
        let answer = self
            .tickets()
            .list_contact_tickets(self.by(contact, request))
            .await;
        answer.unwrap().into_inner().tickets
    }

    pub async fn ensure(
        &self,
        contact: &ContactId,
        ticket: &str,
    ) -> Result<pb::EnsureTicketConversationResponse, Status> {
        let request = pb::EnsureTicketConversationRequest {
            ticket_id: ticket.into(),
        };
        let request = self.by(contact, request);
        let answer = self.tickets().ensure_ticket_conversation(request).await?;
        Ok(answer.into_inner())
    }

    pub async fn link(&self, ticket: &str, conversation: &str) -> Result<pb::Ticket, Status> {
        let request = pb::LinkConversationRequest {
            ticket_id: ticket.into(),
            conversation_id: conversation.into(),
            ..Default::default()
        };
        let answer = self
            .tickets()
            .link_conversation(self.staff(request))
            .await?;
        Ok(answer.into_inner().ticket.unwrap())
    }

    pub async fn unlink(&self, ticket: &str) -> pb::Ticket {
        let request = pb::UnlinkConversationRequest {
            ticket_id: ticket.into(),
            ..Default::default()
        };
        let answer = self
            .tickets()
            .unlink_conversation(self.staff(request))
            .await;
        answer.unwrap().into_inner().ticket.unwrap()
    }

    /// A back-office type whose tickets may be shared.
    pub async fn bug_report(&self) -> String {
        let request = pb::CreateTicketTypeRequest {
            request_id: "bug report".into(),
            name: "Bug report".into(),
            category: pb::TypeCategory::BackOffice.into(),
            shareable: true,
            ..Default::default()
        };
        let made = self.create_type(request).await.unwrap();
        made.type_id
    }

    pub async fn create_type(
        &self,
        request: pb::CreateTicketTypeRequest,
    ) -> Result<pb::TicketType, Status> {
        let admin = testing::teammate(&self.workspace, &["settings:write"]);
        let request = self.as_actor(&admin, request);
        let answer = self.types().create_ticket_type(request).await?;
        Ok(answer.into_inner().r#type.unwrap())
    }

    /// A back-office ticket, on a conversation or on none.
    pub async fn report(&self, contact: &ContactId, conversation: &str) -> pb::Ticket {
        let request = pb::CreateTicketRequest {
            requester_contact_id: contact.to_string(),
            type_id: self.bug_report().await,
            title: "The export stops".into(),
            conversation_id: conversation.into(),
            ..Default::default()
        };
        self.create(request).await.unwrap()
    }

    pub async fn share(&self, ticket: &str) -> Result<pb::ShareTicketResponse, Status> {
        let request = pb::ShareTicketRequest {
            ticket_id: ticket.into(),
            ..Default::default()
        };
        let answer = self.tickets().share_ticket(self.staff(request)).await?;
        Ok(answer.into_inner())
    }

    pub async fn unshare(&self, ticket: &str) -> Result<pb::UnshareTicketResponse, Status> {
        let request = pb::UnshareTicketRequest {
            ticket_id: ticket.into(),
            ..Default::default()
        };
        let answer = self.tickets().unshare_ticket(self.staff(request)).await?;
        Ok(answer.into_inner())
    }

    pub async fn delete(&self, ticket: &str) -> Result<Vec<LogPosition>, Status> {
        let request = pb::DeleteTicketRequest {
            ticket_id: ticket.into(),
            ..Default::default()
        };
        let answer = self.tickets().delete_ticket(self.staff(request)).await?;
        Ok(answer.into_inner().positions)
    }

    pub async fn history(&self, ticket: &str) -> Vec<pb::HistoryEntry> {
        let request = pb::ListTicketHistoryRequest {
            ticket_id: ticket.into(),
            page_size: 100,
            ..Default::default()
        };
        let answer = self
            .tickets()
            .list_ticket_history(self.staff(request))
            .await;
        answer.unwrap().into_inner().entries
    }

    /// Whoever follows feeds.
    pub fn reader<T>(&self, body: T) -> Request<T> {
        let actor = Actor {
            workspace: None,
            ..testing::teammate(&self.workspace, &["events:read"])
        };
        self.as_actor(&actor, body)
    }

    /// Every event about a contact, oldest first.
    pub async fn told(&self, contact: &ContactId) -> Vec<(Envelope, pb::ContactTicketChanged)> {
        self.events(contact)
            .await
            .into_iter()
            .map(decoded)
            .collect()
    }

    /// The same as it is in the log.
    pub async fn events(&self, contact: &ContactId) -> Vec<Envelope> {
        let mut told = Vec::new();
        let mut after = 0;
        loop {
            let request = ReadRequest {
                partition: partition_of(Some(contact), &self.workspace) as u32,
                after_position: after,
                limit: 0,
            };
            let events = self
                .feed()
                .read(self.reader(request))
                .await
                .unwrap()
                .into_inner()
                .events;
            let Some(last) = events.last() else { break };
            after = last.position;
            told.extend(
                events
                    .into_iter()
                    .filter(|event| event.contact_id == contact.as_str()),
            );
        }
        told
    }

    /// Everything that a consumer which starts from nothing is told.
    pub async fn snapshot(&self) -> Vec<(Envelope, pb::ContactTicketChanged)> {
        self.snapshot_of(&[]).await
    }

    /// The same of some contacts.
    pub async fn snapshot_of(
        &self,
        contacts: &[&ContactId],
    ) -> Vec<(Envelope, pb::ContactTicketChanged)> {
        let of = contacts.iter().map(|contact| ContactRef {
            workspace_id: self.workspace.to_string(),
            contact_id: contact.to_string(),
        });
        let request = SnapshotRequest {
            contacts: of.collect(),
        };
        let stream = self.feed().snapshot(self.reader(request)).await;
        let mut stream = stream.unwrap().into_inner();
        let mut told = Vec::new();
        while let Some(piece) = stream.message().await.unwrap() {
            if let Some(Piece::State(batch)) = piece.piece {
                told.extend(batch.events.into_iter().map(decoded));
            }
        }
        told
    }

    /// The service's database, to look behind the scenes or to set them.
    pub async fn database(&self) -> DatabaseConnection {
        sea_orm::Database::connect(self.scratch.database_url("tickets"))
            .await
            .unwrap()
    }

    /// Waits until an event of Conversations was applied.
    pub async fn heard(&self, position: &LogPosition) {
        let db = self.database().await;
        eventually("the event is applied", || async {
            let row = db
                .query_one_raw(Statement::from_sql_and_values(
                    db.get_database_backend(),
                    "select pos from consumer_cursor where source = 'conversations' and part = $1",
                    [i64::from(position.partition).into()],
                ))
                .await
                .unwrap()?;
            let applied: i64 = row.try_get("", "pos").unwrap();
            (applied as u64 >= position.position).then_some(())
        })
        .await;
        db.close().await.unwrap();
    }
}

fn decoded(event: Envelope) -> (Envelope, pb::ContactTicketChanged) {
    assert_eq!(event.r#type, "messenger.tickets.v1.ContactTicketChanged");
    let told = pb::ContactTicketChanged::decode(event.payload.as_slice()).unwrap();
    (event, told)
}

/// Checks a refusal's code, domain and reason, and gives the fields it names.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(
    outcome: Result<T, Status>,
    code: Code,
    reason: &str,
) -> Vec<String> {
    let status = outcome.expect_err("refused");
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(
        (status.code(), info.reason.as_str()),
        (code, reason),
        "{status:?}"
    );
    let domain = match reason {
        "PERMISSION_DENIED" | "UNAUTHENTICATED" => "auth.messenger",
        _ => "tickets.messenger",
    };
    assert_eq!(info.domain, domain);
    let retry = status.get_details_retry_info().is_some();
    assert_eq!(
        retry,
        code == Code::Unavailable,
        "a delay to retry after: {status:?}"
    );
    let fields = status
        .get_details_bad_request()
        .map(|details| details.field_violations)
        .unwrap_or_default();
    let names_fields = matches!(reason, "INVALID_FIELDS" | "INVALID_PAGE_TOKEN");
    assert_eq!(fields.is_empty(), !names_fields, "{status:?}");
    fields
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

/// What is wrong with a ticket that is not there, or not theirs: always the same.
#[track_caller]
pub fn not_found<T: std::fmt::Debug>(outcome: Result<T, Status>) {
    let message = outcome
        .as_ref()
        .map_err(|status| status.message().to_owned());
    assert_eq!(message.err().as_deref(), Some("there is no such ticket"));
    refused(outcome, Code::NotFound, "TICKET_NOT_FOUND");
}

pub fn micros_of(time: &Option<prost_types::Timestamp>) -> i64 {
    let time = time.as_ref().expect("a time");
    time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000
}

pub fn wire(time: Timestamp) -> prost_types::Timestamp {
    let micros = micros(time);
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: (micros.rem_euclid(1_000_000) * 1_000) as i32,
    }
}

pub fn answer<T>(outcome: Result<Response<T>, Status>) -> T {
    outcome.unwrap().into_inner()
}
