//! What the teammates' console may ask: each call is made at the services behind in the teammate's name, and what
//! they say is put together. Nothing is kept here, so that a teammate reads what they have just written.

mod inbox;
mod people;
mod reply;
mod settings;
mod work;

use std::sync::Arc;

use proto::bff::v1::{self as pb, console_service_server::ConsoleService};
use runtime::{Failure, Kind};
use tonic::{Code, Request, Response, Status};

use crate::{
    clients::{Clients, MAIN},
    console::{Teammate, teammate},
    error::{DOMAIN, Error},
};

/// Everything the console shows and does.
pub(crate) struct ConsoleHandler {
    pub(crate) clients: Arc<Clients>,
}

impl ConsoleHandler {
    async fn console(&self, by: &Teammate) -> Result<pb::GetConsoleResponse, Error> {
        let (types, states, teammates) = tokio::try_join!(
            self.clients
                .ticket_types(by.speaks(), MAIN, Default::default()),
            self.clients
                .ticket_states(by.speaks(), MAIN, Default::default()),
            self.clients
                .teammates(by.speaks(), MAIN, Default::default()),
        )?;
        let teammates = teammates.teammates.into_iter();
        Ok(pb::GetConsoleResponse {
            teammate: Some(by.told.clone()),
            workspace: Some(by.workspace.clone()),
            types: types.types,
            states: states.states,
            teammates: teammates
                .map(|teammate| pb::ConsoleTeammate {
                    teammate_id: teammate.teammate_id,
                    name: teammate.name,
                    active: teammate.active,
                })
                .collect(),
        })
    }
}

fn told<T>(outcome: Result<T, Error>) -> Result<Response<T>, Status> {
    outcome.map(Response::new).map_err(refusal)
}

/// A role that was changed a moment ago is refused by the service behind first.
fn refusal(error: Error) -> Status {
    if error.code() == Some(Code::PermissionDenied) {
        let sentence = "Your role does not allow this; ask an admin of your workspace.";
        return Failure::new(Kind::Forbidden, DOMAIN, "PERMISSION_DENIED", sentence).into();
    }
    error.into()
}

#[tonic::async_trait]
impl ConsoleService for ConsoleHandler {
    async fn get_console(
        &self,
        _: Request<pb::GetConsoleRequest>,
    ) -> Result<Response<pb::GetConsoleResponse>, Status> {
        told(self.console(&*teammate()?).await)
    }

    async fn list_inbox(
        &self,
        request: Request<pb::ListInboxRequest>,
    ) -> Result<Response<pb::ListInboxResponse>, Status> {
        told(self.inbox(&*teammate()?, request.into_inner()).await)
    }

    async fn get_inbox_ticket(
        &self,
        request: Request<pb::GetInboxTicketRequest>,
    ) -> Result<Response<pb::GetInboxTicketResponse>, Status> {
        told(self.ticket(&*teammate()?, request.into_inner()).await)
    }

    async fn list_timeline(
        &self,
        request: Request<pb::ListTimelineRequest>,
    ) -> Result<Response<pb::ListTimelineResponse>, Status> {
        told(self.timeline(&*teammate()?, request.into_inner()).await)
    }

    async fn list_inbox_history(
        &self,
        request: Request<pb::ListInboxHistoryRequest>,
    ) -> Result<Response<pb::ListInboxHistoryResponse>, Status> {
        told(self.history(&*teammate()?, request.into_inner()).await)
    }

    async fn list_contact_threads(
        &self,
        request: Request<pb::ListContactThreadsRequest>,
    ) -> Result<Response<pb::ListContactThreadsResponse>, Status> {
        told(self.threads(&*teammate()?, request.into_inner()).await)
    }

    async fn find_contacts(
        &self,
        request: Request<pb::FindContactsRequest>,
    ) -> Result<Response<pb::FindContactsResponse>, Status> {
        told(self.find(&*teammate()?, request.into_inner()).await)
    }

    async fn create_inbox_ticket(
        &self,
        request: Request<pb::CreateInboxTicketRequest>,
    ) -> Result<Response<pb::CreateInboxTicketResponse>, Status> {
        told(self.create(&*teammate()?, request.into_inner()).await)
    }

