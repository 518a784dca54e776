use std::{collections::HashMap, path::Path, sync::Arc};

use parking_lot::Mutex;
use proto::{
    events::v1::LogPosition,
    tickets::v1::{
        ticket_service_server::{TicketService, TicketServiceServer},
        ticket_type_service_server::{TicketTypeService, TicketTypeServiceServer},
        *,
    },
};
use runtime::{Access, Kind, auth::AccessTable};
use tonic::{Request, Response, Status, service::Routes};
use types::ContactId;

use super::{Gate, Host, ours, refused};

const ACCESS: AccessTable = &[
    (
        "/messenger.tickets.v1.TicketService/CreateContactTicket",
        Access::Contact,
    ),
    (
        "/messenger.tickets.v1.TicketService/GetContactTicket",
        Access::Contact,
    ),
    (
        "/messenger.tickets.v1.TicketService/BatchGetContactTickets",
        Access::Contact,
    ),
    (
        "/messenger.tickets.v1.TicketService/ListContactTickets",
        Access::Contact,
    ),
    (
        "/messenger.tickets.v1.TicketService/EnsureTicketConversation",
        Access::Contact,
    ),
    (
        "/messenger.tickets.v1.TicketTypeService/ListContactTicketForms",
        Access::Contact,
    ),
    (
        "/messenger.tickets.v1.TicketService/GetTicket",
        Access::Scope("tickets:read"),
    ),
    (
        "/messenger.tickets.v1.TicketService/ListTickets",
        Access::Scope("tickets:read"),
    ),
    (
        "/messenger.tickets.v1.TicketService/CountTickets",
        Access::Scope("tickets:read"),
    ),
    (
        "/messenger.tickets.v1.TicketService/ListTicketHistory",
        Access::Scope("tickets:read"),
    ),
    (
        "/messenger.tickets.v1.TicketService/ChangeTicketState",
        Access::Scope("tickets:write"),
    ),
    (
        "/messenger.tickets.v1.TicketService/UpdateTicket",
        Access::Scope("tickets:write"),
    ),
    (
        "/messenger.tickets.v1.TicketService/EnsureConversation",
        Access::Scope("tickets:write"),
    ),
    (
        "/messenger.tickets.v1.TicketTypeService/ListTicketTypes",
        Access::Scope("tickets:read"),
    ),
    (
        "/messenger.tickets.v1.TicketTypeService/ListTicketStates",
        Access::Scope("tickets:read"),
    ),
];

#[derive(Default)]
pub struct State {
    pub gate: Gate,
    /// Tickets and whose they are, in the order of everybody's list.
    pub tickets: Mutex<Vec<(String, ContactTicket)>>,
    pub updates: Mutex<Vec<ContactTicketUpdate>>,
    /// State ids and their labels.
    pub labels: Mutex<Vec<(String, String)>>,
    /// Tickets as teammates see them, in the order of their inbox.
    pub team: Mutex<Vec<Ticket>>,
    /// Changes of state and links, by the request id that made them.
    pub moves: Mutex<Vec<String>>,
    /// Whose tickets were listed and counted for teammates.
    pub listed_for: Mutex<Vec<String>>,
    /// Conversations that are known here to be deleted.
    pub heard_deleted: Mutex<Vec<String>>,
    /// What teammates were answered who asked for a conversation, by their request id.
    pub ensured: Mutex<HashMap<String, EnsureConversationResponse>>,
    /// The newest submission as it came.
    pub submitted: Mutex<Option<CreateContactTicketRequest>>,
}

pub struct FakeTickets {
    pub state: Arc<State>,
    pub host: Host,
}

impl FakeTickets {
    pub async fn start(keys: &Path) -> Self {
        let state = Arc::new(State::default());
        let routes = {
            let state = state.clone();
            move |_: &runtime::Tasks| {
                Routes::new(TicketServiceServer::new(Handler(state.clone())))
                    .add_service(TicketTypeServiceServer::new(Handler(state.clone())))
            }
        };
        let services = &["messenger.tickets.v1.TicketService"];
        let host = Host::start("tickets", services, ACCESS, keys, routes).await;
        Self { state, host }
    }

    /// A ticket of the contact, linked to `conversation_id`, its newest badging revision 2 of 3.
    pub fn add(&self, contact: &ContactId, number: u64, conversation_id: &str) -> ContactTicket {
        let ticket = ContactTicket {
            ticket_id: format!("tkt_{number:032x}"),
            number,
            title: format!("Ticket {number}"),
            description: "It is on fire.".into(),
            type_name: "Support request".into(),
            state_id: "tst_progress".into(),
            category: StateCategory::InProgress.into(),
            state_label: "On our desk".into(),
            conversation_id: conversation_id.into(),
            revision: 3,
            notify_revision: 2,
            create_time: None,
            activity_time: None,
        };
        let mut tickets = self.state.tickets.lock();
        tickets.push((contact.to_string(), ticket.clone()));
        ticket
    }

