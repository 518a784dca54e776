//! Sessions once they are open, for the BFF.

use proto::settings::v1::{
    LookUpSessionRequest, LookUpSessionResponse, RevokeSessionRequest, RevokeSessionResponse,
};
use runtime::Actor;
use types::{WorkspaceId, micros};

use super::Service;
use crate::{Error, convert, store};

pub(super) async fn look_up_session(
    service: &Service,
    actor: &Actor,
    request: LookUpSessionRequest,
) -> Result<LookUpSessionResponse, Error> {
    let hash = convert::access_token_hash(&request)?;
    let session = store::sessions::find_open(service.of_all(), &hash, micros(service.now()))
        .await?
        .filter(|session| is_reachable(actor, &session.workspace))
        .ok_or(Error::Unauthenticated)?;
    Ok(LookUpSessionResponse {
        session: Some(convert::session(session)),
    })
}

pub(super) async fn revoke_session(
    service: &Service,
    actor: &Actor,
    request: RevokeSessionRequest,
) -> Result<RevokeSessionResponse, Error> {
    let session = convert::session_id(&request)?;
    let workspace = store::sessions::workspace_of(service.of_all(), &session)
        .await?
        .filter(|workspace| is_reachable(actor, workspace));
    if let Some(workspace) = workspace {
        let now = micros(service.now());
        let mut work = service.log.begin_of(&workspace).await?;
        let ended = store::sessions::revoke(work.tx(), &workspace, &session, now).await?;
        if let Some(ended) = ended {
            work.emit(convert::session_revoked(ended));
            work.commit().await?;
        }
    }
    Ok(RevokeSessionResponse {})
}

/// A credential for one workspace reaches nothing of another; the BFF's own is for all.
pub(super) fn is_reachable(actor: &Actor, workspace: &WorkspaceId) -> bool {
    actor.workspace.as_ref().is_none_or(|own| own == workspace)
}
