//! Who changed what.

use jiff::Timestamp;

use super::EntryId;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A workspace was created.
    WorkspaceCreated,
    /// A space was turned on or off.
    SpaceUpdated,
    /// An identity key was created.
    IdentityKeyCreated,
    /// An identity key was revoked.
    IdentityKeyRevoked,
    /// A platform's identity mode was set.
    IdentityModeSet,
    /// The origins that may embed the Messenger were set.
    AllowedOriginsSet,
    /// A teammate was added.
    TeammateCreated,
    /// A teammate was given another name.
    TeammateRenamed,
    /// A teammate was given another role.
    TeammateRoleChanged,
    /// A teammate was deactivated or activated.
    TeammateActivityChanged,
    /// An API token was created.
    ApiTokenCreated,
    /// An API token was revoked.
    ApiTokenRevoked,
    /// A visitor became a user.
    ContactMerged,
    /// A contact was erased.
    ContactErased,
    /// A teammate logged in to the console.
    ConsoleLogin,
    /// A teammate logged out of the console.
    ConsoleLogout,
    /// An identity provider's account is no teammate's any more.
    ConsoleIdentityUnbound,
}

impl Action {
    /// As stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WorkspaceCreated => "workspace.created",
            Self::SpaceUpdated => "space.updated",
            Self::IdentityKeyCreated => "identity_key.created",
            Self::IdentityKeyRevoked => "identity_key.revoked",
            Self::IdentityModeSet => "identity_mode.set",
            Self::AllowedOriginsSet => "allowed_origins.set",
            Self::TeammateCreated => "teammate.created",
            Self::TeammateRenamed => "teammate.renamed",
            Self::TeammateRoleChanged => "teammate.role_changed",
            Self::TeammateActivityChanged => "teammate.activity_changed",
            Self::ApiTokenCreated => "api_token.created",
            Self::ApiTokenRevoked => "api_token.revoked",
            Self::ContactMerged => "contact.merged",
            Self::ContactErased => "contact.erased",
            Self::ConsoleLogin => "console.login",
            Self::ConsoleLogout => "console.logout",
            Self::ConsoleIdentityUnbound => "console_identity.unbound",
        }
    }
}

/// A line of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// What was done; one of [`Action`], or one that a later version knows.
    pub action: String,
    /// Who did it.
    pub actor: String,
    /// On what.
    pub subject: String,
    /// Value before; empty when there was none.
    pub before: String,
    /// Value after.
    pub after: String,
    /// When.
    pub at: Timestamp,
}

impl Entry {
    /// A new line.
    pub fn new(
        action: Action,
        actor: &str,
        subject: impl Into<String>,
        before: impl Into<String>,
        after: impl Into<String>,
        at: Timestamp,
    ) -> Self {
        Self {
            id: EntryId::generate(),
            action: action.as_str().into(),
            actor: actor.into(),
            subject: subject.into(),
            before: before.into(),
            after: after.into(),
            at,
        }
    }
}

/// A place in the audit: older than the entry of this time, in microseconds since 1970, and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPlace {
    /// Time of the last entry seen.
    pub at: i64,
    /// Its id.
    pub id: String,
}

impl AuditPlace {
    /// Before the newest entry.
    pub fn start() -> Self {
        Self {
            at: i64::MAX,
            id: String::new(),
        }
    }
}
