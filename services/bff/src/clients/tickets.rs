//! Tickets: the contact's tickets, and what states are called.

use std::time::Duration;

use proto::tickets::v1 as tk;

use super::{Clients, Credential, GARNISH, MAIN, WRITE};
use crate::error::Error;

/// Labels are asked for inside of other answers, and inside of a watch's first second.
const LABELS: Duration = Duration::from_millis(400);

impl Clients {
    pub(crate) async fn ticket(
        &self,
        by: &Credential,
        ticket_id: String,
    ) -> Result<tk::GetContactTicketResponse, Error> {
        let body = tk::GetContactTicketRequest { ticket_id };
        self.tickets
            .call(
                self.signed(by),
                true,
                MAIN,
                &body,
                |mut to, body| async move { to.get_contact_ticket(body).await },
            )
            .await
    }

    pub(crate) async fn tickets(
        &self,
        by: &Credential,
        body: tk::ListContactTicketsRequest,
    ) -> Result<tk::ListContactTicketsResponse, Error> {
        self.tickets
            .call(
                self.signed(by),
                true,
                MAIN,
                &body,
                |mut to, body| async move { to.list_contact_tickets(body).await },
            )
            .await
    }

    /// The tickets linked to these conversations, as far as the contact sees them.
    pub(crate) async fn tickets_of(
        &self,
        by: &Credential,
        conversation_ids: Vec<String>,
        needed: bool,
    ) -> Result<Vec<tk::ContactTicket>, Error> {
        let limit = if needed { MAIN } else { GARNISH };
        let body = tk::BatchGetContactTicketsRequest {
            ticket_ids: Vec::new(),
            conversation_ids,
        };
        self.seen(by, limit, body).await
    }

    /// Those of these tickets that the contact sees.
    pub(crate) async fn seen_among(
        &self,
        by: &Credential,
        ticket_ids: Vec<String>,
    ) -> Result<Vec<tk::ContactTicket>, Error> {
        let body = tk::BatchGetContactTicketsRequest {
            ticket_ids,
            conversation_ids: Vec::new(),
        };
        self.seen(by, GARNISH, body).await
    }

    async fn seen(
        &self,
        by: &Credential,
        limit: Duration,
        body: tk::BatchGetContactTicketsRequest,
    ) -> Result<Vec<tk::ContactTicket>, Error> {
        let answer = self
            .tickets
            .call(
                self.signed(by),
                true,
                limit,
                &body,
                |mut to, body| async move { to.batch_get_contact_tickets(body).await },
            )
            .await?;
        Ok(answer.tickets)
    }

    pub(crate) async fn create_ticket(
        &self,
        by: &Credential,
        body: tk::CreateContactTicketRequest,
    ) -> Result<tk::CreateContactTicketResponse, Error> {
        let again = !body.request_id.is_empty();
        self.tickets
            .call(
                self.signed(by),
                again,
                WRITE,
                &body,
                |mut to, body| async move { to.create_contact_ticket(body).await },
            )
            .await
    }

    pub(crate) async fn ensure_ticket_conversation(
        &self,
        by: &Credential,
        ticket_id: String,
    ) -> Result<tk::EnsureTicketConversationResponse, Error> {
        let body = tk::EnsureTicketConversationRequest { ticket_id };
        self.tickets
            .call(
                self.signed(by),
                true,
                WRITE,
                &body,
                |mut to, body| async move { to.ensure_ticket_conversation(body).await },
            )
            .await
    }

    pub(crate) async fn forms(
        &self,
        by: &Credential,
        needed: bool,
    ) -> Result<tk::ListContactTicketFormsResponse, Error> {
        let limit = if needed { MAIN } else { LABELS };
        let body = tk::ListContactTicketFormsRequest {};
        self.types
            .call(
                self.signed(by),
                true,
                limit,
                &body,
                |mut to, body| async move { to.list_contact_ticket_forms(body).await },
            )
            .await
    }
}
