//! The Messages space: its list, a thread, and writing in one.

use std::collections::HashSet;

use proto::{bff::v1 as pb, conversations::v1 as cv, tickets::v1 as tk};
use tonic::Code;

use super::MessengerHandler;
use crate::{consistency, convert, error::Error, labels::LabelSet, sessions::Session, view};

impl MessengerHandler {
    pub(super) async fn conversations(
        &self,
        session: &Session,
        request: pb::ListConversationsRequest,
    ) -> Result<pb::ListConversationsResponse, Error> {
        let page = self
            .clients
            .conversations(
                &session.speaks,
                cv::ListContactConversationsRequest {
                    page_size: request.page_size,
                    page_token: request.page_token,
                },
            )
            .await?;
        let ids: Vec<_> = page
            .conversations
            .iter()
            .map(|conversation| conversation.conversation_id.clone())
            .collect();
        let tickets = match ids.is_empty() {
            true => Ok(Vec::new()),
            false => self.clients.tickets_of(&session.speaks, ids, false).await,
        };
        let tickets_unavailable = tickets.is_err();
        // S4: on every platform, whether its Tickets space is on or off
        let mut pills = view::pills(tickets.unwrap_or_default());
        Ok(pb::ListConversationsResponse {
            conversations: page
                .conversations
                .into_iter()
                .map(|conversation| {
                    let pill = pills.remove(&conversation.conversation_id);
                    view::conversation_summary(conversation, pill)
                })
                .collect(),
            next_page_token: page.next_page_token,
            tickets_unavailable,
        })
    }

    pub(super) async fn conversation(
        &self,
        session: &Session,
        request: pb::GetConversationRequest,
    ) -> Result<pb::GetConversationResponse, Error> {
        convert::conversation(&request.conversation_id)?;
        let id = request.conversation_id.clone();
        let (page, tickets) = tokio::join!(
            self.clients.parts(
                &session.speaks,
                cv::ListContactPartsRequest {
                    conversation_id: request.conversation_id,
                    page_size: request.page_size,
                    page_token: request.page_token,
                },
            ),
            self.clients
                .tickets_of(&session.speaks, vec![id.clone()], false),
        );
        let page = match page {
            Err(refusal) if refusal.code() == Some(Code::NotFound) => {
                let tickets = tickets.as_deref().unwrap_or_default();
                self.page_to_come(session, id, tickets)
                    .await
                    .ok_or(refusal)?
            }
            page => page?,
        };
        let parts = self
            .told(session, page.parts, tickets.as_deref().ok())
            .await;
        let conversation = page.conversation.ok_or(Error::Garbage("conversation"))?;
        let ticket_unavailable = tickets.is_err();
        let pill = view::pills(tickets.unwrap_or_default()).remove(&conversation.conversation_id);
        let states = view::part_states(&parts);
        let labels = session
            .workspace
            .labels
            .with(states, &self.clients, &session.speaks)
            .await;
        Ok(pb::GetConversationResponse {
            conversation: Some(view::conversation_summary(conversation, pill)),
            parts: parts
                .into_iter()
                .filter_map(|part| view::part(part, &labels))
                .collect(),
            next_page_token: page.next_page_token,
            ticket_unavailable,
        })
    }

    /// What a thread says of tickets that the contact does not see, or does not see any more, is not told (V3);
    /// nor is anything of any ticket while nobody can say which those are. `linked` are those of the conversation.
    async fn told(
        &self,
        session: &Session,
        mut parts: Vec<cv::ContactPart>,
        linked: Option<&[tk::ContactTicket]>,
    ) -> Vec<cv::ContactPart> {
        let id = |ticket: &tk::ContactTicket| ticket.ticket_id.clone();
        let mut seen: HashSet<String> = linked.iter().copied().flatten().map(id).collect();
        let stamped = |part: &cv::ContactPart| part.ticket.as_ref().map(|of| of.ticket_id.clone());
        let others: HashSet<String> = parts.iter().filter_map(stamped).collect();
        let others: Vec<_> = others.difference(&seen).cloned().collect();
        if linked.is_some() && !others.is_empty() {
            let found = self.clients.seen_among(&session.speaks, others).await;
            seen.extend(found.iter().flatten().map(id));
        }
        parts.retain(|part| stamped(part).is_none_or(|ticket| seen.contains(&ticket)));
        parts
    }

