//! Who calls: actor assertions, signed by one service and verified by every other. Nothing trusts a
//! header, a message field, or the network.

mod keys;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use moka::sync::Cache;
use types::{ContactId, WorkspaceId};

pub(crate) use keys::now_seconds;
pub use keys::{Assertion, KeyRing, generate_keys};

use crate::{Failure, Kind};

/// The domain of refusals that come before a service's own code.
pub const DOMAIN: &str = "auth.messenger";

/// What kind of actor calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A customer, through the BFF.
    Contact,
    /// A member of staff, or their API token.
    Teammate,
    /// A service or integration.
    Service,
}

/// Who calls, as the verified credential says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The tenant; none for a service that works for all.
    pub workspace: Option<WorkspaceId>,
    /// What kind of actor.
    pub kind: ActorKind,
    /// `con_…`, `tea_…`, or the service's or integration's name.
    pub id: String,
    /// Name to show; may be empty.
    pub name: String,
    /// What it may do, such as `settings:write`.
    pub scopes: Vec<String>,
}

impl Actor {
    /// It may do what `scope` names.
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }

    /// The tenant of this call.
    ///
    /// # Errors
    /// `Forbidden` when the credential is for no single workspace.
    pub fn workspace(&self) -> Result<&WorkspaceId, Failure> {
        self.workspace
            .as_ref()
            .ok_or_else(|| forbidden("this call needs a credential for one workspace"))
    }

    /// The contact who calls.
    ///
    /// # Errors
    /// `Forbidden` when a teammate or service calls.
    pub fn contact(&self) -> Result<ContactId, Failure> {
        match self.kind {
            ActorKind::Contact => {
                ContactId::parse(&self.id).map_err(|_| forbidden("the credential names no contact"))
            }
            _ => Err(forbidden("this call is for contacts")),
        }
    }
}

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a credential.
    Public,
    /// Contacts.
    Contact,
    /// Teammates and services that hold the scope.
    Scope(&'static str),
}

/// One row a method: its path, such as `/messenger.settings.v1.SettingsService/UpdateSpace`, and who may call it.
/// A method without a row is refused.
pub type AccessTable = &'static [(&'static str, Access)];

/// Turns a bearer token into an actor.
pub trait Authenticator: Send + Sync + 'static {
    /// # Errors
    /// `Unauthenticated` without hinting what is wrong, or `Unavailable`.
    fn authenticate<'a>(&'a self, bearer: &'a str) -> BoxFuture<'a, Result<Arc<Actor>, Failure>>;
}

/// Accepts actor assertions; verified ones are remembered until they end.
pub struct Assertions {
    keys: Arc<KeyRing>,
    verified: Cache<String, (Arc<Actor>, i64)>,
}

impl Assertions {
    /// Trusting the public keys of the ring.
    pub fn new(keys: Arc<KeyRing>) -> Self {
        Self {
            keys,
            verified: Cache::builder()
                .max_capacity(20_000)
                .time_to_live(Duration::from_secs(60))
                .build(),
        }
    }
}

impl Authenticator for Assertions {
    fn authenticate<'a>(&'a self, bearer: &'a str) -> BoxFuture<'a, Result<Arc<Actor>, Failure>> {
        Box::pin(async move {
            let now = now_seconds();
            if let Some((actor, expires)) = self.verified.get(bearer) {
                return if expires > now {
                    Ok(actor)
                } else {
                    Err(unauthenticated())
                };
            }
            let (actor, expires) = self.keys.verify(bearer).ok_or_else(unauthenticated)?;
            let actor = Arc::new(actor);
            self.verified
                .insert(bearer.to_owned(), (actor.clone(), expires));
            Ok(actor)
        })
    }
}

/// Checks a caller against a table.
///
/// # Errors
/// `Forbidden` when the table does not let this actor in.
pub fn authorize(access: Access, actor: &Actor) -> Result<(), Failure> {
    let allowed = match access {
        Access::Public => true,
        Access::Contact => actor.kind == ActorKind::Contact,
        Access::Scope(scope) => actor.kind != ActorKind::Contact && actor.may(scope),
    };
    match (allowed, access) {
        (true, _) => Ok(()),
        (false, Access::Scope(scope)) => {
            Err(forbidden(&format!("the credential lacks the scope {scope}")).with("scope", scope))
        }
        (false, _) => Err(forbidden("this call is for contacts")),
    }
}

/// A refusal for want of a good credential, without a hint at what is wrong.
pub fn unauthenticated() -> Failure {
    Failure::new(
        Kind::Unauthenticated,
        DOMAIN,
        "UNAUTHENTICATED",
        "the credential is missing, malformed, expired or not ours; get a new one",
    )
}

pub(crate) fn forbidden(message: &str) -> Failure {
    Failure::new(Kind::Forbidden, DOMAIN, "PERMISSION_DENIED", message)
}

/// The caller, as the edge verified it.
///
/// # Errors
/// `Unauthenticated` when the request did not pass the edge.
pub fn actor<T>(request: &tonic::Request<T>) -> Result<Arc<Actor>, Failure> {
    request
        .extensions()
        .get::<Arc<Actor>>()
        .cloned()
        .ok_or_else(unauthenticated)
}