    /// A ticket in the teammates' inbox.
    pub fn file(&self, ticket: Ticket) {
        self.state.team.lock().push(ticket);
    }

    pub fn label(&self, state_id: &str, label: &str) {
        let mut labels = self.state.labels.lock();
        labels.retain(|(id, _)| id != state_id);
        labels.push((state_id.into(), label.into()));
    }
}

struct Handler(Arc<State>);

impl Handler {
    fn of(&self, contact: &str, id: &str) -> Result<ContactTicket, Status> {
        let tickets = self.0.tickets.lock();
        let found = tickets.iter().find(|(owner, ticket)| {
            let number = id.trim_start_matches('#');
            owner == contact && (ticket.ticket_id == id || ticket.number.to_string() == number)
        });
        found
            .map(|(_, ticket)| ticket.clone())
            .ok_or_else(|| ours(Kind::NotFound, "tickets.messenger", "TICKET_NOT_FOUND").into())
    }
}

/// A state that a ticket cannot have.
pub const FOREIGN_STATE: &str = "tst_00000000000000000000000000000bad";

impl Handler {
    fn team(&self, id: &str) -> Result<Ticket, Status> {
        let team = self.0.team.lock();
        let found = team.iter().find(|ticket| {
            ticket.ticket_id == id || ticket.number.to_string() == id.trim_start_matches('#')
        });
        let missing = || ours(Kind::NotFound, "tickets.messenger", "TICKET_NOT_FOUND");
        found.cloned().ok_or_else(|| missing().into())
    }

    /// Changes a ticket, once for each request id.
    fn change(
        &self,
        id: &str,
        request_id: &str,
        change: impl FnOnce(&mut Ticket),
    ) -> Result<Ticket, Status> {
        let found = self.team(id)?;
        let mut moves = self.0.moves.lock();
        let first = request_id.is_empty() || !moves.iter().any(|done| done == request_id);
        let mut team = self.0.team.lock();
        let ticket = team
            .iter_mut()
            .find(|ticket| ticket.ticket_id == found.ticket_id)
            .expect("found a moment ago");
        if first {
            moves.push(request_id.into());
            ticket.version += 1;
            change(ticket);
        }
        Ok(ticket.clone())
    }
}

fn at(position: u64) -> Vec<LogPosition> {
    vec![LogPosition {
        source: "tickets".into(),
        partition: 3,
        position,
    }]
}

#[tonic::async_trait]
impl TicketService for Handler {
    async fn create_contact_ticket(
        &self,
        request: Request<CreateContactTicketRequest>,
    ) -> Result<Response<CreateContactTicketResponse>, Status> {
        let (actor, empty) = self.0.gate.pass("CreateContactTicket", &request).await?;
        if empty {
            return Ok(Response::new(Default::default()));
        }
        let request = request.into_inner();
        *self.0.submitted.lock() = Some(request.clone());
        let ticket = ContactTicket {
            ticket_id: "tkt_000000000000000000000000000000a1".into(),
            number: 77,
            title: request.title,
            description: request.description,
            type_name: "Support request".into(),
            state_id: "tst_submitted".into(),
            category: StateCategory::Submitted.into(),
            state_label: "Received".into(),
            conversation_id: "cnv_000000000000000000000000000000a1".into(),
            revision: 1,
            notify_revision: 1,
            create_time: Some(prost_types::Timestamp {
                seconds: 5,
                nanos: 0,
            }),
            activity_time: None,
        };
        let mut tickets = self.0.tickets.lock();
        tickets.push((actor.id.clone(), ticket.clone()));
        Ok(Response::new(CreateContactTicketResponse {
            ticket: Some(ticket),
            positions: at(40),
        }))
    }

    async fn get_contact_ticket(
        &self,
        request: Request<GetContactTicketRequest>,
    ) -> Result<Response<GetContactTicketResponse>, Status> {
        let (actor, empty) = self.0.gate.pass("GetContactTicket", &request).await?;
        if empty {
            return Ok(Response::new(Default::default()));
        }
        Ok(Response::new(GetContactTicketResponse {
            ticket: Some(self.of(&actor.id, &request.into_inner().ticket_id)?),
            updates: self.0.updates.lock().clone(),
        }))
    }

