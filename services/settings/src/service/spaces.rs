//! Messenger settings and the audit.

use proto::settings::v1::{
    GetMessengerSettingsRequest, GetMessengerSettingsResponse, ListAuditEntriesRequest,
    ListAuditEntriesResponse, UpdateSpaceRequest, UpdateSpaceResponse,
};
use runtime::Actor;
use types::{micros, page_size};

use super::Service;
use crate::{
    Error, convert,
    domain::{Action, Decision, Entry, StaleVersion},
    store,
};

pub(super) async fn get_messenger_settings(
    service: &Service,
    actor: &Actor,
    _: GetMessengerSettingsRequest,
) -> Result<GetMessengerSettingsResponse, Error> {
    let settings = store::spaces::load(&service.of(actor.workspace()?), actor.workspace()?).await?;
    Ok(GetMessengerSettingsResponse {
        settings: Some(convert::messenger_settings(&settings)),
    })
}

pub(super) async fn update_space(
    service: &Service,
    actor: &Actor,
    request: UpdateSpaceRequest,
) -> Result<UpdateSpaceResponse, Error> {
    let workspace = actor.workspace()?;
    let wish = convert::turn_space(&request)?;
    let now = service.now();
    let mut work = service.log.begin_of(workspace).await?;
    if !store::workspaces::lock(work.tx(), workspace).await? {
        return Err(Error::NotFound("workspace"));
    }
    let settings = store::spaces::load(work.tx(), workspace).await?;
    let settings = match settings.turn(wish)? {
        Decision::AlreadySo => settings,
        Decision::Turned {
            before,
            switch,
            settings: after,
        } => {
            if !store::spaces::turn(work.tx(), workspace, &switch, micros(now)).await? {
                let current = settings.version();
                return Err(StaleVersion { current }.into());
            }
            let entry = Entry::new(
                Action::SpaceUpdated,
                &actor.id,
                format!("{}/{}", switch.platform.as_str(), switch.space.as_str()),
                on_or_off(before),
                on_or_off(switch.enabled),
                now,
            );
            store::audit::insert(work.tx(), workspace, &entry).await?;
            work.emit(convert::settings_changed(workspace, &after, micros(now)));
            work.commit().await?;
            after
        }
    };
    Ok(UpdateSpaceResponse {
        settings: Some(convert::messenger_settings(&settings)),
    })
}

pub(super) async fn list_audit_entries(
    service: &Service,
    actor: &Actor,
    request: ListAuditEntriesRequest,
) -> Result<ListAuditEntriesResponse, Error> {
    let workspace = actor.workspace()?;
    let list = convert::audit_list(&request, workspace)?;
    let after = list.place(&service.pages, &request.page_token)?;
    let size = page_size(request.page_size);
    // one more than asked for tells whether there is a next page
    let db = &service.of(workspace);
    let mut entries = store::audit::page(db, workspace, list.action, &after, size + 1).await?;
    let more = entries.len() > size;
    entries.truncate(size);
    let next_page_token = match entries.last() {
        Some(last) if more => list.token(&service.pages, last),
        _ => String::new(),
    };
    Ok(ListAuditEntriesResponse {
        entries: entries.into_iter().map(convert::audit_entry).collect(),
        next_page_token,
    })
}

fn on_or_off(enabled: bool) -> &'static str {
    if enabled { "on" } else { "off" }
}
