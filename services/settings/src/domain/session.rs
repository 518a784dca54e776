//! Sessions of contacts.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use types::{ContactId, WorkspaceId};

use super::{ContactKind, IdentityKeyId, Platform, SessionId};

/// How long a session lasts; a fresh user token opens the next one.
pub const SESSION_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// What an access token starts with, so that scanners of logs find a leaked one.
const PREFIX: &str = "msgr_ses_";

/// SHA-256 of an access token: all that is kept of it.
pub type AccessTokenHash = [u8; 32];

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose tenant.
    pub workspace: WorkspaceId,
    /// Whose.
    pub contact: ContactId,
    /// The contact's name; may be empty.
    pub contact_name: String,
    /// How sure it is who the contact is.
    pub contact_kind: ContactKind,
    /// Where it was opened.
    pub platform: Platform,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A session that was ended before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedSession {
    /// Which.
    pub id: SessionId,
    /// Whose tenant.
    pub workspace: WorkspaceId,
    /// Whose.
    pub contact: ContactId,
    /// When.
    pub revoked_at: Timestamp,
}

/// What a session hangs on: when it goes, the session does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opener {
    /// The key that the user's token was signed with.
    Key(IdentityKeyId),
    /// The contact.
    Contact(ContactId),
}

/// A session as its contact's export shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastSession {
    /// Where it was opened.
    pub platform: Platform,
    /// When.
    pub created_at: Timestamp,
    /// When it ends or ended by itself.
    pub expires_at: Timestamp,
    /// When it was ended before that.
    pub revoked_at: Option<Timestamp>,
}

/// A new access token of these random bytes.
pub fn mint_access_token(random: [u8; 32]) -> SecretString {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)).into()
}

/// What is kept of an access token. A plain hash is enough: nobody guesses 256 random bits.
pub fn hash_access_token(token: &str) -> AccessTokenHash {
    Sha256::digest(token.as_bytes()).into()
}
