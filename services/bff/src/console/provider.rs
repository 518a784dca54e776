//! The identity provider: where to log in, what its codes are worth, and which of its tokens are believed.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, ClientId,
    ClientSecret, CsrfToken, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, SignatureVerificationError, TokenResponse,
    core::{
        CoreClient, CoreClientAuthMethod, CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier,
        CoreJwsSigningAlgorithm as Algorithm, CoreProviderMetadata, CoreResponseType,
    },
    url::Url,
};
use tokio::{sync::Mutex, time::timeout};
use types::{Clock, micros};

use super::{args::Setup, fetch::Fetcher, pending::Pending};

/// What the provider says of itself is asked for again after this long, in microseconds.
const KEPT: i64 = 3_600 * 1_000_000;
/// And for the sake of a key that is not known yet, this long after it was asked for, in microseconds.
const ROTATED: i64 = 10 * 1_000_000;
/// A step of a login takes at most this long, however many requests it needs.
const PATIENCE: Duration = Duration::from_secs(10);
/// A token is used soon after it was made, in seconds.
const TOKEN_AGE: i64 = 10 * 60;
/// Clocks of two machines may differ by this much, in seconds.
const SKEW: i64 = 60;
/// Characters of the provider's id for a person at the most, as its specification says.
const MAX_SUBJECT: usize = 255;

/// Signatures that are believed: only those that the provider alone can make. With a shared secret, or with
/// none, whoever has our configuration could log in as anybody.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

/// Why a login does not go on. What is in it is for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoginError {
    /// The provider does not answer, or not what its specification says.
    #[error("the provider does not answer as it should: {0}")]
    Away(String),
    /// The provider takes the code back, or vouches for nobody that could be believed.
    #[error("the provider's answer is not believed: {0}")]
    Refused(String),
}

/// A login that begins.
pub(super) struct Begun {
    /// Where the browser is sent.
    pub url: Url,
    pub state: String,
    pub nonce: String,
    pub verifier: String,
}

/// Whom the provider vouches for.
pub(super) struct Vouched {
    pub issuer: String,
    pub subject: String,
    /// Their address, if the provider has verified it.
    pub verified_email: Option<String>,
}

struct Known {
    metadata: Arc<CoreProviderMetadata>,
    at: i64,
}

/// The one provider of this console.
pub(super) struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    // whoever finds it too old asks, and the others wait for that answer
    known: Mutex<Option<Known>>,
}

