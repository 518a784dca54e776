//! An identity provider for development: it lets anybody log in as anybody. Everything else is as at a real one,
//! so that the login is the same code: discovery, keys, a page, codes that are good once, PKCE, signed tokens.

mod token;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, Uri, header};
use moka::sync::Cache;
use openidconnect::{
    CsrfToken, JsonWebKeySet, PrivateSigningKey, ResponseTypes,
    core::{
        CoreEdDsaPrivateSigningKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
        CoreProviderMetadata, CoreResponseType, CoreSubjectIdentifierType,
    },
    url::{Url, form_urlencoded},
};
use runtime::StartError;
use types::Clock;

use super::{
    args::{Person, Setup},
    handlers::query,
    page::{self, escape, page},
};
use token::{Grant, key};

/// Below the console's origin.
pub(super) const PATH: &str = "/dev-issuer";
/// The console's name here.
pub(super) const CLIENT: &str = "console";
/// A code is good for this long.
const CODE: Duration = Duration::from_secs(60);
/// Codes that wait to be used at the most.
const CODES: u64 = 1_000;
/// Largest request for a token, in bytes.
const MOST: usize = 16 * 1024;

struct Issuer {
    address: String,
    host: String,
    redirect: String,
    key: CoreEdDsaPrivateSigningKey,
    people: Vec<Person>,
    codes: Cache<String, Grant>,
    clock: Arc<dyn Clock>,
}

/// The issuer's pages.
///
/// # Errors
/// When no key can be made.
pub(super) fn router(setup: &Setup, clock: Arc<dyn Clock>) -> Result<Router, StartError> {
    let host = setup.origin.split("://").nth(1).unwrap_or_default();
    let issuer = Arc::new(Issuer {
        address: setup.issuer.to_string(),
        host: host.to_owned(),
        redirect: setup.redirect.to_string(),
        key: key()?,
        people: setup.people.clone(),
        codes: Cache::builder()
            .max_capacity(CODES)
            .time_to_live(CODE)
            .build(),
        clock,
    });
    let at = |path: &str| format!("{PATH}{path}");
    Ok(Router::new()
        .route(&at("/.well-known/openid-configuration"), get(discovery))
        .route(&at("/keys"), get(keys))
        .route(&at("/authorize"), get(authorize))
        .route(&at("/choose"), get(choose))
        .route(&at("/token"), post(exchange))
        .layer(middleware::from_fn_with_state(issuer.clone(), ours))
        .with_state(issuer))
}

