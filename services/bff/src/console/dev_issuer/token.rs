//! Tokens of the development issuer.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, spki::der::pem::LineEnding},
};
use openidconnect::{
    Audience, CsrfToken, EmptyAdditionalClaims, EndUserEmail, EndUserName, IssuerUrl, JsonWebKeyId,
    Nonce, StandardClaims, SubjectIdentifier,
    core::{CoreEdDsaPrivateSigningKey, CoreIdToken, CoreIdTokenClaims, CoreJwsSigningAlgorithm},
};
use rand::rngs::OsRng;
use runtime::StartError;
use sha2::{Digest, Sha256};
use types::micros;

use super::{CLIENT, Issuer};

/// A token is good for this many minutes.
const MINUTES: i64 = 5;

/// What a code stands for.
#[derive(Clone)]
pub(super) struct Grant {
    pub name: Option<String>,
    pub email: String,
    pub verified: bool,
    pub nonce: String,
    pub challenge: String,
}

impl Grant {
    /// Whoever knows this began the login (RFC 7636, S256).
    pub fn is_of(&self, verifier: &str) -> bool {
        URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == self.challenge
    }
}

impl Issuer {
    /// The answer with an id token.
    pub(super) fn answer(&self, grant: &Grant) -> Option<String> {
        let now = DateTime::from_timestamp_micros(micros(self.clock.now()))?;
        // the same person each time, as at a real one
        let subject = format!("dev|{}", grant.email.to_lowercase());
        let mut person = StandardClaims::new(SubjectIdentifier::new(subject))
            .set_email(Some(EndUserEmail::new(grant.email.clone())))
            .set_email_verified(Some(grant.verified));
        if let Some(name) = &grant.name {
            person = person.set_name(Some(EndUserName::new(name.clone()).into()));
        }
        let claims = CoreIdTokenClaims::new(
            IssuerUrl::new(self.address.clone()).ok()?,
            vec![Audience::new(CLIENT.into())],
            now + TimeDelta::minutes(MINUTES),
            now,
            person,
            EmptyAdditionalClaims {},
        )
        .set_nonce(Some(Nonce::new(grant.nonce.clone())));
        let token = CoreIdToken::new(
            claims,
            &self.key,
            CoreJwsSigningAlgorithm::EdDsa,
            None,
            None,
        );
        let answer = serde_json::json!({
            "access_token": CsrfToken::new_random().into_secret(),
            "token_type": "Bearer",
            "expires_in": MINUTES * 60,
            "id_token": token.ok()?.to_string(),
        });
        Some(answer.to_string())
    }
}

/// A key that is gone with this process.
///
/// # Errors
/// When it cannot be made.
pub(super) fn key() -> Result<CoreEdDsaPrivateSigningKey, StartError> {
    let broken =
        |cause: String| StartError::Config(format!("the development issuer has no key: {cause}"));
    let pem = SigningKey::generate(&mut OsRng)
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|e| broken(e.to_string()))?;
    let id = JsonWebKeyId::new(types::id::uuid().simple().to_string());
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(id)).map_err(broken)
}