    /// C2: the conversation of a new ticket is there for its customer before Conversations has heard of it;
    /// nobody has written yet. `None` when it is not theirs, or was deleted (V2).
    async fn page_to_come(
        &self,
        session: &Session,
        conversation_id: String,
        tickets: &[tk::ContactTicket],
    ) -> Option<cv::ListContactPartsResponse> {
        if !tickets
            .iter()
            .any(|ticket| ticket.conversation_id == conversation_id)
        {
            return None;
        }
        let id = conversation_id.clone();
        let answer = self.clients.conversation(&session.speaks, id).await.ok()?;
        let conversation = match view::linked(&conversation_id, Some(&answer)) {
            view::Linked::NotYet => cv::ContactConversation {
                conversation_id,
                state: cv::ConversationState::Open.into(),
                ..Default::default()
            },
            // it came meanwhile, as empty as it was
            view::Linked::Known(known) if !known.has_messages => known.clone(),
            _ => return None,
        };
        Some(cv::ListContactPartsResponse {
            conversation: Some(conversation),
            ..Default::default()
        })
    }

    pub(super) async fn start(
        &self,
        session: &Session,
        request: pb::StartConversationRequest,
    ) -> Result<pb::StartConversationResponse, Error> {
        convert::start_conversation(&request)?;
        self.limits.message(&session.contact, &request.request_id)?;
        let started = self
            .clients
            .start_conversation(
                &session.speaks,
                cv::StartContactConversationRequest {
                    request_id: request.request_id,
                    body: request.body,
                },
            )
            .await?;
        let conversation = started.conversation.ok_or(Error::Garbage("conversation"))?;
        Ok(pb::StartConversationResponse {
            conversation: Some(view::conversation_summary(conversation, None)),
            consistency_token: consistency::encode(&started.positions),
        })
    }

    /// A ticket's conversation may be written in before Conversations has heard of it: then Tickets is
    /// asked whether the contact sees a ticket there, and the conversation is made first.
    pub(super) async fn send(
        &self,
        session: &Session,
        request: pb::SendMessageRequest,
    ) -> Result<pb::SendMessageResponse, Error> {
        convert::send_message(&request)?;
        self.limits.message(&session.contact, &request.request_id)?;
        let message = cv::SendContactMessageRequest {
            request_id: request.request_id,
            conversation_id: request.conversation_id,
            body: request.body,
            seen_up_to_seq: request.seen_up_to_seq,
        };
        let first = self.clients.send_message(&session.speaks, &message).await;
        let sent = match first {
            Err(refusal) if refusal.code() == Some(Code::NotFound) => {
                if !self
                    .make_for_ticket(session, &message.conversation_id)
                    .await?
                {
                    return Err(refusal);
                }
                self.clients.send_message(&session.speaks, &message).await?
            }
            outcome => outcome?,
        };
        let part = sent
            .part
            .and_then(|part| view::part(part, &LabelSet::default()))
            .ok_or(Error::Garbage("message"))?;
        Ok(pb::SendMessageResponse {
            part: Some(part),
            consistency_token: consistency::encode(&sent.positions),
        })
    }

    pub(super) async fn mark_conversation(
        &self,
        session: &Session,
        request: pb::MarkConversationReadRequest,
    ) -> Result<pb::MarkConversationReadResponse, Error> {
        convert::mark_conversation_read(&request)?;
        let read = self
            .clients
            .mark_read(
                &session.speaks,
                cv::MarkContactReadRequest {
                    conversation_id: request.conversation_id,
                    up_to_seq: request.up_to_seq,
                },
            )
            .await?;
        Ok(pb::MarkConversationReadResponse {
            read_seq: read.read_seq,
            consistency_token: consistency::encode(&read.positions),
        })
    }

    /// Makes the conversation if the contact sees a ticket that is linked to it; says whether it is there.
    async fn make_for_ticket(
        &self,
        session: &Session,
        conversation_id: &str,
    ) -> Result<bool, Error> {
        let ids = vec![conversation_id.to_owned()];
        let tickets = match self.clients.tickets_of(&session.speaks, ids, true).await {
            Ok(tickets) => tickets,
            // an id that Tickets does not even read names no ticket
            Err(error) if error.code() == Some(Code::InvalidArgument) => return Ok(false),
            Err(error) => return Err(error),
        };
        if !tickets
            .iter()
            .any(|ticket| ticket.conversation_id == conversation_id)
        {
            return Ok(false);
        }
        match self.ensure(session, conversation_id.to_owned(), true).await {
            Ok(_) => Ok(true),
            // it was deleted, and looks like one that never was (V2)
            Err(error) if error.code() == Some(Code::FailedPrecondition) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
