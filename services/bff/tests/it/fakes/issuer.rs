//! An identity provider that says whatever a test tells it to.

use std::{collections::HashMap, sync::Arc};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, spki::der::pem::LineEnding},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use runtime::Tasks;
use serde_json::{Value, json};

pub struct FakeIssuer {
    pub url: String,
    /// What it signs with.
    pub key: Key,
    said: Arc<Said>,
    tasks: Tasks,
}

#[derive(Default)]
struct Said {
    documents: Mutex<HashMap<&'static str, (StatusCode, String)>>,
    requests: Mutex<Vec<(String, String)>>,
}

/// A key that the issuer signs with.
pub struct Key {
    pub kid: String,
    pub pair: SigningKey,
}

impl Key {
    pub fn new(kid: &str) -> Self {
        Self {
            kid: kid.into(),
            pair: SigningKey::generate(&mut rand::rngs::OsRng),
        }
    }

    pub fn public(&self) -> Vec<u8> {
        self.pair.verifying_key().to_bytes().to_vec()
    }

    pub fn sign(&self, claims: &Value) -> String {
        let pem = self.pair.to_pkcs8_pem(LineEnding::LF).unwrap();
        let header = Header {
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).unwrap();
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }

    fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.public());
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.kid, "x": x })
    }
}

impl FakeIssuer {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let said = Arc::new(Said::default());
        let router = Router::new().fallback(answer).with_state(said.clone());
        let tasks = Tasks::new();
        let stopping = tasks.stopping();
        tasks.spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(async move { stopping.cancelled().await })
                .await
                .unwrap();
        });
        let issuer = Self {
            url,
            key: Key::new("first"),
            said,
            tasks,
        };
        issuer.has(&[&issuer.key]);
        issuer.says(
            "/.well-known/openid-configuration",
            &issuer.discovery(&issuer.url),
        );
        issuer
    }

    /// What it says of itself, under some name.
    pub fn discovery(&self, name: &str) -> Value {
        json!({
            "issuer": name,
            "authorization_endpoint": format!("{}/authorize", self.url),
            "token_endpoint": format!("{}/token", self.url),
            "jwks_uri": format!("{}/keys", self.url),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"],
        })
    }

    /// Answers at a path.
    pub fn says(&self, path: &'static str, document: &Value) {
        self.answers(path, StatusCode::OK, document.to_string());
    }

    pub fn answers(&self, path: &'static str, status: StatusCode, text: String) {
        self.said.documents.lock().insert(path, (status, text));
    }

    /// Has these keys from now on.
    pub fn has(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.says("/keys", &json!({ "keys": keys }));
    }

    /// Gives this id token for any code.
    pub fn gives(&self, id_token: &str) {
        let answer = json!({ "access_token": "a", "token_type": "Bearer", "id_token": id_token });
        self.says("/token", &answer);
    }

    /// Bodies of what was asked for at a path.
    pub fn asked(&self, path: &str) -> Vec<String> {
        let requests = self.said.requests.lock();
        let asked = requests.iter().filter(|(at, _)| at == path);
        asked.map(|(_, body)| body.clone()).collect()
    }

    /// Goes away.
    pub fn goes(&self) {
        self.tasks.stop();
    }
}

async fn answer(
    State(said): State<Arc<Said>>,
    uri: axum::http::Uri,
    headers: axum::http::HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let credential = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap());
    let body = format!(
        "{} {}",
        credential.unwrap_or_default(),
        String::from_utf8_lossy(&body)
    );
    said.requests.lock().push((uri.path().to_owned(), body));
    let document = said.documents.lock().get(uri.path()).cloned();
    let (status, text) = document.unwrap_or((StatusCode::NOT_FOUND, String::new()));
    // where an answer that is followed would lead
    let headers = [("content-type", "application/json"), ("location", "/keys")];
    (status, headers, text)
}
