//! User tokens: a JWT in which a workspace's own server says who its user is.
//!
//! Times are checked here, against the time handed in, and the signature by the library. What is
//! wrong with a token is for our own logs, and for the workspace's admins, who may try one: whoever presented it
//! hears one answer.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{DecodingKey, crypto};
use secrecy::ExposeSecret;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use types::text;

use super::{Algorithm, AppId, IdentityKeyId, KeySecret, Platform, Profile, UserId, unique_json};

/// Bytes of a token at the most.
const MAX_USER_TOKEN: usize = 8 * 1024;
/// Seconds from `iat` to `exp` at the most: a leaked token is of no use tomorrow.
const MAX_LIFETIME: f64 = 24.0 * 3_600.0;
/// Seconds by which the signer's clock may differ from ours.
const LEEWAY: f64 = 60.0;
/// Characters kept of a name.
const MAX_NAME: usize = 80;
/// Characters of an e-mail address at the most.
const MAX_EMAIL: usize = 254;
/// Attributes at the most.
const MAX_ATTRIBUTES: usize = 50;
/// Characters of an attribute's name at the most.
const MAX_ATTRIBUTE_NAME: usize = 64;
/// Characters of an attribute's value, a company's id or name, or a `jti`, at the most.
const MAX_VALUE: usize = 255;
/// Characters of an avatar's address at the most.
const MAX_AVATAR: usize = 2_048;

/// Why a token is not accepted; never told to whoever presented it for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than 8 KiB.
    #[error("it is longer than 8 KiB")]
    TooLong,
    /// Not three parts of base64url with JSON objects of unique keys and the right types.
    #[error("it is malformed")]
    Malformed,
    /// No `kid`, or one that is no key's id.
    #[error("it names no key")]
    NoKey,
    /// The header asks for something else than the key does, or for an extension.
    #[error("its header does not suit the key")]
    Header,
    /// Signed with another key, or changed afterwards.
    #[error("its signature is wrong")]
    Signature,
    /// `aud` is not the app id.
    #[error("it is for another audience")]
    Audience,
    /// `exp` is past.
    #[error("it has expired")]
    Expired,
    /// `iat` or `nbf` is still to come.
    #[error("it is from the future")]
    Early,
    /// `exp` is not after `iat`, or more than a day after it.
    #[error("its lifetime is not between 0 and 24 hours")]
    Lifetime,
    /// No user, or two.
    #[error("it names no user, or two")]
    User,
    /// More than 50 attributes, or one that is too long or no plain value; or such a company or avatar.
    #[error("what it says of its user is too much, or no plain values")]
    Attributes,
    /// `jti` is empty or too long.
    #[error("its jti is empty or too long")]
    Jti,
    /// It is for one use, and was used.
    #[error("it was used before")]
    Replayed,
}

/// What a token has proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Whom it speaks of.
    pub profile: Profile,
    /// What makes it good for one use only; `None`: it opens sessions until it expires.
    pub once: Option<Once>,
    /// Its `exp`.
    pub expires_at: Timestamp,
}

/// What a test of a token found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// It would be let in; this key signed it.
    Accepted(Proven, IdentityKeyId),
    /// It names a key that is none of the workspace's.
    UnknownKey(IdentityKeyId),
    /// It names a key that was revoked.
    RevokedKey(IdentityKeyId),
    /// It names a key of this platform, and was tested for another.
    KeyOf(Platform, IdentityKeyId),
    /// It is refused for this; with the key, if that did sign it.
    Refused(Refusal, Option<IdentityKeyId>),
}

/// A token for one use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// SHA-256 of its `jti`: as short as any, and no text of somebody else's to keep.
    pub jti: [u8; 32],
    /// When it is accepted no more, used or not.
    pub until: Timestamp,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    // a header that asks for extensions must not be accepted by who does not know them
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    user_id: Option<String>,
    sub: Option<String>,
    // signers write whole seconds, or fractions of them
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    aud: Audience,
    name: Option<String>,
    email: Option<String>,
    jti: Option<String>,
    // checked and not kept: nothing shows them yet, and what is not kept cannot leak
    avatar: Option<String>,
    company: Option<Company>,
    attributes: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Company {
    id: Option<Value>,
    name: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The three parts of a token, still encoded.
struct Parts<'a> {
    header: &'a str,
    claims: &'a str,
    signed: &'a str,
    signature: &'a str,
}

/// The key that a token says it was signed with. Nothing is proven by it.
///
/// # Errors
/// When the token is too long, malformed, or names none.
pub fn key_named_by(token: &str) -> Result<IdentityKeyId, Refusal> {
    let header: Header = document(parts(token)?.header)?;
    header
        .kid
        .and_then(|kid| IdentityKeyId::parse(&kid).ok())
        .ok_or(Refusal::NoKey)
}

