//! RPCs that share back-office tickets one by one.

use proto::tickets::v1 as pb;
use tonic::Request;

use super::{
    Caller, Service,
    write::{Beside, Order},
};
use crate::{convert, error::Error};

pub(super) async fn share_ticket(
    service: &Service,
    request: Request<pb::ShareTicketRequest>,
) -> Result<pb::ShareTicketResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let target = convert::share(&request)?;
    let notify = !request.skip_notifications;
    let order = Order::new(&caller, &target.request_id, "ShareTicket", &request);
    service
        .change(
            &order,
            &target,
            Beside::Linked,
            |found, by| {
                found
                    .ticket
                    .share(found.catalog, &found.members, notify, by)
            },
            |ticket, catalog, positions| pb::ShareTicketResponse {
                ticket: Some(convert::ticket(ticket, catalog)),
                positions,
            },
        )
        .await
}

pub(super) async fn unshare_ticket(
    service: &Service,
    request: Request<pb::UnshareTicketRequest>,
) -> Result<pb::UnshareTicketResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let target = convert::unshare(&request)?;
    let order = Order::new(&caller, &target.request_id, "UnshareTicket", &request);
    service
        .change(
            &order,
            &target,
            Beside::Nobody,
            |found, by| found.ticket.unshare(found.catalog, by),
            |ticket, catalog, positions| pb::UnshareTicketResponse {
                ticket: Some(convert::ticket(ticket, catalog)),
                positions,
            },
        )
        .await
}
