//! All that is kept of a contact, for whoever answers the contact's questions about it.

use events::departed::{self, Standing};
use proto::tickets::v1::{self as pb, contact_data_service_server::ContactDataService};
use tonic::{Request, Response, Status};

use super::{Caller, Service, answer};
use crate::{
    convert,
    domain::{Aggregate, ListPlace},
    error::Error,
    store::lists,
};

/// Tickets on a page: with the longest descriptions they fit into a message.
const PAGE: usize = 20;
/// Entries of history of each.
const HISTORY: usize = 200;

#[tonic::async_trait]
impl ContactDataService for Service {
    async fn export_contact(
        &self,
        request: Request<pb::ExportContactRequest>,
    ) -> Result<Response<pb::ExportContactResponse>, Status> {
        answer(export(self, request).await)
    }
}

async fn export(
    service: &Service,
    request: Request<pb::ExportContactRequest>,
) -> Result<pb::ExportContactResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let contact = convert::exported(&request)?;
    let (db, workspace) = (&service.read(&caller.workspace), &caller.workspace);
    let standing = departed::standing(db, workspace, &contact).await?;
    let scope = ["ExportContact", workspace.as_str(), contact.as_str()];
    // what they see first, then what they once saw
    let after = service.cursor(&scope, &request.page_token)?;
    let (visible, place) = match after.as_deref().and_then(|after| after.split_once('/')) {
        None => (true, None),
        Some((seen, "")) => (seen == SEEN, None),
        Some((seen, place)) => (seen == SEEN, Some(convert::list_place(place)?)),
    };
    let after = place.as_ref();
    let found =
        lists::of_contact_seen_or_not(db, workspace, &contact, visible, after, PAGE).await?;
    let next = match found.last().filter(|_| found.len() == PAGE) {
        Some((ticket, viewer)) => {
            let place = convert::list_cursor(&ListPlace {
                activity_at: viewer.activity_at,
                created_at: ticket.created_at,
                ticket: ticket.id.clone(),
            });
            Some(format!("{}/{place}", if visible { SEEN } else { HIDDEN }))
        }
        None if visible => Some(format!("{HIDDEN}/")),
        None => None,
    };
    let tickets: Vec<_> = found.iter().map(|(ticket, _)| ticket).collect();
    let known = service.known_of(workspace, &tickets).await?;
    let mut tickets = Vec::with_capacity(found.len());
    for (ticket, viewer) in found {
        let history = lists::newest_history(db, workspace, &ticket.id, HISTORY).await?;
        let (requester, visible, deleted) = (viewer.requester, viewer.visible, ticket.deleted);
        let one = Aggregate {
            ticket,
            // whoever else asked for it is not this contact's to know
            viewers: vec![viewer],
        };
        tickets.push(pb::ExportedTicket {
            ticket: Some(convert::ticket(&one, &known.catalog)),
            requester,
            visible,
            deleted,
            history: history.iter().map(convert::history_entry).collect(),
        });
    }
    let (standing, into_contact_id) = Standing::told(standing.as_ref());
    Ok(pb::ExportContactResponse {
        tickets,
        next_page_token: next.map_or_else(String::new, |next| service.pages.encode(&scope, &next)),
        standing: standing.into(),
        into_contact_id,
    })
}

const SEEN: &str = "seen";
const HIDDEN: &str = "hidden";
