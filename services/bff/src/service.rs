//! What a Messenger may ask: each call is checked, then handled with its session.

mod console;
mod conversations;
mod tickets;

pub(crate) use console::ConsoleHandler;

use std::sync::Arc;

use futures::{StreamExt, stream::BoxStream};
use proto::bff::v1::{
    self as pb, messenger_service_server::MessengerService, session_service_server::SessionService,
};
use tonic::{Code, Request, Response, Status};

use crate::{
    clients::Clients,
    convert,
    error::Error,
    home,
    limits::Limits,
    sessions::{Session, Sessions, address, caller},
    waits::Waits,
    watch::Watches,
};

/// Opens and ends sessions.
pub(crate) struct SessionHandler {
    pub(crate) clients: Arc<Clients>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) limits: Arc<Limits>,
}

#[tonic::async_trait]
impl SessionService for SessionHandler {
    async fn create_session(
        &self,
        request: Request<pb::CreateSessionRequest>,
    ) -> Result<Response<pb::CreateSessionResponse>, Status> {
        let from = address()?;
        let request = convert::create_session(request.into_inner())?;
        let user = !request.user_jwt.is_empty();
        let known = !request.visitor_secret.is_empty() && request.claimed_user_id.is_empty();
        self.limits.session(from, !user && !known)?;
        let opened = match self.clients.open_session(request).await {
            Ok(opened) => opened,
            // here the credential is the customer's, not ours
            Err(e) if e.code() == Some(Code::Unauthenticated) => {
                self.limits.refused(from);
                let why = if user {
                    Error::UserToken
                } else {
                    Error::Visitor
                };
                return Err(why.into());
            }
            Err(e) => return Err(e.into()),
        };
        if !opened.visitor_secret.is_empty() {
            self.limits.visitor(from);
        }
        let session = opened
            .session
            .filter(|_| !opened.access_token.is_empty())
            .ok_or(Error::Garbage("the session"))?;
        Ok(Response::new(pb::CreateSessionResponse {
            access_token: opened.access_token,
            expire_time: session.expire_time,
            identity: Some(pb::Identity {
                kind: session.contact_kind,
                contact_id: session.contact_id,
                name: session.contact_name,
            }),
            visitor_secret: opened.visitor_secret,
            merged: opened.merged,
        }))
    }

    async fn revoke_session(
        &self,
        _: Request<pb::RevokeSessionRequest>,
    ) -> Result<Response<pb::RevokeSessionResponse>, Status> {
        let session = caller()?;
        self.clients.revoke_session(session.id.clone()).await?;
        // the feed tells it too, a moment later; here it is over at once
        self.sessions.revoke(&session.id);
        Ok(Response::new(pb::RevokeSessionResponse {}))
    }
}

/// Everything a Messenger shows and does.
pub(crate) struct MessengerHandler {
    pub(crate) clients: Arc<Clients>,
    pub(crate) watches: Watches,
    pub(crate) waits: Waits,
    pub(crate) limits: Arc<Limits>,
}

impl MessengerHandler {
    async fn home(
        &self,
        session: &Session,
        request: &pb::GetHomeRequest,
    ) -> Result<pb::GetHomeResponse, Error> {
        let waits = !request.consistency_token.is_empty();
        let query = convert::home(request)?;
        let _waiting = self.waits.enter(&session.contact, &query.at_least)?;
        let (switches, inbox) = tokio::join!(
            session.workspace.switches(&self.clients),
            self.clients.inbox(&session.speaks, query.at_least),
        );
        let inbox = match inbox {
            Ok(inbox) => Some(inbox),
            // well-formed, but names a place that cannot be
            Err(e) if waits && e.code() == Some(Code::InvalidArgument) => {
                return Err(Error::ConsistencyToken);
            }
            Err(_) => None,
        };
        let home = home::compose(&self.clients, session, query.platform, switches?, inbox).await;
        Ok(pb::GetHomeResponse { home: Some(home) })
    }
}

