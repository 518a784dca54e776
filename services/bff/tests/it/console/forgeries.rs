//! A provider, or whoever stands in its place, that gives tokens which must not be believed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rsa::{pkcs1::EncodeRsaPrivateKey, traits::PublicKeyParts};
use serde_json::{Value, json};

use super::{begin, browser::Browser, now, provided};
use crate::{
    fakes::{FakeIssuer, Key},
    world::World,
};

/// A login that waits for the provider's answer.
pub struct Login {
    state: String,
    nonce: String,
}

impl Login {
    pub async fn begin(browser: &mut Browser) -> Self {
        let place = begin(browser).await;
        let value = |name: &str| {
            let mut parts = place.split(['?', '&']);
            let found = parts.find_map(|part| part.strip_prefix(&format!("{name}=")));
            found.unwrap_or_else(|| panic!("{place}")).to_owned()
        };
        assert_eq!(value("code_challenge_method"), "S256");
        assert_eq!(value("scope"), "openid+email+profile");
        Self {
            state: value("state"),
            nonce: value("nonce"),
        }
    }

    pub fn back(&self) -> String {
        format!("/console/callback?code=c&state={}", self.state)
    }

    /// What a provider says of Grace.
    pub fn claims(&self, issuer: &FakeIssuer, now: i64) -> Value {
        json!({
            "iss": issuer.url, "aud": "console", "sub": "1", "iat": now, "exp": now + 300, "nonce": self.nonce,
            "email": "grace@example.com", "email_verified": true,
        })
    }
}

/// What comes of a login at which the token is made of right claims.
pub async fn attempt(
    world: &World,
    issuer: &FakeIssuer,
    token: impl FnOnce(Value) -> String,
) -> (u16, String) {
    let mut browser = Browser::at(world.address());
    let login = Login::begin(&mut browser).await;
    issuer.gives(&token(login.claims(issuer, now(world))));
    let answer = browser.get(&login.back()).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn a_token_that_is_not_for_this_login_lets_nobody_in() {
    let issuer = FakeIssuer::start().await;
    let with = |name: &'static str, value: Value| {
        let key = &issuer.key;
        move |mut claims: Value| {
            claims[name] = value;
            key.sign(&claims)
        }
    };
    let world = provided(&issuer).await;
    let right = attempt(&world, &issuer, |claims| issuer.key.sign(&claims)).await;
    assert_eq!(right.0, 303, "{}", right.1);
    let at = now(&world);
    for (what, claim, value) in [
        ("another client", "aud", json!("other")),
        ("two clients", "aud", json!(["console", "other"])),
        ("another provider", "iss", json!("https://other.example")),
        ("an end that has come", "exp", json!(at)),
        ("an end before its beginning", "exp", json!(at - 300)),
        ("made long ago", "iat", json!(at - 3_600)),
        ("made in the future", "iat", json!(at + 300)),
        ("asked for by another", "azp", json!("other")),
        ("another login", "nonce", json!("other")),
        ("no login", "nonce", Value::Null),
        ("nobody", "sub", json!("")),
        ("somebody with a long name", "sub", json!("x".repeat(256))),
    ] {
        let (status, body) = attempt(&world, &issuer, with(claim, value)).await;
        assert_eq!(status, 403, "{what}");
        assert!(
            body.contains("does not belong to this login"),
            "{what}: {body}"
        );
    }
    let named = attempt(&world, &issuer, with("azp", json!("console"))).await;
    assert_eq!(named.0, 303, "asked for by us");
    for verified in [json!(false), Value::Null] {
        let (status, body) = attempt(&world, &issuer, with("email_verified", verified)).await;
        assert_eq!(status, 403);
        assert!(body.contains("has not verified"), "{body}");
    }
    assert_eq!(world.settings.state.console.open_sessions(), 2);
}

