use std::sync::Arc;

use conversations::Config;
use events::{ERASED, partition_of};
use prost::Message;
use proto::{
    conversations::v1::{self as pb, conversation_service_client::ConversationServiceClient},
    events::v1::{Envelope, ReadRequest, event_feed_service_client::EventFeedServiceClient},
};
use runtime::{Actor, ActorKind, KeyRing, Running, ServerArgs, config::DatabaseArgs};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use testing::{Departures, ManualClock, Scratch, eventually, request};
use tonic::{Code, Request, Status, transport::Channel};
use tonic_types::StatusExt;
use types::{ContactId, WorkspaceId};

use crate::tickets::{Ticket, Tickets};

types::id!(ConversationId, "cnv");

/// All that a teammate may do here.
pub const SCOPES: &[&str] = &["conversations:read", "conversations:write"];

/// A running service with a feed of Tickets, and a workspace.
pub struct World {
    pub clock: ManualClock,
    pub tickets: Tickets,
    pub departures: Departures,
    pub workspace: WorkspaceId,
    scratch: Scratch,
    running: Option<Running>,
    bff: Arc<KeyRing>,
}

impl World {
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
        let clock = ManualClock::new();
        let tickets = Tickets::start(&scratch, &clock).await;
        let departures = Departures::start(&scratch).await;
        let mut world = Self {
            departures,
            bff: scratch.ring("bff"),
            clock,
            tickets,
            workspace: WorkspaceId::generate(),
            scratch,
            running: None,
        };
        world.restart().await;
        world
    }

    /// Stops the service, if it runs, and starts it on the same database.
    pub async fn restart(&mut self) {
        self.stop().await;
        let config = Config {
            server: ServerArgs::loopback(self.scratch.path("keys")),
            database: DatabaseArgs::at(
                self.scratch
                    .url_with::<conversations::Migrator>("conversations"),
            ),
            tickets: self.tickets.url(),
            settings: self.departures.address(),
            nats: Default::default(),
            streams: Default::default(),
        };
        let clock = Arc::new(self.clock.clone());
        self.running = Some(conversations::start_with(config, clock).await.unwrap());
    }

    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.drain().await;
        }
    }

    pub fn channel(&self) -> Channel {
        let address = self.running.as_ref().unwrap().address();
        runtime::client::channel(&format!("http://{address}")).unwrap()
    }

    pub fn client(&self) -> ConversationServiceClient<Channel> {
        ConversationServiceClient::new(self.channel())
    }

    pub fn feed(&self) -> EventFeedServiceClient<Channel> {
        EventFeedServiceClient::new(self.channel()).max_decoding_message_size(8 << 20)
    }

    pub fn signed<T>(&self, actor: &Actor, body: T) -> Request<T> {
        request(&self.bff, actor, body)
    }

    pub fn as_contact<T>(&self, contact: &ContactId, body: T) -> Request<T> {
        self.signed(&testing::contact(&self.workspace, contact), body)
    }

    pub fn as_teammate<T>(&self, body: T) -> Request<T> {
        self.signed(&testing::teammate(&self.workspace, SCOPES), body)
    }

    /// As the BFF itself, for this workspace.
    pub fn as_bff<T>(&self, body: T) -> Request<T> {
        let scopes = ["conversations:ensure", "events:read"];
        self.signed(&service("bff", Some(&self.workspace), &scopes), body)
    }

    /// A contact starts a conversation.
    pub async fn started_by(&self, contact: &ContactId) -> String {
        let request = pb::StartContactConversationRequest {
            body: "hello".into(),
            ..Default::default()
        };
        let answer = self
            .client()
            .start_contact_conversation(self.as_contact(contact, request))
            .await
            .unwrap()
            .into_inner();
        answer.conversation.unwrap().conversation_id
    }

    /// An empty conversation of a contact, as Tickets makes one for a new ticket.
    pub async fn empty_of(&self, contact: &ContactId) -> String {
        let id = ConversationId::generate().to_string();
        self.ensure(&id, contact).await.unwrap();
        id
    }

    pub async fn ensure(
        &self,
        id: &str,
        contact: &ContactId,
    ) -> Result<pb::EnsureConversationResponse, Status> {
        let request = pb::EnsureConversationRequest {
            conversation_id: id.into(),
            contact_id: contact.to_string(),
        };
        let answer = self
            .client()
            .ensure_conversation(self.as_bff(request))
            .await;
        answer.map(tonic::Response::into_inner)
    }

    /// A teammate's message.
    pub async fn reply(&self, id: &str, body: &str) -> pb::Part {
        let request = pb::SendMessageRequest {
            request_id: ConversationId::generate().to_string(),
            conversation_id: id.into(),
            body: body.into(),
        };
        let answer = self.client().send_message(self.as_teammate(request)).await;
        answer.unwrap().into_inner().part.unwrap()
    }

    pub async fn note(&self, id: &str, body: &str) -> pb::Part {
        let request = pb::AddNoteRequest {
            request_id: ConversationId::generate().to_string(),
            conversation_id: id.into(),
            body: body.into(),
        };
        let answer = self.client().add_note(self.as_teammate(request)).await;
        answer.unwrap().into_inner().part.unwrap()
    }

    pub async fn close(&self, id: &str) -> pb::CloseConversationResponse {
        let request = pb::CloseConversationRequest {
            conversation_id: id.into(),
            ..Default::default()
        };
        let answer = self
            .client()
            .close_conversation(self.as_teammate(request))
            .await;
        answer.unwrap().into_inner()
    }

    pub async fn delete(&self, id: &str) -> pb::DeleteConversationResponse {
        let request = pb::DeleteConversationRequest {
            conversation_id: id.into(),
            ..Default::default()
        };
        let answer = self
            .client()
            .delete_conversation(self.as_teammate(request))
            .await;
        answer.unwrap().into_inner()
    }

    /// A contact's message, which says what they had been shown, or does not (0).
    pub async fn say(
        &self,
        contact: &ContactId,
        id: &str,
        body: &str,
        seen: u64,
    ) -> Result<pb::SendContactMessageResponse, Status> {
        let request = pb::SendContactMessageRequest {
            conversation_id: id.into(),
            body: body.into(),
            seen_up_to_seq: seen,
            ..Default::default()
        };
        let answer = self
            .client()
            .send_contact_message(self.as_contact(contact, request))
            .await;
        answer.map(tonic::Response::into_inner)
    }

    pub async fn read(
        &self,
        contact: &ContactId,
        id: &str,
        up_to_seq: u64,
    ) -> Result<pb::MarkContactReadResponse, Status> {
        let request = pb::MarkContactReadRequest {
            conversation_id: id.into(),
            up_to_seq,
        };
        let answer = self
            .client()
            .mark_contact_read(self.as_contact(contact, request))
            .await;
        answer.map(tonic::Response::into_inner)
    }

    /// What the contact sees of a conversation, up to 100 parts, oldest first.
    pub async fn thread(&self, contact: &ContactId, id: &str) -> Vec<pb::ContactPart> {
        let request = pb::ListContactPartsRequest {
            conversation_id: id.into(),
            page_size: 100,
            ..Default::default()
        };
        let answer = self
            .client()
            .list_contact_parts(self.as_contact(contact, request))
            .await;
        let mut parts = answer.map_or_else(|_| Vec::new(), |answer| answer.into_inner().parts);
        parts.reverse();
        parts
    }

    /// The contact's copy of a conversation.
    pub async fn copy(&self, contact: &ContactId, id: &str) -> Option<pb::ContactConversation> {
        let request = pb::BatchGetContactConversationsRequest {
            conversation_ids: vec![id.into()],
        };
        let answer = self
            .client()
            .batch_get_contact_conversations(self.as_contact(contact, request))
            .await;
        answer.unwrap().into_inner().conversations.pop()
    }

    /// The revisions of a ticket stamped in a conversation, as the contact sees them.
    pub async fn stamps(&self, contact: &ContactId, id: &str, ticket: &Ticket) -> Vec<u64> {
        let parts = self.thread(contact, id).await;
        let stamps = parts.iter().filter_map(|part| part.ticket.as_ref());
        stamps
            .filter(|stamp| stamp.ticket_id == ticket.id())
            .map(|stamp| stamp.revision)
            .collect()
    }

    /// Tells of a ticket and waits for its stamp.
    pub async fn stamped(&self, contact: &ContactId, ticket: &Ticket) {
        self.tickets.tell(&[ticket]).await;
        let revision = ticket.event.stamp_revision;
        eventually("the stamp", async || {
            let id = &ticket.event.conversation_id;
            let stamps = self.stamps(contact, id, ticket).await;
            stamps.contains(&revision).then_some(())
        })
        .await;
    }

    /// All that a contact was told, in order.
    pub async fn told(&self, contact: &ContactId) -> Vec<Told> {
        let (mut told, mut after_position) = (Vec::new(), 0);
        loop {
            let request = ReadRequest {
                partition: partition_of(Some(contact), &self.workspace) as u32,
                after_position,
                limit: 0,
            };
            let page = self.feed().read(self.as_bff(request)).await.unwrap();
            let events = page.into_inner().events;
            let Some(last) = events.last() else {
                return told;
            };
            after_position = last.position;
            let theirs = events
                .into_iter()
                .filter(|event| event.contact_id == contact.as_str() && event.r#type != ERASED);
            told.extend(theirs.map(Told::of));
        }
    }

    /// The service's database, to look behind the scenes or to set them.
    pub async fn database(&self) -> DatabaseConnection {
        let url = self.scratch.database_url("conversations");
        sea_orm::Database::connect(url).await.unwrap()
    }

    /// The types of what the log tells of a contact.
    pub async fn types_told(&self, contact: &ContactId) -> Vec<String> {
        let sql = "select distinct type from evlog where contact_id = $1";
        let values = [contact.as_str().into()];
        let db = self.database().await;
        let rows = db
            .query_all_raw(Statement::from_sql_and_values(
                db.get_database_backend(),
                sql,
                values,
            ))
            .await
            .unwrap();
        rows.iter()
            .map(|row| row.try_get("", "type").unwrap())
            .collect()
    }

    /// No table says it, in any column.
    pub async fn assert_nowhere(&self, said: &str) {
        let db = self.database().await;
        for (table, columns) in [
            ("conversation", "coalesce(last_message_preview, '')"),
            ("part", "coalesce(body, '') || author_name"),
            ("answered_request", "answer"),
            ("evlog", "payload"),
        ] {
            let sql = format!("select {columns} as said from {table}");
            let rows = db
                .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
                .await
                .unwrap();
            for row in rows {
                let text: Vec<u8> = row
                    .try_get::<Vec<u8>>("", "said")
                    .or_else(|_| row.try_get::<String>("", "said").map(String::into_bytes))
                    .unwrap();
                let text = String::from_utf8_lossy(&text).into_owned();
                assert!(!text.contains(said), "{table}: {text}");
            }
        }
    }

    /// The newest event about a contact's conversation.
    pub async fn newest(&self, contact: &ContactId, id: &str) -> Told {
        let told = self.told(contact).await;
        told.into_iter()
            .rfind(|told| told.event.conversation_id == id)
            .unwrap()
    }
}