    async fn batch_get_contact_tickets(
        &self,
        request: Request<BatchGetContactTicketsRequest>,
    ) -> Result<Response<BatchGetContactTicketsResponse>, Status> {
        let (actor, _) = self.0.gate.pass("BatchGetContactTickets", &request).await?;
        let asked = request.into_inner();
        let tickets = self.0.tickets.lock().clone();
        Ok(Response::new(BatchGetContactTicketsResponse {
            tickets: tickets
                .into_iter()
                .filter(|(owner, ticket)| {
                    *owner == actor.id
                        && (asked.conversation_ids.contains(&ticket.conversation_id)
                            || asked.ticket_ids.contains(&ticket.ticket_id))
                })
                .map(|(_, ticket)| ticket)
                .collect(),
        }))
    }

    async fn list_contact_tickets(
        &self,
        request: Request<ListContactTicketsRequest>,
    ) -> Result<Response<ListContactTicketsResponse>, Status> {
        let (actor, _) = self.0.gate.pass("ListContactTickets", &request).await?;
        let request = request.into_inner();
        let tickets = self.0.tickets.lock().clone();
        Ok(Response::new(ListContactTicketsResponse {
            tickets: tickets
                .into_iter()
                .filter(|(owner, _)| *owner == actor.id)
                .map(|(_, ticket)| ticket)
                .collect(),
            // what was asked for, to be seen on the way back
            next_page_token: format!("{}+{}", request.page_token, request.page_size),
        }))
    }

    async fn ensure_ticket_conversation(
        &self,
        request: Request<EnsureTicketConversationRequest>,
    ) -> Result<Response<EnsureTicketConversationResponse>, Status> {
        let (actor, _) = self
            .0
            .gate
            .pass("EnsureTicketConversation", &request)
            .await?;
        let ticket = self.of(&actor.id, &request.into_inner().ticket_id)?;
        let mut tickets = self.0.tickets.lock();
        let (_, ticket) = tickets
            .iter_mut()
            .find(|(_, known)| known.ticket_id == ticket.ticket_id)
            .expect("found a moment ago");
        let fresh = ticket.conversation_id.is_empty();
        if fresh {
            ticket.conversation_id = format!("cnv_f{:031x}", ticket.number);
        }
        Ok(Response::new(EnsureTicketConversationResponse {
            conversation_id: ticket.conversation_id.clone(),
            ticket: Some(ticket.clone()),
            positions: if fresh { at(50) } else { Vec::new() },
        }))
    }

    async fn get_ticket(
        &self,
        request: Request<GetTicketRequest>,
    ) -> Result<Response<GetTicketResponse>, Status> {
        self.0.gate.pass("GetTicket", &request).await?;
        Ok(Response::new(GetTicketResponse {
            ticket: Some(self.team(&request.get_ref().ticket_id)?),
        }))
    }

    async fn list_tickets(
        &self,
        request: Request<ListTicketsRequest>,
    ) -> Result<Response<ListTicketsResponse>, Status> {
        self.0.gate.pass("ListTickets", &request).await?;
        let of = request.into_inner().requester_contact_id;
        self.0.listed_for.lock().push(of);
        Ok(Response::new(ListTicketsResponse {
            tickets: self.0.team.lock().clone(),
            next_page_token: "more".into(),
        }))
    }

    async fn update_ticket(
        &self,
        request: Request<UpdateTicketRequest>,
    ) -> Result<Response<UpdateTicketResponse>, Status> {
        self.0.gate.pass("UpdateTicket", &request).await?;
        Ok(Response::new(UpdateTicketResponse {
            ticket: self.0.team.lock().first().cloned(),
            positions: Vec::new(),
        }))
    }

    async fn count_tickets(
        &self,
        request: Request<CountTicketsRequest>,
    ) -> Result<Response<CountTicketsResponse>, Status> {
        self.0.gate.pass("CountTickets", &request).await?;
        let of = request.into_inner().requester_contact_id;
        self.0.listed_for.lock().push(of);
        Ok(Response::new(CountTicketsResponse {
            counts: vec![CategoryCount {
                category: StateCategory::Submitted.into(),
                count: self.0.team.lock().len() as u32,
            }],
            limit: 1_000,
        }))
    }

