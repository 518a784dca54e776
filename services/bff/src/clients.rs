//! The services behind: connections, whose credential a call carries, how long it may take, and what
//! may be tried again.

mod credential;
mod peer;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use proto::{
    conversations::v1::{self as cv, conversation_service_client::ConversationServiceClient},
    events::v1::LogPosition,
    notifications::v1::{self as nt, notification_service_client::NotificationServiceClient},
    settings::v1::{
        self as st, session_store_service_client::SessionStoreServiceClient,
        settings_service_client::SettingsServiceClient,
    },
    tickets::v1::{
        self as tk, ticket_service_client::TicketServiceClient,
        ticket_type_service_client::TicketTypeServiceClient,
    },
};
use runtime::{
    KeyRing, StartError,
    client::{ServiceChannel, channel, service_channel},
};
use tonic::{Streaming, transport::Channel};

pub(crate) use credential::Credential;
use peer::{Caller, Peer};

use crate::error::Error;

/// What an answer cannot do without gets this long.
const MAIN: Duration = Duration::from_secs(3);
/// A write gets this long.
const WRITE: Duration = Duration::from_secs(5);
/// What an answer can do without gets this long.
const GARNISH: Duration = Duration::from_millis(800);
/// Notifications waits up to 2 s for the positions of a consistency token.
const CATCH_UP: Duration = Duration::from_millis(2_500);
/// Labels are asked for inside of other answers, and inside of a watch's first second.
const LABELS: Duration = Duration::from_millis(400);
/// A watch is opened anew if it takes longer.
const OPEN: Duration = Duration::from_secs(5);
/// Largest answer accepted, in bytes: a page of 100 tickets with the longest descriptions fits.
const MAX_ANSWER: usize = 8 << 20;
/// Connections for watches, beside the one for calls: each carries at most 4,096 streams, and a
/// connection full of watches would leave no room for a call.
const WATCH_CONNECTIONS: usize = 8;

/// Where the services behind listen.
pub(crate) struct Addresses<'a> {
    pub(crate) tickets: &'a str,
    pub(crate) conversations: &'a str,
    pub(crate) settings: &'a str,
    pub(crate) notifications: &'a str,
}

/// One client a service; they share a connection a service.
pub(crate) struct Clients {
    keys: Arc<KeyRing>,
    tickets: Peer<TicketServiceClient<Channel>>,
    types: Peer<TicketTypeServiceClient<Channel>>,
    conversations: Peer<ConversationServiceClient<Channel>>,
    settings: Peer<SettingsServiceClient<Channel>>,
    sessions: Peer<SessionStoreServiceClient<ServiceChannel>>,
    inbox: Peer<NotificationServiceClient<Channel>>,
    watches: Vec<NotificationServiceClient<Channel>>,
    next_watch: AtomicUsize,
}

impl Clients {
    /// Connections are made when first used.
    pub(crate) fn new(keys: Arc<KeyRing>, at: &Addresses<'_>) -> Result<Self, StartError> {
        let to_tickets = channel(at.tickets)?;
        let to_sessions = service_channel(at.settings, keys.clone(), &["sessions:write"])?;
        let inbox = |at| -> Result<_, StartError> {
            Ok(NotificationServiceClient::new(channel(at)?).max_decoding_message_size(MAX_ANSWER))
        };
        Ok(Self {
            tickets: Peer::new(
                "tickets",
                TicketServiceClient::new(to_tickets.clone()).max_decoding_message_size(MAX_ANSWER),
            ),
            types: Peer::new(
                "tickets",
                TicketTypeServiceClient::new(to_tickets).max_decoding_message_size(MAX_ANSWER),
            ),
            conversations: Peer::new(
                "conversations",
                ConversationServiceClient::new(channel(at.conversations)?)
                    .max_decoding_message_size(MAX_ANSWER),
            ),
            settings: Peer::new(
                "settings",
                SettingsServiceClient::new(channel(at.settings)?)
                    .max_decoding_message_size(MAX_ANSWER),
            ),
            sessions: Peer::new(
                "settings",
                SessionStoreServiceClient::new(to_sessions).max_decoding_message_size(MAX_ANSWER),
            ),
            inbox: Peer::new("notifications", inbox(at.notifications)?),
            watches: (0..WATCH_CONNECTIONS)
                .map(|_| inbox(at.notifications))
                .collect::<Result<_, _>>()?,
            next_watch: AtomicUsize::new(0),
            keys,
        })
    }

