//! Sessions: an access token becomes a contact. Settings owns them; here they are kept for as long as
//! the settings feed shows that none was revoked unseen.

mod caller;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use moka::{future::Cache, sync};
use proto::settings::v1 as st;
use runtime::{
    Actor, ActorKind, Failure,
    auth::{Authenticator, unauthenticated},
};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tonic::Code;
use types::{ContactId, WorkspaceId};

pub(crate) use caller::{CallerLayer, address, caller};

use crate::{
    clients::{Clients, Credential},
    convert,
    error::Error,
    freshness::{Freshness, Learned},
    limits::Limits,
    shared_map::SharedMap,
    workspace::{Workspace, Workspaces},
};

/// Sessions kept at the most.
const KEPT: u64 = 100_000;
/// None is kept longer without being used.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// A look-up that was under way when its session was revoked has ended long before this.
const REVOKED: Duration = Duration::from_secs(60);
/// Longer tokens are not ours and are not even hashed.
const MAX_TOKEN: usize = 512;

/// A session's way to be found: SHA-256 of its access token.
type Hash = [u8; 32];

/// How a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It was revoked.
    Revoked,
    /// Its visitor turned out to be a user.
    Merged,
}

/// An open session of a contact.
pub(crate) struct Session {
    /// `ses_…`.
    pub(crate) id: String,
    /// Who it is.
    pub(crate) contact: ContactId,
    /// The contact's name; may be empty.
    pub(crate) name: String,
    /// How sure it is who that is.
    pub(crate) kind: st::ContactKind,
    /// Where the contact belongs, with what is known of it.
    pub(crate) workspace: Arc<Workspace>,
    /// Speaks for the contact to the services behind.
    pub(crate) speaks: Credential,
    /// When it ends, in microseconds since 1970.
    pub(crate) expires_at: i64,
    actor: Arc<Actor>,
    ended: watch::Sender<Option<End>>,
}

impl Session {
    /// Tells when the session ends before its time, and how.
    pub(crate) fn ending(&self) -> watch::Receiver<Option<End>> {
        self.ended.subscribe()
    }

    /// The session is over before its time; what is told first of how counts.
    pub(crate) fn end(&self, how: End) {
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            ended.get_or_insert(how);
            first
        });
    }

    fn is_open(&self, now: i64) -> bool {
        now < self.expires_at && self.ended.borrow().is_none()
    }

    #[cfg(test)]
    pub(crate) fn in_test(workspace: Arc<Workspace>, expires_at: i64) -> Self {
        let contact = ContactId::generate();
        let actor = testing::contact(&WorkspaceId::generate(), &contact);
        Self {
            id: "ses_1".into(),
            contact,
            name: actor.name.clone(),
            kind: st::ContactKind::User,
            workspace,
            speaks: Credential::new(actor.clone()),
            expires_at,
            actor: Arc::new(actor),
            ended: watch::Sender::new(None),
        }
    }
}

/// A session, and since when it is known to be open.
#[derive(Clone)]
struct Kept {
    session: Arc<Session>,
    learned: Learned,
}

/// The sessions in use.
pub(crate) struct Sessions {
    kept: Cache<Hash, Kept>,
    // finds those that streams hold, too, after they fell out of `kept`
    by_id: SharedMap<String, Session>,
    // session ids, and ids of contacts all of whose sessions ended
    revoked: sync::Cache<String, End>,
    clients: Arc<Clients>,
    workspaces: Arc<Workspaces>,
    freshness: Arc<Freshness>,
    limits: Arc<Limits>,
}

impl Sessions {
    pub(crate) fn new(
        clients: Arc<Clients>,
        workspaces: Arc<Workspaces>,
        freshness: Arc<Freshness>,
        limits: Arc<Limits>,
    ) -> Self {
        Self {
            kept: Cache::builder()
                .max_capacity(KEPT)
                .time_to_idle(IDLE)
                .build(),
            by_id: SharedMap::new(),
            revoked: sync::Cache::builder()
                .max_capacity(KEPT)
                .time_to_live(REVOKED)
                .build(),
            clients,
            workspaces,
            freshness,
            limits,
        }
    }

