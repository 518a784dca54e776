//! Console sessions, for the BFF.

use events::UnitOfWork;
use proto::settings::v1::{
    LookUpConsoleSessionRequest, LookUpConsoleSessionResponse, OpenConsoleSessionRequest,
    OpenConsoleSessionResponse, RevokeConsoleSessionRequest, RevokeConsoleSessionResponse,
};
use runtime::Actor;
use secrecy::ExposeSecret;
use types::{WorkspaceId, micros};

use super::{Service, random, sessions::is_reachable};
use crate::{
    Error, convert,
    domain::{
        Action, ConsoleSession, Entry, OpenConsole, Teammate, hash_console_token,
        mint_console_token, only_active,
    },
    store,
};

pub(super) async fn open(
    service: &Service,
    actor: &Actor,
    request: OpenConsoleSessionRequest,
) -> Result<OpenConsoleSessionResponse, Error> {
    let wish = convert::open_console(request)?;
    let now = service.now();
    // for all workspaces: what the browser had before may be another's
    let work = service.log.begin().await?;
    let tenant = store::security::workspace_of_app(work.tx(), &wish.app)
        .await?
        .filter(|workspace| is_reachable(actor, workspace))
        .ok_or(Error::NotATeammate)?;
    // a teammate who is being changed is looked at after the change, or is not changed before the end
    store::workspaces::lock(work.tx(), &tenant).await?;
    if !store::console_sessions::use_login(work.tx(), &wish.login, micros(now)).await? {
        return Err(Error::LoginUsed);
    }
    let teammate = vouched_for(&work, &tenant, &wish, micros(now)).await?;
    let workspace = store::workspaces::find(work.tx(), &tenant)
        .await?
        .ok_or(Error::NotATeammate)?;
    // what the browser had before is worth nothing after a login, whoever knows it
    if let Some(replaced) = &wish.replaced
        && let Some(old) = store::console_sessions::find(work.tx(), replaced).await?
    {
        store::console_sessions::revoke(work.tx(), &old.workspace, &old.id, micros(now)).await?;
    }
    let session = ConsoleSession::begin(tenant, &teammate, now);
    let token = mint_console_token(random());
    let hash = hash_console_token(token.expose_secret());
    store::console_sessions::insert(work.tx(), &session, &hash, micros(now)).await?;
    let entry = Entry::new(
        Action::ConsoleLogin,
        teammate.id.as_str(),
        session.id.as_str(),
        "",
        wish.identity.issuer.as_str(),
        now,
    );
    store::audit::insert(work.tx(), &session.workspace, &entry).await?;
    work.commit().await?;
    let opened = OpenConsole {
        session,
        workspace,
        teammate,
    };
    Ok(OpenConsoleSessionResponse {
        token: token.expose_secret().into(),
        session: Some(convert::console_session(opened)),
    })
}

/// The active teammate of an identity. The first time it is found by the address that the provider has
/// verified, and bound; from then on an address decides nothing, for it may get a new owner.
async fn vouched_for(
    work: &UnitOfWork,
    workspace: &WorkspaceId,
    wish: &convert::OpenConsole,
    now: i64,
) -> Result<Teammate, Error> {
    let tx = work.tx();
    let bound = store::console_sessions::bound_teammate(tx, workspace, &wish.identity).await?;
    let teammate = match bound {
        Some(id) => store::teammates::find(tx, workspace, &id).await?,
        None if wish.email.is_empty() => None,
        None => {
            let found =
                store::console_sessions::teammates_of_address(tx, workspace, &wish.email).await?;
            match only_active(found) {
                Some(teammate)
                    if store::console_sessions::bind(
                        tx,
                        workspace,
                        &wish.identity,
                        &teammate.id,
                        now,
                    )
                    .await? =>
                {
                    Some(teammate)
                }
                _ => None,
            }
        }
    };
    teammate
        .filter(|teammate| teammate.active)
        .ok_or(Error::NotATeammate)
}

pub(super) async fn look_up(
    service: &Service,
    actor: &Actor,
    request: LookUpConsoleSessionRequest,
) -> Result<LookUpConsoleSessionResponse, Error> {
    let hash = convert::console_token_hash(&request)?;
    let now = service.now();
    let session = store::console_sessions::find(service.of_all(), &hash)
        .await?
        .filter(|session| session.is_open(now) && is_reachable(actor, &session.workspace))
        .ok_or(Error::Unauthenticated)?;
    let db = &service.of(&session.workspace);
    let teammate = store::teammates::find(db, &session.workspace, &session.teammate).await?;
    let workspace = store::workspaces::find(db, &session.workspace).await?;
    let (Some(teammate), Some(workspace)) = (teammate, workspace) else {
        return Err(Error::Unauthenticated);
    };
    if !session.fits(&teammate) {
        // so that it does not come back with the role
        let work = service.log.begin_of(&session.workspace).await?;
        let at = micros(now);
        store::console_sessions::revoke(work.tx(), &session.workspace, &session.id, at).await?;
        work.commit().await?;
        return Err(Error::Unauthenticated);
    }
    if session.is_to_be_noted(now) {
        let work = service.log.begin_of(&session.workspace).await?;
        store::console_sessions::note_use(work.tx(), &session, micros(now)).await?;
        work.commit().await?;
    }
    let open = OpenConsole {
        session,
        workspace,
        teammate,
    };
    Ok(LookUpConsoleSessionResponse {
        session: Some(convert::console_session(open)),
    })
}

pub(super) async fn revoke(
    service: &Service,
    actor: &Actor,
    request: RevokeConsoleSessionRequest,
) -> Result<RevokeConsoleSessionResponse, Error> {
    let session = convert::console_session_id(&request)?;
    let now = service.now();
    let owner = store::console_sessions::owner_of(service.of_all(), &session)
        .await?
        .filter(|(workspace, _)| is_reachable(actor, workspace));
    let Some((workspace, teammate)) = owner else {
        return Ok(RevokeConsoleSessionResponse {});
    };
    let work = service.log.begin_of(&workspace).await?;
    if store::console_sessions::revoke(work.tx(), &workspace, &session, micros(now)).await? {
        let entry = Entry::new(
            Action::ConsoleLogout,
            teammate.as_str(),
            session.as_str(),
            "",
            "",
            now,
        );
        store::audit::insert(work.tx(), &workspace, &entry).await?;
        work.commit().await?;
    }
    Ok(RevokeConsoleSessionResponse {})
}
