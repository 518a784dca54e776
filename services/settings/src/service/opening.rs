//! Who gets in: users on the word of their workspace's server, and those whom nobody vouches for, known
//! again by a secret. Whoever has both is one, from then on.

use events::UnitOfWork;
use jiff::Timestamp;
use proto::settings::v1::{OpenSessionRequest, OpenSessionResponse};
use runtime::Actor;
use secrecy::{ExposeSecret, SecretString};
use types::{ContactId, WorkspaceId, micros};

use super::{
    Service,
    ending::{end_some, end_the_rest},
    random,
    sessions::is_reachable,
};
use crate::{
    Error, convert,
    convert::{OpenSession, Said},
    domain::{
        self, Action, Contact, ContactKind, Entry, IdentityKeyId, IdentityMode, Merge, Opener,
        Platform, Proof, Proven, Recognised, Refusal, SECRET_LIFETIME, SESSION_LIFETIME,
        SecretHash, Session, SessionId, StandIn, UserId, hash_access_token, hash_visitor_secret,
        key_named_by, mint_access_token, mint_visitor_secret,
    },
    store,
};

pub(super) async fn open_session(
    service: &Service,
    actor: &Actor,
    request: OpenSessionRequest,
) -> Result<OpenSessionResponse, Error> {
    let wish = convert::open_session(request)?;
    match &wish.said {
        Said::Token(token) => open_for_user(service, actor, &wish, token).await,
        Said::Claim(claim) => open_for_unproven(service, actor, &wish, Some(claim)).await,
        Said::Nothing => open_for_unproven(service, actor, &wish, None).await,
    }
}

async fn open_for_user(
    service: &Service,
    actor: &Actor,
    wish: &OpenSession,
    token: &str,
) -> Result<OpenSessionResponse, Error> {
    let now = service.now();
    let (workspace, key, proven) = prove(service, wish, token, now).await?;
    if !is_reachable(actor, &workspace) {
        return Err(Error::Unauthenticated);
    }
    let mut work = service.log.begin_of(&workspace).await?;
    // it may have been revoked since the token was checked
    if !store::identity_keys::hold_active(work.tx(), &workspace, &key).await? {
        return Err(Error::Unauthenticated);
    }
    if let Some(once) = &proven.once
        && !store::replays::use_up(work.tx(), &workspace, &key, once).await?
    {
        return Err(refused(wish, Refusal::Replayed));
    }
    let user = store::contacts::identify(work.tx(), &workspace, &proven.profile, now).await?;
    let met = match &wish.secret {
        Some(secret) => meet(&mut work, &workspace, &user, secret, now).await?,
        None => Met::default(),
    };
    let (session, access_token) =
        add_session(&work, &workspace, user, wish.platform, Some(&key), now).await?;
    work.commit().await?;
    service.uses.key(&workspace, &key, micros(now));
    if let Some(visitor) = met.with_more_sessions {
        end_the_rest(service, workspace, Opener::Contact(visitor)).await?;
    }
    Ok(convert::opened_session(
        session,
        &access_token,
        None,
        met.is_one,
    ))
}

/// Checks a user token. Why it is refused is for the log; the caller hears one answer.
async fn prove(
    service: &Service,
    wish: &OpenSession,
    token: &str,
    now: Timestamp,
) -> Result<(WorkspaceId, IdentityKeyId, Proven), Error> {
    let refuse = |why: Refusal| refused(wish, why);
    let named = key_named_by(token).map_err(refuse)?;
    let known =
        store::identity_keys::find_for_app(service.of_all(), &wish.app, wish.platform, &named)
            .await?;
    let key = known.ok_or_else(|| refuse(Refusal::NoKey))?;
    let secret = service.sealing.open(&key)?;
    let proven = domain::verify(token, &secret, &wish.app, now).map_err(refuse)?;
    Ok((key.workspace, key.id, proven))
}

fn refused(wish: &OpenSession, why: Refusal) -> Error {
    tracing::debug!(app = %wish.app, %why, "a user token was refused");
    Error::Unauthenticated
}

/// What came of a user and a secret that were presented together.
#[derive(Default)]
struct Met {
    /// The secret's visitor is the user.
    is_one: bool,
    /// The visitor, if they have more open sessions than one transaction ends.
    with_more_sessions: Option<ContactId>,
}

