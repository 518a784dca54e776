//! RPCs for teammates and services. A handler reads: parse, load, decide, save, reply.

use proto::tickets::v1 as pb;
use tonic::Request;
use types::page_size;

use super::{
    Caller, Service,
    write::{Beside, Order},
};
use crate::{
    convert,
    domain::{InboxPlace, Refusal},
    error::Error,
    store::{
        inbox,
        lists::{self, End},
        tickets,
    },
};

pub(super) async fn create_ticket(
    service: &Service,
    request: Request<pb::CreateTicketRequest>,
) -> Result<pb::CreateTicketResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let new = convert::create(&request, service.log.clock().now())?;
    let order = Order::new(&caller, &new.request_id, "CreateTicket", &request);
    service
        .create(&order, &new, |ticket, catalog, positions| {
            pb::CreateTicketResponse {
                ticket: Some(convert::ticket(ticket, catalog)),
                positions,
            }
        })
        .await
}

pub(super) async fn get_ticket(
    service: &Service,
    request: Request<pb::GetTicketRequest>,
) -> Result<pb::GetTicketResponse, Error> {
    let caller = Caller::of(&request)?;
    let ticket = convert::ticket_ref(&request.into_inner().ticket_id)?;
    let found = tickets::load(&service.read(&caller.workspace), &caller.workspace, &ticket).await?;
    let found = found.ok_or(Refusal::TicketNotFound)?;
    let known = service
        .known_of(&caller.workspace, &[&found.ticket])
        .await?;
    Ok(pb::GetTicketResponse {
        ticket: Some(convert::ticket(&found, &known.catalog)),
    })
}

pub(super) async fn batch_get_tickets(
    service: &Service,
    request: Request<pb::BatchGetTicketsRequest>,
) -> Result<pb::BatchGetTicketsResponse, Error> {
    let caller = Caller::of(&request)?;
    let asked = convert::batch(&request.into_inner())?;
    let found = lists::batch(&service.read(&caller.workspace), &caller.workspace, &asked).await?;
    let tickets: Vec<_> = found.iter().map(|one| &one.ticket).collect();
    let known = service.known_of(&caller.workspace, &tickets).await?;
    let tickets = found.iter().map(|one| convert::ticket(one, &known.catalog));
    Ok(pb::BatchGetTicketsResponse {
        tickets: tickets.collect(),
    })
}

pub(super) async fn list_tickets(
    service: &Service,
    request: Request<pb::ListTicketsRequest>,
) -> Result<pb::ListTicketsResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let filter = convert::inbox(&request)?;
    let filters = convert::inbox_scope(&filter);
    let mut scope = vec!["ListTickets", caller.workspace.as_str()];
    scope.extend(filters.iter().map(String::as_str));
    let after = service.cursor(&scope, &request.page_token)?;
    let after = after.map(|at| convert::inbox_place(&at)).transpose()?;
    let size = page_size(request.page_size);
    let (db, workspace) = (&service.read(&caller.workspace), &caller.workspace);
    let mut found = inbox::page(db, workspace, &filter, after.as_ref(), size + 1).await?;
    let next_page_token = service.cut(&mut found, size, &scope, |last| {
        convert::inbox_cursor(&InboxPlace {
            updated_at: last.ticket.updated_at,
            ticket: last.ticket.id.clone(),
        })
    });
    let tickets: Vec<_> = found.iter().map(|one| &one.ticket).collect();
    let known = service.known_of(workspace, &tickets).await?;
    let tickets = found.iter().map(|one| convert::ticket(one, &known.catalog));
    Ok(pb::ListTicketsResponse {
        tickets: tickets.collect(),
        next_page_token,
    })
}

/// Each category is counted up to here: more is "1,000+" to whoever looks at it.
const COUNTED: u32 = 1_000;

pub(super) async fn count_tickets(
    service: &Service,
    request: Request<pb::CountTicketsRequest>,
) -> Result<pb::CountTicketsResponse, Error> {
    let caller = Caller::of(&request)?;
    let filter = convert::counted(&request.into_inner())?;
    let found = inbox::counts(
        &service.read(&caller.workspace),
        &caller.workspace,
        &filter,
        COUNTED,
    )
    .await?;
    Ok(convert::counts(&found, COUNTED))
}

pub(super) async fn update_ticket(
    service: &Service,
    request: Request<pb::UpdateTicketRequest>,
) -> Result<pb::UpdateTicketResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let (target, edit) = convert::edit(&request)?;
    let order = Order::new(&caller, &target.request_id, "UpdateTicket", &request);
    service
        .change(
            &order,
            &target,
            Beside::Nobody,
            |found, by| Ok(found.ticket.edit(&edit, by)),
            |ticket, catalog, positions| pb::UpdateTicketResponse {
                ticket: Some(convert::ticket(ticket, catalog)),
                positions,
            },
        )
        .await
}

