//! Clients as an app or a teammate's script would write them: they try again while a service
//! restarts, with the same request id, so that nothing happens twice.

use std::{future::Future, time::Duration};

use anyhow::{Context, Result};
use proto::{
    bff::v1::{
        CreateSessionRequest, messenger_service_client::MessengerServiceClient,
        session_service_client::SessionServiceClient,
    },
    conversations::v1::conversation_service_client::ConversationServiceClient,
    settings::v1::{
        ExchangeTokenRequest, Platform, contact_service_client::ContactServiceClient,
        settings_service_client::SettingsServiceClient,
        workspace_service_client::WorkspaceServiceClient,
    },
    tickets::v1::{
        ticket_service_client::TicketServiceClient,
        ticket_type_service_client::TicketTypeServiceClient,
    },
};
use tokio::{sync::Mutex, time::Instant};
use tonic::{Code, Request, Response, Status, transport::Channel};

use crate::{Access, Endpoints};

/// A service that restarts is waited for this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// A single try gets this long.
const TRY: Duration = Duration::from_secs(5);
/// Wait between tries.
const PAUSE: Duration = Duration::from_millis(100);
/// A credential is renewed when it is older; assertions live for 60 s.
const RENEW: Duration = Duration::from_secs(40);

/// A customer's Messenger on one platform.
pub struct Messenger {
    access: Access,
    user_id: String,
    platform: Platform,
    sessions: SessionServiceClient<Channel>,
    /// The BFF.
    client: MessengerServiceClient<Channel>,
    session: Mutex<Option<(String, Instant)>>,
}

impl Messenger {
    /// For a contact; the session is opened with the first call.
    ///
    /// # Errors
    /// When the address is malformed.
    pub fn new(
        endpoints: &Endpoints,
        access: &Access,
        user_id: &str,
        platform: Platform,
    ) -> Result<Self> {
        let channel = runtime::client::channel(&endpoints.bff)?;
        Ok(Self {
            access: access.clone(),
            user_id: user_id.to_owned(),
            platform,
            sessions: SessionServiceClient::new(channel.clone()),
            client: MessengerServiceClient::new(channel),
            session: Mutex::new(None),
        })
    }

    /// Where it runs.
    pub fn platform(&self) -> Platform {
        self.platform
    }

    /// Makes a call, again if the BFF is away for a while.
    ///
    /// # Errors
    /// The last status.
    pub async fn call<Q, A, F, Fut>(&self, body: Q, send: F) -> Result<A, Status>
    where
        Q: Clone,
        F: Fn(MessengerServiceClient<Channel>, Request<Q>) -> Fut,
        Fut: Future<Output = Result<Response<A>, Status>>,
    {
        let attempt = || async {
            send(
                self.client.clone(),
                signed(&self.token().await?, body.clone())?,
            )
            .await
        };
        match patiently(attempt).await {
            Err(status) if status.code() == Code::Unauthenticated => {
                // the session ended: open another, once
                *self.session.lock().await = None;
                patiently(attempt).await
            }
            answer => answer,
        }
    }

    /// The session's access token; a new session when there is none.
    ///
    /// # Errors
    /// When the BFF refuses the user token or is away.
    pub async fn token(&self) -> Result<String, Status> {
        let mut session = self.session.lock().await;
        if let Some((token, _)) = session
            .as_ref()
            .filter(|(_, opened)| opened.elapsed() < Duration::from_secs(600))
        {
            return Ok(token.clone());
        }
        let user_jwt = self
            .access
            .user_token(&self.user_id, self.platform)
            .map_err(broken)?;
        let answer = self
            .sessions
            .clone()
            .create_session(CreateSessionRequest {
                app_id: self.access.app_id.clone(),
                platform: self.platform.into(),
                user_jwt,
                ..Default::default()
            })
            .await?
            .into_inner();
        *session = Some((answer.access_token.clone(), Instant::now()));
        Ok(answer.access_token)
    }
}

