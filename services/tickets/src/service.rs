//! The RPCs, as the wire names them.

mod catalog;
mod contacts;
mod export;
mod sharing;
mod teammates;
mod write;

use std::sync::Arc;

use database::Part;
use events::{
    EventLog,
    departed::{self, Departure},
};
use proto::tickets::v1::{
    self as pb, ticket_service_server::TicketService, ticket_type_service_server::TicketTypeService,
};
use runtime::{Actor, auth::actor};
use tonic::{Request, Response, Status};
use types::{ContactId, PageTokens, WorkspaceId};

use crate::{
    catalogs::{Catalogs, Known},
    domain::{Refusal, Ticket, TypeId},
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

    fn read(&self, workspace: &WorkspaceId) -> Part {
        self.log.database().of(workspace)
    }

    async fn known(&self, workspace: &WorkspaceId) -> Result<Arc<Known>, Error> {
        Ok(self.catalogs.of(workspace).await?)
    }

    /// Types and states, those of these tickets among them.
    async fn known_of(
        &self,
        workspace: &WorkspaceId,
        tickets: &[&Ticket],
    ) -> Result<Arc<Known>, Error> {
        let types: Vec<&TypeId> = tickets.iter().map(|ticket| &ticket.type_id).collect();
        Ok(self.catalogs.with(workspace, &types).await?)
    }

    /// A contact's write. If it finds nothing, or may not begin anything, since the contact was merged while it
    /// was under way, then it is the user's; after an erasure it is nobody's.
    async fn written<Q, A, F>(
        &self,
        request: Request<Q>,
        write: impl Fn(Self, Caller, Q) -> F,
    ) -> Result<A, Error>
    where
        Q: Clone,
        F: Future<Output = Result<A, Error>>,
    {
        let caller = Caller::of(&request)?;
        let contact = caller.contact()?;
        let body = request.into_inner();
        let refused = match write(self.clone(), caller.clone(), body.clone()).await {
            Err(refused) if refused.may_mean_gone() => refused,
            done => return done,
        };
        match self.departure(&caller.workspace, &contact).await? {
            None => Err(refused),
            Some(Departure::Merged(user)) => {
                let survivor = Some(user.contact);
                write(self.clone(), Caller { survivor, ..caller }, body).await
            }
            Some(Departure::Erased) => Err(Refusal::ContactGone.into()),
        }
    }

    async fn departure(
        &self,
        workspace: &WorkspaceId,
        contact: &ContactId,
    ) -> Result<Option<Departure>, Error> {
        Ok(departed::departure(&self.read(workspace), workspace, contact).await?)
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
#[derive(Clone)]
struct Caller {
    actor: Arc<Actor>,
    workspace: WorkspaceId,
    /// Who the contact who calls is by now.
    survivor: Option<ContactId>,
}

impl Caller {
    fn of<T>(request: &Request<T>) -> Result<Self, Error> {
        let actor = actor(request)?;
        let workspace = actor.workspace()?.clone();
        Ok(Self {
            actor,
            workspace,
            survivor: None,
        })
    }

    fn contact(&self) -> Result<ContactId, Error> {
        match &self.survivor {
            Some(survivor) => Ok(survivor.clone()),
            None => Ok(self.actor.contact()?),
        }
    }

    /// Whose deed it is.
    fn id(&self) -> &str {
        let survivor = self.survivor.as_ref();
        survivor.map_or(self.actor.id.as_str(), ContactId::as_str)
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

    async fn count_tickets(
        &self,
        request: Request<pb::CountTicketsRequest>,
    ) -> Result<Response<pb::CountTicketsResponse>, Status> {
        answer(teammates::count_tickets(self, request).await)
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

    async fn ensure_conversation(
        &self,
        request: Request<pb::EnsureConversationRequest>,
    ) -> Result<Response<pb::EnsureConversationResponse>, Status> {
        answer(teammates::ensure_conversation(self, request).await)
    }

    async fn share_ticket(
        &self,
        request: Request<pb::ShareTicketRequest>,
    ) -> Result<Response<pb::ShareTicketResponse>, Status> {
        answer(sharing::share_ticket(self, request).await)
    }

    async fn unshare_ticket(
        &self,
        request: Request<pb::UnshareTicketRequest>,
    ) -> Result<Response<pb::UnshareTicketResponse>, Status> {
        answer(sharing::unshare_ticket(self, request).await)
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
        answer(self.written(request, contacts::create_contact_ticket).await)
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
        answer(
            self.written(request, contacts::ensure_ticket_conversation)
                .await,
        )
    }
}

#[tonic::async_trait]
impl TicketTypeService for Service {
    async fn create_ticket_type(
        &self,
        request: Request<pb::CreateTicketTypeRequest>,
    ) -> Result<Response<pb::CreateTicketTypeResponse>, Status> {
        answer(catalog::create_ticket_type(self, request).await)
    }

    async fn list_ticket_types(
        &self,
        request: Request<pb::ListTicketTypesRequest>,
    ) -> Result<Response<pb::ListTicketTypesResponse>, Status> {
        answer(catalog::list_ticket_types(self, request).await)
    }

    async fn list_ticket_states(
        &self,
        request: Request<pb::ListTicketStatesRequest>,
    ) -> Result<Response<pb::ListTicketStatesResponse>, Status> {
        answer(catalog::list_ticket_states(self, request).await)
    }

    async fn list_contact_ticket_forms(
        &self,
        request: Request<pb::ListContactTicketFormsRequest>,
    ) -> Result<Response<pb::ListContactTicketFormsResponse>, Status> {
        answer(catalog::list_contact_ticket_forms(self, request).await)
    }
}