    fn signed<'a>(&'a self, by: &'a Credential) -> Caller<'a> {
        Caller::Signed(&self.keys, by)
    }

    // ------------------------------------------------------------ notifications

    pub(crate) async fn inbox(
        &self,
        by: &Credential,
        at_least: Vec<LogPosition>,
    ) -> Result<nt::Inbox, Error> {
        let limit = patience(&at_least);
        let body = nt::GetInboxRequest { at_least };
        let answer = self
            .inbox
            .call(self.signed(by), true, limit, &body, |mut to, body| async move {
                to.get_inbox(body).await
            })
            .await?;
        whole(answer.inbox)
    }

    pub(crate) async fn ticket_reads(
        &self,
        by: &Credential,
        ticket_ids: Vec<String>,
        at_least: Vec<LogPosition>,
    ) -> Result<Vec<nt::TicketRead>, Error> {
        let limit = patience(&at_least);
        let body = nt::BatchGetTicketReadsRequest {
            ticket_ids,
            at_least,
        };
        let answer = self
            .inbox
            .call(self.signed(by), true, limit, &body, |mut to, body| async move {
                to.batch_get_ticket_reads(body).await
            })
            .await?;
        Ok(answer.reads)
    }

    pub(crate) async fn mark_ticket_read(
        &self,
        by: &Credential,
        body: nt::MarkTicketReadRequest,
    ) -> Result<(), Error> {
        self.inbox
            .call(self.signed(by), true, WRITE, &body, |mut to, body| async move {
                to.mark_ticket_read(body).await
            })
            .await
            .map(drop)
    }

    /// Opens a watch, on the connection whose turn it is.
    pub(crate) async fn watch_inbox(
        &self,
        by: &Credential,
        after: Option<nt::InboxVersion>,
    ) -> Result<Streaming<nt::WatchInboxResponse>, Error> {
        let turn = self.next_watch.fetch_add(1, Ordering::Relaxed) % self.watches.len();
        let mut to = self.watches[turn].clone();
        let body = nt::WatchInboxRequest { after };
        let request = self.signed(by).headers()?.on(body);
        match tokio::time::timeout(OPEN, to.watch_inbox(request)).await {
            Ok(answer) => Ok(answer?.into_inner()),
            Err(_) => Err(Error::Away("notifications")),
        }
    }

    // ------------------------------------------------------------ tickets

    pub(crate) async fn ticket(
        &self,
        by: &Credential,
        ticket_id: String,
    ) -> Result<tk::GetContactTicketResponse, Error> {
        let body = tk::GetContactTicketRequest { ticket_id };
        self.tickets
            .call(self.signed(by), true, MAIN, &body, |mut to, body| async move {
                to.get_contact_ticket(body).await
            })
            .await
    }

    pub(crate) async fn tickets(
        &self,
        by: &Credential,
        body: tk::ListContactTicketsRequest,
    ) -> Result<tk::ListContactTicketsResponse, Error> {
        self.tickets
            .call(self.signed(by), true, MAIN, &body, |mut to, body| async move {
                to.list_contact_tickets(body).await
            })
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
        let answer = self
            .tickets
            .call(self.signed(by), true, limit, &body, |mut to, body| async move {
                to.batch_get_contact_tickets(body).await
            })
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
            .call(self.signed(by), again, WRITE, &body, |mut to, body| async move {
                to.create_contact_ticket(body).await
            })
            .await
    }

    pub(crate) async fn ensure_ticket_conversation(
        &self,
        by: &Credential,
        ticket_id: String,
    ) -> Result<tk::EnsureTicketConversationResponse, Error> {
        let body = tk::EnsureTicketConversationRequest { ticket_id };
        self.tickets
            .call(self.signed(by), true, WRITE, &body, |mut to, body| async move {
                to.ensure_ticket_conversation(body).await
            })
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
            .call(self.signed(by), true, limit, &body, |mut to, body| async move {
                to.list_contact_ticket_forms(body).await
            })
            .await
    }

    // ------------------------------------------------------------ conversations

    pub(crate) async fn conversations(
        &self,
        by: &Credential,
        body: cv::ListContactConversationsRequest,
    ) -> Result<cv::ListContactConversationsResponse, Error> {
        self.conversations
            .call(self.signed(by), true, MAIN, &body, |mut to, body| async move {
                to.list_contact_conversations(body).await
            })
            .await
    }

