//! RPCs about types and states.

use proto::tickets::v1 as pb;
use tonic::Request;

use super::{Caller, Service, write::Order};
use crate::{convert, error::Error};

pub(super) async fn create_ticket_type(
    service: &Service,
    request: Request<pb::CreateTicketTypeRequest>,
) -> Result<pb::CreateTicketTypeResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let (request_id, new) = convert::new_type(&request)?;
    let order = Order::new(&caller, &request_id, "CreateTicketType", &request);
    service
        .create_type(&order, &new, |made| pb::CreateTicketTypeResponse {
            r#type: Some(convert::ticket_type(made)),
        })
        .await
}

pub(super) async fn list_ticket_types(
    service: &Service,
    request: Request<pb::ListTicketTypesRequest>,
) -> Result<pb::ListTicketTypesResponse, Error> {
    let caller = Caller::of(&request)?;
    let known = service.known(&caller.workspace).await?;
    Ok(pb::ListTicketTypesResponse {
        types: known
            .catalog
            .types
            .iter()
            .map(convert::ticket_type)
            .collect(),
    })
}

pub(super) async fn list_ticket_states(
    service: &Service,
    request: Request<pb::ListTicketStatesRequest>,
) -> Result<pb::ListTicketStatesResponse, Error> {
    let caller = Caller::of(&request)?;
    let known = service.known(&caller.workspace).await?;
    Ok(pb::ListTicketStatesResponse {
        states: known.catalog.states.iter().map(convert::state).collect(),
    })
}

pub(super) async fn list_contact_ticket_forms(
    service: &Service,
    request: Request<pb::ListContactTicketFormsRequest>,
) -> Result<pb::ListContactTicketFormsResponse, Error> {
    let caller = Caller::of(&request)?;
    let known = service.known(&caller.workspace).await?;
    Ok(convert::contact_form(&known.catalog))
}
