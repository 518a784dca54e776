//! Identity modes and allowed origins.

use proto::settings::v1::{
    GetMessengerSecurityRequest, GetMessengerSecurityResponse, LookUpAppRequest, LookUpAppResponse,
    SetAllowedOriginsRequest, SetAllowedOriginsResponse, SetIdentityModeRequest,
    SetIdentityModeResponse,
};
use runtime::Actor;
use types::{WorkspaceId, micros};

use super::{Service, sessions::is_reachable};
use crate::{
    Error, convert,
    domain::{Action, Entry, MessengerSecurity, Origin, StaleVersion},
    store,
};

pub(super) async fn get_messenger_security(
    service: &Service,
    actor: &Actor,
    _: GetMessengerSecurityRequest,
) -> Result<GetMessengerSecurityResponse, Error> {
    let security =
        store::security::load(&service.of(actor.workspace()?), actor.workspace()?).await?;
    Ok(GetMessengerSecurityResponse {
        security: Some(convert::messenger_security(&security)),
    })
}

pub(super) async fn set_identity_mode(
    service: &Service,
    actor: &Actor,
    request: SetIdentityModeRequest,
) -> Result<SetIdentityModeResponse, Error> {
    let workspace = actor.workspace()?;
    let (platform, mode) = convert::identity_mode(&request)?;
    let security = change(service, workspace, |before| {
        let after = before.with_mode(platform, mode, request.expected_version)?;
        let entry = Entry::new(
            Action::IdentityModeSet,
            &actor.id,
            platform.as_str(),
            before.mode(platform).as_str(),
            mode.as_str(),
            service.now(),
        );
        Ok(after.map(|after| (after, entry)))
    });
    Ok(SetIdentityModeResponse {
        security: Some(convert::messenger_security(&security.await?)),
    })
}

pub(super) async fn set_allowed_origins(
    service: &Service,
    actor: &Actor,
    request: SetAllowedOriginsRequest,
) -> Result<SetAllowedOriginsResponse, Error> {
    let workspace = actor.workspace()?;
    let origins = convert::origins(&request)?;
    let security = change(service, workspace, |before| {
        let after = before.with_origins(origins, request.expected_version)?;
        Ok(after.map(|after| {
            let entry = Entry::new(
                Action::AllowedOriginsSet,
                &actor.id,
                workspace.as_str(),
                listed(before),
                listed(&after),
                service.now(),
            );
            (after, entry)
        }))
    });
    Ok(SetAllowedOriginsResponse {
        security: Some(convert::messenger_security(&security.await?)),
    })
}

/// Loads, decides, and saves what was decided with its audit line and event; no decision, no trace.
async fn change(
    service: &Service,
    workspace: &WorkspaceId,
    decide: impl FnOnce(&MessengerSecurity) -> Result<Option<(MessengerSecurity, Entry)>, StaleVersion>,
) -> Result<MessengerSecurity, Error> {
    let mut work = service.log.begin_of(workspace).await?;
    if !store::workspaces::lock(work.tx(), workspace).await? {
        return Err(Error::NotFound("workspace"));
    }
    let before = store::security::load(work.tx(), workspace).await?;
    let Some((after, entry)) = decide(&before)? else {
        return Ok(before);
    };
    let at = micros(entry.at);
    if !store::security::save(work.tx(), workspace, &after, at).await? {
        let current = before.version();
        return Err(StaleVersion { current }.into());
    }
    store::audit::insert(work.tx(), workspace, &entry).await?;
    work.emit(convert::security_changed(workspace, &after, at));
    work.commit().await?;
    Ok(after)
}

pub(super) async fn look_up_app(
    service: &Service,
    actor: &Actor,
    request: LookUpAppRequest,
) -> Result<LookUpAppResponse, Error> {
    let app = convert::app_id(&request)?;
    let workspace = store::security::workspace_of_app(service.of_all(), &app)
        .await?
        .filter(|workspace| is_reachable(actor, workspace))
        .ok_or(Error::NotFound("app"))?;
    let security = store::security::load(&service.of(&workspace), &workspace).await?;
    Ok(LookUpAppResponse {
        workspace_id: workspace.into(),
        security: Some(convert::messenger_security(&security)),
    })
}

fn listed(security: &MessengerSecurity) -> String {
    let origins: Vec<&str> = security.origins().iter().map(Origin::as_str).collect();
    origins.join(" ")
}
