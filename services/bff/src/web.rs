//! The web Messenger's pages: built from `web/`, read once at the start, served from memory.

mod embedder;
mod files;

use std::{path::Path, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{self, State},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use runtime::StartError;

pub use embedder::Embedder;
use files::{File, Files};

use crate::{
    apps::{Apps, Embedders},
    error::Error,
    proxies::Proxies,
};

/// A browser keeps the loader for five minutes, and shows an older one while it asks for a newer for a day.
const LOADER: &str = "public, max-age=300, stale-while-revalidate=86400";
/// The name of an asset changes with what is in it.
const ASSET: &str = "public, max-age=31536000, immutable";
const PERMISSIONS: &str =
    "camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()";

struct Site {
    files: Files,
    /// The Messenger's document, cut where the app's id and the origins that may embed it belong.
    document: [String; 3],
    apps: Arc<Apps>,
    proxies: Arc<Proxies>,
}

/// The pages in a directory that `npm run build` wrote.
///
/// # Errors
/// When the directory cannot be read or holds no Messenger.
pub(crate) fn router(
    directory: &Path,
    apps: Arc<Apps>,
    proxies: Arc<Proxies>,
) -> Result<Router, StartError> {
    let mut files = Files::read(directory)?;
    let broken = || {
        StartError::Config(format!(
            "{} holds no Messenger: build it in services/bff/web",
            directory.display()
        ))
    };
    let document = files.take("index.html").ok_or_else(broken)?;
    let document = String::from_utf8(document.plain.to_vec()).map_err(|_| broken())?;
    let (before, rest) = document.split_once("{{app}}").ok_or_else(broken)?;
    let (between, after) = rest.split_once("{{origins}}").ok_or_else(broken)?;
    let site = Site {
        document: [before, between, after].map(str::to_owned),
        files,
        apps,
        proxies,
    };
    Ok(Router::new()
        .route("/loader.js", get(loader))
        .route("/m/{app}/", get(document_of))
        .route("/assets/{name}", get(asset))
        .with_state(Arc::new(site)))
}

/// Nothing but what comes from here, no script that is made from text, and no host that was not named.
fn policy(Embedders { origins, .. }: &Embedders) -> String {
    let ancestors = match origins.as_str() {
        "" => "'none'",
        origins => origins,
    };
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
         connect-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// The Messenger of a workspace, for those who may embed it. An app id that is not there gets the same answer as
/// any address that is not.
async fn document_of(
    State(site): State<Arc<Site>>,
    extract::Path(app): extract::Path<String>,
    asked: HeaderMap,
    extensions: Extensions,
) -> Response {
    // it becomes a part of the page
    let well_formed = app.strip_prefix("app_").is_some_and(|id| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if !well_formed {
        return nothing();
    }
    let from = site.proxies.client(&asked, &extensions);
    let embedders = match site.apps.embedders(&app, from).await {
        Ok(embedders) => embedders,
        Err(error) => return without(&error),
    };
    let Ok(policy) = HeaderValue::from_str(&policy(&embedders)) else {
        return nothing();
    };
    let [before, between, after] = &site.document;
    let origins = &embedders.origins;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static(PERMISSIONS),
        ),
        (
            HeaderName::from_static("cross-origin-embedder-policy"),
            HeaderValue::from_static("require-corp"),
        ),
    ];
    (
        safe("cross-origin"),
        headers,
        format!("{before}{app}{between}{origins}{after}"),
    )
        .into_response()
}

async fn loader(State(site): State<Arc<Site>>, asked: HeaderMap) -> Response {
    match site.files.get("loader.js") {
        Some(file) => answer(file, &asked, LOADER, "cross-origin"),
        None => nothing(),
    }
}

async fn asset(
    State(site): State<Arc<Site>>,
    extract::Path(name): extract::Path<String>,
    asked: HeaderMap,
) -> Response {
    match site.files.get(&format!("assets/{name}")) {
        Some(file) => answer(file, &asked, ASSET, "same-origin"),
        None => nothing(),
    }
}

/// A file in the smallest form that the browser takes.
fn answer(file: &File, asked: &HeaderMap, keep: &'static str, for_whom: &'static str) -> Response {
    let takes = asked
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let takes = |name: &str| takes.split(',').any(|one| one.trim() == name);
    let (encoding, bytes): (_, &Bytes) = match (&file.brotli, &file.gzip) {
        (Some(bytes), _) if takes("br") => (Some("br"), bytes),
        (_, Some(bytes)) if takes("gzip") => (Some("gzip"), bytes),
        _ => (None, &file.plain),
    };
    let headers = [
        (header::CONTENT_TYPE, file.kind),
        (header::CACHE_CONTROL, keep),
        (header::VARY, "accept-encoding"),
    ];
    let encoding = encoding.map(|encoding| [(header::CONTENT_ENCODING, encoding)]);
    let mut response = (safe(for_whom), headers, bytes.clone()).into_response();
    if let Some(encoding) = encoding {
        response
            .headers_mut()
            .extend(encoding.map(|(name, value)| (name, HeaderValue::from_static(value))));
    }
    response
}

/// What every answer says.
fn safe(for_whom: &'static str) -> [(HeaderName, &'static str); 3] {
    [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            for_whom,
        ),
    ]
}

/// The answer when it is not known who may embed, in words that a person may see.
fn without(error: &Error) -> Response {
    let (status, wait, says) = match error {
        Error::NoSuchApp => return nothing(),
        Error::TooOften { wait, .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            wait.as_secs() + 1,
            "too much was asked for from here that is not there; try again later\n",
        ),
        error => {
            tracing::warn!(%error, "a Messenger's page could not be served");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                1,
                "the Messenger is not available at the moment; try again\n",
            )
        }
    };
    let later = [(header::RETRY_AFTER, HeaderValue::from(wait))];
    (status, later, says).into_response()
}

fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing at this address\n").into_response()
}
