use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Entries on a page when the caller does not say.
const DEFAULT_PAGE: u32 = 20;
/// Entries on a page at the most.
const MAX_PAGE: u32 = 100;
/// Bytes of signature in a token: enough that guessing one is hopeless.
const SIGNATURE: usize = 16;
/// A token is never longer than this.
const MAX_TOKEN: usize = 1_024;

/// A page token that is malformed, tampered with, or belongs to another list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the page token is malformed or belongs to another list")]
pub struct InvalidPageToken;

/// Makes and reads page tokens, signed and bound to a scope: the list, its filters and who reads it.
#[derive(Clone)]
pub struct PageTokens {
    key: [u8; 32],
}

impl PageTokens {
    /// With the service's secret key, which all its replicas share.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// A token for the page after `cursor` in the list that `scope` names.
    pub fn encode(&self, scope: &[&str], cursor: &str) -> String {
        let mut bytes = self.sign(scope, cursor.as_bytes()).to_vec();
        bytes.extend_from_slice(cursor.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor in a token; `None` for the empty token of a first page.
    ///
    /// # Errors
    /// When the token was not made for this scope.
    pub fn decode(&self, scope: &[&str], token: &str) -> Result<Option<String>, InvalidPageToken> {
        if token.is_empty() {
            return Ok(None);
        }
        if token.len() > MAX_TOKEN {
            return Err(InvalidPageToken);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| InvalidPageToken)?;
        let (signature, cursor) = bytes.split_at_checked(SIGNATURE).ok_or(InvalidPageToken)?;
        self.mac(scope, cursor)
            .verify_truncated_left(signature)
            .map_err(|_| InvalidPageToken)?;
        String::from_utf8(cursor.to_vec())
            .map(Some)
            .map_err(|_| InvalidPageToken)
    }

    fn sign(&self, scope: &[&str], cursor: &[u8]) -> [u8; SIGNATURE] {
        let full = self.mac(scope, cursor).finalize().into_bytes();
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(&full[..SIGNATURE]);
        signature
    }

    fn mac(&self, scope: &[&str], cursor: &[u8]) -> Hmac<Sha256> {
        #[allow(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.key).expect("any length is fine");
        for part in scope {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(&u64::MAX.to_be_bytes());
        mac.update(cursor);
        mac
    }
}

/// How many entries to return: 20 when not said, 100 at the most.
pub fn page_size(asked: u32) -> usize {
    let size = if asked == 0 {
        DEFAULT_PAGE
    } else {
        asked.min(MAX_PAGE)
    };
    size as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_list_only() {
        let tokens = PageTokens::new([7; 32]);
        let token = tokens.encode(&["list", "con_a"], "17|x");
        assert_eq!(
            tokens.decode(&["list", "con_a"], &token),
            Ok(Some("17|x".into()))
        );
        assert_eq!(
            tokens.decode(&["list", "con_b"], &token),
            Err(InvalidPageToken)
        );
        assert_eq!(
            PageTokens::new([8; 32]).decode(&["list", "con_a"], &token),
            Err(InvalidPageToken)
        );
        let mut tampered = token.clone().into_bytes();
        let last = tampered.len() - 3;
        tampered[last] = if tampered[last] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(tampered).unwrap();
        assert_eq!(
            tokens.decode(&["list", "con_a"], &tampered),
            Err(InvalidPageToken)
        );
        for bad in ["!", "AAAA", &"A".repeat(2_000)] {
            assert_eq!(
                tokens.decode(&["list", "con_a"], bad),
                Err(InvalidPageToken)
            );
        }
        assert_eq!(tokens.decode(&[], ""), Ok(None));
    }
}
