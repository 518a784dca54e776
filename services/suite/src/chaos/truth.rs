//! What the owners of the data hold when all is quiet, as teammates read it, and what every replica
//! shows of it.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result, anyhow};
use proto::{
    bff::v1::{GetHomeRequest, Home, ListTicketsRequest as ListMine, TicketSummary},
    conversations::v1::{
        Conversation, ListContactConversationsRequest, ListConversationsRequest, ListPartsRequest,
        Part,
    },
    notifications::v1::{
        GetInboxRequest, Inbox, notification_service_client::NotificationServiceClient,
    },
    settings::v1::{GetMessengerSettingsRequest, MessengerSettings},
    tickets::v1::{
        HistoryEntry, ListTicketHistoryRequest, ListTicketsRequest, Ticket, TicketState,
    },
};
use rand::rngs::StdRng;
use runtime::{
    KeyRing,
    auth::{Actor, ActorKind},
};
use tonic::{Status, transport::Channel};
use types::WorkspaceId;

use super::{
    calls::{Desk, Outcome, Phone, insist},
    ledger::Ledger,
};
use crate::{
    Access, Endpoints, Staff,
    client::{broken, signed},
};

/// The longest pages there are.
const PAGE: u32 = 100;

/// A ticket and its history, oldest entry first.
#[derive(Debug, Clone, Default)]
pub(super) struct TicketTruth {
    pub ticket: Ticket,
    pub history: Vec<HistoryEntry>,
}

/// A conversation, its parts, oldest first, and how far its contact has read.
#[derive(Debug, Clone, Default)]
pub(super) struct ConversationTruth {
    pub conversation: Conversation,
    pub parts: Vec<Part>,
    pub read_seq: u64,
}

/// What the owners hold of one contact.
#[derive(Debug, Clone, Default)]
pub(super) struct ContactTruth {
    pub tickets: Vec<TicketTruth>,
    pub conversations: Vec<ConversationTruth>,
}

/// What the owners hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Truth {
    pub contacts: Vec<ContactTruth>,
    pub settings: MessengerSettings,
    /// By `tst_…`.
    pub states: BTreeMap<String, TicketState>,
}

/// What one replica of the BFF shows a contact.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    pub home: Home,
    pub list: Vec<TicketSummary>,
}

/// Whom to ask, and as whom.
pub(super) struct Inspector {
    pub ledger: Arc<Ledger>,
    pub desk: Arc<Desk>,
    pub phones: Vec<Arc<Phone>>,
    /// `con_…` of each contact.
    pub contact_ids: Vec<String>,
    pub states: BTreeMap<String, TicketState>,
    pub workspace: WorkspaceId,
    /// Speaks for contacts.
    pub keys: KeyRing,
    pub notifications: Vec<NotificationServiceClient<Channel>>,
    pub endpoints: Vec<Endpoints>,
    pub access: Access,
}

impl Inspector {
    /// Reads everything the owners hold.
    ///
    /// # Errors
    /// When a service stays away, or refuses.
    pub(super) async fn truth(&self, rng: &mut StdRng) -> Result<Truth> {
        let pick = |staff: &Staff| staff.settings.clone();
        let send = |mut c: super::Settings, r| async move { c.get_messenger_settings(r).await };
        let body = GetMessengerSettingsRequest {};
        let read = self.desk.call(rng, |_| false, pick, body, send).await;
        let settings = answered("the settings", read)?.settings;
        let mut contacts = Vec::new();
        for contact in 0..self.contact_ids.len() {
            contacts.push(self.contact(rng, contact).await?);
        }
        Ok(Truth {
            contacts,
            settings: settings.context("no settings in the answer")?,
            states: self.states.clone(),
        })
    }

