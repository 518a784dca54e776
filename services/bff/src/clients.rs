//! The services behind: connections, whose credential a call carries, how long it may take, and what
//! may be tried again.

mod console;
mod conversations;
mod credential;
mod notifications;
mod peer;
mod settings;
mod teammates;
mod tickets;

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use proto::{
    conversations::v1::conversation_service_client::ConversationServiceClient,
    notifications::v1::notification_service_client::NotificationServiceClient,
    settings::v1::{
        contact_service_client::ContactServiceClient,
        session_store_service_client::SessionStoreServiceClient,
        settings_service_client::SettingsServiceClient,
        workspace_service_client::WorkspaceServiceClient,
    },
    tickets::v1::{
        ticket_service_client::TicketServiceClient,
        ticket_type_service_client::TicketTypeServiceClient,
    },
};
use runtime::{
    KeyRing, StartError,
    balance::{Connection, connection},
    client::{ServiceChannel, service_channel},
};

pub(crate) use credential::Credential;
pub(crate) use notifications::whole;
use peer::{Caller, Peer};

/// What an answer cannot do without gets this long.
pub(crate) const MAIN: Duration = Duration::from_secs(3);
/// A write gets this long.
const WRITE: Duration = Duration::from_secs(5);
/// What an answer can do without gets this long.
pub(crate) const GARNISH: Duration = Duration::from_millis(800);
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
    tickets: Peer<TicketServiceClient<Connection>>,
    types: Peer<TicketTypeServiceClient<Connection>>,
    conversations: Peer<ConversationServiceClient<Connection>>,
    settings: Peer<SettingsServiceClient<Connection>>,
    workspaces: Peer<WorkspaceServiceClient<Connection>>,
    contacts: Peer<ContactServiceClient<Connection>>,
    sessions: Peer<SessionStoreServiceClient<ServiceChannel>>,
    inbox: Peer<NotificationServiceClient<Connection>>,
    watches: Vec<NotificationServiceClient<Connection>>,
    next_watch: AtomicUsize,
}

impl Clients {
    /// Connections are made when first used.
    pub(crate) fn new(keys: Arc<KeyRing>, at: &Addresses<'_>) -> Result<Self, StartError> {
        let to_tickets = connection(at.tickets, &keys)?;
        let to_settings = connection(at.settings, &keys)?;
        let to_sessions = service_channel(at.settings, keys.clone(), &["sessions:write"])?;
        let inbox = |at| -> Result<_, StartError> {
            Ok(NotificationServiceClient::new(connection(at, &keys)?)
                .max_decoding_message_size(MAX_ANSWER))
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
                ConversationServiceClient::new(connection(at.conversations, &keys)?)
                    .max_decoding_message_size(MAX_ANSWER),
            ),
            settings: Peer::new(
                "settings",
                SettingsServiceClient::new(to_settings.clone())
                    .max_decoding_message_size(MAX_ANSWER),
            ),
            workspaces: Peer::new(
                "settings",
                WorkspaceServiceClient::new(to_settings.clone())
                    .max_decoding_message_size(MAX_ANSWER),
            ),
            contacts: Peer::new(
                "settings",
                ContactServiceClient::new(to_settings).max_decoding_message_size(MAX_ANSWER),
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
}