    /// Ends a session here: its token is refused and its streams end.
    pub(crate) fn revoke(&self, session_id: &str) {
        // first the mark, then the search: a look-up under way does it the other way round, so that one
        // of the two finds the other
        self.revoked.insert(session_id.to_owned(), End::Revoked);
        if let Some(session) = self.by_id.get(session_id) {
            session.end(End::Revoked);
        }
    }

    /// Ends every session of a contact here.
    pub(crate) fn end_all_of(&self, contact_id: &str, how: End) {
        self.revoked.insert(contact_id.to_owned(), how);
        let theirs = |session: &Session| session.contact.as_str() == contact_id;
        for session in self.by_id.find(theirs) {
            session.end(how);
        }
    }

    #[cfg(test)]
    pub(crate) fn is_revoked(&self, session_id: &str) -> bool {
        self.revoked.contains_key(session_id)
    }

    async fn find(&self, token: &str) -> Result<Arc<Session>, Failure> {
        if token.len() > MAX_TOKEN {
            return Err(Error::Unauthenticated.into());
        }
        let hash: Hash = Sha256::digest(token).into();
        let now = self.freshness.now();
        if let Some(Kept { session, learned }) = self.kept.get(&hash).await {
            if !session.is_open(now) {
                return Err(Error::Unauthenticated.into());
            }
            if self.freshness.holds(learned, now) {
                return Ok(session);
            }
            self.kept.invalidate(&hash).await;
        }
        let from = address()?;
        self.limits.lookup(from)?;
        // however many calls come with a new token, it is looked up once
        let Kept { session, .. } = self
            .kept
            .try_get_with(hash, self.look_up(hash))
            .await
            .map_err(|error| {
                if matches!(*error, Error::Unauthenticated) {
                    self.limits.missed(from);
                }
                Failure::from(Error::clone(&error))
            })?;
        if session.is_open(now) {
            Ok(session)
        } else {
            Err(Error::Unauthenticated.into())
        }
    }

    async fn look_up(&self, hash: Hash) -> Result<Kept, Error> {
        let learned = self.freshness.learning();
        let session = match self.clients.look_up_session(hash).await {
            Ok(found) => self.open(found)?,
            Err(error) if error.code() == Some(Code::Unauthenticated) => {
                return Err(Error::Unauthenticated);
            }
            Err(error) => return Err(error),
        };
        for id in [session.id.as_str(), session.contact.as_str()] {
            if let Some(how) = self.revoked.get(id) {
                session.end(how);
            }
        }
        Ok(Kept { session, learned })
    }

    /// One object a session, however often it is looked up, so that a revocation reaches whoever holds it.
    fn open(&self, found: st::Session) -> Result<Arc<Session>, Error> {
        let workspace = WorkspaceId::parse(&found.workspace_id);
        let contact = ContactId::parse(&found.contact_id);
        let (Ok(workspace), Ok(contact), Some(expires)) = (workspace, contact, found.expire_time)
        else {
            return Err(Error::Garbage("the session's owner or end"));
        };
        let kind = found.contact_kind();
        let actor = Actor {
            workspace: Some(workspace.clone()),
            kind: ActorKind::Contact,
            id: contact.to_string(),
            name: found.contact_name.clone(),
            scopes: Vec::new(),
        };
        Ok(self.by_id.get_or(found.session_id.clone(), || Session {
            id: found.session_id,
            contact,
            name: found.contact_name,
            kind,
            workspace: self.workspaces.get(&workspace),
            speaks: Credential::new(actor.clone()),
            expires_at: convert::micros(&expires),
            actor: Arc::new(actor),
            ended: watch::Sender::new(None),
        }))
    }
}

impl Authenticator for Sessions {
    fn authenticate<'a>(&'a self, bearer: &'a str) -> BoxFuture<'a, Result<Arc<Actor>, Failure>> {
        Box::pin(async move {
            let session = self.find(bearer).await?;
            let actor = session.actor.clone();
            self.limits.call(&session.contact, session.workspace.id())?;
            if caller::admit(session) {
                Ok(actor)
            } else {
                Err(unauthenticated())
            }
        })
    }
}
