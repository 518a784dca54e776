//! Contacts.

use proto::settings::v1::{
    BatchGetContactsRequest, BatchGetContactsResponse, GetContactRequest, GetContactResponse,
    IdentifyContactRequest, IdentifyContactResponse,
};
use runtime::Actor;

use super::Service;
use crate::{Error, convert, store};

pub(super) async fn identify_contact(
    service: &Service,
    actor: &Actor,
    request: IdentifyContactRequest,
) -> Result<IdentifyContactResponse, Error> {
    let workspace = actor.workspace()?;
    let profile = convert::profile(&request)?;
    let work = service.log.begin_of(workspace).await?;
    if !store::workspaces::exists(work.tx(), workspace).await? {
        return Err(Error::NotFound("workspace"));
    }
    let contact = store::contacts::identify(work.tx(), workspace, &profile, service.now()).await?;
    work.commit().await?;
    Ok(IdentifyContactResponse {
        contact: Some(convert::contact(contact)),
    })
}

pub(super) async fn get_contact(
    service: &Service,
    actor: &Actor,
    request: GetContactRequest,
) -> Result<GetContactResponse, Error> {
    let workspace = actor.workspace()?;
    let id = convert::contact_id(&request.contact_id)?;
    let contact =
        store::contacts::find(&service.of(workspace), workspace, std::slice::from_ref(&id))
            .await?
            .remove(&id)
            .ok_or(Error::NotFound("contact"))?;
    Ok(GetContactResponse {
        contact: Some(convert::contact(contact)),
    })
}

pub(super) async fn batch_get_contacts(
    service: &Service,
    actor: &Actor,
    request: BatchGetContactsRequest,
) -> Result<BatchGetContactsResponse, Error> {
    let workspace = actor.workspace()?;
    let ids = convert::contact_ids(&request)?;
    let found = store::contacts::find(&service.of(workspace), workspace, &ids).await?;
    let contacts = ids
        .iter()
        .filter_map(|id| found.get(id).cloned())
        .map(convert::contact)
        .collect();
    Ok(BatchGetContactsResponse { contacts })
}
