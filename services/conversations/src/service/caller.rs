use std::sync::Arc;

use events::departed::Survivor;
use runtime::{Actor, ActorKind};
use tonic::Request;
use types::{ContactId, WorkspaceId, text};

use crate::{
    domain::{Author, AuthorKind, ConversationId, Key},
    error::Error,
};

/// Characters of a name to show at the most.
const MAX_NAME: usize = 100;

/// Who calls, for which tenant.
#[derive(Clone)]
pub struct Caller {
    actor: Arc<Actor>,
    workspace: WorkspaceId,
    /// Who the contact who calls is by now.
    survivor: Option<Survivor>,
}

impl Caller {
    /// The caller of a request, as the edge verified it.
    ///
    /// # Errors
    /// When the credential is for no single workspace.
    pub fn of<T>(request: &Request<T>) -> Result<Self, Error> {
        let actor = runtime::auth::actor(request)?;
        let workspace = actor.workspace()?.clone();
        Ok(Self {
            actor,
            workspace,
            survivor: None,
        })
    }

    /// The same call by the user who the contact is by now.
    pub fn as_survivor(&self, user: Survivor) -> Self {
        Self {
            survivor: Some(user),
            ..self.clone()
        }
    }

    /// Their tenant.
    pub fn workspace(&self) -> &WorkspaceId {
        &self.workspace
    }

    /// Their id, as their credential has it: what they asked for once is answered as then.
    pub fn id(&self) -> &str {
        &self.actor.id
    }

    /// A conversation of their tenant's.
    pub fn key(&self, conversation: ConversationId) -> Key {
        Key {
            workspace: self.workspace.clone(),
            conversation,
        }
    }

    /// The contact who calls.
    ///
    /// # Errors
    /// When it is none.
    pub fn contact(&self) -> Result<ContactId, Error> {
        match &self.survivor {
            Some(user) => Ok(user.contact.clone()),
            None => Ok(self.actor.contact()?),
        }
    }

    /// Whether it is a contact.
    pub fn is_contact(&self) -> bool {
        self.actor.kind == ActorKind::Contact
    }

    /// Passes teammates.
    ///
    /// # Errors
    /// When the caller is none.
    pub fn teammate(&self) -> Result<(), Error> {
        match self.actor.kind {
            ActorKind::Teammate => Ok(()),
            ActorKind::Contact | ActorKind::Service => Err(Error::TeammatesOnly),
        }
    }

    /// The caller as an author.
    pub fn author(&self) -> Author {
        if let Some(user) = &self.survivor {
            return Author {
                kind: AuthorKind::Contact,
                id: user.contact.to_string(),
                name: text::truncate(user.name.trim(), MAX_NAME),
            };
        }
        let kind = match self.actor.kind {
            ActorKind::Contact => AuthorKind::Contact,
            ActorKind::Teammate => AuthorKind::Teammate,
            ActorKind::Service => AuthorKind::Bot,
        };
        let name = text::truncate(self.actor.name.trim(), MAX_NAME);
        Author {
            kind,
            id: self.actor.id.clone(),
            // V4: a customer never receives a teammate's address, not even as a name
            name: if kind != AuthorKind::Contact && name.contains('@') {
                String::new()
            } else {
                name
            },
        }
    }
}
