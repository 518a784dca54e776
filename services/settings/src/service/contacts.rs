//! Contacts.

use proto::settings::v1::{
    BatchGetContactsRequest, BatchGetContactsResponse, GetContactRequest, GetContactResponse,
    IdentifyContactRequest, IdentifyContactResponse, SearchContactsRequest, SearchContactsResponse,
};
use runtime::{Actor, ActorKind};
use types::ContactId;

use super::Service;
use crate::{
    Error, convert,
    domain::{Contact, Found},
    store::{self, contact_search::By},
};

/// Contacts that a search finds at the most.
const MOST_FOUND: usize = 20;

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

pub(super) async fn search_contacts(
    service: &Service,
    actor: &Actor,
    request: &SearchContactsRequest,
) -> Result<SearchContactsResponse, Error> {
    let workspace = actor.workspace()?;
    // services and integrations name whom they mean; only people look for somebody
    if actor.kind != ActorKind::Teammate {
        return Err(Error::TeammatesOnly);
    }
    let text = convert::search_text(&request.text)?;
    let db = &service.of(workspace);
    let mut found = Found::at_most(MOST_FOUND);
    if let Ok(id) = ContactId::parse(&text) {
        let of_id = store::contacts::find(db, workspace, &[id]).await?;
        found.add(of_id.into_values().filter(Contact::is_somebody));
    }
    for by in By::ALL {
        if found.is_full() {
            break;
        }
        // one more than there is room for tells that there are others
        found.add(
            store::contact_search::beginning(db, workspace, by, &text, found.most() + 1).await?,
        );
    }
    let (contacts, more) = found.finish();
    Ok(SearchContactsResponse {
        contacts: contacts.into_iter().map(convert::contact).collect(),
        more,
    })
}
