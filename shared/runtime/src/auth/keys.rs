use std::{
    collections::HashMap,
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use types::WorkspaceId;

use super::{Actor, ActorKind};
use crate::{PeerTls, StartError};

/// Whom assertions are for.
const AUDIENCE: &str = "messenger.services";
/// How long an assertion is good, in seconds.
const LIFETIME: i64 = 60;
/// Clocks of two machines may differ by this much, in seconds.
const LEEWAY: u64 = 5;
/// Longer tokens are refused unread.
const MAX_TOKEN: usize = 8 * 1024;
/// Public keys of one name at once: one that goes, one that comes, and room for a change that was broken off.
const MAX_KEYS: usize = 4;
/// The last line of a public key.
const END: &str = "-----END PUBLIC KEY-----";
/// Who may speak for contacts and teammates; every other key only for its own service.
const SPEAKERS: [&str; 3] = ["bff", "settings", "operator"];

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    kind: ActorKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ws: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    iat: i64,
    exp: i64,
}

/// A signed statement of who calls.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// Sent as `authorization: Bearer …`.
    pub token: String,
    /// When it ends, in seconds since 1970.
    pub expires_at: i64,
}

/// This process's own key and everybody's public keys, by the service's name.
pub struct KeyRing {
    name: String,
    own: Option<EncodingKey>,
    trusted: HashMap<String, Vec<DecodingKey>>,
    tls: Option<PeerTls>,
}

impl KeyRing {
    /// Reads `NAME.key` and every `*.pub` of a directory. A `.pub` may hold several keys, one after another:
    /// while a key is changed, what either signed is believed.
    ///
    /// # Errors
    /// When a key is missing or malformed; the sentence says which and how to make one.
    pub fn load(directory: &Path, name: &str) -> Result<Self, StartError> {
        let problem = |path: &Path, cause: &dyn std::fmt::Display| {
            StartError::Keys(format!(
                "the key {} cannot be used: {cause}; remove it if it is damaged, and make what is missing with `suite keys --dir {}`",
                path.display(),
                directory.display()
            ))
        };
        let path = directory.join(format!("{name}.key"));
        let pem = fs::read(&path).map_err(|e| problem(&path, &e))?;
        let own = EncodingKey::from_ed_pem(&pem).map_err(|e| problem(&path, &e))?;
        let mut trusted = HashMap::new();
        for entry in fs::read_dir(directory).map_err(|e| problem(directory, &e))? {
            let path = entry.map_err(|e| problem(directory, &e))?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if let (Some("pub"), Some(stem)) = (path.extension().and_then(|e| e.to_str()), stem) {
                let pem = fs::read(&path).map_err(|e| problem(&path, &e))?;
                let keys = public_keys(&pem).map_err(|why| problem(&path, &why))?;
                trusted.insert(stem.to_owned(), keys);
            }
        }
        Ok(Self {
            name: name.to_owned(),
            own: Some(own),
            trusted,
            tls: None,
        })
    }

    /// With what the services at `https://` addresses are called with.
    #[must_use]
    pub fn over(self, tls: Option<PeerTls>) -> Self {
        Self { tls, ..self }
    }

    pub(crate) fn tls(&self) -> Option<&PeerTls> {
        self.tls.as_ref()
    }

