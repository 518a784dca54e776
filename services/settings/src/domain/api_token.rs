//! API tokens: `msgr_pat_<id>_<secret>_<checksum>`, for integrations and teammates' scripts.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use types::TeammateId;

use super::ApiTokenId;

/// Everything a token may be allowed to do.
pub const SCOPES: [&str; 8] = [
    "tickets:read",
    "tickets:write",
    "conversations:read",
    "conversations:write",
    "settings:read",
    "settings:write",
    "contacts:read",
    "contacts:write",
];
/// What a token starts with, so that scanners of source code find a leaked one.
const PREFIX: &str = "msgr_pat_";
/// Bytes of a token: prefix, 32 digits of id, 64 of secret, 8 of checksum, and what parts them.
const LENGTH: usize = PREFIX.len() + 32 + 1 + 64 + 1 + 8;
/// How long a token lasts when nobody says.
const DEFAULT_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How long a token lasts at the most: a year, a leap year included.
const MAX_LIFETIME: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A token as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// What it is for.
    pub name: String,
    /// The teammate it acts as; `None` for an integration.
    pub teammate: Option<TeammateId>,
    /// What it may do; sorted, each once.
    pub scopes: Vec<Scope>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was revoked; `None` while active.
    pub revoked_at: Option<Timestamp>,
    /// When it was last exchanged, to the minute; `None`: never.
    pub last_used_at: Option<Timestamp>,
}

/// One of [`SCOPES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope(&'static str);

/// A text that is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be tickets, conversations, settings or contacts, followed by :read or :write")]
pub struct UnknownScope;

impl Scope {
    /// # Errors
    /// When there is no such scope.
    pub fn parse(text: &str) -> Result<Self, UnknownScope> {
        SCOPES
            .into_iter()
            .find(|scope| *scope == text)
            .map(Self)
            .ok_or(UnknownScope)
    }

    /// The scope as text.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// The first scope that whoever asks for a token does not hold: nobody gives what they have not.
pub fn first_lacking(scopes: &[Scope], held: impl Fn(&str) -> bool) -> Option<Scope> {
    scopes.iter().copied().find(|scope| !held(scope.as_str()))
}

/// A time at which no token can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be in the future, and at most a year away")]
pub struct InvalidExpiry;

/// When a new token ends.
///
/// # Errors
/// When the time asked for is not in the future, or more than a year away.
pub fn expiry(asked: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, InvalidExpiry> {
    let asked = asked.unwrap_or(now + DEFAULT_LIFETIME);
    if asked <= now || asked > now + MAX_LIFETIME {
        return Err(InvalidExpiry);
    }
    Ok(asked)
}

/// A token somebody presents: well made, but not yet known to be ours.
#[derive(Debug)]
pub struct Presented {
    /// The token it says it is.
    pub id: ApiTokenId,
    hash: [u8; 32],
}

impl Presented {
    /// Reads a token; `None` when it is malformed or its checksum is wrong, which typing mistakes
    /// and guesses do not survive.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != LENGTH {
            return None;
        }
        let (body, sum) = text.rsplit_once('_')?;
        if sum != checksum(body) {
            return None;
        }
        let (id, _) = body.strip_prefix(PREFIX)?.split_once('_')?;
        let id = ApiTokenId::parse(&format!("{}_{id}", ApiTokenId::PREFIX)).ok()?;
        Some(Self {
            id,
            hash: hash(text),
        })
    }

    /// The token kept under this hash is this one. Takes the same time wherever they differ.
    pub fn is(&self, kept: &[u8]) -> bool {
        self.hash.ct_eq(kept).into()
    }
}

/// A new token of these random bytes, and what is kept of it. A plain hash is enough: nobody guesses
/// 256 random bits.
pub fn mint_api_token(id: &ApiTokenId, random: [u8; 32]) -> (SecretString, [u8; 32]) {
    let digits = id.as_str().trim_start_matches("tok_");
    let mut text = format!("{PREFIX}{digits}_");
    for byte in random {
        // writing to a String cannot fail
        let _ = write!(text, "{byte:02x}");
    }
    let sum = checksum(&text);
    let text = format!("{text}_{sum}");
    let hash = hash(&text);
    (text.into(), hash)
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// CRC-32 as zip and PNG have it (ISO 3309), as eight hexadecimal digits.
fn checksum(text: &str) -> String {
    let crc = text.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            let carry = if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            (crc >> 1) ^ carry
        })
    });
    format!("{:08x}", !crc)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn token() -> (ApiTokenId, String, [u8; 32]) {
        let id = ApiTokenId::derive(&["a"]);
        let (text, hash) = mint_api_token(&id, [0xAB; 32]);
        assert!(!format!("{text:?}").contains("abab"));
        (id, text.expose_secret().to_owned(), hash)
    }

    #[test]
    fn the_checksum_is_the_one_everybody_knows() {
        assert_eq!(checksum("123456789"), "cbf43926");
    }

    #[test]
    fn a_token_is_recognised_by_its_hash() {
        let (id, text, hash) = token();
        let presented = Presented::parse(&text).unwrap();
        assert_eq!(presented.id, id);
        assert!(presented.is(&hash));
        assert!(!presented.is(&[0; 32]) && !presented.is(&hash[1..]) && !presented.is(&[]));
    }

    #[test]
    fn a_token_with_any_character_changed_or_missing_is_not_even_looked_up() {
        let (_, text, _) = token();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(Presented::parse(&changed).is_none(), "{changed}");
            assert!(Presented::parse(&text[..at]).is_none());
        }
        for bad in [
            "",
            &format!("{text} "),
            &"é".repeat(LENGTH / 2),
            &"_".repeat(LENGTH),
        ] {
            assert!(Presented::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_token_lasts_90_days_unless_said_and_never_more_than_a_year() {
        let now = Timestamp::from_second(1_767_268_800).unwrap();
        let in_days = |days: i64| now + SignedDuration::from_hours(24 * days);
        assert_eq!(expiry(None, now), Ok(in_days(90)));
        assert_eq!(expiry(Some(in_days(365)), now), Ok(in_days(365)));
        for bad in [
            now,
            in_days(-1),
            in_days(367),
            Timestamp::MAX,
            Timestamp::MIN,
        ] {
            assert_eq!(expiry(Some(bad), now), Err(InvalidExpiry));
        }
    }

    #[test]
    fn nobody_gives_a_scope_they_do_not_hold() {
        let scopes = ["settings:read", "tickets:write"].map(|s| Scope::parse(s).unwrap());
        assert_eq!(first_lacking(&scopes, |_| true), None);
        assert_eq!(
            first_lacking(&scopes, |scope| scope == "settings:read"),
            Some(scopes[1])
        );
        for bad in [
            "",
            "workspaces:write",
            "sessions:write",
            "events:read",
            "tickets:*",
        ] {
            assert_eq!(Scope::parse(bad), Err(UnknownScope));
        }
    }
}
