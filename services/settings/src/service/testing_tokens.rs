//! Whether a user token would be let in, for whoever sets up a server that makes them: the checks are those of a
//! session that is opened, and nothing is left behind.

use proto::settings::v1::{TestUserTokenRequest, TestUserTokenResponse};
use runtime::Actor;
use types::WorkspaceId;

use super::Service;
use crate::{
    Error, convert,
    domain::{self, IdentityKeyId, Platform, Proven, Refusal, Trial, Workspace, key_named_by},
    store,
};

pub(super) async fn test_user_token(
    service: &Service,
    actor: &Actor,
    request: TestUserTokenRequest,
) -> Result<TestUserTokenResponse, Error> {
    let workspace = actor.workspace()?;
    let (platform, token) = convert::token_to_test(request)?;
    let found = store::workspaces::find(&service.of(workspace), workspace).await?;
    let workspace = found.ok_or(Error::NotFound("workspace"))?;
    let trial = try_token(service, &workspace, platform, &token).await?;
    Ok(convert::tested_token(trial, &workspace.app_id))
}

async fn try_token(
    service: &Service,
    workspace: &Workspace,
    platform: Platform,
    token: &str,
) -> Result<Trial, Error> {
    let named = match key_named_by(token) {
        Ok(named) => named,
        Err(why) => return Ok(Trial::Refused(why, None)),
    };
    let known =
        store::identity_keys::find(&service.of(&workspace.id), &workspace.id, &named).await?;
    let Some(known) = known else {
        return Ok(Trial::UnknownKey(named));
    };
    if known.revoked_at.is_some() {
        return Ok(Trial::RevokedKey(named));
    }
    if known.platform != platform {
        return Ok(Trial::KeyOf(known.platform, named));
    }
    let app = &workspace.app_id;
    let kept =
        store::identity_keys::find_for_app(&service.of(&workspace.id), app, platform, &named)
            .await?;
    let Some(kept) = kept else {
        // since a moment ago
        return Ok(Trial::RevokedKey(named));
    };
    let secret = service.sealing.open(&kept)?;
    Ok(match domain::verify(token, &secret, app, service.now()) {
        Ok(proven) if is_used(service, &workspace.id, &named, &proven).await? => {
            Trial::Refused(Refusal::Replayed, Some(named))
        }
        Ok(proven) => Trial::Accepted(proven, named),
        // whose it is shows only in the signature
        Err(why @ (Refusal::Signature | Refusal::Header | Refusal::Malformed)) => {
            Trial::Refused(why, None)
        }
        Err(why) => Trial::Refused(why, Some(named)),
    })
}

async fn is_used(
    service: &Service,
    workspace: &WorkspaceId,
    key: &IdentityKeyId,
    proven: &Proven,
) -> Result<bool, Error> {
    match &proven.once {
        Some(once) => {
            Ok(store::replays::is_used_up(&service.of(workspace), workspace, key, once).await?)
        }
        None => Ok(false),
    }
}
