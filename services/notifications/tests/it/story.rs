//! Tickets and conversations as their services tell them, one sentence a method.

use notifications::projection::{ConversationId, StateId, TicketId};
use prost::Message;
use prost_types::Timestamp;
use proto::{
    conversations::v1::{
        AuthorKind, ContactConversationChanged, ConversationState, FrontierEntry, MessagePreview,
    },
    tickets::v1::{ContactTicketChanged, StateCategory},
};

use crate::center::{Center, Customer};

pub const TICKET_CHANGED: &str = "messenger.tickets.v1.ContactTicketChanged";
pub const CONVERSATION_CHANGED: &str = "messenger.conversations.v1.ContactConversationChanged";

/// A moment; only the order matters.
pub fn at(second: i64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: 1_767_268_800 + second,
        nanos: 0,
    })
}

/// A ticket that is shared with some customers.
pub struct Ticket<'a> {
    center: &'a Center,
    viewers: Vec<Customer>,
    pub state: ContactTicketChanged,
}

impl<'a> Ticket<'a> {
    /// Not told yet.
    pub fn draft(center: &'a Center, customer: &Customer, title: &str) -> Self {
        let id = TicketId::generate();
        Self {
            center,
            viewers: vec![customer.clone()],
            state: ContactTicketChanged {
                ticket_id: id.to_string(),
                visible: true,
                revision: 1,
                notify_revision: 1,
                stamp_revision: 1,
                state_id: StateId::derive(&["submitted"]).to_string(),
                category: StateCategory::Submitted.into(),
                number: 1,
                title: title.into(),
                requester: true,
                create_time: at(0),
                ticket_update_time: at(0),
                activity_time: at(0),
                ..Default::default()
            },
        }
    }

    /// Created, and told.
    pub async fn create(center: &'a Center, customer: &Customer, title: &str, second: i64) -> Self {
        let mut ticket = Self::draft(center, customer, title);
        ticket.state.create_time = at(second);
        ticket.state.ticket_update_time = at(second);
        ticket.tell().await;
        ticket
    }

    pub fn id(&self) -> &str {
        &self.state.ticket_id
    }

    /// Another status, at some time.
    pub async fn move_to(&mut self, category: StateCategory, second: i64) {
        self.change(category, second);
        self.state.notify_revision = self.state.revision;
        self.tell().await;
    }

    /// T12: another status, with `skip_notifications`.
    pub async fn move_silently(&mut self, category: StateCategory, second: i64) {
        self.change(category, second);
        self.tell().await;
    }

    fn change(&mut self, category: StateCategory, second: i64) {
        self.state.revision += 1;
        self.state.stamp_revision = self.state.revision;
        self.state.category = category.into();
        self.state.ticket_update_time = at(second);
        self.state.activity_time = at(second);
    }

    /// Another title: no update.
    pub async fn rename(&mut self, title: &str) {
        self.state.revision += 1;
        self.state.title = title.into();
        self.tell().await;
    }

    /// V3: hidden, or shared again, which is an update.
    pub async fn share(&mut self, shared: bool, second: i64) {
        self.state.visible = shared;
        if shared {
            let category = self.state.category();
            self.change(category, second);
            self.state.notify_revision = self.state.revision;
        }
        self.tell().await;
    }

    pub async fn delete(&mut self) {
        self.state.deleted = true;
        self.tell().await;
    }

    /// Linked to a conversation, or to none; no update, but a revision to stamp.
    pub async fn link(&mut self, conversation: Option<&Conversation<'_>>) {
        self.state.revision += 1;
        self.state.stamp_revision = self.state.revision;
        self.state.conversation_id = conversation
            .map(|found| found.state.conversation_id.clone())
            .unwrap_or_default();
        self.tell().await;
    }

    /// V5: somebody else sees it too.
    pub async fn add_viewer(&mut self, customer: &Customer) {
        self.viewers.push(customer.clone());
        self.tell_to(customer).await;
    }

    /// A viewer turned out to be another contact, as Tickets tells it.
    pub async fn hand_over(&mut self, from: &Customer, into: &Customer) {
        let visible = std::mem::replace(&mut self.state.visible, false);
        self.tell_to(from).await;
        self.state.visible = visible;
        self.viewers.retain(|viewer| viewer.contact != from.contact);
        self.add_viewer(into).await;
    }

