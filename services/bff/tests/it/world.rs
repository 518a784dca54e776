//! The BFF, the services behind it, and the customers in front of it.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use proto::{
    bff::v1::{
        self as pb, GetHomeRequest, Home, messenger_service_client::MessengerServiceClient,
        poll_messenger_response::Outcome, session_service_client::SessionServiceClient,
        watch_messenger_response::Frame,
    },
    notifications::v1::{Inbox, InboxConversation, InboxTicket},
    settings::v1::{Platform, Space},
    tickets::v1::StateCategory,
};
use runtime::{Running, ServerArgs};
use testing::{ManualClock, Scratch};
use tonic::{Code, Request, Status, Streaming, transport::Channel};
use tonic_types::StatusExt;
use types::{ContactId, WorkspaceId};

use crate::fakes::{FakeConversations, FakeNotifications, FakeSettings, FakeTickets};

/// The conversation and the ticket that most tests are about.
pub const CNV_1: &str = "cnv_00000000000000000000000000000001";
pub const TKT_1: &str = "tkt_00000000000000000000000000000001";

pub const PLATFORMS: [Platform; 3] = [Platform::Web, Platform::Ios, Platform::Android];
const QUARTER: Duration = Duration::from_secs(15 * 60);

pub struct World {
    pub scratch: Scratch,
    pub clock: ManualClock,
    pub workspace: WorkspaceId,
    pub tickets: FakeTickets,
    pub conversations: FakeConversations,
    pub settings: FakeSettings,
    pub notifications: FakeNotifications,
    pub bff: Option<Running>,
    pub config: bff::Config,
    pub channel: Channel,
}

impl World {
    pub async fn new() -> Self {
        Self::with(async |_: &FakeSettings| ()).await
    }

    /// With something done to Settings before the BFF starts.
    pub async fn with(before: impl AsyncFnOnce(&FakeSettings)) -> Self {
        Self::start(before, |config| config).await
    }

    /// With origins whose pages may call.
    pub async fn naming(origins: &[&str]) -> Self {
        let cors_origins = origins.iter().map(|o| o.parse().unwrap()).collect();
        Self::configured(|config| bff::Config {
            cors_origins,
            ..config
        })
        .await
    }

    /// With a BFF that is told something else than usual.
    pub async fn configured(told: impl FnOnce(bff::Config) -> bff::Config) -> Self {
        Self::start(async |_: &FakeSettings| (), told).await
    }

    async fn start(
        before: impl AsyncFnOnce(&FakeSettings),
        told: impl FnOnce(bff::Config) -> bff::Config,
    ) -> Self {
        let scratch = Scratch::new();
        let keys = scratch.keys(&[
            "bff",
            "tickets",
            "conversations",
            "settings",
            "notifications",
        ]);
        let clock = ManualClock::new();
        let tickets = FakeTickets::start(&keys).await;
        let conversations = FakeConversations::start(&keys).await;
        let settings = FakeSettings::start(&scratch, &clock).await;
        let notifications = FakeNotifications::start(&keys).await;
        before(&settings).await;
        let config = bff::Config {
            server: ServerArgs::loopback(keys),
            tickets: tickets.host.url(),
            conversations: conversations.host.url(),
            settings: settings.host.url(),
            notifications: notifications.host.url(),
            nats: Default::default(),
            cors_origins: Vec::new(),
            web: None,
            embedders: Vec::new(),
            trusted_proxies: Vec::new(),
            limits: bff::LimitArgs::default(),
            console: Default::default(),
        };
        let config = told(config);
        let bff = bff::start_with(config.clone(), Arc::new(clock.clone()))
            .await
            .unwrap();
        let channel = runtime::client::channel(&format!("http://{}", bff.address())).unwrap();
        Self {
            scratch,
            clock,
            workspace: WorkspaceId::generate(),
            tickets,
            conversations,
            settings,
            notifications,
            bff: Some(bff),
            config,
            channel,
        }
    }

    /// A customer with a session of a quarter of an hour.
    pub fn customer(&self) -> Customer {
        self.customer_for(QUARTER)
    }

    pub fn customer_for(&self, lasts: Duration) -> Customer {
        self.session(ContactId::generate(), lasts)
    }

    /// Another session of the same customer.
    pub fn again(&self, customer: &Customer) -> Customer {
        self.session(customer.contact.clone(), QUARTER)
    }

    fn session(&self, contact: ContactId, lasts: Duration) -> Customer {
        let (token, session_id) = self.settings.open(&self.workspace, &contact, lasts);
        self.holding(contact, token, session_id)
    }

    /// Somebody who holds this token.
    pub fn holding(&self, contact: ContactId, token: String, session_id: String) -> Customer {
        Customer {
            contact,
            token,
            session_id,
            messenger: MessengerServiceClient::new(self.channel.clone()),
            sessions: SessionServiceClient::new(self.channel.clone()),
        }
    }

