//! Teammates.

use proto::settings::v1::{
    CreateTeammateRequest, CreateTeammateResponse, ListTeammatesRequest, ListTeammatesResponse,
    UpdateTeammateRequest, UpdateTeammateResponse,
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