#[tonic::async_trait]
impl MessengerService for MessengerHandler {
    type WatchMessengerStream = BoxStream<'static, Result<pb::WatchMessengerResponse, Status>>;

    async fn get_home(
        &self,
        request: Request<pb::GetHomeRequest>,
    ) -> Result<Response<pb::GetHomeResponse>, Status> {
        let answer = self.home(&*caller()?, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn list_tickets(
        &self,
        request: Request<pb::ListTicketsRequest>,
    ) -> Result<Response<pb::ListTicketsResponse>, Status> {
        let answer = self.tickets(&*caller()?, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_ticket(
        &self,
        request: Request<pb::GetTicketRequest>,
    ) -> Result<Response<pb::GetTicketResponse>, Status> {
        let answer = self.ticket(&*caller()?, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn list_ticket_forms(
        &self,
        _: Request<pb::ListTicketFormsRequest>,
    ) -> Result<Response<pb::ListTicketFormsResponse>, Status> {
        Ok(Response::new(self.forms(&*caller()?).await?))
    }

    async fn submit_ticket(
        &self,
        request: Request<pb::SubmitTicketRequest>,
    ) -> Result<Response<pb::SubmitTicketResponse>, Status> {
        let answer = self.submit(&*caller()?, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn open_ticket_conversation(
        &self,
        request: Request<pb::OpenTicketConversationRequest>,
    ) -> Result<Response<pb::OpenTicketConversationResponse>, Status> {
        let answer = self
            .open_conversation(&*caller()?, request.into_inner())
            .await?;
        Ok(Response::new(answer))
    }

    async fn list_conversations(
        &self,
        request: Request<pb::ListConversationsRequest>,
    ) -> Result<Response<pb::ListConversationsResponse>, Status> {
        let answer = self
            .conversations(&*caller()?, request.into_inner())
            .await?;
        Ok(Response::new(answer))
    }

    async fn get_conversation(
        &self,
        request: Request<pb::GetConversationRequest>,
    ) -> Result<Response<pb::GetConversationResponse>, Status> {
        let answer = self.conversation(&*caller()?, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn start_conversation(
        &self,
        request: Request<pb::StartConversationRequest>,
    ) -> Result<Response<pb::StartConversationResponse>, Status> {
        let answer = self.start(&*caller()?, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn send_message(
        &self,
        request: Request<pb::SendMessageRequest>,
    ) -> Result<Response<pb::SendMessageResponse>, Status> {
        let answer = self.send(&*caller()?, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn mark_conversation_read(
        &self,
        request: Request<pb::MarkConversationReadRequest>,
    ) -> Result<Response<pb::MarkConversationReadResponse>, Status> {
        let answer = self
            .mark_conversation(&*caller()?, request.into_inner())
            .await?;
        Ok(Response::new(answer))
    }

    async fn mark_ticket_read(
        &self,
        request: Request<pb::MarkTicketReadRequest>,
    ) -> Result<Response<pb::MarkTicketReadResponse>, Status> {
        let answer = self.mark_ticket(&*caller()?, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn watch_messenger(
        &self,
        request: Request<pb::WatchMessengerRequest>,
    ) -> Result<Response<Self::WatchMessengerStream>, Status> {
        let request = request.into_inner();
        let platform = convert::watch(&request)?;
        let session = caller()?;
        self.limits.watch(&session.contact)?;
        let frames = self
            .watches
            .open(session, platform, request.resume_token)
            .await?;
        Ok(Response::new(frames.map(Ok).boxed()))
    }

    async fn poll_messenger(
        &self,
        request: Request<pb::PollMessengerRequest>,
    ) -> Result<Response<pb::PollMessengerResponse>, Status> {
        let request = request.into_inner();
        let (platform, wait) = convert::poll(&request)?;
        let answer = self
            .watches
            .poll(caller()?, platform, request.resume_token, wait)
            .await?;
        Ok(Response::new(answer))
    }
}
