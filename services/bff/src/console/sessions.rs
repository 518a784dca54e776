//! Who calls the console: a cookie's token becomes a teammate, with what their role allows. Nothing is kept here,
//! so that a logout, a change of role and a deactivation count at once and at every replica.

use std::sync::Arc;

use moka::sync::Cache;
use proto::settings::v1 as st;
use runtime::{Actor, ActorKind, Failure, auth::unauthenticated};
use sha2::{Digest, Sha256};
use tonic::Code;
use types::{TeammateId, WorkspaceId};

use super::layer::{admit, needed};
use crate::{
    clients::{Clients, Credential},
    error::Error,
    limits::Limits,
    proxies::Address,
    sessions::address,
};

/// What a console token starts with; an access token of a Messenger starts otherwise.
const PREFIX: &str = "msgr_con_";
/// Longer tokens are not ours and are not even hashed.
const MAX_TOKEN: usize = 512;
/// Sessions whose signatures are kept at the most.
const KEPT: u64 = 10_000;
/// A signature is good for less than that.
const IDLE: std::time::Duration = std::time::Duration::from_secs(60);

/// Finds console sessions.
pub(crate) struct Consoles {
    clients: Arc<Clients>,
    limits: Arc<Limits>,
    /// By the session, and by all that is said of the teammate: a changed role or name signs anew.
    voices: Cache<(String, String, Vec<String>), Arc<Voice>>,
}

/// A teammate who is logged in.
pub(crate) struct Teammate {
    pub(super) session_id: String,
    /// Where they work.
    pub(crate) workspace: st::Workspace,
    /// Who they are.
    pub(crate) told: st::Teammate,
    pub(super) actor: Arc<Actor>,
    voice: Arc<Voice>,
}

/// For whom this service speaks while a teammate works.
struct Voice {
    teammate: Credential,
    ensures: Credential,
}

impl Teammate {
    /// Speaks for them, with what their role allows.
    pub(crate) fn speaks(&self) -> &Credential {
        &self.voice.teammate
    }

    /// Speaks for this service in their workspace, where a conversation must exist.
    pub(crate) fn ensures(&self) -> &Credential {
        &self.voice.ensures
    }
}

impl Consoles {
    pub(super) fn new(clients: Arc<Clients>, limits: Arc<Limits>) -> Self {
        Self {
            clients,
            limits,
            voices: Cache::builder()
                .max_capacity(KEPT)
                .time_to_idle(IDLE)
                .build(),
        }
    }

    /// Whose token it is; `None` when it is nobody's any more, which counts against where it came `from`.
    ///
    /// # Errors
    /// When Settings is away, or too many from there were nobody's.
    pub(super) async fn find(&self, token: &str, from: Address) -> Result<Option<Teammate>, Error> {
        self.limits.lookup(from)?;
        let found = self.look_up(token).await?;
        if found.is_none() {
            self.limits.missed(from);
        }
        Ok(found)
    }

    /// Lets a call in that is made with this token, if it may be made.
    ///
    /// # Errors
    /// Unless it is a teammate's whose role allows the call, and who does not call too often.
    pub(super) async fn admit(&self, token: &str) -> Result<Arc<Actor>, Failure> {
        let found = self.find(token, address()?).await?;
        let teammate = found.ok_or_else(unauthenticated)?;
        let actor = teammate.actor.clone();
        self.limits.console(&actor.id)?;
        // the edge would refuse it too, in words for programs
        if let Some(scope) = needed().filter(|scope| !actor.may(scope)) {
            return Err(Error::Role(scope).into());
        }
        admit(Arc::new(teammate));
        Ok(actor)
    }

    async fn look_up(&self, token: &str) -> Result<Option<Teammate>, Error> {
        if !token.starts_with(PREFIX) || token.len() > MAX_TOKEN {
            return Ok(None);
        }
        let found = self.clients.look_up_console_session(hash(token)).await;
        match found {
            Ok(session) => self.teammate(session).map(Some),
            Err(error) if error.code() == Some(Code::Unauthenticated) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn teammate(&self, session: st::ConsoleSession) -> Result<Teammate, Error> {
        let (Some(workspace), Some(told)) = (session.workspace, session.teammate) else {
            return Err(Error::Garbage("the console session's owner"));
        };
        let ids = WorkspaceId::parse(&workspace.workspace_id)
            .ok()
            .zip(TeammateId::parse(&told.teammate_id).ok());
        let (of, id) = ids.ok_or(Error::Garbage("the console session's owner"))?;
        let actor = Actor {
            workspace: Some(of),
            kind: ActorKind::Teammate,
            id: id.into(),
            name: told.name.clone(),
            scopes: session.scopes,
        };
        let key = (
            session.session_id.clone(),
            actor.name.clone(),
            actor.scopes.clone(),
        );
        Ok(Teammate {
            voice: self.voices.get_with(key, || Arc::new(Voice::of(&actor))),
            actor: Arc::new(actor),
            session_id: session.session_id,
            workspace,
            told,
        })
    }
}

impl Voice {
    fn of(actor: &Actor) -> Self {
        Self {
            teammate: Credential::new(actor.clone()),
            ensures: Credential::new(Actor {
                workspace: actor.workspace.clone(),
                kind: ActorKind::Service,
                id: crate::NAME.into(),
                name: String::new(),
                scopes: vec!["conversations:ensure".into()],
            }),
        }
    }
}

/// What Settings knows a token by.
pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
