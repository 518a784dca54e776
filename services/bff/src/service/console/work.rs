//! Work on a ticket and on its conversation: what is asked for goes to its service as it came, and refusals come back
//! as they are.

use proto::{bff::v1 as pb, conversations::v1 as cv, tickets::v1 as tk};

use super::ConsoleHandler;
use crate::{console::Teammate, error::Error};

const TICKET: Error = Error::Garbage("ticket");

impl ConsoleHandler {
    pub(super) async fn create(
        &self,
        by: &Teammate,
        request: pb::CreateInboxTicketRequest,
    ) -> Result<pb::CreateInboxTicketResponse, Error> {
        self.has_contact(by, &request.requester_contact_id).await?;
        let fresh = request.conversation_id.is_empty();
        let body = tk::CreateTicketRequest {
            request_id: request.request_id,
            requester_contact_id: request.requester_contact_id,
            type_id: request.type_id,
            title: request.title,
            description: request.description,
            conversation_id: request.conversation_id,
            ..Default::default()
        };
        let made = self.clients.create_team_ticket(by.speaks(), body).await?;
        let ticket = made.ticket.ok_or(TICKET)?;
        if fresh && ticket.shared {
            // should it fail, Conversations makes it when it hears of the ticket
            let _ = self.ensure(by, &ticket, false).await;
        }
        Ok(pb::CreateInboxTicketResponse {
            ticket: Some(ticket),
        })
    }

    pub(super) async fn edit(
        &self,
        by: &Teammate,
        request: pb::EditTicketRequest,
    ) -> Result<pb::EditTicketResponse, Error> {
        self.has_teammate(by, request.assignee_teammate_id.as_deref())
            .await?;
        let body = tk::UpdateTicketRequest {
            request_id: request.request_id,
            ticket_id: request.ticket_id,
            expected_version: request.expected_version,
            title: request.title,
            description: request.description,
            assignee_teammate_id: request.assignee_teammate_id,
            open: request.open,
        };
        let answer = self.clients.update_ticket(by.speaks(), body).await?;
        Ok(pb::EditTicketResponse {
            ticket: Some(answer.ticket.ok_or(TICKET)?),
        })
    }

    pub(super) async fn set_state(
        &self,
        by: &Teammate,
        request: pb::SetTicketStateRequest,
    ) -> Result<pb::SetTicketStateResponse, Error> {
        let body = tk::ChangeTicketStateRequest {
            request_id: request.request_id,
            ticket_id: request.ticket_id,
            state_id: request.state_id,
            expected_version: request.expected_version,
            skip_notifications: request.skip_notifications,
        };
        let answer = self.clients.change_state(by.speaks(), body).await?;
        Ok(pb::SetTicketStateResponse {
            ticket: Some(answer.ticket.ok_or(TICKET)?),
        })
    }

    pub(super) async fn set_shared(
        &self,
        by: &Teammate,
        request: pb::SetTicketSharedRequest,
    ) -> Result<pb::SetTicketSharedResponse, Error> {
        let ticket = if request.shared {
            let body = tk::ShareTicketRequest {
                request_id: request.request_id,
                ticket_id: request.ticket_id,
                expected_version: request.expected_version,
                skip_notifications: false,
            };
            let answer = self.clients.share(by.speaks(), body).await?;
            let ticket = answer.ticket.ok_or(TICKET)?;
            // it may have got a conversation with it; as for a new ticket, this only makes it sooner
            let _ = self.ensure(by, &ticket, false).await;
            ticket
        } else {
            let body = tk::UnshareTicketRequest {
                request_id: request.request_id,
                ticket_id: request.ticket_id,
                expected_version: request.expected_version,
            };
            let answer = self.clients.unshare(by.speaks(), body).await?;
            answer.ticket.ok_or(TICKET)?
        };
        Ok(pb::SetTicketSharedResponse {
            ticket: Some(ticket),
        })
    }

    pub(super) async fn set_conversation(
        &self,
        by: &Teammate,
        request: pb::SetTicketConversationRequest,
    ) -> Result<pb::SetTicketConversationResponse, Error> {
        let ticket = if request.conversation_id.is_empty() {
            let body = tk::UnlinkConversationRequest {
                request_id: request.request_id,
                ticket_id: request.ticket_id,
                expected_version: request.expected_version,
            };
            self.clients.unlink(by.speaks(), body).await?.ticket
        } else {
            let body = tk::LinkConversationRequest {
                request_id: request.request_id,
                ticket_id: request.ticket_id,
                conversation_id: request.conversation_id,
                expected_version: request.expected_version,
            };
            self.clients.link(by.speaks(), body).await?.ticket
        };
        Ok(pb::SetTicketConversationResponse {
            ticket: Some(ticket.ok_or(TICKET)?),
        })
    }

    pub(super) async fn set_conversation_open(
        &self,
        by: &Teammate,
        request: pb::SetConversationOpenRequest,
    ) -> Result<pb::SetConversationOpenResponse, Error> {
        let conversation = if request.open {
            let body = cv::ReopenConversationRequest {
                request_id: request.request_id,
                conversation_id: request.conversation_id,
            };
            self.clients.reopen(by.speaks(), body).await?.conversation
        } else {
            let body = cv::CloseConversationRequest {
                request_id: request.request_id,
                conversation_id: request.conversation_id,
            };
            self.clients.close(by.speaks(), body).await?.conversation
        };
        Ok(pb::SetConversationOpenResponse {
            conversation: Some(conversation.ok_or(Error::Garbage("conversation"))?),
        })
    }

    /// Makes sure that the ticket's conversation exists, on this service's own word.
    pub(super) async fn ensure(
        &self,
        by: &Teammate,
        ticket: &tk::Ticket,
        needed: bool,
    ) -> Result<(), Error> {
        let requester = ticket.requester_contact_ids.first();
        let Some(contact) = requester.filter(|_| !ticket.conversation_id.is_empty()) else {
            return Ok(());
        };
        let body = cv::EnsureConversationRequest {
            conversation_id: ticket.conversation_id.clone(),
            contact_id: contact.clone(),
        };
        let ensured = self.clients.ensure_conversation(by.ensures(), body, needed);
        ensured.await.map(drop)
    }
}