/// A page on the internet may name this machine by a name of its own: it gets nothing here.
async fn ours(State(issuer): State<Arc<Issuer>>, request: Request, next: Next) -> Response {
    let named = request.headers().get(header::HOST);
    let named = named.and_then(|host| host.to_str().ok());
    let named = named.or_else(|| request.uri().authority().map(|host| host.as_str()));
    if named != Some(issuer.host.as_str()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

async fn discovery(State(issuer): State<Arc<Issuer>>) -> Response {
    match issuer.metadata() {
        Some(metadata) => json(&metadata),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn keys(State(issuer): State<Arc<Issuer>>) -> Response {
    let keys: CoreJsonWebKeySet = JsonWebKeySet::new(vec![issuer.key.as_verification_key()]);
    json(&keys)
}

/// Asks who somebody would like to be.
async fn authorize(State(issuer): State<Arc<Issuer>>, uri: Uri) -> Response {
    let asked = query(&uri);
    let right = asked.get("redirect_uri") == Some(&issuer.redirect)
        && asked.get("client_id").is_some_and(|id| id == CLIENT)
        && asked
            .get("response_type")
            .is_some_and(|kind| kind == "code")
        && asked
            .get("code_challenge_method")
            .is_some_and(|way| way == "S256")
        && ["state", "nonce", "code_challenge"]
            .iter()
            .all(|name| asked.contains_key(*name));
    if !right {
        return page(
            StatusCode::BAD_REQUEST,
            "Development login",
            "<p>This page is where a login of the console leads. <a href=\"/console/\">Begin one</a>.</p>",
        );
    }
    let kept = ["state", "nonce", "code_challenge"];
    let kept = kept.map(|name| (name, asked.get(name).map_or("", String::as_str)));
    let people: String = issuer
        .people
        .iter()
        .map(|person| {
            let query = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(kept)
                .append_pair("email", &person.email)
                .append_pair("verified", "true")
                .finish();
            format!(
                "<li><a href=\"{PATH}/choose?{}\"><strong>{}</strong> <span>{}</span></a></li>",
                escape(&query),
                escape(&person.name),
                escape(&person.email)
            )
        })
        .collect();
    let hidden: String = kept
        .iter()
        .map(|(name, value)| {
            let value = escape(value);
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
        })
        .collect();
    let body = format!(
        "<p class=\"warning\"><strong>For development only.</strong> Anybody who can open this page can log in \
         as anybody, without a password.</p><p>Who would you like to be?</p><ul class=\"choices\">{people}</ul>\
         <form action=\"{PATH}/choose\" method=\"get\">{hidden}\
         <input type=\"hidden\" name=\"verified\" value=\"true\">\
         <label for=\"email\">Somebody else, by their address</label><div class=\"field\">\
         <input id=\"email\" name=\"email\" type=\"email\" required maxlength=\"254\" \
         placeholder=\"name@example.com\"><button>Log in</button></div></form>"
    );
    page(StatusCode::OK, "Development login", &body)
}

/// Sends the browser back with a code for whoever was chosen.
async fn choose(State(issuer): State<Arc<Issuer>>, uri: Uri) -> Response {
    let mut asked = query(&uri);
    let mut take = |name: &str| asked.remove(name).unwrap_or_default();
    let (state, email) = (take("state"), take("email"));
    let name = issuer.people.iter().find(|person| person.email == email);
    let grant = Grant {
        name: name.map(|person| person.name.clone()),
        email,
        verified: take("verified") == "true",
        nonce: take("nonce"),
        challenge: take("code_challenge"),
    };
    let code = CsrfToken::new_random().into_secret();
    issuer.codes.insert(code.clone(), grant);
    let Ok(mut back) = Url::parse(&issuer.redirect) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &state)
        .append_pair("iss", &issuer.address);
    let to = [(header::LOCATION, back.to_string())];
    (StatusCode::SEE_OTHER, page::headers("text/plain"), to).into_response()
}

/// Gives a token for a code, once, to whoever began the login.
async fn exchange(State(issuer): State<Arc<Issuer>>, asked: HeaderMap, body: Bytes) -> Response {
    let form = asked
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    if !form || body.len() > MOST {
        return denied("invalid_request");
    }
    let fields: std::collections::HashMap<_, _> = form_urlencoded::parse(&body).collect();
    let field = |name: &str| fields.get(name).map(|value| value.as_ref());
    let right = field("grant_type") == Some("authorization_code")
        && field("client_id") == Some(CLIENT)
        && field("redirect_uri") == Some(&issuer.redirect);
    if !right {
        return denied("invalid_request");
    }
    // gone with the first try, whatever comes of it
    let grant = field("code").and_then(|code| issuer.codes.remove(code));
    let answer = grant
        .zip(field("code_verifier"))
        .filter(|(grant, verifier)| grant.is_of(verifier))
        .and_then(|(grant, _)| issuer.answer(&grant));
    match answer {
        Some(answer) => (page::headers("application/json"), answer).into_response(),
        None => denied("invalid_grant"),
    }
}

impl Issuer {
    fn metadata(&self) -> Option<CoreProviderMetadata> {
        use openidconnect::{AuthUrl, IssuerUrl, JsonWebKeySetUrl, TokenUrl};
        let at = |path: &str| format!("{}{path}", self.address);
        let metadata = CoreProviderMetadata::new(
            IssuerUrl::new(self.address.clone()).ok()?,
            AuthUrl::new(at("/authorize")).ok()?,
            JsonWebKeySetUrl::new(at("/keys")).ok()?,
            vec![ResponseTypes::new(vec![CoreResponseType::Code])],
            vec![CoreSubjectIdentifierType::Public],
            vec![CoreJwsSigningAlgorithm::EdDsa],
            openidconnect::EmptyAdditionalProviderMetadata {},
        );
        Some(metadata.set_token_endpoint(Some(TokenUrl::new(at("/token")).ok()?)))
    }
}

fn denied(error: &str) -> Response {
    let text = serde_json::json!({ "error": error }).to_string();
    (
        StatusCode::BAD_REQUEST,
        page::headers("application/json"),
        text,
    )
        .into_response()
}

fn json(value: &impl serde::Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => (page::headers("application/json"), text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
