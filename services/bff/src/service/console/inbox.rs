//! The inbox and a ticket's page. Tickets says what there is; who asked for it and how many there are is garnish
//! that an answer can do without.

use proto::{bff::v1 as pb, conversations::v1 as cv, tickets::v1 as tk};
use runtime::Violations;

use super::ConsoleHandler;
use crate::{
    clients::{GARNISH, MAIN},
    console::Teammate,
    error::Error,
};

impl ConsoleHandler {
    pub(super) async fn inbox(
        &self,
        by: &Teammate,
        request: pb::ListInboxRequest,
    ) -> Result<pb::ListInboxResponse, Error> {
        let counted = tk::CountTicketsRequest {
            requester_contact_id: request.requester_contact_id.clone(),
            assignee_teammate_id: request.assignee_teammate_id.clone(),
            open: request.open,
            shared: request.shared,
        };
        // titles with a text are found by looking at each: listing them stops at a page, counting them does not
        let counted_too = request.page_token.is_empty() && request.text.is_empty();
        let wanted = tk::ListTicketsRequest {
            page_size: request.page_size,
            page_token: request.page_token,
            category: request.category,
            state_id: String::new(),
            requester_contact_id: request.requester_contact_id,
            assignee_teammate_id: request.assignee_teammate_id,
            open: request.open,
            text: request.text,
            shared: request.shared,
        };
        let counts = async {
            match counted_too {
                true => self
                    .clients
                    .count_tickets(by.speaks(), GARNISH, counted)
                    .await
                    .ok(),
                false => None,
            }
        };
        let page = self.clients.team_tickets(by.speaks(), MAIN, wanted);
        let (page, counts) = tokio::join!(page, counts);
        let page = page?;
        let ids = page.tickets.iter().filter_map(requester).cloned().collect();
        let contacts = self.contacts(by, ids).await;
        let counts = counts.unwrap_or_default();
        Ok(pb::ListInboxResponse {
            tickets: page
                .tickets
                .into_iter()
                .map(|ticket| pb::InboxTicket {
                    requester: requester(&ticket).and_then(|id| contacts.get(id).cloned()),
                    ticket: Some(ticket),
                })
                .collect(),
            next_page_token: page.next_page_token,
            counts: counts.counts,
            count_limit: counts.limit,
        })
    }

    pub(super) async fn ticket(
        &self,
        by: &Teammate,
        request: pb::GetInboxTicketRequest,
    ) -> Result<pb::GetInboxTicketResponse, Error> {
        let ticket = self.read(by, request.ticket_id).await?;
        let linked = async {
            let body = cv::GetConversationRequest {
                conversation_id: ticket.conversation_id.clone(),
            };
            if body.conversation_id.is_empty() {
                return None;
            }
            let found = self
                .clients
                .team_conversation(by.speaks(), GARNISH, body)
                .await;
            found.ok().and_then(|found| found.conversation)
        };
        let ids = ticket.requester_contact_ids.clone();
        let (mut contacts, conversation) = tokio::join!(self.contacts(by, ids), linked);
        let requesters = ticket.requester_contact_ids.iter();
        Ok(pb::GetInboxTicketResponse {
            requesters: requesters.filter_map(|id| contacts.remove(id)).collect(),
            conversation,
            ticket: Some(ticket),
        })
    }

    pub(super) async fn timeline(
        &self,
        by: &Teammate,
        request: pb::ListTimelineRequest,
    ) -> Result<pb::ListTimelineResponse, Error> {
        let body = cv::ListPartsRequest {
            conversation_id: request.conversation_id,
            page_size: request.page_size,
            page_token: request.page_token,
        };
        let page = self.clients.timeline(by.speaks(), MAIN, body).await?;
        Ok(pb::ListTimelineResponse {
            parts: page.parts,
            next_page_token: page.next_page_token,
        })
    }

    pub(super) async fn history(
        &self,
        by: &Teammate,
        request: pb::ListInboxHistoryRequest,
    ) -> Result<pb::ListInboxHistoryResponse, Error> {
        let body = tk::ListTicketHistoryRequest {
            ticket_id: request.ticket_id,
            page_size: request.page_size,
            page_token: request.page_token,
            newest_first: true,
        };
        let page = self.clients.history(by.speaks(), MAIN, body).await?;
        Ok(pb::ListInboxHistoryResponse {
            entries: page.entries,
            next_page_token: page.next_page_token,
        })
    }

    pub(super) async fn threads(
        &self,
        by: &Teammate,
        request: pb::ListContactThreadsRequest,
    ) -> Result<pb::ListContactThreadsResponse, Error> {
        let mut wrong = Violations::new();
        // an empty one would be everybody's
        wrong.check("contact_id", types::id::check("con", &request.contact_id));
        wrong.finish().map_err(Error::Fields)?;
        let body = cv::ListConversationsRequest {
            page_size: request.page_size,
            page_token: request.page_token,
            contact_id: request.contact_id,
            ..Default::default()
        };
        let page = self
            .clients
            .team_conversations(by.speaks(), MAIN, body)
            .await?;
        Ok(pb::ListContactThreadsResponse {
            conversations: page.conversations,
            next_page_token: page.next_page_token,
        })
    }

    /// A ticket by id or number.
    pub(super) async fn read(&self, by: &Teammate, ticket_id: String) -> Result<tk::Ticket, Error> {
        let body = tk::GetTicketRequest { ticket_id };
        let found = self.clients.team_ticket(by.speaks(), MAIN, body).await?;
        found.ticket.ok_or(Error::Garbage("ticket"))
    }
}

/// Whom a row of the inbox names.
fn requester(ticket: &tk::Ticket) -> Option<&String> {
    ticket.requester_contact_ids.first()
}