impl Provider {
    pub fn new(setup: &Setup, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuer: setup.issuer.clone(),
            client_id: setup.client_id.clone(),
            secret: setup.secret.clone(),
            redirect: setup.redirect.clone(),
            fetcher: Fetcher::new(),
            clock,
            known: Mutex::new(None),
        }
    }

    /// The provider's name, as its tokens have it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// # Errors
    /// When the provider is away.
    pub async fn begin(&self) -> Result<Begun, LoginError> {
        patient(async {
            let metadata = self.metadata(KEPT).await?;
            let client = CoreClient::from_provider_metadata(
                (*metadata).clone(),
                self.client_id.clone(),
                None,
            )
            .set_redirect_uri(self.redirect.clone());
            let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
            let (url, state, nonce) = client
                .authorize_url(
                    AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                    CsrfToken::new_random,
                    Nonce::new_random,
                )
                .add_scope(Scope::new("email".into()))
                .add_scope(Scope::new("profile".into()))
                .set_pkce_challenge(challenge)
                .url();
            Ok(Begun {
                url,
                state: state.into_secret(),
                nonce: nonce.secret().clone(),
                verifier: verifier.into_secret(),
            })
        })
        .await
    }

    /// Turns a code into whom it stands for.
    ///
    /// # Errors
    /// When the provider is away or takes back the code, or its token is not for this login.
    pub async fn finish(&self, code: String, pending: &Pending) -> Result<Vouched, LoginError> {
        patient(async {
            let metadata = self.metadata(KEPT).await?;
            let token = self.exchange(&metadata, code, pending).await?;
            let nonce = Nonce::new(pending.nonce.clone());
            let claims = match self.verify(&metadata, &token, &nonce) {
                // the provider may have a new key
                Err(ClaimsVerificationError::SignatureVerification(
                    SignatureVerificationError::NoMatchingKey,
                )) => self.verify(&*self.metadata(ROTATED).await?, &token, &nonce),
                outcome => outcome,
            };
            self.vouched(&claims.map_err(refused)?)
        })
        .await
    }

    async fn exchange(
        &self,
        metadata: &CoreProviderMetadata,
        code: String,
        pending: &Pending,
    ) -> Result<CoreIdToken, LoginError> {
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            self.client_id.clone(),
            self.secret.clone(),
        )
        .set_redirect_uri(self.redirect.clone())
        .set_auth_type(how_to_authenticate(metadata));
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(away)?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier.clone()))
            .request_async(&self.fetcher)
            .await
            .map_err(|error| match error {
                RequestTokenError::ServerResponse(said) => {
                    LoginError::Refused(said.error().to_string())
                }
                other => away(other),
            })?;
        answer
            .id_token()
            .cloned()
            .ok_or_else(|| LoginError::Away("there is no id token in its answer".into()))
    }

    fn verify(
        &self,
        metadata: &CoreProviderMetadata,
        token: &CoreIdToken,
        nonce: &Nonce,
    ) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
        let now = self.now();
        // without the secret, which must never verify a signature
        let verifier = CoreIdTokenVerifier::new_public_client(
            self.client_id.clone(),
            self.issuer.clone(),
            metadata.jwks().clone(),
        )
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || now)
        .set_issue_time_verifier_fn(move |made| {
            let age = (now - made).num_seconds();
            match (-SKEW..=TOKEN_AGE).contains(&age) {
                true => Ok(()),
                false => Err(format!("made {age} s ago")),
            }
        });
        token.claims(&verifier, nonce).cloned()
    }

    fn vouched(&self, claims: &CoreIdTokenClaims) -> Result<Vouched, LoginError> {
        // the library leaves this one to us: made for us, but asked for by another
        if claims
            .authorized_party()
            .is_some_and(|party| *party != self.client_id)
        {
            return Err(LoginError::Refused("azp is another client".into()));
        }
        let subject = claims.subject().as_str();
        if subject.is_empty() || subject.len() > MAX_SUBJECT {
            return Err(LoginError::Refused("sub is empty or too long".into()));
        }
        let verified = claims.email_verified() == Some(true);
        Ok(Vouched {
            issuer: self.issuer.to_string(),
            subject: subject.to_owned(),
            verified_email: claims
                .email()
                .filter(|_| verified)
                .map(|email| email.to_string()),
        })
    }

    /// What the provider says of itself, keys included, at most so many microseconds old.
    async fn metadata(&self, kept: i64) -> Result<Arc<CoreProviderMetadata>, LoginError> {
        let mut known = self.known.lock().await;
        let now = micros(self.clock.now());
        if let Some(known) = known
            .as_ref()
            .filter(|known| now.abs_diff(known.at) < kept.unsigned_abs())
        {
            return Ok(known.metadata.clone());
        }
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.fetcher)
            .await
            .map_err(away)?;
        let metadata = Arc::new(metadata);
        *known = Some(Known {
            metadata: metadata.clone(),
            at: now,
        });
        Ok(metadata)
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(micros(self.clock.now())).unwrap_or_default()
    }
}

/// By the header, unless the provider says that it takes the secret in the body alone.
fn how_to_authenticate(metadata: &CoreProviderMetadata) -> AuthType {
    match metadata.token_endpoint_auth_methods_supported() {
        Some(ways) if !ways.contains(&CoreClientAuthMethod::ClientSecretBasic) => {
            AuthType::RequestBody
        }
        _ => AuthType::BasicAuth,
    }
}

async fn patient<T>(step: impl Future<Output = Result<T, LoginError>>) -> Result<T, LoginError> {
    timeout(PATIENCE, step)
        .await
        .unwrap_or_else(|_| Err(LoginError::Away("it takes too long".into())))
}

/// The error and its causes: a library's own sentence often says only that something failed.
fn away(error: impl std::error::Error) -> LoginError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    LoginError::Away(text)
}

fn refused(error: ClaimsVerificationError) -> LoginError {
    match &error {
        ClaimsVerificationError::SignatureVerification(cause) => {
            LoginError::Refused(format!("{error}: {cause}"))
        }
        _ => LoginError::Refused(error.to_string()),
    }
}
