//! Teammates.

use proto::settings::v1::{
    CreateTeammateRequest, CreateTeammateResponse, ListTeammatesRequest, ListTeammatesResponse,
    UnbindTeammateRequest, UnbindTeammateResponse, UpdateTeammateRequest, UpdateTeammateResponse,
};
use runtime::Actor;
use types::{TeammateId, micros};

use super::Service;
use crate::{
    Error, convert,
    domain::{Action, Entry, Teammate},
    store,
};

pub(super) async fn create_teammate(
    service: &Service,
    actor: &Actor,
    request: CreateTeammateRequest,
) -> Result<CreateTeammateResponse, Error> {
    let workspace = actor.workspace()?;
    let new = convert::new_teammate(&request)?;
    let teammate = Teammate {
        id: TeammateId::generate(),
        name: new.name,
        email: new.email,
        role: new.role,
        active: true,
    };
    let now = service.now();
    let entry = Entry::new(
        Action::TeammateCreated,
        &actor.id,
        teammate.id.as_str(),
        "",
        format!("{}, {}", teammate.name, teammate.role.as_str()),
        now,
    );
    let work = service.log.begin_of(workspace).await?;
    if !store::workspaces::exists(work.tx(), workspace).await? {
        return Err(Error::NotFound("workspace"));
    }
    store::teammates::insert(work.tx(), workspace, &teammate, micros(now)).await?;
    store::audit::insert(work.tx(), workspace, &entry).await?;
    work.commit().await?;
    Ok(CreateTeammateResponse {
        teammate: Some(convert::teammate(teammate)),
    })
}

pub(super) async fn update_teammate(
    service: &Service,
    actor: &Actor,
    request: UpdateTeammateRequest,
) -> Result<UpdateTeammateResponse, Error> {
    let workspace = actor.workspace()?;
    let (id, change) = convert::teammate_change(&request)?;
    let now = service.now();
    let work = service.log.begin_of(workspace).await?;
    // of two admins who step down at once, one stays
    if !store::workspaces::lock(work.tx(), workspace).await? {
        return Err(Error::NotFound("workspace"));
    }
    let before = store::teammates::find(work.tx(), workspace, &id)
        .await?
        .ok_or(Error::NotFound("teammate"))?;
    let another = store::teammates::has_another_admin(work.tx(), workspace, &id).await?;
    let (after, changed) = before.changed(change, another)?;
    if !changed.is_empty() {
        store::teammates::update(work.tx(), workspace, &after).await?;
        if (before.role, before.active) != (after.role, after.active) {
            store::console_sessions::revoke_of_teammate(work.tx(), workspace, &id, micros(now))
                .await?;
        }
        for line in changed {
            let entry = Entry::new(
                line.action,
                &actor.id,
                id.as_str(),
                line.before,
                line.after,
                now,
            );
            store::audit::insert(work.tx(), workspace, &entry).await?;
        }
        work.commit().await?;
    }
    Ok(UpdateTeammateResponse {
        teammate: Some(convert::teammate(after)),
    })
}

/// Whoever the provider vouches for next with an address of theirs is the teammate then: so it is an admin's to
/// say, and no session of the former account goes on.
pub(super) async fn unbind_teammate(
    service: &Service,
    actor: &Actor,
    request: UnbindTeammateRequest,
) -> Result<UnbindTeammateResponse, Error> {
    let workspace = actor.workspace()?;
    let id = convert::teammate_id(&request.teammate_id)?;
    let now = service.now();
    let work = service.log.begin_of(workspace).await?;
    // a login under way is before or after it
    if !store::workspaces::lock(work.tx(), workspace).await? {
        return Err(Error::NotFound("workspace"));
    }
    let teammate = store::teammates::find(work.tx(), workspace, &id).await?;
    teammate.ok_or(Error::NotFound("teammate"))?;
    let unbound = store::console_sessions::unbind(work.tx(), workspace, &id).await?;
    if !unbound.is_empty() {
        let at = micros(now);
        store::console_sessions::revoke_of_teammate(work.tx(), workspace, &id, at).await?;
        for identity in &unbound {
            let known_as = format!("{} {}", identity.issuer, identity.subject);
            let action = Action::ConsoleIdentityUnbound;
            let entry = Entry::new(action, &actor.id, id.as_str(), known_as, "", now);
            store::audit::insert(work.tx(), workspace, &entry).await?;
        }
        work.commit().await?;
    }
    Ok(UnbindTeammateResponse {
        unbound: u32::try_from(unbound.len()).unwrap_or(u32::MAX),
    })
}

pub(super) async fn list_teammates(
    service: &Service,
    actor: &Actor,
    _: ListTeammatesRequest,
) -> Result<ListTeammatesResponse, Error> {
    let teammates =
        store::teammates::list(&service.of(actor.workspace()?), actor.workspace()?).await?;
    Ok(ListTeammatesResponse {
        teammates: teammates.into_iter().map(convert::teammate).collect(),
    })
}
