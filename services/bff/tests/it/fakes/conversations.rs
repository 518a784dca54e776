use std::{path::Path, sync::Arc};

use parking_lot::Mutex;
use proto::{
    conversations::v1::{
        conversation_service_server::{ConversationService, ConversationServiceServer},
        *,
    },
    events::v1::LogPosition,
};
use runtime::{Access, Kind, auth::AccessTable};
use tonic::{Request, Response, Status, service::Routes};
use types::ContactId;

use super::{Gate, Host, ours, refused};

const ACCESS: AccessTable = &[
    (
        "/messenger.conversations.v1.ConversationService/EnsureConversation",
        Access::Scope("conversations:ensure"),
    ),
    (
        "/messenger.conversations.v1.ConversationService/StartContactConversation",
        Access::Contact,
    ),
    (
        "/messenger.conversations.v1.ConversationService/BatchGetContactConversations",
        Access::Contact,
    ),
    (
        "/messenger.conversations.v1.ConversationService/ListContactConversations",
        Access::Contact,
    ),
    (
        "/messenger.conversations.v1.ConversationService/ListContactParts",
        Access::Contact,
    ),
    (
        "/messenger.conversations.v1.ConversationService/SendContactMessage",
        Access::Contact,
    ),
    (
        "/messenger.conversations.v1.ConversationService/MarkContactRead",
        Access::Contact,
    ),
    (
        "/messenger.conversations.v1.ConversationService/GetConversation",
        Access::Scope("conversations:read"),
    ),
    (
        "/messenger.conversations.v1.ConversationService/SendMessage",
        Access::Scope("conversations:write"),
    ),
    (
        "/messenger.conversations.v1.ConversationService/AddNote",
        Access::Scope("conversations:write"),
    ),
    (
        "/messenger.conversations.v1.ConversationService/CloseConversation",
        Access::Scope("conversations:write"),
    ),
    (
        "/messenger.conversations.v1.ConversationService/ReopenConversation",
        Access::Scope("conversations:write"),
    ),
];

/// A conversation and whose it is.
#[derive(Clone)]
pub struct Entry {
    pub contact: String,
    pub conversation: ContactConversation,
    pub parts: Vec<ContactPart>,
    pub deleted: bool,
}

#[derive(Default)]
pub struct State {
    pub gate: Gate,
    pub entries: Mutex<Vec<Entry>>,
    /// What teammates wrote, with its request id and its conversation.
    pub written: Mutex<Vec<(String, String, Part)>>,
    /// The newest message as it came.
    pub sent: Mutex<Option<SendContactMessageRequest>>,
    positions: Mutex<u64>,
}

pub struct FakeConversations {
    pub state: Arc<State>,
    pub host: Host,
}

impl FakeConversations {
    pub async fn start(keys: &Path) -> Self {
        let state = Arc::new(State::default());
        let routes = {
            let state = state.clone();
            move |_: &runtime::Tasks| {
                Routes::new(ConversationServiceServer::new(Handler(state.clone())))
            }
        };
        let services = &["messenger.conversations.v1.ConversationService"];
        let host = Host::start("conversations", services, ACCESS, keys, routes).await;
        Self { state, host }
    }

    /// A conversation of the contact, open and without a message.
    pub fn add(&self, contact: &ContactId, id: &str) {
        self.state.entries.lock().push(Entry {
            contact: contact.to_string(),
            conversation: ContactConversation {
                conversation_id: id.into(),
                state: ConversationState::Open.into(),
                ..Default::default()
            },
            parts: Vec::new(),
            deleted: false,
        });
    }

    pub fn change(&self, id: &str, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.state.entries.lock();
        let entry = entries
            .iter_mut()
            .find(|entry| entry.conversation.conversation_id == id);
        change(entry.expect("the conversation is known"));
    }

    pub fn knows(&self, id: &str) -> bool {
        let entries = self.state.entries.lock();
        entries
            .iter()
            .any(|entry| entry.conversation.conversation_id == id)
    }
}