/// A teammate's script, with an API token.
pub struct Staff {
    api_token: String,
    assertion: Mutex<Option<(String, Instant)>>,
    /// Tickets.
    pub tickets: TicketServiceClient<Channel>,
    /// Types and states.
    pub types: TicketTypeServiceClient<Channel>,
    /// Conversations.
    pub conversations: ConversationServiceClient<Channel>,
    /// Messenger settings.
    pub settings: SettingsServiceClient<Channel>,
    /// Contacts.
    pub contacts: ContactServiceClient<Channel>,
    workspace: WorkspaceServiceClient<Channel>,
}

impl Staff {
    /// For an API token; it is exchanged with the first call.
    ///
    /// # Errors
    /// When an address is malformed.
    pub fn new(endpoints: &Endpoints, api_token: &str) -> Result<Self> {
        let tickets = runtime::client::channel(&endpoints.tickets)?;
        let settings = runtime::client::channel(&endpoints.settings)?;
        Ok(Self {
            api_token: api_token.to_owned(),
            assertion: Mutex::new(None),
            tickets: TicketServiceClient::new(tickets.clone()),
            types: TicketTypeServiceClient::new(tickets),
            conversations: ConversationServiceClient::new(runtime::client::channel(
                &endpoints.conversations,
            )?),
            settings: SettingsServiceClient::new(settings.clone()),
            contacts: ContactServiceClient::new(settings.clone()),
            workspace: WorkspaceServiceClient::new(settings),
        })
    }

    /// Makes a call with a client of this struct, again if the service is away for a while.
    ///
    /// # Errors
    /// The last status.
    pub async fn call<C, Q, A, F, Fut>(&self, client: &C, body: Q, send: F) -> Result<A, Status>
    where
        C: Clone,
        Q: Clone,
        F: Fn(C, Request<Q>) -> Fut,
        Fut: Future<Output = Result<Response<A>, Status>>,
    {
        patiently(|| async {
            send(client.clone(), signed(&self.token().await?, body.clone())?).await
        })
        .await
    }

    /// A fresh actor assertion.
    ///
    /// # Errors
    /// When Settings refuses the token or is away.
    pub async fn token(&self) -> Result<String, Status> {
        let mut assertion = self.assertion.lock().await;
        if let Some((token, _)) = assertion
            .as_ref()
            .filter(|(_, made)| made.elapsed() < RENEW)
        {
            return Ok(token.clone());
        }
        let request = ExchangeTokenRequest {
            token: self.api_token.clone(),
        };
        let token = self
            .workspace
            .clone()
            .exchange_token(request)
            .await?
            .into_inner()
            .assertion;
        *assertion = Some((token.clone(), Instant::now()));
        Ok(token)
    }
}

/// A request with a bearer token.
///
/// # Errors
/// When the token is no header value.
pub fn signed<T>(token: &str, body: T) -> Result<Request<T>, Status> {
    let mut request = Request::new(body);
    request.set_timeout(TRY);
    let value = runtime::client::bearer(token).map_err(broken)?;
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}

/// Tries until there is an answer that another try would not change.
///
/// # Errors
/// The last status.
pub async fn patiently<A, F, Fut>(attempt: F) -> Result<A, Status>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<Response<A>, Status>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if passing(&status) && Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await
            }
            Err(status) => return Err(status),
        }
    }
}

/// Something on this side that no service said.
#[allow(
    clippy::disallowed_methods,
    reason = "a client has to answer in the type that its calls answer in"
)]
pub(crate) fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Status {
    Status::from_error(error.into())
}

fn passing(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Unknown | Code::Cancelled
    )
}

/// What to say when nobody answered at all.
pub fn silence(status: &Status) -> Option<anyhow::Error> {
    std::error::Error::source(status)?;
    Some(anyhow::anyhow!(
        "nothing answers there; is the suite running? `make run` starts it"
    ))
}

/// Adds what was being done to a refusal.
///
/// # Errors
/// The refusal, as a sentence.
pub fn explain<T>(what: &str, answer: Result<T, Status>) -> Result<T> {
    answer
        .map_err(|status| {
            silence(&status)
                .unwrap_or_else(|| anyhow::anyhow!("{:?}: {}", status.code(), status.message()))
        })
        .with_context(|| format!("{what} failed"))
}

/// Microseconds since 1970.
pub(crate) fn micros(time: Option<prost_types::Timestamp>) -> i64 {
    let time = time.unwrap_or_default();
    time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000
}