/// What a token proves, once everything about it is right. Whether it was used before is for those to
/// say who remember.
///
/// # Errors
/// With the first thing that is wrong.
pub fn verify(
    token: &str,
    key: &KeySecret,
    app: &AppId,
    now: Timestamp,
) -> Result<Proven, Refusal> {
    let parts = parts(token)?;
    let header: Header = document(parts.header)?;
    // the key decides how it is used; a header that says otherwise is an attack or a mistake
    if header.alg != key.algorithm.as_str() || header.crit.is_some() {
        return Err(Refusal::Header);
    }
    check_signature(&parts, key)?;
    let claims: Claims = document(parts.claims)?;
    if !claims.aud.names(app) {
        return Err(Refusal::Audience);
    }
    claims.check_times(now.as_microsecond() as f64 / 1e6)?;
    claims.check_what_is_told()?;
    let expires_at = Timestamp::from_microsecond((claims.exp * 1e6) as i64);
    Ok(Proven {
        once: claims.once()?,
        // a time that no calendar has is no life of a day
        expires_at: expires_at.map_err(|_| Refusal::Lifetime)?,
        profile: claims.into_profile()?,
    })
}

fn parts(token: &str) -> Result<Parts<'_>, Refusal> {
    if token.len() > MAX_USER_TOKEN {
        return Err(Refusal::TooLong);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Refusal::Malformed)?;
    // a further point is in the claims, where base64url refuses it
    Ok(Parts {
        header,
        claims,
        signed,
        signature,
    })
}

fn document<T: DeserializeOwned>(part: &str) -> Result<T, Refusal> {
    let text = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Refusal::Malformed)?;
    unique_json::read(&text).map_err(|_| Refusal::Malformed)
}

fn check_signature(parts: &Parts<'_>, key: &KeySecret) -> Result<(), Refusal> {
    let algorithm = match key.algorithm {
        Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
    };
    let secret = DecodingKey::from_secret(key.text.expose_secret().as_bytes());
    match crypto::verify(parts.signature, parts.signed.as_bytes(), &secret, algorithm) {
        Ok(true) => Ok(()),
        _ => Err(Refusal::Signature),
    }
}

impl Audience {
    fn names(&self, app: &AppId) -> bool {
        match self {
            Self::One(one) => one == app.as_str(),
            Self::Several(several) => several.iter().any(|one| one == app.as_str()),
        }
    }
}

impl Claims {
    /// All in seconds since 1970.
    fn check_times(&self, now: f64) -> Result<(), Refusal> {
        let lifetime = self.exp - self.iat;
        if lifetime <= 0.0 || lifetime > MAX_LIFETIME {
            return Err(Refusal::Lifetime);
        }
        if now >= self.exp + LEEWAY {
            return Err(Refusal::Expired);
        }
        let first = self.nbf.map_or(self.iat, |nbf| nbf.max(self.iat));
        if first > now + LEEWAY {
            return Err(Refusal::Early);
        }
        Ok(())
    }

    /// A token that says too much is a mistake of who signs them, and better met while they try.
    fn check_what_is_told(&self) -> Result<(), Refusal> {
        let company = self.company.iter().flat_map(|it| [&it.id, &it.name]);
        let attributes = self.attributes.iter().flatten();
        let fits = self
            .attributes
            .as_ref()
            .is_none_or(|all| all.len() <= MAX_ATTRIBUTES)
            && attributes
                .clone()
                .all(|(name, _)| is_line(name, 1, MAX_ATTRIBUTE_NAME))
            && attributes.map(|(_, value)| value).all(is_plain)
            && company.flatten().all(is_plain)
            && self
                .avatar
                .as_deref()
                .is_none_or(|avatar| is_line(avatar, 0, MAX_AVATAR));
        fits.then_some(()).ok_or(Refusal::Attributes)
    }

    fn once(&self) -> Result<Option<Once>, Refusal> {
        let Some(jti) = &self.jti else {
            return Ok(None);
        };
        if jti.is_empty() || jti.chars().count() > MAX_VALUE {
            return Err(Refusal::Jti);
        }
        let until = Timestamp::from_second((self.exp + LEEWAY).ceil() as i64);
        Ok(Some(Once {
            jti: Sha256::digest(jti.as_bytes()).into(),
            // a time that no calendar has is no life of a day
            until: until.map_err(|_| Refusal::Lifetime)?,
        }))
    }

    fn into_profile(self) -> Result<Profile, Refusal> {
        let user_id = match (self.user_id, self.sub) {
            (Some(user_id), Some(sub)) if user_id != sub => return Err(Refusal::User),
            (Some(id), _) | (None, Some(id)) => UserId::parse(&id).map_err(|_| Refusal::User)?,
            (None, None) => return Err(Refusal::User),
        };
        Ok(Profile {
            user_id,
            name: self.name.map(|name| presentable(&name)),
            // half an address is none
            email: self
                .email
                .and_then(|email| text::line(&email, 0, MAX_EMAIL).ok()),
        })
    }
}

fn is_line(text: &str, min: usize, max: usize) -> bool {
    text::line(text, min, max).is_ok()
}

/// A text of no more than 255 characters, a number, a truth, or nothing.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().count() <= MAX_VALUE,
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::Array(_) | Value::Object(_) => false,
    }
}

/// A name as it may be shown. Nobody is locked out for what their name looks like in another system.
fn presentable(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| text::line(c.encode_utf8(&mut [0; 4]), 0, 1).is_ok())
        .collect();
    text::truncate(plain.trim(), MAX_NAME).trim_end().to_owned()
}

#[cfg(test)]
mod tests;
