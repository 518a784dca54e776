//! All that is kept of a contact, for whoever answers the contact's questions about it.

use events::departed::{self, Standing};
use proto::conversations::v1::{self as pb, contact_data_service_server::ContactDataService};
use tonic::{Request, Response, Status};

use super::{Conversations, caller::Caller};
use crate::{convert, error::Error, store::departures};

/// Conversations on a page at the most.
const CONVERSATIONS: usize = 20;
/// Parts on a page at the most: with the longest messages they fit into an answer.
const PARTS: usize = 40;

#[tonic::async_trait]
impl ContactDataService for Conversations {
    async fn export_contact(
        &self,
        request: Request<pb::ExportContactRequest>,
    ) -> Result<Response<pb::ExportContactResponse>, Status> {
        let caller = Caller::of(&request)?;
        let answer = self.export(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}

impl Conversations {
    async fn export(
        &self,
        caller: &Caller,
        request: pb::ExportContactRequest,
    ) -> Result<pb::ExportContactResponse, Error> {
        let contact = convert::exported(&request)?;
        let (db, workspace) = (self.log.database(), caller.workspace());
        let standing = departed::standing(&db.of(workspace), workspace, &contact).await?;
        let scope = ["ExportContact", workspace.as_str(), contact.as_str()];
        let place = self.tokens.decode(&scope, &request.page_token)?;
        let place = place.unwrap_or_else(|| "|0".to_owned());
        let (from, seq) = place.split_once('|').ok_or(Error::InvalidPageToken)?;
        let mut after: u64 = seq.parse().map_err(|_| Error::InvalidPageToken)?;
        let found =
            departures::of_contact(db, workspace, &contact, from, CONVERSATIONS + 1).await?;
        let (mut conversations, mut next, mut left) = (Vec::new(), None, PARTS);
        for (nth, view) in found.iter().enumerate() {
            let id = &view.conversation.key.conversation;
            // a place that is no longer there is a place all the same
            let begin = if id.as_str() == from { after } else { 0 };
            after = 0;
            if nth == CONVERSATIONS || left == 0 {
                next = Some(format!("{id}|{begin}"));
                break;
            }
            let parts = departures::parts_after(db, &view.conversation.key, begin, left).await?;
            left -= parts.len();
            let last = parts.last().map_or(0, |part| part.seq);
            conversations.push(convert::exported_conversation(view, parts));
            if left == 0 {
                next = Some(format!("{id}|{last}"));
                break;
            }
        }
        let (standing, into_contact_id) = Standing::told(standing.as_ref());
        Ok(pb::ExportContactResponse {
            conversations,
            next_page_token: next
                .map_or_else(String::new, |next| self.tokens.encode(&scope, &next)),
            standing: standing.into(),
            into_contact_id,
        })
    }
}
