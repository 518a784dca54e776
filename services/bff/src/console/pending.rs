//! A login between its request and its callback: kept by the browser that began it, signed, for ten minutes.
//! Every replica can take it back, and a callback in another browser finds nothing.

use std::path::Path;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use runtime::StartError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{HOME, args::AppId};

/// How long a person may take to log in, in seconds.
pub(super) const LIFETIME: i64 = 10 * 60;
/// Longer values are not ours.
const MOST: usize = 4 * 1024;
/// So that no other use of the key gives the same signature.
const PURPOSE: &[u8] = b"a login to the console that has begun";

/// What the callback has to know of its login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    /// Comes back with the callback; proves that it belongs to this login.
    pub state: String,
    /// Comes back in the id token; proves that it was made for this login.
    pub nonce: String,
    /// Goes to the provider with the code; proves that whoever has it began the login.
    pub verifier: String,
    /// Of the workspace logged in to.
    pub app: String,
    /// Where the browser goes at the end; a path of ours.
    pub return_to: String,
    /// In seconds since 1970.
    pub ends: i64,
}

impl Pending {
    /// The workspace, as it was checked when the login began.
    pub fn app(&self) -> Option<AppId> {
        AppId::parse(&self.app).ok()
    }

    /// What makes this login unique.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.state).into()
    }

    /// The callback is this login's. Takes the same time wherever they differ.
    pub fn is_of(&self, state: &str) -> bool {
        // digests of what an attacker knows and of what they do not: the comparison tells nothing
        Sha256::digest(state)[..] == self.fingerprint()
    }
}

/// Signs pending logins with what all replicas have and nobody else.
pub(super) struct Seal([u8; 32]);

impl Seal {
    /// From this service's own private key, so that there is no further secret to hand out.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(keys: &Path, name: &str) -> Result<Self, StartError> {
        let path = keys.join(format!("{name}.key"));
        let key = std::fs::read(&path).map_err(|e| {
            StartError::Keys(format!("the key {} cannot be read: {e}", path.display()))
        })?;
        Ok(Self(
            Sha256::new()
                .chain_update(PURPOSE)
                .chain_update(key)
                .finalize()
                .into(),
        ))
    }

    /// The value of a cookie.
    pub fn seal(&self, pending: &Pending) -> String {
        // strings and a number: this cannot fail
        let json = serde_json::to_vec(pending).unwrap_or_default();
        let text = URL_SAFE_NO_PAD.encode(json);
        let signature = self.mac(&text).map(|mac| mac.finalize().into_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.unwrap_or_default());
        format!("{text}.{signature}")
    }

    /// The login of a cookie's value; `None` whatever is wrong with it.
    pub fn open(&self, value: &str, now: i64) -> Option<Pending> {
        if value.len() > MOST {
            return None;
        }
        let (text, signature) = value.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(text)?.verify_slice(&signature).ok()?;
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        let pending: Pending = serde_json::from_slice(&json).ok()?;
        (now < pending.ends).then_some(pending)
    }

    fn mac(&self, text: &str) -> Option<Hmac<Sha256>> {
        Some(
            Hmac::<Sha256>::new_from_slice(&self.0)
                .ok()?
                .chain_update(text),
        )
    }
}

/// Where to go after the login: a page of the console, and nowhere else.
pub(super) fn return_to(asked: Option<&str>) -> String {
    let ours = |path: &&str| {
        path.starts_with(HOME)
            && path.len() <= 512
            && path
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    asked.filter(ours).unwrap_or(HOME).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending() -> Pending {
        Pending {
            state: "s".into(),
            nonce: "n".into(),
            verifier: "v".into(),
            app: "app_00000000000000000000000000000001".into(),
            return_to: "/console/".into(),
            ends: 1_000,
        }
    }

    #[test]
    fn a_login_is_taken_back_until_its_time_is_over() {
        let seal = Seal([7; 32]);
        let value = seal.seal(&pending());
        assert_eq!(seal.open(&value, 999), Some(pending()));
        assert_eq!(seal.open(&value, 1_000), None);
    }

    #[test]
    fn a_login_that_anybody_else_signed_or_changed_is_not_taken_back() {
        let seal = Seal([7; 32]);
        let value = seal.seal(&pending());
        assert_eq!(Seal([8; 32]).open(&value, 1), None);
        for at in 0..value.len() {
            let mut changed = value.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // the last character of unpadded base64 has bits that say nothing
            if at != value.len() - 1 {
                assert_eq!(seal.open(&changed, 1), None, "{at}");
            }
        }
        for bad in ["", ".", "a.b", &"x".repeat(5_000)] {
            assert_eq!(seal.open(bad, 1), None);
        }
    }

    #[test]
    fn a_login_ends_on_a_page_of_the_console_and_nowhere_else() {
        for good in ["/console/", "/console/tickets?state=open#1"] {
            assert_eq!(return_to(Some(good)), good);
        }
        for bad in [
            "",
            "/",
            "//evil.example/console/",
            "https://evil.example/console/",
            "/\\evil.example",
            "/console/\\evil.example",
            "/console",
            "/console/\r\nset-cookie: a=b",
            "/console/\u{e9}",
            "javascript:alert(1)",
            &format!("/console/{}", "x".repeat(600)),
        ] {
            assert_eq!(return_to(Some(bad)), "/console/", "{bad}");
        }
        assert_eq!(return_to(None), "/console/");
    }
}