/// Merges the visitor of a secret into a user, unless the secret is no visitor's, opens nothing, or was
/// another user's before: then it is passed over without a word. The visitor is held, so of two who
/// present the same secret at once the second finds what the first has done.
async fn meet(
    work: &mut UnitOfWork,
    workspace: &WorkspaceId,
    user: &Contact,
    secret: &SecretHash,
    now: Timestamp,
) -> Result<Met, Error> {
    let Some(known) = store::visitors::hold(work.tx(), workspace, secret).await? else {
        return Ok(Met::default());
    };
    let visitor = known.contact.id.clone();
    match known.proves(&user.id, now) {
        Proof::Nothing => return Ok(Met::default()),
        Proof::WasTheUser => {
            return Ok(Met {
                is_one: true,
                ..Met::default()
            });
        }
        Proof::IsTheUser => {}
    }
    // the row has the last word
    if !store::contacts::merge(work.tx(), workspace, &visitor, &user.id, micros(now)).await? {
        return Ok(Met::default());
    }
    store::visitors::revoke(work.tx(), workspace, &visitor, micros(now)).await?;
    let opener = Opener::Contact(visitor.clone());
    let ended = end_some(work, workspace, &opener, now).await?;
    let entry = Entry::new(
        Action::ContactMerged,
        // who has both proofs is who does it
        user.id.as_str(),
        visitor.as_str(),
        "",
        user.id.as_str(),
        now,
    );
    store::audit::insert(work.tx(), workspace, &entry).await?;
    work.emit(convert::contact_merged(Merge {
        workspace: workspace.clone(),
        from: visitor.clone(),
        into: user.id.clone(),
        into_name: user.name.clone(),
        at: now,
    }));
    Ok(Met {
        is_one: true,
        with_more_sessions: ended.more.then_some(visitor),
    })
}

async fn open_for_unproven(
    service: &Service,
    actor: &Actor,
    wish: &OpenSession,
    claim: Option<&UserId>,
) -> Result<OpenSessionResponse, Error> {
    let now = service.now();
    let refuse = |why: &str| {
        tracing::debug!(app = %wish.app, why, "a session without a user token was refused");
        Error::Unauthenticated
    };
    let workspace = store::security::workspace_of_app(service.of_all(), &wish.app)
        .await?
        .filter(|workspace| is_reachable(actor, workspace))
        .ok_or_else(|| refuse("there is no such app"))?;
    let work = service.log.begin_of(&workspace).await?;
    if claim.is_some() {
        let security = store::security::load(work.tx(), &workspace).await?;
        if security.mode(wish.platform) == IdentityMode::Enforced {
            return Err(refuse("the platform asks for a user token"));
        }
    }
    let recognised = match &wish.secret {
        None => None,
        Some(secret) => {
            let known = store::visitors::hold(work.tx(), &workspace, secret).await?;
            let known = known.ok_or_else(|| refuse("the secret is unknown"))?;
            match known.recognise(claim, now) {
                None => return Err(refuse("the secret is over")),
                Some(Recognised::SomebodyElse) => None,
                Some(Recognised::Same) => {
                    let until = now + SECRET_LIFETIME;
                    store::visitors::put_off(work.tx(), &workspace, secret, until).await?;
                    Some(known.contact)
                }
            }
        }
    };
    let (contact, fresh) = match recognised {
        Some(contact) => (contact, None),
        None => {
            let (contact, secret) = add_unproven(&work, &workspace, claim, now).await?;
            (contact, Some(secret))
        }
    };
    let (session, access_token) =
        add_session(&work, &workspace, contact, wish.platform, None, now).await?;
    work.commit().await?;
    Ok(convert::opened_session(
        session,
        &access_token,
        fresh.as_ref(),
        false,
    ))
}

/// Somebody new, with the secret that makes them known again.
async fn add_unproven(
    work: &UnitOfWork,
    workspace: &WorkspaceId,
    claim: Option<&UserId>,
    now: Timestamp,
) -> Result<(Contact, SecretString), Error> {
    let contact = Contact {
        id: ContactId::generate(),
        kind: match claim {
            Some(_) => ContactKind::Unverified,
            None => ContactKind::Visitor,
        },
        user_id: claim.cloned(),
        name: String::new(),
        email: String::new(),
        created_at: now,
        merged_into: None,
        erased_at: None,
    };
    let secret = mint_visitor_secret(random());
    let hash = hash_visitor_secret(secret.expose_secret());
    let stand_in = StandIn::new(random());
    store::contacts::insert_unproven(work.tx(), workspace, &contact, &stand_in).await?;
    store::visitors::insert(
        work.tx(),
        workspace,
        &contact.id,
        hash,
        micros(now),
        micros(now + SECRET_LIFETIME),
    )
    .await?;
    Ok((contact, secret))
}

async fn add_session(
    work: &UnitOfWork,
    workspace: &WorkspaceId,
    contact: Contact,
    platform: Platform,
    key: Option<&IdentityKeyId>,
    now: Timestamp,
) -> Result<(Session, SecretString), Error> {
    let session = Session {
        id: SessionId::generate(),
        workspace: workspace.clone(),
        contact: contact.id,
        contact_name: contact.name,
        contact_kind: contact.kind,
        platform,
        expires_at: now + SESSION_LIFETIME,
    };
    let access_token = mint_access_token(random());
    let hash = hash_access_token(access_token.expose_secret());
    store::sessions::insert(work.tx(), &session, key, hash, micros(now)).await?;
    Ok((session, access_token))
}
