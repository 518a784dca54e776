//! Customers whom nobody vouches for: they are known again by a secret in their browser.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use types::ContactId;

use super::{Contact, ContactKind, UserId};

/// How long a secret is good after its last use: nine months.
pub const SECRET_LIFETIME: SignedDuration = SignedDuration::from_hours(274 * 24);
/// What a secret starts with, so that scanners of logs find a leaked one.
const PREFIX: &str = "msgr_vis_";

/// SHA-256 of a visitor's secret: all that is kept of it.
pub type SecretHash = [u8; 32];

/// A new secret of these random bytes.
pub fn mint_visitor_secret(random: [u8; 32]) -> SecretString {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)).into()
}

/// What is kept of a secret. A plain hash is enough: nobody guesses 256 random bits. A text that is none
/// has a hash that nobody has.
pub fn hash_visitor_secret(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whom a secret belongs to, and whether it still opens anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSecret {
    /// The visitor or unverified contact.
    pub contact: Contact,
    /// When it ends, unless it is used before.
    pub expires_at: Timestamp,
    /// It was taken back before its time.
    pub revoked: bool,
}

/// Whom a good secret finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// The contact of the secret.
    Same,
    /// Somebody else at the same browser: they say to be another one than the contact of the secret did.
    SomebodyElse,
}

/// What a secret proves beside a user's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The visitor is the user: merge them.
    IsTheUser,
    /// The visitor was found to be the user before.
    WasTheUser,
    /// Nothing: it is no visitor's, opens nothing, or is of somebody else.
    Nothing,
}

impl KnownSecret {
    fn is_good(&self, now: Timestamp) -> bool {
        !self.revoked
            && self.expires_at > now
            && self.contact.merged_into.is_none()
            && self.contact.erased_at.is_none()
    }

    /// Whom it finds, of one who says to be `claim`; `None` when it opens nothing.
    pub fn recognise(&self, claim: Option<&UserId>, now: Timestamp) -> Option<Recognised> {
        if !self.is_good(now) {
            return None;
        }
        let same = match self.contact.kind {
            ContactKind::Visitor => claim.is_none(),
            ContactKind::Unverified => claim.is_some() && claim == self.contact.user_id.as_ref(),
            ContactKind::User => false,
        };
        Some(if same {
            Recognised::Same
        } else {
            Recognised::SomebodyElse
        })
    }

    /// What it proves to be presented with the token of `user`. Only who never said to be somebody is
    /// ever merged, and only once.
    pub fn proves(&self, user: &ContactId, now: Timestamp) -> Proof {
        match &self.contact.merged_into {
            Some(into) if into == user => Proof::WasTheUser,
            None if self.contact.kind == ContactKind::Visitor && self.is_good(now) => {
                Proof::IsTheUser
            }
            _ => Proof::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use types::timestamp;

    use super::*;

    fn user(id: &str) -> UserId {
        UserId::parse(id).unwrap()
    }

    fn known(kind: ContactKind, claim: Option<&str>) -> KnownSecret {
        KnownSecret {
            contact: Contact {
                id: ContactId::derive(&["visitor"]),
                kind,
                user_id: claim.map(user),
                name: String::new(),
                email: String::new(),
                created_at: timestamp(0),
                merged_into: None,
                erased_at: None,
            },
            expires_at: timestamp(10),
            revoked: false,
        }
    }

    /// Every way in which a secret opens nothing.
    fn bad() -> [KnownSecret; 3] {
        let good = || known(ContactKind::Visitor, None);
        let mut erased = good();
        erased.contact.erased_at = Some(timestamp(1));
        let revoked = KnownSecret {
            revoked: true,
            ..good()
        };
        let expired = KnownSecret {
            expires_at: timestamp(5),
            ..good()
        };
        [erased, revoked, expired]
    }

    #[test]
    fn a_secret_finds_its_contact_only_for_who_says_the_same() {
        let now = timestamp(5);
        let visitor = known(ContactKind::Visitor, None);
        let ada = known(ContactKind::Unverified, Some("ada"));
        let (same, other) = (Some(Recognised::Same), Some(Recognised::SomebodyElse));
        assert_eq!(visitor.recognise(None, now), same);
        assert_eq!(visitor.recognise(Some(&user("ada")), now), other);
        assert_eq!(ada.recognise(Some(&user("ada")), now), same);
        assert_eq!(ada.recognise(Some(&user("ben")), now), other);
        assert_eq!(ada.recognise(None, now), other);
        for bad in bad() {
            assert_eq!(bad.recognise(None, now), None);
        }
    }

    #[test]
    fn only_a_good_secret_of_an_anonymous_visitor_proves_anything_and_only_once() {
        let now = timestamp(5);
        let (ada, ben) = (ContactId::derive(&["ada"]), ContactId::derive(&["ben"]));
        assert_eq!(
            known(ContactKind::Visitor, None).proves(&ada, now),
            Proof::IsTheUser
        );
        for kind in [ContactKind::Unverified, ContactKind::User] {
            assert_eq!(known(kind, Some("ada")).proves(&ada, now), Proof::Nothing);
        }
        for bad in bad() {
            assert_eq!(bad.proves(&ada, now), Proof::Nothing);
        }
        let mut merged = KnownSecret {
            revoked: true,
            ..known(ContactKind::Visitor, None)
        };
        merged.contact.merged_into = Some(ada.clone());
        assert_eq!(merged.proves(&ada, now), Proof::WasTheUser);
        assert_eq!(merged.proves(&ben, now), Proof::Nothing);
        assert_eq!(merged.recognise(None, now), None);
    }

    #[test]
    fn a_secret_says_what_it_is_and_does_not_print() {
        let secret = mint_visitor_secret([7; 32]);
        let text = secret.expose_secret();
        assert!(text.starts_with("msgr_vis_") && text.len() == 9 + 43);
        assert!(!format!("{secret:?}").contains(text));
        assert_eq!(
            hash_visitor_secret(text),
            <[u8; 32]>::from(Sha256::digest(text))
        );
    }
}