struct Handler(Arc<State>);

impl Handler {
    fn at(&self) -> Vec<LogPosition> {
        let mut positions = self.0.positions.lock();
        *positions += 1;
        vec![LogPosition {
            source: "conversations".into(),
            partition: 2,
            position: *positions,
        }]
    }

    fn there(&self, id: &str) -> Result<(), Status> {
        let entries = self.0.entries.lock();
        let there = entries
            .iter()
            .any(|entry| !entry.deleted && entry.conversation.conversation_id == id);
        let (domain, reason) = ("conversations.messenger", "CONVERSATION_NOT_FOUND");
        match there {
            true => Ok(()),
            false => Err(ours(Kind::NotFound, domain, reason).into()),
        }
    }

    /// Closes a conversation or reopens it.
    fn turn(&self, id: String, state: ConversationState) -> Result<Conversation, Status> {
        self.there(&id)?;
        let mut entries = self.0.entries.lock();
        for entry in entries.iter_mut() {
            if entry.conversation.conversation_id == id {
                entry.conversation.state = state.into();
            }
        }
        Ok(Conversation {
            conversation_id: id,
            state: state.into(),
            ..Default::default()
        })
    }

    /// A teammate's part, one for each request id.
    fn write(&self, request_id: String, id: String, body: String) -> Result<Part, Status> {
        self.there(&id)?;
        let mut written = self.0.written.lock();
        let done = written.iter().find(|(known, ..)| *known == request_id);
        if let Some((_, to, part)) = done.filter(|_| !request_id.is_empty()) {
            if *to != id || part.body != body {
                let (domain, reason) = ("conversations.messenger", "REQUEST_ID_REUSED");
                return Err(ours(Kind::Precondition, domain, reason).into());
            }
            return Ok(part.clone());
        }
        let part = Part {
            part_id: format!("prt_{}", written.len() + 1),
            body,
            ..Default::default()
        };
        written.push((request_id, id, part.clone()));
        Ok(part)
    }

    fn of(&self, contact: &str, id: &str) -> Result<Entry, Status> {
        let entries = self.0.entries.lock();
        let found = entries.iter().find(|entry| {
            entry.contact == contact && !entry.deleted && entry.conversation.conversation_id == id
        });
        found.cloned().ok_or_else(|| {
            ours(
                Kind::NotFound,
                "conversations.messenger",
                "CONVERSATION_NOT_FOUND",
            )
            .into()
        })
    }
}

#[tonic::async_trait]
impl ConversationService for Handler {
    async fn ensure_conversation(
        &self,
        request: Request<EnsureConversationRequest>,
    ) -> Result<Response<EnsureConversationResponse>, Status> {
        self.0.gate.pass("EnsureConversation", &request).await?;
        let request = request.into_inner();
        let mut entries = self.0.entries.lock();
        let known = entries
            .iter()
            .find(|entry| entry.conversation.conversation_id == request.conversation_id);
        if known.is_some_and(|entry| entry.deleted) {
            let domain = "conversations.messenger";
            return Err(ours(Kind::Precondition, domain, "CONVERSATION_NOT_FOUND").into());
        }
        if let Some(known) = known {
            return Ok(Response::new(EnsureConversationResponse {
                conversation: Some(known.conversation.clone()),
                positions: Vec::new(),
            }));
        }
        let conversation = ContactConversation {
            conversation_id: request.conversation_id,
            state: ConversationState::Open.into(),
            ..Default::default()
        };
        entries.push(Entry {
            contact: request.contact_id,
            conversation: conversation.clone(),
            parts: Vec::new(),
            deleted: false,
        });
        Ok(Response::new(EnsureConversationResponse {
            conversation: Some(conversation),
            positions: self.at(),
        }))
    }

