//! Identity keys.

use proto::settings::v1::{
    CreateIdentityKeyRequest, CreateIdentityKeyResponse, ListIdentityKeysRequest,
    ListIdentityKeysResponse, RevokeIdentityKeyRequest, RevokeIdentityKeyResponse,
};
use runtime::Actor;
use secrecy::ExposeSecret;
use types::micros;

use super::{
    Service,
    ending::{end_some, end_the_rest},
    random,
};
use crate::{
    Error, convert,
    domain::{Action, Entry, IdentityKey, IdentityKeyId, Opener, free_slot, mint_key_secret},
    store,
};

pub(super) async fn create_identity_key(
    service: &Service,
    actor: &Actor,
    request: CreateIdentityKeyRequest,
) -> Result<CreateIdentityKeyResponse, Error> {
    let workspace = actor.workspace()?;
    let key = IdentityKey {
        platform: convert::new_identity_key(request)?,
        id: IdentityKeyId::generate(),
        created_at: service.now(),
        revoked_at: None,
        last_used_at: None,
    };
    let secret = mint_key_secret(random());
    let sealed = service.sealing.seal(workspace, &key.id, &secret)?;
    let work = service.log.begin_of(workspace).await?;
    if !store::workspaces::lock(work.tx(), workspace).await? {
        return Err(Error::NotFound("workspace"));
    }
    let taken = store::identity_keys::taken_slots(work.tx(), workspace, key.platform).await?;
    let slot = free_slot(&taken).ok_or(Error::TooManyKeys(key.platform))?;
    let entry = Entry::new(
        Action::IdentityKeyCreated,
        &actor.id,
        key.id.as_str(),
        "",
        format!("active on {}", key.platform.as_str()),
        key.created_at,
    );
    let algorithm = secret.algorithm;
    store::identity_keys::insert(work.tx(), workspace, &key, algorithm, &sealed, slot).await?;
    store::audit::insert(work.tx(), workspace, &entry).await?;
    work.commit().await?;
    Ok(CreateIdentityKeyResponse {
        key: Some(convert::identity_key(key)),
        secret: secret.text.expose_secret().into(),
    })
}

pub(super) async fn list_identity_keys(
    service: &Service,
    actor: &Actor,
    _: ListIdentityKeysRequest,
) -> Result<ListIdentityKeysResponse, Error> {
    let keys =
        store::identity_keys::list(&service.of(actor.workspace()?), actor.workspace()?).await?;
    Ok(ListIdentityKeysResponse {
        keys: keys.into_iter().map(convert::identity_key).collect(),
    })
}

/// From the first commit on no session of the key is found any more; the rest of the work tells those
/// who have found one before.
pub(super) async fn revoke_identity_key(
    service: &Service,
    actor: &Actor,
    request: RevokeIdentityKeyRequest,
) -> Result<RevokeIdentityKeyResponse, Error> {
    let workspace = actor.workspace()?;
    let key_id = convert::identity_key_id(&request)?;
    let now = service.now();
    let mut work = service.log.begin_of(workspace).await?;
    let key = store::identity_keys::find(work.tx(), workspace, &key_id)
        .await?
        .ok_or(Error::NotFound("key"))?;
    if store::identity_keys::revoke(work.tx(), workspace, &key.id, micros(now)).await? {
        let platform = key.platform.as_str();
        let entry = Entry::new(
            Action::IdentityKeyRevoked,
            &actor.id,
            key.id.as_str(),
            format!("active on {platform}"),
            format!("revoked on {platform}"),
            now,
        );
        store::audit::insert(work.tx(), workspace, &entry).await?;
    }
    let opener = Opener::Key(key.id);
    let first = end_some(&mut work, workspace, &opener, now).await?;
    work.commit().await?;
    let rest = if first.more {
        end_the_rest(service, workspace.clone(), opener).await?
    } else {
        0
    };
    Ok(RevokeIdentityKeyResponse {
        sessions_revoked: first.ended + rest,
    })
}