    /// The workspace's app id.
    pub fn app(&self) -> String {
        self.workspace.as_str().replace("wsp_", "app_")
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// Forgets the calls that all services behind received so far.
    pub fn forget_calls(&self) {
        for gate in self.gates() {
            gate.forget();
        }
    }

    /// Calls that all services behind received; the feed is not counted.
    pub fn calls(&self) -> usize {
        self.gates().iter().map(|gate| gate.count("*")).sum()
    }

    fn gates(&self) -> [&crate::fakes::Gate; 4] {
        [
            &self.tickets.state.gate,
            &self.conversations.state.gate,
            &self.settings.state.gate,
            &self.notifications.state.gate,
        ]
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.bff.as_ref().expect("it runs").address()
    }
}

/// A customer with an open Messenger.
#[derive(Clone)]
pub struct Customer {
    pub contact: ContactId,
    pub token: String,
    pub session_id: String,
    pub messenger: MessengerServiceClient<Channel>,
    pub sessions: SessionServiceClient<Channel>,
}

impl Customer {
    /// A request with the customer's access token.
    pub fn with<T>(&self, body: T) -> Request<T> {
        let mut request = Request::new(body);
        let bearer = runtime::client::bearer(&self.token).unwrap();
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    pub async fn home(&self, platform: Platform) -> Result<Home, Status> {
        self.home_after(platform, "").await
    }

    pub async fn home_after(&self, platform: Platform, token: &str) -> Result<Home, Status> {
        let request = GetHomeRequest {
            platform: platform.into(),
            consistency_token: token.into(),
        };
        let answer = self.messenger.clone().get_home(self.with(request)).await?;
        Ok(answer.into_inner().home.unwrap())
    }

    pub async fn watch(
        &self,
        platform: Platform,
        resume_token: Option<pb::HomeToken>,
    ) -> Result<Frames, Status> {
        let request = pb::WatchMessengerRequest {
            platform: platform.into(),
            resume_token,
        };
        let mut messenger = self.messenger.clone();
        let answer = messenger.watch_messenger(self.with(request)).await?;
        Ok(Frames(answer.into_inner()))
    }

    /// What a poll tells, and when to ask again.
    pub async fn poll(&self, resume_token: Option<pb::HomeToken>) -> (Outcome, u32) {
        let request = pb::PollMessengerRequest {
            platform: Platform::Web.into(),
            resume_token,
            wait_ms: 25_000,
        };
        let mut messenger = self.messenger.clone();
        let answer = messenger.poll_messenger(self.with(request)).await.unwrap();
        let answer = answer.into_inner();
        (answer.outcome.unwrap(), answer.poll_after_ms)
    }
}

/// A watch, as its client reads it.
pub struct Frames(pub Streaming<pb::WatchMessengerResponse>);

impl Frames {
    /// The next frame; `None` at the end.
    pub async fn next(&mut self) -> Option<Frame> {
        let frame = tokio::time::timeout(Duration::from_secs(20), self.0.message());
        let frame = frame.await.expect("a frame in time").unwrap();
        frame.map(|frame| frame.frame.unwrap())
    }

    pub async fn home(&mut self) -> Home {
        match self.next().await {
            Some(Frame::Home(home)) => home,
            other => panic!("{other:?} instead of Home"),
        }
    }

    /// The reason of the GoAway that comes next and last.
    pub async fn end(&mut self) -> pb::GoAwayReason {
        let Some(Frame::GoAway(go_away)) = self.next().await else {
            panic!("no GoAway");
        };
        assert_eq!(self.next().await, None);
        go_away.reason()
    }
}

/// An inbox with these tickets on the card, each unread, and a conversation linked to the first.
pub fn inbox(numbers: &[u64]) -> Inbox {
    let tickets: Vec<_> = numbers.iter().map(|number| inbox_ticket(*number)).collect();
    Inbox {
        unread_tickets: tickets.len() as u32,
        unread_conversations: 1,
        any_ticket_visible: !tickets.is_empty(),
        latest_conversation: tickets.first().map(|ticket| InboxConversation {
            conversation_id: ticket.conversation_id.clone(),
            ticket: Some(ticket.clone()),
            unread: true,
            ..Default::default()
        }),
        recent_tickets: tickets,
        version: None,
    }
}

pub fn inbox_ticket(number: u64) -> InboxTicket {
    InboxTicket {
        ticket_id: format!("tkt_{number:032x}"),
        number,
        title: format!("Ticket {number}"),
        state_id: "tst_progress".into(),
        category: StateCategory::InProgress.into(),
        revision: 2,
        unread: true,
        ticket_update_time: None,
        conversation_id: format!("cnv_{number:032x}"),
    }
}

pub fn shows(home: &Home, space: Space) -> bool {
    let row = home.spaces.iter().find(|row| row.space() == space);
    row.unwrap().visible
}

pub fn card(home: &Home) -> Vec<u64> {
    let card = home.recent_tickets.clone().unwrap_or_default();
    card.tickets.iter().map(|ticket| ticket.number).collect()
}

/// What a refusal says: its code, and domain and reason of its details.
#[track_caller]
pub fn refusal<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String, String) {
    let status = outcome.expect_err("it is refused");
    let info = status.get_details_error_info();
    let (domain, reason) = info.map_or_else(Default::default, |info| (info.domain, info.reason));
    (status.code(), domain, reason)
}

pub fn is(code: Code, domain: &str, reason: &str) -> (Code, String, String) {
    (code, domain.to_owned(), reason.to_owned())
}

/// The fields that a refusal names.
#[track_caller]
pub fn fields<T: std::fmt::Debug>(outcome: Result<T, Status>) -> Vec<String> {
    let status = outcome.expect_err("it is refused");
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_details_bad_request();
    let violations = details.map_or_else(Vec::new, |details| details.field_violations);
    violations.into_iter().map(|found| found.field).collect()
}