#[tokio::test]
async fn a_signature_that_not_the_provider_alone_can_make_lets_nobody_in() {
    let issuer = FakeIssuer::start().await;
    let secret = testing::Scratch::new();
    std::fs::write(secret.path("secret"), "the secret of the client").unwrap();
    let url = issuer.url.clone();
    let world = World::configured(|mut config| {
        config.console = super::at(&url);
        config.console.oidc_client_secret_file = Some(secret.path("secret"));
        config
    })
    .await;
    super::hire(&world);
    let unsigned = |claims: Value| {
        let head = json!({ "alg": "none", "kid": "first" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&head), part(&claims))
    };
    let shared = |key: Vec<u8>, claims: &Value| {
        let header = Header {
            kid: Some("first".into()),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(&key)).unwrap()
    };
    let (key, public) = (&issuer.key, issuer.key.public());
    type Forge<'a> = Box<dyn Fn(Value) -> String + 'a>;
    let forgeries: [(&str, Forge<'_>); 6] = [
        ("none", Box::new(unsigned)),
        (
            "HS256 with the public key",
            Box::new(move |claims| shared(public.clone(), &claims)),
        ),
        (
            "HS256 with the client's secret",
            Box::new(move |claims| shared(b"the secret of the client".to_vec(), &claims)),
        ),
        (
            "another key of the same name",
            Box::new(|claims| Key::new("first").sign(&claims)),
        ),
        (
            "a key that nobody knows",
            Box::new(|claims| Key::new("unknown").sign(&claims)),
        ),
        (
            "claims that were changed",
            Box::new(|claims| {
                let token = key.sign(&claims);
                let mut parts: Vec<&str> = token.split('.').collect();
                let mut claims = claims.clone();
                claims["email"] = "alan@example.com".into();
                let changed = URL_SAFE_NO_PAD.encode(claims.to_string());
                parts[1] = &changed;
                parts.join(".")
            }),
        ),
    ];
    for (what, forge) in forgeries {
        let (status, body) = attempt(&world, &issuer, forge).await;
        assert_eq!(status, 403, "{what}: {body}");
    }
    assert_eq!(world.settings.state.console.open_sessions(), 0);
    let (status, _) = attempt(&world, &issuer, |claims| issuer.key.sign(&claims)).await;
    assert_eq!(status, 303);
    // "console:the secret of the client", with each part encoded as in a form
    let asked = issuer.asked("/token").pop().unwrap();
    assert!(asked.starts_with("Basic "), "{asked}");
    assert!(
        asked.contains("code_verifier=") && !asked.contains("the+secret"),
        "{asked}"
    );
}

/// A key of the kind that most providers sign with; as short as the algorithm takes, for each run makes its own.
struct Rsa(rsa::RsaPrivateKey);

impl Rsa {
    fn new() -> Self {
        Self(rsa::RsaPrivateKey::new(&mut rand::rngs::OsRng, 1_024).unwrap())
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header {
            kid: Some("rsa".into()),
            ..Header::new(Algorithm::RS256)
        };
        let key = EncodingKey::from_rsa_der(self.0.to_pkcs1_der().unwrap().as_bytes());
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }

    fn modulus(&self) -> Vec<u8> {
        self.0.n().to_bytes_be()
    }

    fn jwk(&self) -> Value {
        let part = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let (n, e) = (part(self.modulus()), part(self.0.e().to_bytes_be()));
        json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "rsa", "n": n, "e": e })
    }
}

#[tokio::test]
async fn a_provider_that_signs_with_rsa_lets_its_people_in_and_nobody_who_signs_like_it() {
    let issuer = FakeIssuer::start().await;
    let (key, other) = (Rsa::new(), Rsa::new());
    issuer.says("/keys", &json!({ "keys": [key.jwk()] }));
    let world = provided(&issuer).await;
    let (status, body) = attempt(&world, &issuer, |claims| key.sign(&claims)).await;
    assert_eq!(status, 303, "{body}");
    assert_eq!(world.settings.state.console.open_sessions(), 1);
    let (status, body) = attempt(&world, &issuer, |claims| other.sign(&claims)).await;
    assert_eq!(status, 403, "another key of the same name: {body}");
    // what everybody knows of the key, taken for a secret
    let shared = |claims: Value| {
        let header = Header {
            kid: Some("rsa".into()),
            ..Header::new(Algorithm::HS256)
        };
        let known = EncodingKey::from_secret(&key.modulus());
        jsonwebtoken::encode(&header, &claims, &known).unwrap()
    };
    let (status, body) = attempt(&world, &issuer, shared).await;
    assert_eq!(status, 403, "HS256 with the public key: {body}");
    assert_eq!(world.settings.state.console.open_sessions(), 1);
}
