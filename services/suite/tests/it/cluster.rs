//! Two replicas each of Tickets, Conversations and Notifications on one Postgres, in this process.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jetstream::NatsArgs;
use proto::{
    conversations::v1::{
        MarkContactReadRequest, SendMessageRequest,
        conversation_service_client::ConversationServiceClient,
    },
    events::v1::LogPosition,
    notifications::v1::{
        GetInboxRequest, Inbox, MarkTicketReadRequest, RebuildProjectionRequest, WatchInboxRequest,
        WatchInboxResponse, notification_service_client::NotificationServiceClient,
        watch_inbox_response::Frame,
    },
    tickets::v1::{
        ChangeTicketStateRequest, CreateTicketRequest, ListTicketStatesRequest, StateCategory,
        Ticket, ticket_service_client::TicketServiceClient,
        ticket_type_service_client::TicketTypeServiceClient,
    },
};
use runtime::{Actor, KeyRing, Running, ServerArgs, config::DatabaseArgs};
use testing::{Scratch, eventually, request};
use tonic::{Request, Streaming, transport::Channel};
use types::{ContactId, WorkspaceId};

use crate::support::free_ports;

/// Shorter than the 20 s after which a watch looks by itself.
const SOON: Duration = Duration::from_secs(12);

/// The services of which there are two.
pub const SERVICES: [&str; 3] = ["tickets", "conversations", "notifications"];

pub struct Cluster {
    scratch: Scratch,
    ports: [u16; 2],
    nats: NatsArgs,
    running: BTreeMap<(&'static str, usize), Running>,
    bff: Arc<KeyRing>,
    workspace: WorkspaceId,
    pub ada: ContactId,
    /// Where the writes so far are.
    written: BTreeMap<(String, u32), LogPosition>,
}

impl Cluster {
    /// Over feeds alone, or with this NATS.
    pub async fn start(nats: Option<String>) -> Self {
        let scratch = Scratch::new();
        scratch.keys(&["bff", "tickets", "conversations", "notifications"]);
        let mut cluster = Self {
            bff: scratch.ring("bff"),
            scratch,
            ports: [free_ports(), free_ports()],
            nats: NatsArgs { nats },
            running: BTreeMap::new(),
            workspace: WorkspaceId::generate(),
            ada: ContactId::generate(),
            written: BTreeMap::new(),
        };
        for service in SERVICES {
            for at in 0..2 {
                cluster.serve(service, at).await;
            }
        }
        cluster
    }

    fn port(&self, service: &str, at: usize) -> u16 {
        let offset = SERVICES.iter().position(|name| *name == service).unwrap();
        self.ports[at] + offset as u16
    }

    fn both(&self, service: &str) -> String {
        let at = |n| format!("http://127.0.0.1:{}", self.port(service, n));
        format!("{},{}", at(0), at(1))
    }

    /// A replica comes up, at the address it had.
    pub async fn serve(&mut self, service: &'static str, at: usize) {
        let server = ServerArgs {
            listen: ([127, 0, 0, 1], self.port(service, at)).into(),
            drain_seconds: 1,
            ..ServerArgs::loopback(self.scratch.path("keys"))
        };
        let database = DatabaseArgs::at(self.scratch.database_url(service));
        let (nats, streams) = (self.nats.clone(), Default::default());
        let [tickets, conversations] = ["tickets", "conversations"].map(|name| self.both(name));
        // nobody departs here
        let settings = "http://127.0.0.1:9".to_owned();
        let running = match service {
            "tickets" => {
                tickets::start(tickets::Config {
                    server,
                    database,
                    nats,
                    streams,
                    conversations,
                    settings,
                })
                .await
            }
            "conversations" => {
                conversations::start(conversations::Config {
                    server,
                    database,
                    nats,
                    streams,
                    tickets,
                    settings,
                })
                .await
            }
            _ => {
                notifications::start(notifications::Config {
                    scrub_per_second: notifications::SCRUB_PER_SECOND,
                    server,
                    database,
                    nats,
                    tickets,
                    conversations,
                    settings,
                })
                .await
            }
        };
        self.running.insert((service, at), running.unwrap());
    }

    /// A replica goes down.
    pub async fn stop(&mut self, service: &'static str, at: usize) {
        self.running.remove(&(service, at)).unwrap().drain().await;
    }

    fn channel(&self, service: &'static str, at: usize) -> Channel {
        let address = self.running[&(service, at)].address();
        runtime::client::channel(&format!("http://{address}")).unwrap()
    }

    fn tickets(&self, at: usize) -> TicketServiceClient<Channel> {
        TicketServiceClient::new(self.channel("tickets", at))
    }

    fn conversations(&self, at: usize) -> ConversationServiceClient<Channel> {
        ConversationServiceClient::new(self.channel("conversations", at))
    }

    pub fn notifications(&self, at: usize) -> NotificationServiceClient<Channel> {
        NotificationServiceClient::new(self.channel("notifications", at))
    }

    fn signed<T>(&self, actor: &Actor, body: T) -> Request<T> {
        request(&self.bff, actor, body)
    }

    fn staff<T>(&self, body: T) -> Request<T> {
        let scopes = [
            "tickets:read",
            "tickets:write",
            "conversations:read",
            "conversations:write",
            "notifications:admin",
        ];
        self.signed(&testing::teammate(&self.workspace, &scopes), body)
    }

