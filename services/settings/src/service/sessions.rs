//! Sessions, for the BFF.

use events::{EventLog, UnitOfWork};
use jiff::Timestamp;
use proto::settings::v1::{
    LookUpSessionRequest, LookUpSessionResponse, OpenSessionRequest, OpenSessionResponse,
    RevokeSessionRequest, RevokeSessionResponse,
};
use runtime::Actor;
use secrecy::ExposeSecret;
use tokio::sync::oneshot;
use types::{WorkspaceId, micros};

use super::{Service, random};
use crate::{
    Error, convert,
    domain::{
        self, IdentityKeyId, Profile, Refusal, SESSION_LIFETIME, Session, SessionId,
        hash_access_token, key_named_by, mint_access_token,
    },
    store,
};

/// Sessions ended in one transaction at the most: other writers wait for it.
const ENDED_AT_ONCE: i32 = 500;

pub(super) async fn open_session(
    service: &Service,
    actor: &Actor,
    request: OpenSessionRequest,
) -> Result<OpenSessionResponse, Error> {
    let wish = convert::open_session(request)?;
    let now = service.now();
    let proven = prove(service, &wish, now).await?;
    if !is_reachable(actor, &proven.workspace) {
        return Err(Error::Unauthenticated);
    }
    let work = service.log.begin().await?;
    // it may have been revoked since the token was checked
    if !store::identity_keys::hold_active(work.tx(), &proven.workspace, &proven.key).await? {
        return Err(Error::Unauthenticated);
    }
    let contact =
        store::contacts::identify(work.tx(), &proven.workspace, &proven.profile, now).await?;
    let session = Session {
        id: SessionId::generate(),
        workspace: proven.workspace,
        contact: contact.id,
        contact_name: contact.name,
        platform: wish.platform,
        expires_at: now + SESSION_LIFETIME,
    };
    let access_token = mint_access_token(random());
    let hash = hash_access_token(access_token.expose_secret());
    store::sessions::insert(work.tx(), &session, &proven.key, hash, micros(now)).await?;
    work.commit().await?;
    Ok(convert::opened_session(session, &access_token))
}

pub(super) async fn look_up_session(
    service: &Service,
    actor: &Actor,
    request: LookUpSessionRequest,
) -> Result<LookUpSessionResponse, Error> {
    let hash = convert::access_token_hash(&request)?;
    let session = store::sessions::find_open(service.reader(), &hash, micros(service.now()))
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
    let mut work = service.log.begin().await?;
    let workspace = store::sessions::workspace_of(work.tx(), &session)
        .await?
        .filter(|workspace| is_reachable(actor, workspace));
    if let Some(workspace) = workspace {
        let now = micros(service.now());
        let ended = store::sessions::revoke(work.tx(), &workspace, &session, now).await?;
        if let Some(ended) = ended {
            work.emit(convert::session_revoked(ended));
            work.commit().await?;
        }
    }
    Ok(RevokeSessionResponse {})
}

/// What a user token has proven.
struct Proven {
    workspace: WorkspaceId,
    key: IdentityKeyId,
    profile: Profile,
}

/// Checks a user token. Why it is refused is for the log; the caller hears one answer.
async fn prove(
    service: &Service,
    wish: &convert::OpenSession,
    now: Timestamp,
) -> Result<Proven, Error> {
    let refuse = |why: Refusal| {
        tracing::debug!(app = %wish.app, %why, "a user token was refused");
        Error::Unauthenticated
    };
    let key = key_named_by(&wish.user_token).map_err(refuse)?;
    let known =
        store::identity_keys::find_for_app(service.reader(), &wish.app, wish.platform, &key)
            .await?;
    let Some((workspace, secret)) = known else {
        return Err(refuse(Refusal::NoKey));
    };
    let profile = domain::verify(&wish.user_token, &secret, &wish.app, now).map_err(refuse)?;
    Ok(Proven {
        workspace,
        key,
        profile,
    })
}

/// A credential for one workspace reaches no session of another; the BFF's own is for all.
pub(super) fn is_reachable(actor: &Actor, workspace: &WorkspaceId) -> bool {
    actor.workspace.as_ref().is_none_or(|own| own == workspace)
}

/// Sessions of a key that a transaction ends.
pub(super) struct SomeEnded {
    pub ended: u32,
    pub more: bool,
}

/// Ends a bounded number of a key's open sessions, with an event for each.
pub(super) async fn end_some_of_key(
    work: &mut UnitOfWork,
    workspace: &WorkspaceId,
    key: &IdentityKeyId,
    now: Timestamp,
) -> Result<SomeEnded, Error> {
    let ended =
        store::sessions::revoke_of_key(work.tx(), workspace, key, micros(now), ENDED_AT_ONCE)
            .await?;
    let some = SomeEnded {
        ended: ended.len() as u32,
        more: ended.len() as i32 == ENDED_AT_ONCE,
    };
    for session in ended {
        work.emit(convert::session_revoked(session));
    }
    Ok(some)
}

/// As [`end_all_of_key`], and to the end even if the caller does not wait for it.
pub(super) async fn end_the_rest_of_key(
    service: &Service,
    workspace: WorkspaceId,
    key: IdentityKeyId,
) -> Result<u32, Error> {
    let (done, outcome) = oneshot::channel();
    let log = service.log.clone();
    service.tasks.spawn(async move {
        let outcome = end_all_of_key(&log, &workspace, &key).await;
        if let Err(Err(error)) = done.send(outcome) {
            tracing::warn!(%error, %key, "sessions of a revoked key wait for housekeeping");
        }
    });
    outcome.await.unwrap_or(Err(Error::Draining))
}

/// Ends a revoked key's open sessions, however many; returns how many.
///
/// # Errors
/// When the database fails; what was ended stays ended, and the next call goes on.
pub(crate) async fn end_all_of_key(
    log: &EventLog,
    workspace: &WorkspaceId,
    key: &IdentityKeyId,
) -> Result<u32, Error> {
    let mut all = 0;
    loop {
        let mut work = log.begin().await?;
        let some = end_some_of_key(&mut work, workspace, key, log.clock().now()).await?;
        work.commit().await?;
        all += some.ended;
        if !some.more {
            return Ok(all);
        }
    }
}
