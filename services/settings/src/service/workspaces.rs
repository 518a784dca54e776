//! Workspaces and teammates.

use proto::settings::v1::{
    CreateTeammateRequest, CreateTeammateResponse, CreateWorkspaceRequest, CreateWorkspaceResponse,
    GetWorkspaceRequest, GetWorkspaceResponse, ListTeammatesRequest, ListTeammatesResponse,
};
use runtime::Actor;
use types::{TeammateId, WorkspaceId, micros};

use super::Service;
use crate::{
    Error, convert,
    domain::{Action, AppId, Entry, Teammate, Workspace},
    store,
};

pub(super) async fn create_workspace(
    service: &Service,
    actor: &Actor,
    request: CreateWorkspaceRequest,
) -> Result<CreateWorkspaceResponse, Error> {
    let workspace = Workspace {
        name: convert::workspace_name(&request)?,
        id: WorkspaceId::generate(),
        app_id: AppId::generate(),
        created_at: service.now(),
    };
    let entry = Entry::new(
        Action::WorkspaceCreated,
        &actor.id,
        workspace.id.as_str(),
        "",
        workspace.name.as_str(),
        workspace.created_at,
    );
    let work = service.log.begin().await?;
    store::workspaces::insert(work.tx(), &workspace).await?;
    store::audit::insert(work.tx(), &workspace.id, &entry).await?;
    work.commit().await?;
    Ok(CreateWorkspaceResponse {
        workspace: Some(convert::workspace(workspace)),
    })
}

pub(super) async fn get_workspace(
    service: &Service,
    actor: &Actor,
    _: GetWorkspaceRequest,
) -> Result<GetWorkspaceResponse, Error> {
    let workspace = store::workspaces::find(service.reader(), actor.workspace()?)
        .await?
        .ok_or(Error::NotFound("workspace"))?;
    Ok(GetWorkspaceResponse {
        workspace: Some(convert::workspace(workspace)),
    })
}

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
    };
    let now = service.now();
    let entry = Entry::new(
        Action::TeammateCreated,
        &actor.id,
        teammate.id.as_str(),
        "",
        teammate.name.as_str(),
        now,
    );
    let work = service.log.begin().await?;
    if !store::workspaces::exists(work.tx(), workspace).await? {
        return Err(Error::NotFound("workspace"));
    }
    store::workspaces::insert_teammate(work.tx(), workspace, &teammate, micros(now)).await?;
    store::audit::insert(work.tx(), workspace, &entry).await?;
    work.commit().await?;
    Ok(CreateTeammateResponse {
        teammate: Some(convert::teammate(teammate)),
    })
}

pub(super) async fn list_teammates(
    service: &Service,
    actor: &Actor,
    _: ListTeammatesRequest,
) -> Result<ListTeammatesResponse, Error> {
    let teammates = store::workspaces::teammates(service.reader(), actor.workspace()?).await?;
    Ok(ListTeammatesResponse {
        teammates: teammates.into_iter().map(convert::teammate).collect(),
    })
}
