//! RPCs for customers: what they see is theirs alone, and has no private side (V4).

use proto::tickets::v1 as pb;
use tonic::Request;
use types::page_size;

use super::{
    Caller, Service,
    write::{Beside, Order},
};
use crate::{
    convert::{self, Target},
    domain::{ListPlace, Refusal, TicketRef},
    error::Error,
    store::{conversations, lists},
};

/// Updates that a ticket's detail shows at the most.
const UPDATES: usize = 200;

pub(super) async fn create_contact_ticket(
    service: Service,
    caller: Caller,
    request: pb::CreateContactTicketRequest,
) -> Result<pb::CreateContactTicketResponse, Error> {
    let contact = caller.contact()?;
    let new = convert::create_by_contact(&request, contact.clone())?;
    let order = Order::new(&caller, &new.request_id, "CreateContactTicket", &request);
    service
        .create(&order, &new, |ticket, catalog, positions| {
            pb::CreateContactTicketResponse {
                ticket: convert::seen_by(ticket, &contact, catalog),
                positions,
            }
        })
        .await
}

pub(super) async fn get_contact_ticket(
    service: &Service,
    request: Request<pb::GetContactTicketRequest>,
) -> Result<pb::GetContactTicketResponse, Error> {
    let caller = Caller::of(&request)?;
    let contact = caller.contact()?;
    let asked = convert::ticket_ref(&request.into_inner().ticket_id)?;
    let (db, workspace) = (&service.read(&caller.workspace), &caller.workspace);
    let found = lists::seen_one(db, workspace, &contact, &asked).await?;
    let (ticket, viewer) = found.ok_or(Refusal::TicketNotFound)?;
    let updates = lists::updates(db, workspace, &ticket.id, UPDATES).await?;
    let known = service.known_of(workspace, &[&ticket]).await?;
    let update = |entry| convert::contact_update(entry, &known.catalog);
    Ok(pb::GetContactTicketResponse {
        ticket: Some(convert::contact_ticket(&ticket, &viewer, &known.catalog)),
        updates: updates.iter().map(update).collect(),
    })
}

pub(super) async fn batch_get_contact_tickets(
    service: &Service,
    request: Request<pb::BatchGetContactTicketsRequest>,
) -> Result<pb::BatchGetContactTicketsResponse, Error> {
    let caller = Caller::of(&request)?;
    let contact = caller.contact()?;
    let (asked, linked) = convert::contact_batch(&request.into_inner())?;
    let (db, workspace) = (&service.read(&caller.workspace), &caller.workspace);
    let mut found = lists::seen_by_id(db, workspace, &contact, &asked).await?;
    for (ticket, viewer) in lists::seen_by_conversation(db, workspace, &contact, &linked).await? {
        if !found.iter().any(|(known, _)| known.id == ticket.id) {
            found.push((ticket, viewer));
        }
    }
    let tickets: Vec<_> = found.iter().map(|(ticket, _)| ticket).collect();
    let known = service.known_of(workspace, &tickets).await?;
    let tickets = found
        .iter()
        .map(|(ticket, viewer)| convert::contact_ticket(ticket, viewer, &known.catalog));
    Ok(pb::BatchGetContactTicketsResponse {
        tickets: tickets.collect(),
    })
}

pub(super) async fn list_contact_tickets(
    service: &Service,
    request: Request<pb::ListContactTicketsRequest>,
) -> Result<pb::ListContactTicketsResponse, Error> {
    let caller = Caller::of(&request)?;
    let contact = caller.contact()?;
    let request = request.into_inner();
    let (db, workspace) = (&service.read(&caller.workspace), &caller.workspace);
    let scope = ["ListContactTickets", workspace.as_str(), contact.as_str()];
    let after = service.cursor(&scope, &request.page_token)?;
    let after = after.map(|at| convert::list_place(&at)).transpose()?;
    let size = page_size(request.page_size);
    let mut found = lists::of_contact(db, workspace, &contact, after.as_ref(), size + 1).await?;
    let next_page_token = service.cut(&mut found, size, &scope, |(ticket, viewer)| {
        convert::list_cursor(&ListPlace {
            activity_at: viewer.activity_at,
            created_at: ticket.created_at,
            ticket: ticket.id.clone(),
        })
    });
    let tickets: Vec<_> = found.iter().map(|(ticket, _)| ticket).collect();
    let known = service.known_of(workspace, &tickets).await?;
    let tickets = found
        .iter()
        .map(|(ticket, viewer)| convert::contact_ticket(ticket, viewer, &known.catalog));
    Ok(pb::ListContactTicketsResponse {
        tickets: tickets.collect(),
        next_page_token,
    })
}

pub(super) async fn ensure_ticket_conversation(
    service: Service,
    caller: Caller,
    request: pb::EnsureTicketConversationRequest,
) -> Result<pb::EnsureTicketConversationResponse, Error> {
    let contact = caller.contact()?;
    let asked = convert::ticket_ref(&request.ticket_id)?;
    let (db, workspace) = (&service.read(&caller.workspace), &caller.workspace);
    let found = lists::seen_one(db, workspace, &contact, &asked).await?;
    let (ticket, viewer) = found.ok_or(Refusal::TicketNotFound)?;
    let dead = match &ticket.conversation {
        Some(linked) if conversations::is_deleted(db, workspace, linked).await? => Some(linked),
        Some(linked) => {
            let known = service.known_of(workspace, &[&ticket]).await?;
            return Ok(pb::EnsureTicketConversationResponse {
                conversation_id: linked.to_string(),
                ticket: Some(convert::contact_ticket(&ticket, &viewer, &known.catalog)),
                positions: Vec::new(),
            });
        }
        None => None,
    };
    let order = Order::new(&caller, "", "EnsureTicketConversation", &request);
    let target = Target {
        request_id: String::new(),
        ticket: TicketRef::Id(ticket.id.clone()),
        expected_version: 0,
    };
    service
        .change(
            &order,
            &target,
            Beside::Nobody,
            |found, by| found.ticket.ensure_conversation(&contact, dead, by),
            |after, catalog, positions| pb::EnsureTicketConversationResponse {
                conversation_id: convert::said(after.ticket.conversation.as_ref()),
                ticket: convert::seen_by(after, &contact, catalog),
                positions,
            },
        )
        .await
}