/// An event of this service.
#[derive(Debug, Clone)]
pub struct Told {
    pub envelope: Envelope,
    pub event: pb::ContactConversationChanged,
}

impl Told {
    pub fn of(envelope: Envelope) -> Self {
        assert_eq!(
            envelope.r#type,
            "messenger.conversations.v1.ContactConversationChanged"
        );
        let event = pb::ContactConversationChanged::decode(&*envelope.payload).unwrap();
        Self { envelope, event }
    }

    /// The revision of a ticket that reading read; 0 when none did.
    pub fn read_revision(&self, ticket: &Ticket) -> u64 {
        revision(&self.event.frontier, ticket)
    }

    /// The revision of a ticket that the author of the newest contact message had seen.
    pub fn seen_revision(&self, ticket: &Ticket) -> u64 {
        let message = self.event.last_contact_message.as_ref();
        message.map_or(0, |message| revision(&message.frontier, ticket))
    }
}

fn revision(frontier: &[pb::FrontierEntry], ticket: &Ticket) -> u64 {
    frontier
        .iter()
        .find(|entry| entry.ticket_id == ticket.id())
        .map_or(0, |entry| entry.revision)
}

/// A service that speaks for itself.
pub fn service(name: &str, workspace: Option<&WorkspaceId>, scopes: &[&str]) -> Actor {
    Actor {
        workspace: workspace.cloned(),
        kind: ActorKind::Service,
        id: name.into(),
        name: String::new(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
    }
}

/// Checks a refusal: its code, its reason, and the fields it names, all of them.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    reason: &str,
    fields: &[&str],
) -> String {
    let status = answer.expect_err("should have been refused");
    assert_eq!(status.code(), code, "{status:?}");
    assert_eq!(runtime::error::reason_of(&status), reason, "{status:?}");
    let details = status.get_details_bad_request();
    let violations = details.map_or_else(Vec::new, |details| details.field_violations);
    let named: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(named, fields, "{status:?}");
    status.message().to_owned()
}

/// Checks that what is asked for looks like nothing that exists (V2).
#[track_caller]
pub fn not_found<T: std::fmt::Debug>(answer: Result<T, Status>) {
    let message = refused(answer, Code::NotFound, "CONVERSATION_NOT_FOUND", &[]);
    assert_eq!(message, "no such conversation");
}
