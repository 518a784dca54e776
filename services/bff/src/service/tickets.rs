//! The Tickets space: its list, a ticket in full, submitting one, and its call to action.

use proto::{
    bff::v1 as pb, conversations::v1 as cv, events::v1::LogPosition, notifications::v1 as nt,
    tickets::v1 as tk,
};
use tonic::Code;

use super::MessengerHandler;
use crate::{
    consistency, convert,
    error::Error,
    sessions::Session,
    view::{self, Linked},
};

impl MessengerHandler {
    pub(super) async fn tickets(
        &self,
        session: &Session,
        request: pb::ListTicketsRequest,
    ) -> Result<pb::ListTicketsResponse, Error> {
        let at_least = consistency::decode(&request.consistency_token)?;
        let _waiting = self.waits.enter(&session.contact, &at_least)?;
        let page = self
            .clients
            .tickets(
                &session.speaks,
                tk::ListContactTicketsRequest {
                    page_size: request.page_size,
                    page_token: request.page_token,
                },
            )
            .await?;
        let reads = self.reads(session, &page.tickets, at_least).await?;
        Ok(pb::ListTicketsResponse {
            tickets: page
                .tickets
                .into_iter()
                .map(|ticket| {
                    let unread = view::unread(&ticket, reads.as_deref());
                    view::ticket_summary(ticket, unread)
                })
                .collect(),
            next_page_token: page.next_page_token,
            unread_unavailable: reads.is_none(),
        })
    }

    pub(super) async fn ticket(
        &self,
        session: &Session,
        request: pb::GetTicketRequest,
    ) -> Result<pb::GetTicketResponse, Error> {
        convert::ticket(&request.ticket_id)?;
        let at_least = consistency::decode(&request.consistency_token)?;
        let _waiting = self.waits.enter(&session.contact, &at_least)?;
        let found = self
            .clients
            .ticket(&session.speaks, request.ticket_id)
            .await?;
        let ticket = found.ticket.ok_or(Error::Garbage("ticket"))?;
        let conversation_id = ticket.conversation_id.clone();
        let (conversation, reads) = tokio::join!(
            self.linked_conversation(session, conversation_id),
            self.reads(session, std::slice::from_ref(&ticket), at_least),
        );
        let linked = view::linked(&ticket.conversation_id, conversation.as_ref());
        let detail = view::detail(ticket, found.updates, linked, reads?.as_deref());
        Ok(pb::GetTicketResponse {
            ticket: Some(detail),
        })
    }

    pub(super) async fn forms(
        &self,
        session: &Session,
    ) -> Result<pb::ListTicketFormsResponse, Error> {
        let answer = self.clients.forms(&session.speaks, true).await?;
        session.workspace.labels.learn(&answer);
        Ok(pb::ListTicketFormsResponse {
            forms: answer
                .types
                .into_iter()
                .map(|form| pb::TicketForm {
                    type_id: form.type_id,
                    name: form.name,
                })
                .collect(),
        })
    }

    /// Depends on no space and on no setting (S7). The conversation is ensured at once so that the first
    /// message finds it; should that fail, Conversations makes it when it hears of the ticket.
    pub(super) async fn submit(
        &self,
        session: &Session,
        request: pb::SubmitTicketRequest,
    ) -> Result<pb::SubmitTicketResponse, Error> {
        convert::submit(&request)?;
        self.limits.ticket(&session.contact, &request.request_id)?;
        let created = self
            .clients
            .create_ticket(
                &session.speaks,
                tk::CreateContactTicketRequest {
                    request_id: request.request_id,
                    type_id: request.type_id,
                    title: request.title,
                    description: request.description,
                },
            )
            .await?;
        let ticket = created.ticket.ok_or(Error::Garbage("ticket"))?;
        let mut positions = created.positions;
        let (ensured, reads) = tokio::join!(
            self.ensure(session, ticket.conversation_id.clone(), false),
            self.reads(session, std::slice::from_ref(&ticket), Vec::new()),
        );
        let linked = match &ensured {
            _ if ticket.conversation_id.is_empty() => Linked::Nowhere,
            Ok(ensured) => ensured
                .conversation
                .as_ref()
                .map_or(Linked::Unreadable, Linked::Known),
            // the answer to a retry: it was deleted since
            Err(error) if error.code() == Some(Code::FailedPrecondition) => Linked::Unreadable,
            Err(_) => Linked::NotYet,
        };
        if let Ok(ensured) = &ensured {
            positions.extend_from_slice(&ensured.positions);
        }
        let updates = vec![view::created(&ticket)];
        let detail = view::detail(ticket, updates, linked, reads?.as_deref());
        Ok(pb::SubmitTicketResponse {
            ticket: Some(detail),
            consistency_token: consistency::encode(&positions),
        })
    }

