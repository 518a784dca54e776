//! What teammates, integrations and other services ask for.

use proto::conversations::v1 as pb;
use types::{ContactId, page_size};

use super::{
    Conversations,
    caller::Caller,
    gone,
    page::cut,
    write::{Order, Outcome, Target},
};
use crate::{
    convert,
    domain::{Command, Conversation, ConversationId, State},
    error::Error,
    store::{self, For, Inbox},
};

impl Conversations {
    pub(super) async fn start_conversation(
        &self,
        caller: &Caller,
        request: pb::StartConversationRequest,
    ) -> Result<pb::StartConversationResponse, Error> {
        let contact = convert::start_conversation(&request)?.1;
        let outcome = self.try_start_with(caller, &request, &contact).await;
        match self.survivor(caller, &contact, outcome).await? {
            gone::Outcome::Done(answer) => Ok(answer),
            gone::Outcome::Again(user) => {
                self.try_start_with(caller, &request, &user.contact).await
            }
        }
    }

    async fn try_start_with(
        &self,
        caller: &Caller,
        request: &pb::StartConversationRequest,
        contact: &ContactId,
    ) -> Result<pb::StartConversationResponse, Error> {
        let (request_id, _, body) = convert::start_conversation(request)?;
        let order = Order {
            method: "StartConversation",
            request_id: &request_id,
            request,
            target: Target::New(contact.clone()),
            command: Command::Say { body, seen: None },
        };
        let reply = |outcome: &Outcome| pb::StartConversationResponse {
            conversation: Some(told(outcome)),
            part: outcome.part().map(convert::part),
            positions: Vec::new(),
        };
        self.carry_out(caller, &order, reply).await
    }

    pub(super) async fn ensure_conversation(
        &self,
        caller: &Caller,
        request: pb::EnsureConversationRequest,
    ) -> Result<pb::EnsureConversationResponse, Error> {
        let (_, contact) = convert::ensure_conversation(&request)?;
        let outcome = self.try_ensure(caller, &request, &contact).await;
        match self.survivor(caller, &contact, outcome).await? {
            gone::Outcome::Done(answer) => Ok(answer),
            gone::Outcome::Again(user) => self.try_ensure(caller, &request, &user.contact).await,
        }
    }

    async fn try_ensure(
        &self,
        caller: &Caller,
        request: &pb::EnsureConversationRequest,
        contact: &ContactId,
    ) -> Result<pb::EnsureConversationResponse, Error> {
        let (id, _) = convert::ensure_conversation(request)?;
        let order = Order {
            method: "EnsureConversation",
            request_id: "",
            request,
            target: Target::Ensured(id, contact.clone()),
            command: Command::Exist,
        };
        let reply = |outcome: &Outcome| pb::EnsureConversationResponse {
            conversation: outcome.copy_of(contact).map(convert::contact_conversation),
            positions: Vec::new(),
        };
        self.carry_out(caller, &order, reply).await
    }

    pub(super) async fn get_conversation(
        &self,
        caller: &Caller,
        request: pb::GetConversationRequest,
    ) -> Result<pb::GetConversationResponse, Error> {
        let id = convert::conversation(&request.conversation_id)?;
        let found = store::batch(&self.of(caller), caller.workspace(), &[id]).await?;
        let conversation = self.with_members(caller, found).await?.pop();
        Ok(pb::GetConversationResponse {
            conversation: Some(conversation.ok_or(Error::NotFound)?),
        })
    }

    pub(super) async fn batch_get_conversations(
        &self,
        caller: &Caller,
        request: pb::BatchGetConversationsRequest,
    ) -> Result<pb::BatchGetConversationsResponse, Error> {
        let ids = convert::batch(&request.conversation_ids)?;
        let found = store::batch(&self.of(caller), caller.workspace(), &ids).await?;
        Ok(pb::BatchGetConversationsResponse {
            conversations: self.with_members(caller, found).await?,
        })
    }

    pub(super) async fn list_conversations(
        &self,
        caller: &Caller,
        request: pb::ListConversationsRequest,
    ) -> Result<pb::ListConversationsResponse, Error> {
        let (state, contact) = convert::list_conversations(&request)?;
        let filters = format!("{state:?} {contact:?}");
        let scope = ["ListConversations", caller.workspace().as_str(), &filters];
        let after = self.after(&scope, &request.page_token)?;
        let size = page_size(request.page_size);
        let mut page = store::conversations(
            &self.of(caller),
            caller.workspace(),
            &Inbox { state, contact },
            after.as_ref(),
            size + 1,
        )
        .await?;
        let next = cut(&mut page, size).map(|last| self.token(&scope, last.updated_at, last));
        Ok(pb::ListConversationsResponse {
            conversations: self.with_members(caller, page).await?,
            next_page_token: next.unwrap_or_default(),
        })
    }