    /// A message in its conversation moves it up the list.
    pub async fn note_activity(&mut self, second: i64) {
        self.state.activity_time = at(second);
        self.tell().await;
    }

    pub async fn tell(&self) {
        for viewer in &self.viewers {
            self.tell_to(viewer).await;
        }
    }

    async fn tell_to(&self, viewer: &Customer) {
        let state = ContactTicketChanged {
            contact_id: viewer.contact.to_string(),
            ..self.state.clone()
        };
        let payload = state.encode_to_vec();
        let told = self
            .center
            .tickets
            .tell(viewer, TICKET_CHANGED, self.id(), payload)
            .await;
        self.center.wrote(told);
    }
}

/// A conversation of one customer.
pub struct Conversation<'a> {
    center: &'a Center,
    customer: Customer,
    pub state: ContactConversationChanged,
    stamps: Vec<(u64, String, u64)>,
}

impl<'a> Conversation<'a> {
    /// Started, without a message.
    pub async fn start(center: &'a Center, customer: &Customer) -> Self {
        let conversation = Self {
            center,
            customer: customer.clone(),
            state: ContactConversationChanged {
                contact_id: customer.contact.to_string(),
                conversation_id: ConversationId::generate().to_string(),
                participant: true,
                state: ConversationState::Open.into(),
                create_time: at(0),
                ..Default::default()
            },
            stamps: Vec::new(),
        };
        conversation.tell().await;
        conversation
    }

    /// A teammate writes.
    pub async fn teammate_says(&mut self, text: &str, second: i64) {
        self.say(text, AuthorKind::Teammate, second);
        self.state.last_foreign_message_seq = self.state.head_seq;
        self.tell().await;
    }

    /// The customer writes.
    pub async fn customer_says(&mut self, text: &str, second: i64) {
        self.say(text, AuthorKind::Contact, second);
        self.tell().await;
    }

    fn say(&mut self, text: &str, author: AuthorKind, second: i64) {
        self.state.head_seq += 1;
        self.state.has_messages = true;
        self.state.last_message_time = at(second);
        self.state.preview = Some(MessagePreview {
            text: text.into(),
            author_kind: author.into(),
            author_name: "Somebody".into(),
            mine: author == AuthorKind::Contact,
            time: at(second),
        });
    }

    /// A1: a ticket's newest update becomes a part. Returns its place.
    pub async fn stamp(&mut self, ticket: &Ticket<'_>) -> u64 {
        self.state.head_seq += 1;
        let revision = ticket.state.stamp_revision;
        self.stamps
            .push((self.state.head_seq, ticket.id().into(), revision));
        self.tell().await;
        self.state.head_seq
    }

    /// A2: a receipt, with the frontier it makes (A3).
    pub async fn read_up_to(&mut self, seq: u64) {
        self.state.read_seq = self.state.read_seq.max(seq);
        let read = self
            .stamps
            .iter()
            .filter(|(at, ..)| *at <= self.state.read_seq);
        let newest: std::collections::BTreeMap<_, _> = read
            .map(|(_, ticket, revision)| (ticket.clone(), *revision))
            .collect();
        self.state.frontier = newest
            .into_iter()
            .map(|(ticket_id, revision)| FrontierEntry {
                ticket_id,
                revision,
            })
            .collect();
        self.tell().await;
    }

    /// A receipt for everything there is.
    pub async fn read(&mut self) {
        self.read_up_to(self.state.head_seq).await;
    }

    pub async fn close(&mut self) {
        self.state.head_seq += 1;
        self.state.state = ConversationState::Closed.into();
        self.tell().await;
    }

    pub async fn delete(&mut self) {
        self.state.deleted = true;
        self.tell().await;
    }

    pub async fn tell(&self) {
        let payload = self.state.encode_to_vec();
        let id = &self.state.conversation_id;
        let told = self
            .center
            .conversations
            .tell(&self.customer, CONVERSATION_CHANGED, id, payload)
            .await;
        self.center.wrote(told);
    }
}