    async fn start_contact_conversation(
        &self,
        request: Request<StartContactConversationRequest>,
    ) -> Result<Response<StartContactConversationResponse>, Status> {
        let (actor, empty) = self
            .0
            .gate
            .pass("StartContactConversation", &request)
            .await?;
        if empty {
            return Ok(Response::new(Default::default()));
        }
        let conversation = ContactConversation {
            conversation_id: "cnv_000000000000000000000000000000a3".into(),
            state: ConversationState::Open.into(),
            has_messages: true,
            preview: Some(MessagePreview {
                text: request.into_inner().body,
                author_kind: AuthorKind::Contact.into(),
                author_name: actor.name.clone(),
                mine: true,
                time: None,
            }),
            head_seq: 1,
            ..Default::default()
        };
        self.0.entries.lock().push(Entry {
            contact: actor.id.clone(),
            conversation: conversation.clone(),
            parts: Vec::new(),
            deleted: false,
        });
        Ok(Response::new(StartContactConversationResponse {
            conversation: Some(conversation),
            part: None,
            positions: self.at(),
        }))
    }

    async fn batch_get_contact_conversations(
        &self,
        request: Request<BatchGetContactConversationsRequest>,
    ) -> Result<Response<BatchGetContactConversationsResponse>, Status> {
        let (actor, _) = self
            .0
            .gate
            .pass("BatchGetContactConversations", &request)
            .await?;
        let ids = request.into_inner().conversation_ids;
        let mut answer = BatchGetContactConversationsResponse::default();
        for entry in self.0.entries.lock().iter() {
            let id = &entry.conversation.conversation_id;
            match ids.contains(id) {
                true if entry.deleted || entry.contact != actor.id => {
                    answer.unreadable_ids.push(id.clone());
                }
                true => answer.conversations.push(entry.conversation.clone()),
                false => {}
            }
        }
        Ok(Response::new(answer))
    }

    async fn list_contact_conversations(
        &self,
        request: Request<ListContactConversationsRequest>,
    ) -> Result<Response<ListContactConversationsResponse>, Status> {
        let (actor, _) = self
            .0
            .gate
            .pass("ListContactConversations", &request)
            .await?;
        let request = request.into_inner();
        let entries = self.0.entries.lock().clone();
        Ok(Response::new(ListContactConversationsResponse {
            conversations: entries
                .into_iter()
                .filter(|entry| entry.contact == actor.id && !entry.deleted)
                .map(|entry| entry.conversation)
                .collect(),
            // what was asked for, to be seen on the way back
            next_page_token: format!("{}+{}", request.page_token, request.page_size),
        }))
    }

    async fn list_contact_parts(
        &self,
        request: Request<ListContactPartsRequest>,
    ) -> Result<Response<ListContactPartsResponse>, Status> {
        let (actor, empty) = self.0.gate.pass("ListContactParts", &request).await?;
        if empty {
            return Ok(Response::new(Default::default()));
        }
        let request = request.into_inner();
        let entry = self.of(&actor.id, &request.conversation_id)?;
        Ok(Response::new(ListContactPartsResponse {
            conversation: Some(entry.conversation),
            parts: entry.parts,
            next_page_token: format!("{}+{}", request.page_token, request.page_size),
        }))
    }

    async fn send_contact_message(
        &self,
        request: Request<SendContactMessageRequest>,
    ) -> Result<Response<SendContactMessageResponse>, Status> {
        let (actor, empty) = self.0.gate.pass("SendContactMessage", &request).await?;
        if empty {
            return Ok(Response::new(Default::default()));
        }
        let request = request.into_inner();
        self.of(&actor.id, &request.conversation_id)?;
        *self.0.sent.lock() = Some(request.clone());
        let mut entries = self.0.entries.lock();
        let entry = entries
            .iter_mut()
            .find(|entry| entry.conversation.conversation_id == request.conversation_id)
            .expect("found a moment ago");
        let conversation = &mut entry.conversation;
        conversation.head_seq += 1;
        conversation.has_messages = true;
        conversation.state = ConversationState::Open.into();
        let part = ContactPart {
            part_id: format!("prt_{}", conversation.head_seq),
            seq: conversation.head_seq,
            kind: PartKind::Message.into(),
            author_kind: AuthorKind::Contact.into(),
            author_name: actor.name.clone(),
            mine: true,
            body: request.body,
            ..Default::default()
        };
        Ok(Response::new(SendContactMessageResponse {
            part: Some(part),
            conversation: Some(conversation.clone()),
            positions: self.at(),
        }))
    }

