//! Keys with which a workspace's own server signs who its users are.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::SecretString;

use super::{IdentityKeyId, Platform};

/// Active keys of a platform at the most: the one in use and the one that will replace it.
pub const MAX_ACTIVE_KEYS: usize = 2;
/// What a key's secret starts with, so that scanners of source code find a leaked one.
const PREFIX: &str = "msgr_msk_";

/// How a key signs: a property of the key, never of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
}

impl Algorithm {
    /// As stored, and as tokens name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
        }
    }

    /// The algorithm of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        (name == Self::Hs256.as_str()).then_some(Self::Hs256)
    }
}

/// A key as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityKey {
    /// The `kid` of its tokens.
    pub id: IdentityKeyId,
    /// Where it is good.
    pub platform: Platform,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked; `None` while active.
    pub revoked_at: Option<Timestamp>,
    /// When it last opened a session, to the minute; `None`: never.
    pub last_used_at: Option<Timestamp>,
}

/// What a key signs with.
#[derive(Debug, Clone)]
pub struct KeySecret {
    /// How.
    pub algorithm: Algorithm,
    /// The text whose bytes are the key.
    pub text: SecretString,
}

/// A new secret of these random bytes.
pub fn mint_key_secret(random: [u8; 32]) -> KeySecret {
    KeySecret {
        algorithm: Algorithm::Hs256,
        text: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)).into(),
    }
}

/// The place that one more active key of a platform takes; `None` when both are taken. Keys keep
/// their place, and a unique index over it holds the limit.
pub fn free_slot(taken: &[i32]) -> Option<i32> {
    (1..=MAX_ACTIVE_KEYS as i32).find(|slot| !taken.contains(slot))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn two_keys_at_most_are_active() {
        assert_eq!(free_slot(&[]), Some(1));
        assert_eq!(free_slot(&[1]), Some(2));
        assert_eq!(free_slot(&[2]), Some(1));
        assert_eq!(free_slot(&[2, 1]), None);
    }

    #[test]
    fn a_secret_says_what_it_is_and_does_not_print() {
        let secret = mint_key_secret([7; 32]);
        let text = secret.text.expose_secret();
        assert!(text.starts_with("msgr_msk_") && text.len() == 9 + 43);
        assert!(!format!("{secret:?}").contains(text));
    }
}