    pub(super) async fn list_parts(
        &self,
        caller: &Caller,
        request: pb::ListPartsRequest,
    ) -> Result<pb::ListPartsResponse, Error> {
        let key = caller.key(convert::conversation(&request.conversation_id)?);
        let scope = [
            "ListParts",
            key.workspace.as_str(),
            key.conversation.as_str(),
        ];
        let before = self.before(&scope, &request.page_token)?;
        let size = page_size(request.page_size);
        let db = &self.of(caller);
        store::find(db, &key, For::Reading)
            .await?
            .filter(|conversation| conversation.deleted_at.is_none())
            .ok_or(Error::NotFound)?;
        let mut page = store::parts(db, &key, before, size + 1).await?;
        let next = cut(&mut page, size).map(|last| self.token_below(&scope, last.seq));
        Ok(pb::ListPartsResponse {
            parts: page.into_iter().map(convert::part).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    pub(super) async fn send_message(
        &self,
        caller: &Caller,
        request: pb::SendMessageRequest,
    ) -> Result<pb::SendMessageResponse, Error> {
        let (request_id, id, body) =
            convert::text_to(&request.request_id, &request.conversation_id, &request.body)?;
        let order = Order {
            method: "SendMessage",
            request_id: &request_id,
            request: &request,
            target: Target::Existing(id),
            command: Command::Say { body, seen: None },
        };
        let reply = |outcome: &Outcome| pb::SendMessageResponse {
            part: outcome.part().map(convert::part),
            positions: Vec::new(),
        };
        self.carry_out(caller, &order, reply).await
    }

    pub(super) async fn add_note(
        &self,
        caller: &Caller,
        request: pb::AddNoteRequest,
    ) -> Result<pb::AddNoteResponse, Error> {
        caller.teammate()?;
        let (request_id, id, body) =
            convert::text_to(&request.request_id, &request.conversation_id, &request.body)?;
        let order = Order {
            method: "AddNote",
            request_id: &request_id,
            request: &request,
            target: Target::Existing(id),
            command: Command::Note { body },
        };
        let reply = |outcome: &Outcome| pb::AddNoteResponse {
            part: outcome.part().map(convert::part),
        };
        self.carry_out(caller, &order, reply).await
    }

    pub(super) async fn close_conversation(
        &self,
        caller: &Caller,
        request: pb::CloseConversationRequest,
    ) -> Result<pb::CloseConversationResponse, Error> {
        let (request_id, id) = convert::transition(&request.request_id, &request.conversation_id)?;
        let order = Order {
            method: "CloseConversation",
            request_id: &request_id,
            request: &request,
            target: Target::Existing(id),
            command: Command::Become(State::Closed),
        };
        let reply = |outcome: &Outcome| pb::CloseConversationResponse {
            conversation: Some(told(outcome)),
            positions: Vec::new(),
        };
        self.carry_out(caller, &order, reply).await
    }

    pub(super) async fn reopen_conversation(
        &self,
        caller: &Caller,
        request: pb::ReopenConversationRequest,
    ) -> Result<pb::ReopenConversationResponse, Error> {
        let (request_id, id) = convert::transition(&request.request_id, &request.conversation_id)?;
        let order = Order {
            method: "ReopenConversation",
            request_id: &request_id,
            request: &request,
            target: Target::Existing(id),
            command: Command::Become(State::Open),
        };
        let reply = |outcome: &Outcome| pb::ReopenConversationResponse {
            conversation: Some(told(outcome)),
            positions: Vec::new(),
        };
        self.carry_out(caller, &order, reply).await
    }

    pub(super) async fn mark_read(
        &self,
        caller: &Caller,
        request: pb::MarkReadRequest,
    ) -> Result<pb::MarkReadResponse, Error> {
        let (id, contact, up_to) = convert::mark_read(&request)?;
        let key = caller.key(id);
        let outcome = self.read_up_to(&key, &contact, up_to).await;
        let (read_seq, positions) = match self.survivor(caller, &contact, outcome).await? {
            gone::Outcome::Done(read) => read,
            gone::Outcome::Again(user) => self.read_up_to(&key, &user.contact, up_to).await?,
        };
        Ok(pb::MarkReadResponse {
            read_seq,
            positions,
        })
    }

    pub(super) async fn delete_conversation(
        &self,
        caller: &Caller,
        request: pb::DeleteConversationRequest,
    ) -> Result<pb::DeleteConversationResponse, Error> {
        let (request_id, id) = convert::transition(&request.request_id, &request.conversation_id)?;
        let order = Order {
            method: "DeleteConversation",
            request_id: &request_id,
            request: &request,
            target: Target::Existing(id),
            command: Command::Delete,
        };
        let reply = |_: &Outcome| pb::DeleteConversationResponse::default();
        self.carry_out(caller, &order, reply).await
    }

    /// Conversations as teammates see them, in the same order: one statement for all their contacts.
    async fn with_members(
        &self,
        caller: &Caller,
        conversations: Vec<Conversation>,
    ) -> Result<Vec<pb::Conversation>, Error> {
        let ids: Vec<ConversationId> = conversations
            .iter()
            .map(|conversation| conversation.key.conversation.clone())
            .collect();
        let mut members = store::members(&self.of(caller), caller.workspace(), &ids).await?;
        Ok(conversations
            .iter()
            .map(|conversation| {
                let contacts = members.remove(&conversation.key.conversation);
                convert::told_conversation(conversation, &contacts.unwrap_or_default())
            })
            .collect())
    }
}

fn told(outcome: &Outcome) -> pb::Conversation {
    convert::told_conversation(&outcome.conversation, &outcome.contacts())
}