    async fn mark_contact_read(
        &self,
        request: Request<MarkContactReadRequest>,
    ) -> Result<Response<MarkContactReadResponse>, Status> {
        let (actor, _) = self.0.gate.pass("MarkContactRead", &request).await?;
        let request = request.into_inner();
        let entry = self.of(&actor.id, &request.conversation_id)?;
        if request.up_to_seq > entry.conversation.head_seq {
            let domain = "conversations.messenger";
            return Err(ours(Kind::Invalid, domain, "SEQ_ABOVE_HEAD").into());
        }
        Ok(Response::new(MarkContactReadResponse {
            read_seq: request.up_to_seq,
            positions: self.at(),
        }))
    }

    async fn get_conversation(
        &self,
        request: Request<GetConversationRequest>,
    ) -> Result<Response<GetConversationResponse>, Status> {
        self.0.gate.pass("GetConversation", &request).await?;
        let id = request.into_inner().conversation_id;
        self.there(&id)?;
        Ok(Response::new(GetConversationResponse {
            conversation: Some(Conversation {
                conversation_id: id,
                ..Default::default()
            }),
        }))
    }

    async fn send_message(
        &self,
        request: Request<SendMessageRequest>,
    ) -> Result<Response<SendMessageResponse>, Status> {
        self.0.gate.pass("SendMessage", &request).await?;
        let request = request.into_inner();
        let part = self.write(request.request_id, request.conversation_id, request.body)?;
        Ok(Response::new(SendMessageResponse {
            part: Some(part),
            positions: self.at(),
        }))
    }

    async fn add_note(
        &self,
        request: Request<AddNoteRequest>,
    ) -> Result<Response<AddNoteResponse>, Status> {
        self.0.gate.pass("AddNote", &request).await?;
        let request = request.into_inner();
        let part = self.write(request.request_id, request.conversation_id, request.body)?;
        Ok(Response::new(AddNoteResponse { part: Some(part) }))
    }

    async fn close_conversation(
        &self,
        request: Request<CloseConversationRequest>,
    ) -> Result<Response<CloseConversationResponse>, Status> {
        self.0.gate.pass("CloseConversation", &request).await?;
        let id = request.into_inner().conversation_id;
        Ok(Response::new(CloseConversationResponse {
            conversation: Some(self.turn(id, ConversationState::Closed)?),
            positions: self.at(),
        }))
    }

    async fn reopen_conversation(
        &self,
        request: Request<ReopenConversationRequest>,
    ) -> Result<Response<ReopenConversationResponse>, Status> {
        self.0.gate.pass("ReopenConversation", &request).await?;
        let id = request.into_inner().conversation_id;
        Ok(Response::new(ReopenConversationResponse {
            conversation: Some(self.turn(id, ConversationState::Open)?),
            positions: self.at(),
        }))
    }

    refused! {
        start_conversation(StartConversationRequest) -> StartConversationResponse;
        batch_get_conversations(BatchGetConversationsRequest) -> BatchGetConversationsResponse;
        list_conversations(ListConversationsRequest) -> ListConversationsResponse;
        list_parts(ListPartsRequest) -> ListPartsResponse;
        mark_read(MarkReadRequest) -> MarkReadResponse;
        delete_conversation(DeleteConversationRequest) -> DeleteConversationResponse;
    }
}