    async fn list_ticket_history(
        &self,
        request: Request<ListTicketHistoryRequest>,
    ) -> Result<Response<ListTicketHistoryResponse>, Status> {
        self.0.gate.pass("ListTicketHistory", &request).await?;
        let request = request.into_inner();
        let mut entries: Vec<_> = (1..=2)
            .map(|version| HistoryEntry {
                version,
                ..Default::default()
            })
            .collect();
        if request.newest_first {
            entries.reverse();
        }
        Ok(Response::new(ListTicketHistoryResponse {
            entries,
            next_page_token: String::new(),
        }))
    }

    async fn change_ticket_state(
        &self,
        request: Request<ChangeTicketStateRequest>,
    ) -> Result<Response<ChangeTicketStateResponse>, Status> {
        self.0.gate.pass("ChangeTicketState", &request).await?;
        let request = request.into_inner();
        if request.state_id == FOREIGN_STATE {
            let domain = "tickets.messenger";
            return Err(ours(Kind::Precondition, domain, "TICKET_STATE_NOT_ALLOWED").into());
        }
        let ticket = self.change(&request.ticket_id, &request.request_id, |ticket| {
            ticket.state = Some(TicketState {
                state_id: request.state_id,
                ..Default::default()
            });
        })?;
        Ok(Response::new(ChangeTicketStateResponse {
            ticket: Some(ticket),
            positions: Vec::new(),
        }))
    }

    async fn ensure_conversation(
        &self,
        request: Request<EnsureConversationRequest>,
    ) -> Result<Response<EnsureConversationResponse>, Status> {
        self.0.gate.pass("EnsureConversation", &request).await?;
        let request = request.into_inner();
        let known = self.team(&request.ticket_id)?;
        let dead = &self.0.heard_deleted;
        let has_one =
            !known.conversation_id.is_empty() && !dead.lock().contains(&known.conversation_id);
        // a retry is answered as it was
        let mut answered = self.0.ensured.lock();
        if let Some(before) = answered.get(&request.request_id) {
            return Ok(Response::new(before.clone()));
        }
        if !has_one && (!known.shared || request.existing_only) {
            let reason = "TICKET_HAS_NO_CONVERSATION";
            return Err(ours(Kind::Precondition, "tickets.messenger", reason).into());
        }
        let ticket = match has_one {
            true => known,
            false => self.change(&request.ticket_id, &request.request_id, |ticket| {
                ticket.conversation_id = format!("cnv_e{:031x}", ticket.version);
            })?,
        };
        let answer = EnsureConversationResponse {
            ticket: Some(ticket),
            positions: Vec::new(),
        };
        if !request.request_id.is_empty() {
            answered.insert(request.request_id, answer.clone());
        }
        Ok(Response::new(answer))
    }

    refused! {
        link_conversation(LinkConversationRequest) -> LinkConversationResponse;
        create_ticket(CreateTicketRequest) -> CreateTicketResponse;
        batch_get_tickets(BatchGetTicketsRequest) -> BatchGetTicketsResponse;
        share_ticket(ShareTicketRequest) -> ShareTicketResponse;
        unshare_ticket(UnshareTicketRequest) -> UnshareTicketResponse;
        unlink_conversation(UnlinkConversationRequest) -> UnlinkConversationResponse;
        delete_ticket(DeleteTicketRequest) -> DeleteTicketResponse;
    }
}

#[tonic::async_trait]
impl TicketTypeService for Handler {
    async fn list_contact_ticket_forms(
        &self,
        request: Request<ListContactTicketFormsRequest>,
    ) -> Result<Response<ListContactTicketFormsResponse>, Status> {
        self.0.gate.pass("ListContactTicketForms", &request).await?;
        let labels = self.0.labels.lock().clone();
        Ok(Response::new(ListContactTicketFormsResponse {
            types: vec![ContactTicketType {
                type_id: "tty_00000000000070008000000000000001".into(),
                name: "Support request".into(),
            }],
            states: labels
                .into_iter()
                .map(|(state_id, label)| ContactTicketState {
                    state_id,
                    category: StateCategory::InProgress.into(),
                    label,
                })
                .collect(),
        }))
    }

    async fn list_ticket_types(
        &self,
        request: Request<ListTicketTypesRequest>,
    ) -> Result<Response<ListTicketTypesResponse>, Status> {
        self.0.gate.pass("ListTicketTypes", &request).await?;
        Ok(Response::new(Default::default()))
    }

    async fn list_ticket_states(
        &self,
        request: Request<ListTicketStatesRequest>,
    ) -> Result<Response<ListTicketStatesResponse>, Status> {
        self.0.gate.pass("ListTicketStates", &request).await?;
        Ok(Response::new(Default::default()))
    }

    refused! {
        create_ticket_type(CreateTicketTypeRequest) -> CreateTicketTypeResponse;
    }
}
