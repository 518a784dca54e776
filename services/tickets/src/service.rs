//! The RPCs, as the wire names them.

mod contacts;
mod teammates;
mod write;

use std::sync::Arc;

use events::EventLog;
use proto::tickets::v1::{
    self as pb, ticket_service_server::TicketService, ticket_type_service_server::TicketTypeService,
};
use runtime::{Actor, auth::actor};
use sea_orm::DatabaseConnection;
use tonic::{Request, Response, Status};
use types::{ContactId, PageTokens, WorkspaceId};

use crate::{
    catalogs::{Catalogs, Known},
    error::Error,
};

/// Both ticket services. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    log: EventLog,
    catalogs: Arc<Catalogs>,
    pages: PageTokens,
}

impl Service {
    pub(crate) fn new(log: EventLog, catalogs: Arc<Catalogs>, pages: PageTokens) -> Self {
        Self {
            log,
            catalogs,
            pages,
        }
    }

    fn read(&self) -> &DatabaseConnection {
        self.log.database().read()
    }

    async fn known(&self, workspace: &WorkspaceId) -> Result<Arc<Known>, Error> {
        Ok(self.catalogs.of(workspace).await?)
    }

    /// The cursor in a page token; `None` for the first page.
    fn cursor(&self, scope: &[&str], token: &str) -> Result<Option<String>, Error> {
        let cursor = self.pages.decode(scope, token);
        cursor.map_err(|_| Error::InvalidPageToken)
    }

    /// Cuts what was read, one entry more than the page, to the page, and makes the next one's token.
    fn cut<T>(
        &self,
        found: &mut Vec<T>,
        size: usize,
        scope: &[&str],
        cursor: impl Fn(&T) -> String,
    ) -> String {
        let more = found.len() > size;
        found.truncate(size);
        let last = found.last().filter(|_| more);
        last.map(|last| self.pages.encode(scope, &cursor(last)))
            .unwrap_or_default()
    }
}

/// Who calls: the workspace and, for calls that are theirs, the contact come from nowhere else.
struct Caller {
    actor: Arc<Actor>,
    workspace: WorkspaceId,
}

impl Caller {
    fn of<T>(request: &Request<T>) -> Result<Self, Error> {
        let actor = actor(request)?;
        let workspace = actor.workspace()?.clone();
        Ok(Self { actor, workspace })
    }

    fn contact(&self) -> Result<ContactId, Error> {
        Ok(self.actor.contact()?)
    }
}

fn answer<A>(outcome: Result<A, Error>) -> Result<Response<A>, Status> {
    Ok(Response::new(outcome?))
}

#[tonic::async_trait]
impl TicketService for Service {
    async fn create_ticket(
        &self,
        request: Request<pb::CreateTicketRequest>,
    ) -> Result<Response<pb::CreateTicketResponse>, Status> {
        answer(teammates::create_ticket(self, request).await)
    }

    async fn get_ticket(
        &self,
        request: Request<pb::GetTicketRequest>,
    ) -> Result<Response<pb::GetTicketResponse>, Status> {
        answer(teammates::get_ticket(self, request).await)
    }

    async fn batch_get_tickets(
        &self,
        request: Request<pb::BatchGetTicketsRequest>,
    ) -> Result<Response<pb::BatchGetTicketsResponse>, Status> {
        answer(teammates::batch_get_tickets(self, request).await)
    }

    async fn list_tickets(
        &self,
        request: Request<pb::ListTicketsRequest>,
    ) -> Result<Response<pb::ListTicketsResponse>, Status> {
        answer(teammates::list_tickets(self, request).await)
    }

    async fn update_ticket(
        &self,
        request: Request<pb::UpdateTicketRequest>,
    ) -> Result<Response<pb::UpdateTicketResponse>, Status> {
        answer(teammates::update_ticket(self, request).await)
    }

    async fn change_ticket_state(
        &self,
        request: Request<pb::ChangeTicketStateRequest>,
    ) -> Result<Response<pb::ChangeTicketStateResponse>, Status> {
        answer(teammates::change_ticket_state(self, request).await)
    }

    async fn link_conversation(
        &self,
        request: Request<pb::LinkConversationRequest>,
    ) -> Result<Response<pb::LinkConversationResponse>, Status> {
        answer(teammates::link_conversation(self, request).await)
    }

    async fn unlink_conversation(
        &self,
        request: Request<pb::UnlinkConversationRequest>,
    ) -> Result<Response<pb::UnlinkConversationResponse>, Status> {
        answer(teammates::unlink_conversation(self, request).await)
    }

    async fn delete_ticket(
        &self,
        request: Request<pb::DeleteTicketRequest>,
    ) -> Result<Response<pb::DeleteTicketResponse>, Status> {
        answer(teammates::delete_ticket(self, request).await)
    }

    async fn list_ticket_history(
        &self,
        request: Request<pb::ListTicketHistoryRequest>,
    ) -> Result<Response<pb::ListTicketHistoryResponse>, Status> {
        answer(teammates::list_ticket_history(self, request).await)
    }

    async fn create_contact_ticket(
        &self,
        request: Request<pb::CreateContactTicketRequest>,
    ) -> Result<Response<pb::CreateContactTicketResponse>, Status> {
        answer(contacts::create_contact_ticket(self, request).await)
    }

    async fn get_contact_ticket(
        &self,
        request: Request<pb::GetContactTicketRequest>,
    ) -> Result<Response<pb::GetContactTicketResponse>, Status> {
        answer(contacts::get_contact_ticket(self, request).await)
    }

    async fn batch_get_contact_tickets(
        &self,
        request: Request<pb::BatchGetContactTicketsRequest>,
    ) -> Result<Response<pb::BatchGetContactTicketsResponse>, Status> {
        answer(contacts::batch_get_contact_tickets(self, request).await)
    }

    async fn list_contact_tickets(
        &self,
        request: Request<pb::ListContactTicketsRequest>,
    ) -> Result<Response<pb::ListContactTicketsResponse>, Status> {
        answer(contacts::list_contact_tickets(self, request).await)
    }

    async fn ensure_ticket_conversation(
        &self,
        request: Request<pb::EnsureTicketConversationRequest>,
    ) -> Result<Response<pb::EnsureTicketConversationResponse>, Status> {
        answer(contacts::ensure_ticket_conversation(self, request).await)
    }
}

#[tonic::async_trait]
impl TicketTypeService for Service {
    async fn list_ticket_types(
        &self,
        request: Request<pb::ListTicketTypesRequest>,
    ) -> Result<Response<pb::ListTicketTypesResponse>, Status> {
        answer(teammates::list_ticket_types(self, request).await)
    }

    async fn list_ticket_states(
        &self,
        request: Request<pb::ListTicketStatesRequest>,
    ) -> Result<Response<pb::ListTicketStatesResponse>, Status> {
        answer(teammates::list_ticket_states(self, request).await)
    }

    async fn list_contact_ticket_forms(
        &self,
        request: Request<pb::ListContactTicketFormsRequest>,
    ) -> Result<Response<pb::ListContactTicketFormsResponse>, Status> {
        answer(contacts::list_contact_ticket_forms(self, request).await)
    }
}
