//! What teammates and operators do, in an order drawn from the seed: change states, answer, close, turn
//! spaces off and on, rebuild.

use std::{sync::Arc, time::Duration};

use proto::{
    conversations::v1::{CloseConversationRequest, SendMessageRequest},
    notifications::v1::{
        RebuildProjectionRequest, notification_service_client::NotificationServiceClient,
    },
    settings::v1::{GetMessengerSettingsRequest, Platform, Space, UpdateSpaceRequest},
    tickets::v1::ChangeTicketStateRequest,
};
use rand::{Rng, rngs::StdRng, seq::SliceRandom};
use runtime::KeyRing;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::{Code, transport::Channel};

use super::{
    calls::{Desk, Outcome, insist},
    ledger::{Change, Fate, Ledger, Message},
    sharing::Office,
};
use crate::client::{broken, signed};

/// A teammate.
pub(super) struct Teammate {
    pub desk: Arc<Desk>,
    pub ledger: Arc<Ledger>,
    pub rng: StdRng,
    /// `tst_…` of each category.
    pub states: Vec<String>,
    pub office: Office,
    pub turn: u64,
}

impl Teammate {
    /// Acts until told to stop; the call under way is finished.
    pub(super) async fn live(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.turn += 1;
            match self.rng.gen_range(0..100) {
                0..44 => self.change().await,
                44..78 => self.answer().await,
                78..87 => self.close().await,
                87..90 => self.open_for_the_team().await,
                _ => self.turn_over().await,
            }
            pause(&stop, self.rng.gen_range(20..150)).await;
        }
    }

    async fn change(&mut self) {
        let known = {
            let book = self.ledger.book();
            let all: Vec<_> = book.tickets.iter().chain(&book.office).collect();
            all.choose(&mut self.rng).map(|ticket| (*ticket).clone())
        };
        let (Some(ticket), Some(state_id)) = (known, self.states.choose(&mut self.rng)) else {
            return;
        };
        let body = ChangeTicketStateRequest {
            request_id: format!("change-{}", self.turn),
            ticket_id: ticket.ticket_id.clone(),
            state_id: state_id.clone(),
            ..Default::default()
        };
        let mut change = Change {
            ticket_id: ticket.ticket_id.clone(),
            state_id: state_id.clone(),
            version: 0,
            fate: Fate::Acknowledged,
        };
        let send = |mut c: super::Tickets, r| async move { c.change_ticket_state(r).await };
        let pick = |staff: &crate::Staff| staff.tickets.clone();
        let aborted = |code| code == Code::Aborted;
        let moved = self.desk.call(&mut self.rng, aborted, pick, body, send);
        match moved.await.excused(&self.ledger, ticket.contact) {
            Outcome::Acknowledged(answer) => {
                let (told, ticket) = (!answer.positions.is_empty(), answer.ticket);
                let ticket = ticket.unwrap_or_default();
                match (told, ticket.shared) {
                    (true, _) => change.version = ticket.version,
                    // of a ticket that nobody is shown nothing is told: whether it moved is not known
                    (false, false) => change.fate = Fate::Maybe,
                    // it had the state already
                    (false, true) => {}
                }
            }
            Outcome::Never(_) => change.fate = Fate::Maybe,
            refused => {
                refused.noted(&self.ledger, "changing a state");
                return;
            }
        }
        self.ledger.book().changes.push(change);
    }

    async fn answer(&mut self) {
        let Some((contact, conversation_id)) = self.conversation() else {
            return;
        };
        let text = format!("answer-{}", self.turn);
        let body = SendMessageRequest {
            request_id: text.clone(),
            conversation_id: conversation_id.clone(),
            body: text.clone(),
        };
        let send = |mut c: super::Conversations, r| async move { c.send_message(r).await };
        let pick = |staff: &crate::Staff| staff.conversations.clone();
        let sent = self.desk.call(&mut self.rng, unheard_of, pick, body, send);
        let fate = match sent.await.excused(&self.ledger, contact) {
            Outcome::Acknowledged(_) => Fate::Acknowledged,
            Outcome::Never(_) => Fate::Maybe,
            refused => {
                refused.noted(&self.ledger, "answering");
                return;
            }
        };
        self.ledger.book().messages.push(Message {
            contact,
            conversation_id,
            body: text,
            seen: 0,
            fate,
        });
    }

    async fn close(&mut self) {
        let Some((contact, conversation_id)) = self.conversation() else {
            return;
        };
        let body = CloseConversationRequest {
            request_id: format!("close-{}", self.turn),
            conversation_id,
        };
        let send = |mut c: super::Conversations, r| async move { c.close_conversation(r).await };
        let pick = |staff: &crate::Staff| staff.conversations.clone();
        let closed = self.desk.call(&mut self.rng, unheard_of, pick, body, send);
        let closed = closed.await.excused(&self.ledger, contact);
        let closed = closed.noted(&self.ledger, "closing a conversation");
        self.ledger.book().closings += u64::from(closed.is_some());
    }

    fn conversation(&mut self) -> Option<(usize, String)> {
        let book = self.ledger.book();
        let of_tickets = book
            .tickets
            .iter()
            .map(|ticket| (ticket.contact, ticket.conversation_id.clone()));
        let all = of_tickets.chain(book.conversations.iter().cloned());
        // whoever answers somebody who is erased by then waits in vain for a conversation
        let all: Vec<_> = all.filter(|(of, _)| !book.leaving.contains(of)).collect();
        all.choose(&mut self.rng).cloned()
    }
}

