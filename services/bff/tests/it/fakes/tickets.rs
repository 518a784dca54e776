use std::{path::Path, sync::Arc};

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
];

#[derive(Default)]
pub struct State {
    pub gate: Gate,
    /// Tickets and whose they are, in the order of everybody's list.
    pub tickets: Mutex<Vec<(String, ContactTicket)>>,
    pub updates: Mutex<Vec<ContactTicketUpdate>>,
    /// State ids and their labels.
    pub labels: Mutex<Vec<(String, String)>>,
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
        let ids = request.into_inner().conversation_ids;
        let tickets = self.0.tickets.lock().clone();
        Ok(Response::new(BatchGetContactTicketsResponse {
            tickets: tickets
                .into_iter()
                .filter(|(owner, ticket)| {
                    *owner == actor.id && ids.contains(&ticket.conversation_id)
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

    refused! {
        create_ticket(CreateTicketRequest) -> CreateTicketResponse;
        get_ticket(GetTicketRequest) -> GetTicketResponse;
        batch_get_tickets(BatchGetTicketsRequest) -> BatchGetTicketsResponse;
        list_tickets(ListTicketsRequest) -> ListTicketsResponse;
        update_ticket(UpdateTicketRequest) -> UpdateTicketResponse;
        change_ticket_state(ChangeTicketStateRequest) -> ChangeTicketStateResponse;
        link_conversation(LinkConversationRequest) -> LinkConversationResponse;
        count_tickets(CountTicketsRequest) -> CountTicketsResponse;
        share_ticket(ShareTicketRequest) -> ShareTicketResponse;
        unshare_ticket(UnshareTicketRequest) -> UnshareTicketResponse;
        unlink_conversation(UnlinkConversationRequest) -> UnlinkConversationResponse;
        delete_ticket(DeleteTicketRequest) -> DeleteTicketResponse;
        list_ticket_history(ListTicketHistoryRequest) -> ListTicketHistoryResponse;
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

    refused! {
        create_ticket_type(CreateTicketTypeRequest) -> CreateTicketTypeResponse;
        list_ticket_types(ListTicketTypesRequest) -> ListTicketTypesResponse;
        list_ticket_states(ListTicketStatesRequest) -> ListTicketStatesResponse;
    }
}
