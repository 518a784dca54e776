//! Console sessions of teammates, and the identities at a provider that open them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use types::{TeammateId, WorkspaceId};

use super::{ConsoleSessionId, Role, SCOPES, Scope, Teammate, Workspace};

/// A console session lasts this long, used or not.
pub const CONSOLE_LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// And ends this long after it was last used.
pub const CONSOLE_IDLE: SignedDuration = SignedDuration::from_hours(8);
/// A use is noted this long after the one noted before: not every call is worth a write.
pub const CONSOLE_USE_NOTED: SignedDuration = SignedDuration::from_mins(1);
/// What a console token starts with, so that scanners of logs find a leaked one, and nobody takes it for an
/// access token.
const PREFIX: &str = "msgr_con_";

/// SHA-256 of a console token, or of what makes a login unique: all that is kept of either.
pub type ConsoleHash = [u8; 32];

/// A person as an identity provider knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderIdentity {
    /// The provider, 1 to 255 characters.
    pub issuer: String,
    /// The provider's own id for the person, 1 to 255 characters.
    pub subject: String,
}

/// A console session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSession {
    /// Its id.
    pub id: ConsoleSessionId,
    /// Whose tenant.
    pub workspace: WorkspaceId,
    /// Whose.
    pub teammate: TeammateId,
    /// What the teammate was when it was opened.
    pub role: Role,
    /// When it was last used, to the minute.
    pub used_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A console session with whom and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenConsole {
    /// The session.
    pub session: ConsoleSession,
    /// Its tenant.
    pub workspace: Workspace,
    /// Its teammate.
    pub teammate: Teammate,
}

impl ConsoleSession {
    /// A session that begins now.
    pub fn begin(workspace: WorkspaceId, teammate: &Teammate, now: Timestamp) -> Self {
        Self {
            id: ConsoleSessionId::generate(),
            workspace,
            teammate: teammate.id.clone(),
            role: teammate.role,
            used_at: now,
            expires_at: now + CONSOLE_LIFETIME,
        }
    }

    /// It can be used now: neither too old nor left alone for too long.
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.expires_at && now < self.used_at + CONSOLE_IDLE
    }

    /// The teammate is still who they were when it was opened.
    pub fn fits(&self, teammate: &Teammate) -> bool {
        teammate.active && teammate.role == self.role
    }

    /// Its use is worth noting.
    pub fn is_to_be_noted(&self, now: Timestamp) -> bool {
        now >= self.used_at + CONSOLE_USE_NOTED
    }
}

/// The one whom an address belongs to: with two of them nobody could say which one logs in.
pub fn only_active(mut found: Vec<Teammate>) -> Option<Teammate> {
    found.retain(|teammate| teammate.active);
    match found.len() {
        1 => found.pop(),
        _ => None,
    }
}

/// What a role may do.
pub fn scopes_of(role: Role) -> Vec<String> {
    SCOPES
        .into_iter()
        .filter(|scope| Scope::parse(scope).is_ok_and(|scope| role.allows(scope)))
        .map(str::to_owned)
        .collect()
}

/// A new console token of these random bytes.
pub fn mint_console_token(random: [u8; 32]) -> SecretString {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)).into()
}

/// What is kept of a console token. A plain hash is enough: nobody guesses 256 random bits.
pub fn hash_console_token(token: &str) -> ConsoleHash {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn teammate(role: Role, active: bool) -> Teammate {
        Teammate {
            id: TeammateId::generate(),
            name: "Grace".into(),
            email: "grace@example.com".into(),
            role,
            active,
        }
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_767_268_800 + hours * 3_600).unwrap()
    }

    #[test]
    fn a_console_session_ends_after_eight_idle_hours_or_after_a_day() {
        let mut session =
            ConsoleSession::begin(WorkspaceId::generate(), &teammate(Role::Agent, true), at(0));
        assert!(session.is_open(at(7)) && !session.is_open(at(8)));
        session.used_at = at(7);
        assert!(session.is_open(at(14)) && !session.is_open(at(15)));
        session.used_at = at(23);
        assert!(!session.is_open(at(24)));
    }

    #[test]
    fn a_session_is_for_the_role_it_was_opened_with() {
        let mut grace = teammate(Role::Agent, true);
        let session = ConsoleSession::begin(WorkspaceId::generate(), &grace, at(0));
        assert!(session.fits(&grace));
        grace.role = Role::Admin;
        assert!(!session.fits(&grace));
        grace.role = Role::Agent;
        grace.active = false;
        assert!(!session.fits(&grace));
    }

    #[test]
    fn an_address_of_two_active_teammates_is_nobodys() {
        let (one, other) = (teammate(Role::Agent, true), teammate(Role::Viewer, true));
        let gone = teammate(Role::Admin, false);
        assert_eq!(
            only_active(vec![gone.clone(), one.clone()]),
            Some(one.clone())
        );
        assert_eq!(only_active(vec![one, other]), None);
        assert_eq!(only_active(vec![gone]), None);
        assert_eq!(only_active(Vec::new()), None);
    }
}