    fn by_ada<T>(&self, body: T) -> Request<T> {
        self.signed(&testing::contact(&self.workspace, &self.ada), body)
    }

    fn wrote(&mut self, positions: Vec<LogPosition>) {
        for position in positions {
            let key = (position.source.clone(), position.partition);
            self.written.insert(key, position);
        }
    }

    /// A teammate opens a ticket for Ada, at one replica.
    pub async fn open(&mut self, at: usize, title: &str) -> Ticket {
        let body = CreateTicketRequest {
            requester_contact_id: self.ada.to_string(),
            title: title.into(),
            ..Default::default()
        };
        let answer = self.tickets(at).create_ticket(self.staff(body)).await;
        let answer = answer.unwrap().into_inner();
        self.wrote(answer.positions);
        answer.ticket.unwrap()
    }

    /// A teammate moves it.
    pub async fn change(&mut self, at: usize, ticket: &Ticket, category: StateCategory) -> Ticket {
        let mut types = TicketTypeServiceClient::new(self.channel("tickets", at));
        let states = types.list_ticket_states(self.staff(ListTicketStatesRequest::default()));
        let states = states.await.unwrap().into_inner().states;
        let state = states
            .into_iter()
            .find(|state| state.category() == category);
        let body = ChangeTicketStateRequest {
            ticket_id: ticket.ticket_id.clone(),
            state_id: state.unwrap().state_id,
            ..Default::default()
        };
        let answer = self.tickets(at).change_ticket_state(self.staff(body)).await;
        let answer = answer.unwrap().into_inner();
        self.wrote(answer.positions);
        answer.ticket.unwrap()
    }

    /// A teammate writes in its conversation; the place of the message.
    pub async fn say(&mut self, at: usize, ticket: &Ticket, text: &str) -> u64 {
        let body = SendMessageRequest {
            conversation_id: ticket.conversation_id.clone(),
            body: text.into(),
            ..Default::default()
        };
        let answer = eventually("the ticket's conversation is there", || async {
            let mut to = self.conversations(at);
            to.send_message(self.staff(body.clone())).await.ok()
        })
        .await
        .into_inner();
        self.wrote(answer.positions);
        answer.part.unwrap().contact_seq
    }

    /// Ada reads the conversation up to a place.
    pub async fn read(&mut self, at: usize, ticket: &Ticket, up_to: u64) {
        let body = MarkContactReadRequest {
            conversation_id: ticket.conversation_id.clone(),
            up_to_seq: up_to,
        };
        let mut to = self.conversations(at);
        let answer = to.mark_contact_read(self.by_ada(body));
        let positions = answer.await.unwrap().into_inner().positions;
        self.wrote(positions);
    }

    /// Ada is shown the ticket alone.
    pub async fn show(&self, at: usize, ticket: &Ticket) -> Inbox {
        let body = MarkTicketReadRequest {
            ticket_id: ticket.ticket_id.clone(),
            up_to_revision: ticket.revision,
        };
        let mut to = self.notifications(at);
        let answer = to.mark_ticket_read(self.by_ada(body));
        answer.await.unwrap().into_inner().inbox.unwrap()
    }

    /// What Ada sees at a replica, not before what was written so far if she says so.
    pub async fn inbox(&self, at: usize, after_all: bool) -> Inbox {
        let at_least = match after_all {
            true => self.written.values().cloned().collect(),
            false => Vec::new(),
        };
        let answer = eventually("the replica is not far behind", || async {
            let body = GetInboxRequest {
                at_least: at_least.clone(),
            };
            self.notifications(at)
                .get_inbox(self.by_ada(body))
                .await
                .ok()
        })
        .await;
        answer.into_inner().inbox.unwrap()
    }

    pub async fn watch(&self, at: usize) -> Watch {
        let request = self.by_ada(WatchInboxRequest { after: None });
        let frames = self.notifications(at).watch_inbox(request).await.unwrap();
        Watch {
            frames: frames.into_inner(),
            last: None,
        }
    }

    pub async fn rebuild(&self, at: usize) {
        let request = self.staff(RebuildProjectionRequest {});
        let rebuilt = self.notifications(at).rebuild_projection(request).await;
        rebuilt.unwrap();
    }
}

/// A device of Ada's.
pub struct Watch {
    frames: Streaming<WatchInboxResponse>,
    /// What the newest frame showed.
    pub last: Option<Inbox>,
}

impl Watch {
    /// The newest frame, or those that come up to the one that shows what is looked for.
    pub async fn until(&mut self, what: &str, shows: impl Fn(&Inbox) -> bool) -> Inbox {
        let looked_for = async {
            loop {
                if let Some(inbox) = self.last.as_ref().filter(|inbox| shows(inbox)) {
                    return inbox.clone();
                }
                let frame = self.frames.message().await.unwrap().unwrap().frame;
                if let Some(Frame::Inbox(inbox)) = frame {
                    self.last = Some(inbox);
                }
            }
        };
        match tokio::time::timeout(SOON, looked_for).await {
            Ok(inbox) => inbox,
            Err(_) => panic!("{what} never came; the last was {:?}", self.last),
        }
    }
}