    async fn edit_ticket(
        &self,
        request: Request<pb::EditTicketRequest>,
    ) -> Result<Response<pb::EditTicketResponse>, Status> {
        told(self.edit(&*teammate()?, request.into_inner()).await)
    }

    async fn set_ticket_state(
        &self,
        request: Request<pb::SetTicketStateRequest>,
    ) -> Result<Response<pb::SetTicketStateResponse>, Status> {
        told(self.set_state(&*teammate()?, request.into_inner()).await)
    }

    async fn reply_to_ticket(
        &self,
        request: Request<pb::ReplyToTicketRequest>,
    ) -> Result<Response<pb::ReplyToTicketResponse>, Status> {
        told(self.reply(&*teammate()?, request.into_inner()).await)
    }

    async fn add_ticket_note(
        &self,
        request: Request<pb::AddTicketNoteRequest>,
    ) -> Result<Response<pb::AddTicketNoteResponse>, Status> {
        told(self.note(&*teammate()?, request.into_inner()).await)
    }

    async fn set_ticket_shared(
        &self,
        request: Request<pb::SetTicketSharedRequest>,
    ) -> Result<Response<pb::SetTicketSharedResponse>, Status> {
        told(self.set_shared(&*teammate()?, request.into_inner()).await)
    }

    async fn set_ticket_conversation(
        &self,
        request: Request<pb::SetTicketConversationRequest>,
    ) -> Result<Response<pb::SetTicketConversationResponse>, Status> {
        told(
            self.set_conversation(&*teammate()?, request.into_inner())
                .await,
        )
    }

    async fn set_conversation_open(
        &self,
        request: Request<pb::SetConversationOpenRequest>,
    ) -> Result<Response<pb::SetConversationOpenResponse>, Status> {
        told(
            self.set_conversation_open(&*teammate()?, request.into_inner())
                .await,
        )
    }

    async fn get_spaces(
        &self,
        _: Request<pb::GetSpacesRequest>,
    ) -> Result<Response<pb::GetSpacesResponse>, Status> {
        told(self.spaces(&*teammate()?).await)
    }

    async fn set_space(
        &self,
        request: Request<pb::SetSpaceRequest>,
    ) -> Result<Response<pb::SetSpaceResponse>, Status> {
        told(self.set_space(&*teammate()?, request.into_inner()).await)
    }

    async fn get_security(
        &self,
        _: Request<pb::GetSecurityRequest>,
    ) -> Result<Response<pb::GetSecurityResponse>, Status> {
        told(self.security(&*teammate()?).await)
    }

    async fn set_identity(
        &self,
        request: Request<pb::SetIdentityRequest>,
    ) -> Result<Response<pb::SetIdentityResponse>, Status> {
        told(self.set_identity(&*teammate()?, request.into_inner()).await)
    }

    async fn set_origins(
        &self,
        request: Request<pb::SetOriginsRequest>,
    ) -> Result<Response<pb::SetOriginsResponse>, Status> {
        told(self.set_origins(&*teammate()?, request.into_inner()).await)
    }

    async fn create_key(
        &self,
        request: Request<pb::CreateKeyRequest>,
    ) -> Result<Response<pb::CreateKeyResponse>, Status> {
        told(self.create_key(&*teammate()?, request.into_inner()).await)
    }

    async fn revoke_key(
        &self,
        request: Request<pb::RevokeKeyRequest>,
    ) -> Result<Response<pb::RevokeKeyResponse>, Status> {
        told(self.revoke_key(&*teammate()?, request.into_inner()).await)
    }

    async fn test_user_token(
        &self,
        request: Request<pb::TestUserTokenRequest>,
    ) -> Result<Response<pb::TestUserTokenResponse>, Status> {
        told(
            self.test_user_token(&*teammate()?, request.into_inner())
                .await,
        )
    }

    async fn list_changes(
        &self,
        request: Request<pb::ListChangesRequest>,
    ) -> Result<Response<pb::ListChangesResponse>, Status> {
        told(self.changes(&*teammate()?, request.into_inner()).await)
    }
}
