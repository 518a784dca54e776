//! The teammates' console: their login at an identity provider (OpenID Connect, code with PKCE), its pages, and
//! who a call of the console comes from. Tokens of the provider stay here and are thrown away; the browser gets
//! an opaque one of ours, whose session Settings keeps.

mod answers;
mod args;
mod cookies;
mod dev_issuer;
mod fetch;
mod handlers;
mod layer;
mod page;
mod pending;
mod provider;
mod sessions;

use std::{path::Path, sync::Arc};

use axum::{
    Router,
    response::Redirect,
    routing::{get, post},
};
use http::{HeaderValue, header};
use runtime::{ServerArgs, StartError};
use tokio::sync::Semaphore;
use types::Clock;

use crate::{clients::Clients, limits::Limits, proxies::Proxies};
use args::Setup;
pub use args::{ConsoleArgs, Person, WorkspaceOfProvider};
use cookies::Cookies;
use layer::Entrance;
pub(crate) use layer::{Callers, ConsoleLayer, teammate};
use page::Built;
use pending::Seal;
use provider::Provider;
pub(crate) use sessions::{Consoles, Teammate};

/// The console's first page; all others are below it.
const HOME: &str = "/console/";
/// Where the provider sends the browser back.
const CALLBACK: &str = "/console/callback";
/// Steps of logins under way at once in this process; each waits for the provider.
const LOGINS: usize = 64;

/// What every page of the console needs.
struct Console {
    provider: Provider,
    workspace: WorkspaceOfProvider,
    entrance: Arc<Entrance>,
    cookies: Cookies,
    seal: Seal,
    sessions: Arc<Consoles>,
    clients: Arc<Clients>,
    clock: Arc<dyn Clock>,
    doorman: Doorman,
    logins: Semaphore,
    built: Option<Built>,
}

/// Who may try, and how often.
pub(crate) struct Doorman {
    pub(crate) limits: Arc<Limits>,
    pub(crate) proxies: Arc<Proxies>,
}

/// The console's parts, as the server takes them.
pub(crate) struct Parts {
    /// Its pages; none without a provider.
    pub(crate) pages: Router,
    /// Its calls' way in.
    pub(crate) layer: ConsoleLayer,
    /// Who calls it.
    pub(crate) sessions: Arc<Consoles>,
}

/// Makes the console of these flags.
///
/// # Errors
/// When flags are missing or contradict each other, or would let strangers in.
pub(crate) fn parts(
    args: &ConsoleArgs,
    server: &ServerArgs,
    web: Option<&Path>,
    clients: Arc<Clients>,
    doorman: Doorman,
    clock: Arc<dyn Clock>,
) -> Result<Parts, StartError> {
    let sessions = Arc::new(Consoles::new(clients.clone(), doorman.limits.clone()));
    let Some(setup) = Setup::of(args, server)? else {
        return Ok(Parts {
            pages: Router::new(),
            layer: ConsoleLayer(None),
            sessions,
        });
    };
    let cookies = Cookies::of(&setup.origin);
    let origin = HeaderValue::from_str(&setup.origin)
        .map_err(|_| StartError::Config("--console-origin is no address".into()))?;
    let entrance = Arc::new(Entrance { origin, cookies });
    let console = Arc::new(Console {
        provider: Provider::new(&setup, clock.clone()),
        workspace: setup.workspace.clone(),
        entrance: entrance.clone(),
        cookies,
        seal: Seal::of(&server.keys, crate::NAME)?,
        sessions: sessions.clone(),
        clients,
        clock: clock.clone(),
        doorman,
        logins: Semaphore::new(LOGINS),
        built: web.map(Built::of).transpose()?.flatten(),
    });
    let mut pages = router(console);
    if !setup.people.is_empty() {
        tracing::warn!(
            issuer = setup.issuer.as_str(),
            "DEVELOPMENT LOGIN IS ON (--dev-auth): anybody who reaches this port can log in to the console as anybody"
        );
        pages = pages.merge(dev_issuer::router(&setup, clock)?);
    }
    Ok(Parts {
        pages,
        layer: ConsoleLayer(Some(entrance)),
        sessions,
    })
}

fn router(console: Arc<Console>) -> Router {
    let file = |kind: &'static str, text: &'static str| {
        get(move || async move {
            let mut headers = page::headers(kind);
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            (headers, text)
        })
    };
    Router::new()
        .route(
            "/console",
            get(|| async { Redirect::permanent("/console/") }),
        )
        .route(HOME, get(handlers::home))
        .route("/console/{*page}", get(handlers::page_below))
        .route("/console/login", get(handlers::login))
        .route(CALLBACK, get(handlers::callback))
        .route("/console/logout", post(handlers::logout))
        .route("/console/api/me", get(handlers::me))
        .route(
            "/console/login.css",
            file(
                "text/css; charset=utf-8",
                include_str!("../console/login.css"),
            ),
        )
        .route(
            "/console/login.js",
            file(
                "text/javascript; charset=utf-8",
                include_str!("../console/login.js"),
            ),
        )
        .with_state(console)
}