    /// Signs who calls; good for 60 s.
    ///
    /// # Errors
    /// When this ring has no key of its own, or it cannot sign.
    pub fn sign(&self, actor: &Actor) -> Result<Assertion, StartError> {
        let unusable = || StartError::Keys(format!("the key {}.key cannot sign", self.name));
        let own = self.own.as_ref().ok_or_else(unusable)?;
        let now = now_seconds();
        let claims = Claims {
            aud: AUDIENCE.into(),
            iss: self.name.clone(),
            sub: actor.id.clone(),
            kind: actor.kind,
            ws: actor.workspace.as_ref().map(ToString::to_string),
            name: actor.name.clone(),
            scopes: actor.scopes.clone(),
            iat: now,
            exp: now + LIFETIME,
        };
        let header = Header {
            kid: Some(self.name.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        let token = jsonwebtoken::encode(&header, &claims, own).map_err(|_| unusable())?;
        Ok(Assertion {
            token,
            expires_at: claims.exp,
        })
    }

    /// Signs for this service itself, with the scopes it needs, for one workspace or for none.
    ///
    /// # Errors
    /// As [`KeyRing::sign`].
    pub fn sign_self(
        &self,
        workspace: Option<WorkspaceId>,
        scopes: &[&str],
    ) -> Result<Assertion, StartError> {
        self.sign(&Actor {
            workspace,
            kind: ActorKind::Service,
            id: self.name.clone(),
            name: String::new(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        })
    }

    /// Who the token says calls, and when it ends; `None` whatever is wrong with it.
    pub(super) fn verify(&self, token: &str) -> Option<(Actor, i64)> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let signer = jsonwebtoken::decode_header(token).ok()?.kid?;
        let keys = self.trusted.get(&signer)?;
        // the algorithm belongs to the key, never to the token's header
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&signer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.leeway = LEEWAY;
        let mut keys = keys.iter();
        let claims = keys.find_map(|key| {
            let token = jsonwebtoken::decode::<Claims>(token, key, &validation);
            token.ok().map(|token| token.claims)
        })?;
        let speaks_for_itself = claims.kind == ActorKind::Service && claims.sub == signer;
        if !speaks_for_itself && !SPEAKERS.contains(&signer.as_str()) {
            return None;
        }
        // neither longer than we sign for, nor dated ahead
        let ends_in = claims.exp - now_seconds();
        if claims.exp - claims.iat > LIFETIME || ends_in > LIFETIME + LEEWAY as i64 {
            return None;
        }
        let workspace = claims
            .ws
            .map(|ws| WorkspaceId::parse(&ws))
            .transpose()
            .ok()?;
        let actor = Actor {
            workspace,
            kind: claims.kind,
            id: claims.sub,
            name: claims.name,
            scopes: claims.scopes,
        };
        Some((actor, claims.exp))
    }
}

/// The keys of a `.pub`, in the order they are in.
fn public_keys(pem: &[u8]) -> Result<Vec<DecodingKey>, String> {
    let text = std::str::from_utf8(pem).map_err(|why| why.to_string())?;
    let mut keys = Vec::new();
    for one in text.trim_end().split_inclusive(END) {
        keys.push(DecodingKey::from_ed_pem(one.trim().as_bytes()).map_err(|why| why.to_string())?);
    }
    match keys.len() {
        1..=MAX_KEYS => Ok(keys),
        found => Err(format!("it has {found} public keys, of 1 to {MAX_KEYS}")),
    }
}

/// Makes a key pair for each name in a directory, leaving those that are there. Private keys can be
/// read by their owner alone.
///
/// # Errors
/// When the directory cannot be written.
pub fn generate_keys(directory: &Path, names: &[&str]) -> Result<(), StartError> {
    let problem = |cause: &dyn std::fmt::Display| {
        StartError::Keys(format!(
            "keys cannot be written to {}: {cause}",
            directory.display()
        ))
    };
    fs::create_dir_all(directory).map_err(|e| problem(&e))?;
    for name in names {
        let path = directory.join(format!("{name}.key"));
        if path.exists() {
            continue;
        }
        let key = SigningKey::generate(&mut OsRng);
        let private = key.to_pkcs8_pem(LineEnding::LF).map_err(|e| problem(&e))?;
        let public = key
            .verifying_key()
            .to_public_key_pem(LineEnding::LF)
            .map_err(|e| problem(&e))?;
        fs::write(directory.join(format!("{name}.pub")), public).map_err(|e| problem(&e))?;
        write_private(&path, private.as_bytes()).map_err(|e| problem(&e))?;
    }
    Ok(())
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

// Assertions are checked against the machine's clock by the library too, so a handed-in clock would
// only seem to decide.
#[allow(
    clippy::disallowed_methods,
    reason = "tokens carry wall-clock times between machines"
)]
pub(crate) fn now_seconds() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rings() -> (tempfile::TempDir, KeyRing, KeyRing) {
        let dir = tempfile::tempdir().unwrap();
        generate_keys(dir.path(), &["bff", "a"]).unwrap();
        let bff = KeyRing::load(dir.path(), "bff").unwrap();
        let a = KeyRing::load(dir.path(), "a").unwrap();
        (dir, bff, a)
    }

    fn contact() -> Actor {
        Actor {
            workspace: Some(WorkspaceId::generate()),
            kind: ActorKind::Contact,
            id: types::ContactId::generate().into(),
            name: "Ada".into(),
            scopes: Vec::new(),
        }
    }

    #[test]
    fn an_assertion_says_who_calls_to_whoever_trusts_its_signer() {
        let (_dir, bff, a) = rings();
        let actor = contact();
        let token = bff.sign(&actor).unwrap().token;
        assert_eq!(a.verify(&token).unwrap().0, actor);
    }

    #[test]
    fn a_service_speaks_for_itself_only() {
        let (_dir, bff, a) = rings();
        assert!(bff.verify(&a.sign(&contact()).unwrap().token).is_none());
        assert!(
            bff.verify(&a.sign_self(None, &["events:read"]).unwrap().token)
                .is_some()
        );
    }

    #[test]
    fn a_tampered_foreign_or_unsigned_assertion_is_refused() {
        let (_dir, bff, a) = rings();
        let token = bff.sign(&contact()).unwrap().token;
        let (_other_dir, other, _) = rings();
        assert!(a.verify(&other.sign(&contact()).unwrap().token).is_none());
        let mut parts: Vec<&str> = token.split('.').collect();
        let none = "eyJhbGciOiJub25lIiwia2lkIjoiYmZmIn0";
        parts[0] = none;
        assert!(a.verify(&parts.join(".")).is_none());
        assert!(a.verify(&format!("{}.{}.", none, parts[1])).is_none());
        assert!(a.verify("").is_none());
        assert!(a.verify(&"x".repeat(9_000)).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn private_keys_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, ..) = rings();
        let mode = fs::metadata(dir.path().join("a.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