    /// C2: an unlinked ticket gets a conversation; two taps get the same one.
    pub(super) async fn open_conversation(
        &self,
        session: &Session,
        request: pb::OpenTicketConversationRequest,
    ) -> Result<pb::OpenTicketConversationResponse, Error> {
        convert::ticket(&request.ticket_id)?;
        let linked = self
            .clients
            .ensure_ticket_conversation(&session.speaks, request.ticket_id)
            .await?;
        if linked.conversation_id.is_empty() {
            return Err(Error::Garbage("the ticket's conversation"));
        }
        let ensured = match self.ensure(session, linked.conversation_id, true).await {
            Ok(ensured) => ensured,
            // deleted, and Tickets has not heard of it yet: a moment later it links another
            Err(error) if error.code() == Some(Code::FailedPrecondition) => {
                return Err(Error::Away("tickets"));
            }
            Err(error) => return Err(error),
        };
        let conversation = ensured.conversation.ok_or(Error::Garbage("conversation"))?;
        let positions = [linked.positions, ensured.positions].concat();
        Ok(pb::OpenTicketConversationResponse {
            conversation: Some(view::conversation_summary(
                conversation,
                linked.ticket.map(view::pill),
            )),
            consistency_token: consistency::encode(&positions),
        })
    }

    /// B3: reads the ticket alone. Tickets says whether the contact sees it, and how far it has come.
    pub(super) async fn mark_ticket(
        &self,
        session: &Session,
        request: pb::MarkTicketReadRequest,
    ) -> Result<pb::MarkTicketReadResponse, Error> {
        convert::mark_ticket_read(&request)?;
        let found = self
            .clients
            .ticket(&session.speaks, request.ticket_id)
            .await?;
        let ticket = found.ticket.ok_or(Error::Garbage("ticket"))?;
        if request.up_to_revision > ticket.revision {
            return Err(Error::RevisionAboveTicket {
                newest: ticket.revision,
            });
        }
        self.clients
            .mark_ticket_read(
                &session.speaks,
                nt::MarkTicketReadRequest {
                    ticket_id: ticket.ticket_id,
                    up_to_revision: request.up_to_revision,
                },
            )
            .await?;
        Ok(pb::MarkTicketReadResponse {})
    }

    /// Makes sure that a conversation exists for the contact, on this service's own word.
    pub(super) async fn ensure(
        &self,
        session: &Session,
        conversation_id: String,
        needed: bool,
    ) -> Result<cv::EnsureConversationResponse, Error> {
        let request = cv::EnsureConversationRequest {
            conversation_id,
            contact_id: session.contact.to_string(),
        };
        self.clients
            .ensure_conversation(&session.workspace.ensures, request, needed)
            .await
    }

    /// What Conversations knows of a ticket's conversation; `None` when it does not answer (D2).
    async fn linked_conversation(
        &self,
        session: &Session,
        conversation_id: String,
    ) -> Option<cv::BatchGetContactConversationsResponse> {
        if conversation_id.is_empty() {
            return None;
        }
        self.clients
            .conversation(&session.speaks, conversation_id)
            .await
            .ok()
    }

    /// How far these tickets are read; `None` when Notifications does not answer (D4).
    ///
    /// # Errors
    /// When the consistency token names a place that cannot be.
    async fn reads(
        &self,
        session: &Session,
        tickets: &[tk::ContactTicket],
        at_least: Vec<LogPosition>,
    ) -> Result<Option<Vec<nt::TicketRead>>, Error> {
        if tickets.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let waits = !at_least.is_empty();
        let ids = tickets
            .iter()
            .map(|ticket| ticket.ticket_id.clone())
            .collect();
        match self
            .clients
            .ticket_reads(&session.speaks, ids, at_least)
            .await
        {
            Ok(reads) => Ok(Some(reads)),
            Err(error) if waits && error.code() == Some(Code::InvalidArgument) => {
                Err(Error::ConsistencyToken)
            }
            Err(_) => Ok(None),
        }
    }
}
