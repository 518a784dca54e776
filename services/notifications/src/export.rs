//! All that is kept of a contact, for whoever answers the contact's questions about it.

use std::sync::Arc;

use events::departed::Standing;
use proto::notifications::v1::{
    ExportContactRequest, ExportContactResponse, contact_data_service_server::ContactDataService,
};
use runtime::auth;
use tonic::{Request, Response, Status};
use types::PageTokens;

use crate::{convert, error::Error, inboxes::Inboxes, store::InboxId};

/// Reads on a page.
const PAGE: usize = 200;

/// `messenger.notifications.v1.ContactDataService`.
pub struct Export {
    /// What is read.
    pub inboxes: Arc<Inboxes>,
    /// Signs places in exports.
    pub tokens: PageTokens,
}

#[tonic::async_trait]
impl ContactDataService for Export {
    async fn export_contact(
        &self,
        request: Request<ExportContactRequest>,
    ) -> Result<Response<ExportContactResponse>, Status> {
        Ok(Response::new(self.export(&request).await?))
    }
}

impl Export {
    async fn export(
        &self,
        request: &Request<ExportContactRequest>,
    ) -> Result<ExportContactResponse, Error> {
        let workspace = auth::actor(request)?.workspace()?.clone();
        let contact = convert::exported(request.get_ref())?;
        let id = InboxId { workspace, contact };
        let scope = ["ExportContact", id.workspace.as_str(), id.contact.as_str()];
        let after = self.tokens.decode(&scope, &request.get_ref().page_token);
        let after = after.map_err(|_| convert::invalid_page_token())?;
        let store = self.inboxes.store();
        let standing = store.standing(&id).await?;
        let (mirrored_tickets, mirrored_conversations) = store.mirrored(&id).await?;
        let reads = store
            .reads_after(&id, after.as_deref().unwrap_or_default(), PAGE)
            .await?;
        let last = reads.last().filter(|_| reads.len() == PAGE);
        let next = last.map(|last| self.tokens.encode(&scope, last.ticket_id.as_str()));
        let (standing, into_contact_id) = Standing::told(standing.as_ref());
        let told = |read: &crate::projection::TicketRead| {
            convert::read((read.ticket_id.clone(), read.up_to_revision))
        };
        Ok(ExportContactResponse {
            reads: reads.iter().map(told).collect(),
            next_page_token: next.unwrap_or_default(),
            standing: standing.into(),
            into_contact_id,
            mirrored_tickets,
            mirrored_conversations,
        })
    }
}