    /// What Conversations knows of one conversation.
    pub(crate) async fn conversation(
        &self,
        by: &Credential,
        conversation_id: String,
    ) -> Result<cv::BatchGetContactConversationsResponse, Error> {
        let body = cv::BatchGetContactConversationsRequest {
            conversation_ids: vec![conversation_id],
        };
        self.conversations
            .call(self.signed(by), true, GARNISH, &body, |mut to, body| async move {
                to.batch_get_contact_conversations(body).await
            })
            .await
    }

    pub(crate) async fn parts(
        &self,
        by: &Credential,
        body: cv::ListContactPartsRequest,
    ) -> Result<cv::ListContactPartsResponse, Error> {
        self.conversations
            .call(self.signed(by), true, MAIN, &body, |mut to, body| async move {
                to.list_contact_parts(body).await
            })
            .await
    }

    pub(crate) async fn start_conversation(
        &self,
        by: &Credential,
        body: cv::StartContactConversationRequest,
    ) -> Result<cv::StartContactConversationResponse, Error> {
        let again = !body.request_id.is_empty();
        self.conversations
            .call(self.signed(by), again, WRITE, &body, |mut to, body| async move {
                to.start_contact_conversation(body).await
            })
            .await
    }

    pub(crate) async fn send_message(
        &self,
        by: &Credential,
        body: &cv::SendContactMessageRequest,
    ) -> Result<cv::SendContactMessageResponse, Error> {
        let again = !body.request_id.is_empty();
        self.conversations
            .call(self.signed(by), again, WRITE, body, |mut to, body| async move {
                to.send_contact_message(body).await
            })
            .await
    }

    pub(crate) async fn mark_read(
        &self,
        by: &Credential,
        body: cv::MarkContactReadRequest,
    ) -> Result<cv::MarkContactReadResponse, Error> {
        self.conversations
            .call(self.signed(by), true, WRITE, &body, |mut to, body| async move {
                to.mark_contact_read(body).await
            })
            .await
    }

    /// Makes sure that a conversation exists; `by` speaks for this service in the contact's workspace.
    pub(crate) async fn ensure_conversation(
        &self,
        by: &Credential,
        body: cv::EnsureConversationRequest,
        needed: bool,
    ) -> Result<cv::EnsureConversationResponse, Error> {
        let limit = if needed { WRITE } else { GARNISH };
        self.conversations
            .call(self.signed(by), true, limit, &body, |mut to, body| async move {
                to.ensure_conversation(body).await
            })
            .await
    }

    // ------------------------------------------------------------ settings

    /// The settings of a workspace; `by` speaks for this service in it.
    pub(crate) async fn messenger_settings(
        &self,
        by: &Credential,
    ) -> Result<st::MessengerSettings, Error> {
        let body = st::GetMessengerSettingsRequest {};
        let answer = self
            .settings
            .call(self.signed(by), true, MAIN, &body, |mut to, body| async move {
                to.get_messenger_settings(body).await
            })
            .await?;
        answer.settings.ok_or(Error::Garbage("settings"))
    }

    pub(crate) async fn open_session(
        &self,
        body: st::OpenSessionRequest,
    ) -> Result<st::OpenSessionResponse, Error> {
        self.sessions
            .call(Caller::Channel, false, WRITE, &body, |mut to, body| async move {
                to.open_session(body).await
            })
            .await
    }

    pub(crate) async fn look_up_session(&self, hash: [u8; 32]) -> Result<st::Session, Error> {
        let body = st::LookUpSessionRequest {
            access_token_sha256: hash.to_vec(),
        };
        let answer = self
            .sessions
            .call(Caller::Channel, true, MAIN, &body, |mut to, body| async move {
                to.look_up_session(body).await
            })
            .await?;
        answer.session.ok_or(Error::Garbage("session"))
    }

    pub(crate) async fn revoke_session(&self, session_id: String) -> Result<(), Error> {
        let body = st::RevokeSessionRequest { session_id };
        self.sessions
            .call(Caller::Channel, true, WRITE, &body, |mut to, body| async move {
                to.revoke_session(body).await
            })
            .await
            .map(drop)
    }
}

/// An inbox that does not say where it stands is none.
pub(crate) fn whole(inbox: Option<nt::Inbox>) -> Result<nt::Inbox, Error> {
    inbox
        .filter(|inbox| inbox.version.is_some())
        .ok_or(Error::Garbage("inbox"))
}

/// Badges are a garnish, unless the client asked to wait for a write of its own.
fn patience(at_least: &[LogPosition]) -> Duration {
    if at_least.is_empty() {
        GARNISH
    } else {
        CATCH_UP
    }
}
