//! Who calls the console: a cookie's token becomes a teammate, with what their role allows. Nothing is kept here,
//! so that a logout, a change of role and a deactivation count at once and at every replica.

use std::sync::Arc;

use futures::future::BoxFuture;
use proto::settings::v1 as st;
use runtime::{
    Actor, ActorKind, Failure,
    auth::{Authenticator, unauthenticated},
};
use sha2::{Digest, Sha256};
use tonic::Code;
use types::{TeammateId, WorkspaceId};

use crate::{clients::Clients, error::Error};

/// What a console token starts with; an access token of a Messenger starts otherwise.
const PREFIX: &str = "msgr_con_";
/// Longer tokens are not ours and are not even hashed.
const MAX_TOKEN: usize = 512;

/// Finds console sessions.
pub(crate) struct Consoles {
    clients: Arc<Clients>,
}

/// A teammate who is logged in.
pub(super) struct Teammate {
    pub session_id: String,
    pub workspace: st::Workspace,
    pub told: st::Teammate,
    pub actor: Arc<Actor>,
}

impl Consoles {
    pub(super) fn new(clients: Arc<Clients>) -> Self {
        Self { clients }
    }

    /// Whose token it is; `None` when it is nobody's any more.
    ///
    /// # Errors
    /// When Settings is away.
    pub(super) async fn find(&self, token: &str) -> Result<Option<Teammate>, Error> {
        if !token.starts_with(PREFIX) || token.len() > MAX_TOKEN {
            return Ok(None);
        }
        let found = self.clients.look_up_console_session(hash(token)).await;
        match found {
            Ok(session) => teammate(session).map(Some),
            Err(error) if error.code() == Some(Code::Unauthenticated) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Authenticator for Consoles {
    fn authenticate<'a>(&'a self, bearer: &'a str) -> BoxFuture<'a, Result<Arc<Actor>, Failure>> {
        Box::pin(async move {
            match self.find(bearer).await? {
                Some(teammate) => Ok(teammate.actor),
                None => Err(unauthenticated()),
            }
        })
    }
}

/// What Settings knows a token by.
pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn teammate(session: st::ConsoleSession) -> Result<Teammate, Error> {
    let (Some(workspace), Some(told)) = (session.workspace, session.teammate) else {
        return Err(Error::Garbage("the console session's owner"));
    };
    let ids = WorkspaceId::parse(&workspace.workspace_id)
        .ok()
        .zip(TeammateId::parse(&told.teammate_id).ok());
    let (of, id) = ids.ok_or(Error::Garbage("the console session's owner"))?;
    Ok(Teammate {
        actor: Arc::new(Actor {
            workspace: Some(of),
            kind: ActorKind::Teammate,
            id: id.into(),
            name: told.name.clone(),
            scopes: session.scopes,
        }),
        session_id: session.session_id,
        workspace,
        told,
    })
}
