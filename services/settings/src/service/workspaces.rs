//! Workspaces.

use proto::settings::v1::{
    CreateWorkspaceRequest, CreateWorkspaceResponse, GetWorkspaceRequest, GetWorkspaceResponse,
};
use runtime::Actor;
use types::WorkspaceId;

use super::Service;
use crate::{
    Error, convert,
    domain::{Action, AppId, Entry, Workspace},
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
    let work = service.log.begin_of(&workspace.id).await?;
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
    let workspace = store::workspaces::find(&service.of(actor.workspace()?), actor.workspace()?)
        .await?
        .ok_or(Error::NotFound("workspace"))?;
    Ok(GetWorkspaceResponse {
        workspace: Some(convert::workspace(workspace)),
    })
}