/// A new ticket's conversation may not be known to Conversations yet, which nobody promised a teammate.
fn unheard_of(code: Code) -> bool {
    matches!(code, Code::NotFound | Code::Aborted)
}

/// Who turns spaces and rebuilds.
pub(super) struct Operator {
    pub desk: Arc<Desk>,
    pub ledger: Arc<Ledger>,
    pub rng: StdRng,
    pub keys: Arc<KeyRing>,
    pub notifications: Vec<NotificationServiceClient<Channel>>,
    /// Whether projections are rebuilt while people act.
    pub rebuilds: bool,
}

impl Operator {
    /// Acts until told to stop; the call under way is finished.
    pub(super) async fn live(mut self, stop: CancellationToken) {
        loop {
            pause(&stop, self.rng.gen_range(800..4_000)).await;
            if stop.is_cancelled() {
                return;
            }
            if self.rng.gen_bool(0.7) || !self.rebuilds {
                self.turn_a_space().await;
            } else {
                self.rebuild().await;
            }
        }
    }

    async fn turn_a_space(&mut self) {
        let platforms = [Platform::Web, Platform::Ios, Platform::Android];
        let platform = platforms[self.rng.gen_range(0..3_usize)];
        let enabled = {
            let book = self.ledger.book();
            !book.spaces.get(&platform.into()).copied().unwrap_or(true)
        };
        for _ in 0..5 {
            let pick = |staff: &crate::Staff| staff.settings.clone();
            let send = |mut c: super::Settings, r| async move { c.get_messenger_settings(r).await };
            let body = GetMessengerSettingsRequest {};
            let never = |_| false;
            let read = self.desk.call(&mut self.rng, never, pick, body, send).await;
            let read = read.noted(&self.ledger, "reading the settings");
            let Some(settings) = read.and_then(|read| read.settings) else {
                return;
            };
            let is = settings.spaces.iter().find(|setting| {
                setting.platform() == platform && setting.space() == Space::Tickets
            });
            // an earlier try was carried out, though nobody heard of it
            if is.is_some_and(|setting| setting.enabled == enabled) {
                return self.turned(platform, enabled);
            }
            let body = UpdateSpaceRequest {
                platform: platform.into(),
                space: Space::Tickets.into(),
                enabled,
                expected_version: settings.version,
            };
            let send = |mut c: super::Settings, r| async move { c.update_space(r).await };
            match self.desk.call(&mut self.rng, never, pick, body, send).await {
                Outcome::Acknowledged(_) => return self.turned(platform, enabled),
                Outcome::Refused(status) if status.code() == Code::Aborted => {}
                Outcome::Never(_) => {}
                refused => {
                    refused.noted(&self.ledger, "turning a space");
                    return;
                }
            }
        }
    }

    fn turned(&self, platform: Platform, enabled: bool) {
        let mut book = self.ledger.book();
        book.spaces.insert(platform.into(), enabled);
        book.turns += 1;
    }

    /// Rebuilds the projection; all that was told is told again, in another order.
    pub(super) async fn rebuild(&mut self) -> bool {
        self.ledger.note("a rebuild is asked for");
        let (clients, keys) = (&self.notifications, &self.keys);
        let running = |code| code == Code::Aborted;
        let attempt = |replica: usize| async move {
            let token = keys
                .sign_self(None, &["notifications:admin"])
                .map_err(broken)?
                .token;
            let body = RebuildProjectionRequest {};
            let mut client = clients[replica].clone();
            client.rebuild_projection(signed(&token, body)?).await
        };
        let replicas = self.notifications.len();
        let rebuilt = insist(&self.ledger, &mut self.rng, replicas, running, attempt).await;
        let rebuilt = rebuilt.noted(&self.ledger, "rebuilding").is_some();
        self.ledger.note("the rebuild is answered");
        self.ledger.book().rebuilds += u64::from(rebuilt);
        rebuilt
    }
}

async fn pause(stop: &CancellationToken, millis: u64) {
    tokio::select! {
        () = sleep(Duration::from_millis(millis)) => {}
        () = stop.cancelled() => {}
    }
}