pub(super) async fn change_ticket_state(
    service: &Service,
    request: Request<pb::ChangeTicketStateRequest>,
) -> Result<pb::ChangeTicketStateResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let (target, to) = convert::change_state(&request)?;
    let notify = !request.skip_notifications;
    let order = Order::new(&caller, &target.request_id, "ChangeTicketState", &request);
    service
        .change(
            &order,
            &target,
            Beside::Nobody,
            |found, by| found.ticket.change_state(found.catalog, &to, notify, by),
            |ticket, catalog, positions| pb::ChangeTicketStateResponse {
                ticket: Some(convert::ticket(ticket, catalog)),
                positions,
            },
        )
        .await
}

pub(super) async fn link_conversation(
    service: &Service,
    request: Request<pb::LinkConversationRequest>,
) -> Result<pb::LinkConversationResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let (target, to) = convert::link(&request)?;
    let order = Order::new(&caller, &target.request_id, "LinkConversation", &request);
    service
        .change(
            &order,
            &target,
            Beside::Named(&to),
            |found, by| found.ticket.link(&to, &found.members, by),
            |ticket, catalog, positions| pb::LinkConversationResponse {
                ticket: Some(convert::ticket(ticket, catalog)),
                positions,
            },
        )
        .await
}

pub(super) async fn unlink_conversation(
    service: &Service,
    request: Request<pb::UnlinkConversationRequest>,
) -> Result<pb::UnlinkConversationResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let target = convert::unlink(&request)?;
    let order = Order::new(&caller, &target.request_id, "UnlinkConversation", &request);
    service
        .change(
            &order,
            &target,
            Beside::Nobody,
            |found, by| Ok(found.ticket.unlink(by)),
            |ticket, catalog, positions| pb::UnlinkConversationResponse {
                ticket: Some(convert::ticket(ticket, catalog)),
                positions,
            },
        )
        .await
}

/// C2, for a teammate who is about to write: what `EnsureTicketConversation` is for customers. A note goes where there
/// is a conversation already.
pub(super) async fn ensure_conversation(
    service: &Service,
    request: Request<pb::EnsureConversationRequest>,
) -> Result<pb::EnsureConversationResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let target = convert::ensure(&request)?;
    let order = Order::new(&caller, &target.request_id, "EnsureConversation", &request);
    service
        .change(
            &order,
            &target,
            Beside::Linked,
            |found, by| {
                let (ticket, members) = (&found.ticket, &found.members);
                match request.existing_only && !ticket.has_conversation(members) {
                    true => Err(Refusal::NoConversation),
                    false => ticket.ensure_conversation_for_team(members, by),
                }
            },
            |ticket, catalog, positions| pb::EnsureConversationResponse {
                ticket: Some(convert::ticket(ticket, catalog)),
                positions,
            },
        )
        .await
}

pub(super) async fn delete_ticket(
    service: &Service,
    request: Request<pb::DeleteTicketRequest>,
) -> Result<pb::DeleteTicketResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let target = convert::delete(&request)?;
    let order = Order::new(&caller, &target.request_id, "DeleteTicket", &request);
    service
        .change(
            &order,
            &target,
            Beside::Nobody,
            |found, by| Ok(Some(found.ticket.delete(by))),
            |_, _, positions| pb::DeleteTicketResponse { positions },
        )
        .await
}

pub(super) async fn list_ticket_history(
    service: &Service,
    request: Request<pb::ListTicketHistoryRequest>,
) -> Result<pb::ListTicketHistoryResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let asked = convert::ticket_ref(&request.ticket_id)?;
    let (db, workspace) = (&service.read(&caller.workspace), &caller.workspace);
    let found = tickets::load(db, workspace, &asked).await?;
    let ticket = found.ok_or(Refusal::TicketNotFound)?.ticket.id;
    let order = match request.newest_first {
        true => "ListTicketHistory, newest first",
        false => "ListTicketHistory",
    };
    let scope = [order, workspace.as_str(), ticket.as_str()];
    let at = service.cursor(&scope, &request.page_token)?;
    let at = at.map(|at| convert::version_place(&at)).transpose()?;
    let place = match request.newest_first {
        true => End::Newest(at),
        false => End::Oldest(at.unwrap_or(0)),
    };
    let size = page_size(request.page_size);
    let mut found = lists::history(db, workspace, &ticket, place, size + 1).await?;
    let next_page_token = service.cut(&mut found, size, &scope, |last| last.version.to_string());
    Ok(pb::ListTicketHistoryResponse {
        entries: found.iter().map(convert::history_entry).collect(),
        next_page_token,
    })
}