    async fn contact(&self, rng: &mut StdRng, contact: usize) -> Result<ContactTruth> {
        let contact_id = &self.contact_ids[contact];
        let mut truth = ContactTruth::default();
        let tickets_of = |staff: &Staff| staff.tickets.clone();
        let conversations_of = |staff: &Staff| staff.conversations.clone();
        let mut page_token = String::new();
        loop {
            let body = ListTicketsRequest {
                page_size: PAGE,
                page_token,
                requester_contact_id: contact_id.clone(),
                ..Default::default()
            };
            let send = |mut c: super::Tickets, r| async move { c.list_tickets(r).await };
            let page = self.desk.call(rng, |_| false, tickets_of, body, send).await;
            let page = answered("a page of tickets", page)?;
            for ticket in page.tickets {
                let history = self.history(rng, &ticket.ticket_id).await?;
                truth.tickets.push(TicketTruth { ticket, history });
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let read = if self.is_leaving(contact) {
            BTreeMap::new()
        } else {
            self.read_places(rng, contact).await?
        };
        loop {
            let body = ListConversationsRequest {
                page_size: PAGE,
                page_token,
                contact_id: contact_id.clone(),
                ..Default::default()
            };
            let send =
                |mut c: super::Conversations, r| async move { c.list_conversations(r).await };
            let page = self.desk.call(rng, |_| false, conversations_of, body, send);
            let page = answered("a page of conversations", page.await)?;
            for conversation in page.conversations {
                let parts = self.parts(rng, &conversation.conversation_id).await?;
                let read_seq = read.get(&conversation.conversation_id);
                truth.conversations.push(ConversationTruth {
                    read_seq: read_seq.copied().unwrap_or_default(),
                    conversation,
                    parts,
                });
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(truth);
            }
        }
    }

    async fn history(&self, rng: &mut StdRng, ticket_id: &str) -> Result<Vec<HistoryEntry>> {
        let mut entries = Vec::new();
        let mut page_token = String::new();
        loop {
            let body = ListTicketHistoryRequest {
                ticket_id: ticket_id.to_owned(),
                page_size: PAGE,
                page_token,
                newest_first: false,
            };
            let send = |mut c: super::Tickets, r| async move { c.list_ticket_history(r).await };
            let pick = |staff: &Staff| staff.tickets.clone();
            let page = self.desk.call(rng, |_| false, pick, body, send).await;
            let page = answered("a page of history", page)?;
            entries.extend(page.entries);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(entries);
            }
        }
    }

    async fn parts(&self, rng: &mut StdRng, conversation_id: &str) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        let mut page_token = String::new();
        loop {
            let body = ListPartsRequest {
                conversation_id: conversation_id.to_owned(),
                page_size: PAGE,
                page_token,
            };
            let send = |mut c: super::Conversations, r| async move { c.list_parts(r).await };
            let pick = |staff: &Staff| staff.conversations.clone();
            let page = self.desk.call(rng, |_| false, pick, body, send).await;
            let page = answered("a page of parts", page)?;
            parts.extend(page.parts);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                parts.reverse();
                return Ok(parts);
            }
        }
    }

    /// How far a contact has read, by conversation.
    async fn read_places(&self, rng: &mut StdRng, contact: usize) -> Result<BTreeMap<String, u64>> {
        let mut places = BTreeMap::new();
        let mut page_token = String::new();
        loop {
            let body = ListContactConversationsRequest {
                page_size: PAGE,
                page_token,
            };
            let token = self.speak_for(contact)?;
            let (desk, body, token) = (&self.desk, &body, &token);
            let attempt = |replica: usize| async move {
                let mut client = desk.at(replica).conversations.clone();
                let request = signed(token, body.clone())?;
                client.list_contact_conversations(request).await
            };
            let page = insist(&self.ledger, rng, desk.replicas(), |_| false, attempt).await;
            let page = answered("a page of a contact's conversations", page)?;
            for row in page.conversations {
                places.insert(row.conversation_id, row.read_seq);
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(places);
            }
        }
    }

    /// What a replica of the BFF shows.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) async fn shown(&self, contact: usize, replica: usize) -> Result<Shown, Status> {
        let phone = &self.phones[contact];
        let body = GetHomeRequest {
            platform: phone.platform(replica).into(),
            ..Default::default()
        };
        let send = |mut c: super::Bff, r| async move { c.get_home(r).await };
        let home = phone.once(replica, body, send).await?.into_inner().home;
        let body = ListMine {
            page_size: PAGE,
            ..Default::default()
        };
        let send = |mut c: super::Bff, r| async move { c.list_tickets(r).await };
        let list = phone.once(replica, body, send).await?.into_inner().tickets;
        Ok(Shown {
            home: home.unwrap_or_default(),
            list,
        })
    }

    /// What a replica of Notifications says.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) async fn inbox(&self, contact: usize, replica: usize) -> Result<Inbox, Status> {
        let token = self.speak_for(contact).map_err(broken_any)?;
        let mut client = self.notifications[replica].clone();
        let answer = client.get_inbox(signed(&token, GetInboxRequest::default())?);
        Ok(answer.await?.into_inner().inbox.unwrap_or_default())
    }

    fn speak_for(&self, contact: usize) -> Result<String> {
        let actor = Actor {
            workspace: Some(self.workspace.clone()),
            kind: ActorKind::Contact,
            id: self.contact_ids[contact].clone(),
            name: String::new(),
            scopes: Vec::new(),
        };
        Ok(self.keys.sign(&actor)?.token)
    }
}

fn broken_any(error: anyhow::Error) -> Status {
    broken(error)
}

fn answered<A>(what: &str, outcome: Outcome<A>) -> Result<A> {
    match outcome {
        Outcome::Acknowledged(answer) => Ok(answer),
        Outcome::Refused(status) => Err(anyhow!(
            "{what} was refused when all was quiet: {:?}: {}",
            status.code(),
            status.message()
        )),
        Outcome::Never(why) => Err(anyhow!("{what} could not be had when all was quiet: {why}")),
    }
}
