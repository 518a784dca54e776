//! What contacts ask for. Nothing here can name a note: the store reads what customers see, and the
//! domain's parts for contacts have no place for one (V4).

use proto::conversations::v1 as pb;
use types::page_size;

use super::{
    Conversations,
    caller::Caller,
    gone,
    page::cut,
    write::{Order, Outcome, Target, readable},
};
use crate::{
    convert,
    domain::{Command, ContactPart},
    error::Error,
    store,
};

impl Conversations {
    pub(super) async fn start_contact_conversation(
        &self,
        caller: &Caller,
        request: pb::StartContactConversationRequest,
    ) -> Result<pb::StartContactConversationResponse, Error> {
        let outcome = self.try_start(caller, &request).await;
        match self.survivor(caller, &caller.contact()?, outcome).await? {
            gone::Outcome::Done(answer) => Ok(answer),
            gone::Outcome::Again(user) => self.try_start(&caller.as_survivor(user), &request).await,
        }
    }

    async fn try_start(
        &self,
        caller: &Caller,
        request: &pb::StartContactConversationRequest,
    ) -> Result<pb::StartContactConversationResponse, Error> {
        let contact = caller.contact()?;
        let (request_id, body) = convert::start_contact_conversation(request)?;
        let order = Order {
            method: "StartContactConversation",
            request_id: &request_id,
            request,
            target: Target::New(contact.clone()),
            command: Command::Say { body, seen: None },
        };
        let reply = |outcome: &Outcome| pb::StartContactConversationResponse {
            conversation: outcome.copy_of(&contact).map(convert::contact_conversation),
            part: outcome.part_for(&contact).map(convert::contact_part),
            positions: Vec::new(),
        };
        self.carry_out(caller, &order, reply).await
    }

    pub(super) async fn batch_get_contact_conversations(
        &self,
        caller: &Caller,
        request: pb::BatchGetContactConversationsRequest,
    ) -> Result<pb::BatchGetContactConversationsResponse, Error> {
        let contact = caller.contact()?;
        let ids = convert::batch(&request.conversation_ids)?;
        let (readable, unreadable) =
            store::among_contacts(&self.of(caller), caller.workspace(), &contact, &ids).await?;
        Ok(pb::BatchGetContactConversationsResponse {
            conversations: readable.iter().map(convert::contact_conversation).collect(),
            unreadable_ids: unreadable.into_iter().map(String::from).collect(),
        })
    }

    pub(super) async fn list_contact_conversations(
        &self,
        caller: &Caller,
        request: pb::ListContactConversationsRequest,
    ) -> Result<pb::ListContactConversationsResponse, Error> {
        let contact = caller.contact()?;
        let scope = [
            "ListContactConversations",
            caller.workspace().as_str(),
            contact.as_str(),
        ];
        let after = self.after(&scope, &request.page_token)?;
        let size = page_size(request.page_size);
        let mut page = store::contact_conversations(
            &self.of(caller),
            caller.workspace(),
            &contact,
            after.as_ref(),
            size + 1,
        )
        .await?;
        let next = cut(&mut page, size).map(|last| {
            let last = &last.conversation;
            self.token(&scope, last.activity_at, last)
        });
        Ok(pb::ListContactConversationsResponse {
            conversations: page.iter().map(convert::contact_conversation).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    pub(super) async fn list_contact_parts(
        &self,
        caller: &Caller,
        request: pb::ListContactPartsRequest,
    ) -> Result<pb::ListContactPartsResponse, Error> {
        let contact = caller.contact()?;
        let key = caller.key(convert::conversation(&request.conversation_id)?);
        let scope = [
            "ListContactParts",
            key.workspace.as_str(),
            contact.as_str(),
            key.conversation.as_str(),
        ];
        let before = self.before(&scope, &request.page_token)?;
        let size = page_size(request.page_size);
        let db = &self.of(caller);
        let view = readable(db, &key, &contact, store::For::Reading).await?;
        let found = store::contact_parts(db, &key, before, size + 1).await?;
        let mut page: Vec<ContactPart> = found
            .into_iter()
            .filter_map(|part| part.for_contact(&contact))
            .collect();
        let next = cut(&mut page, size).map(|last| self.token_below(&scope, last.seq));
        Ok(pb::ListContactPartsResponse {
            conversation: Some(convert::contact_conversation(&view)),
            parts: page.into_iter().map(convert::contact_part).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    pub(super) async fn send_contact_message(
        &self,
        caller: &Caller,
        request: pb::SendContactMessageRequest,
    ) -> Result<pb::SendContactMessageResponse, Error> {
        let outcome = self.try_send(caller, &request).await;
        match self.survivor(caller, &caller.contact()?, outcome).await? {
            gone::Outcome::Done(answer) => Ok(answer),
            gone::Outcome::Again(user) => self.try_send(&caller.as_survivor(user), &request).await,
        }
    }

    async fn try_send(
        &self,
        caller: &Caller,
        request: &pb::SendContactMessageRequest,
    ) -> Result<pb::SendContactMessageResponse, Error> {
        let contact = caller.contact()?;
        let (request_id, id, body, seen) = convert::send_contact_message(request)?;
        let order = Order {
            method: "SendContactMessage",
            request_id: &request_id,
            request,
            target: Target::Of(id, contact.clone()),
            command: Command::Say { body, seen },
        };
        let reply = |outcome: &Outcome| pb::SendContactMessageResponse {
            part: outcome.part_for(&contact).map(convert::contact_part),
            conversation: outcome.copy_of(&contact).map(convert::contact_conversation),
            positions: Vec::new(),
        };
        self.carry_out(caller, &order, reply).await
    }

    pub(super) async fn mark_contact_read(
        &self,
        caller: &Caller,
        request: pb::MarkContactReadRequest,
    ) -> Result<pb::MarkContactReadResponse, Error> {
        let outcome = self.try_mark_read(caller, &request).await;
        match self.survivor(caller, &caller.contact()?, outcome).await? {
            gone::Outcome::Done(answer) => Ok(answer),
            gone::Outcome::Again(user) => {
                self.try_mark_read(&caller.as_survivor(user), &request)
                    .await
            }
        }
    }

    async fn try_mark_read(
        &self,
        caller: &Caller,
        request: &pb::MarkContactReadRequest,
    ) -> Result<pb::MarkContactReadResponse, Error> {
        let contact = caller.contact()?;
        let (id, up_to) = convert::mark_contact_read(request)?;
        let (read_seq, positions) = self.read_up_to(&caller.key(id), &contact, up_to).await?;
        Ok(pb::MarkContactReadResponse {
            read_seq,
            positions,
        })
    }
}
