//! A shop's web site on this machine, with the Messenger on its page: what a customer's own server and pages do.
//! It hands out user tokens to whoever asks, so it listens on loopback alone and is no part of any service.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bff::Embedder;
use proto::settings::v1::Platform;
use runtime::Tasks;

use crate::{Access, Endpoints, layout::SERVICES};

/// Pages of this machine may show the Messenger, and no others.
pub(crate) const EMBEDDERS: [&str; 2] = ["http://127.0.0.1:*", "http://localhost:*"];

/// Open answers are waited for so long at the end.
const LAST: Duration = Duration::from_secs(2);

/// The same, checked.
pub(crate) fn embedders() -> Vec<Embedder> {
    EMBEDDERS
        .iter()
        .filter_map(|origin| origin.parse().ok())
        .collect()
}

/// The port behind those of the services.
pub(crate) fn address(port: u16) -> SocketAddr {
    Endpoints::address(port, SERVICES.len() as u16)
}

/// The shop, open.
pub(crate) struct Shop {
    tasks: Tasks,
}

struct Counter {
    access: Access,
    bff: String,
}

impl Shop {
    /// Opens it at an address of this machine.
    ///
    /// # Errors
    /// When the port is taken.
    pub(crate) async fn open(
        address: SocketAddr,
        endpoints: &Endpoints,
        access: &Access,
    ) -> Result<Self> {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .with_context(|| format!("the shop cannot listen on {address}"))?;
        let counter = Arc::new(Counter {
            access: access.clone(),
            bff: endpoints.bff.clone(),
        });
        let file = |kind: &'static str, text: &'static str| {
            get(move || async move { ([(header::CONTENT_TYPE, kind)], text) })
        };
        let pages = Router::new()
            .route("/", get(page))
            .route(
                "/shop.css",
                file("text/css; charset=utf-8", include_str!("../shop/shop.css")),
            )
            .route(
                "/shop.js",
                file(
                    "text/javascript; charset=utf-8",
                    include_str!("../shop/shop.js"),
                ),
            )
            .route("/token/{platform}/{customer}", post(token))
            .with_state(counter)
            .layer(middleware::from_fn(ours));
        let tasks = Tasks::new();
        let stopping = tasks.stopping();
        tasks.spawn(async move {
            let served = axum::serve(listener, pages)
                .with_graceful_shutdown(async move { stopping.cancelled().await })
                .await;
            if let Err(error) = served {
                tracing::warn!(%error, "the shop has closed");
            }
        });
        Ok(Self { tasks })
    }

    /// Closes it.
    pub(crate) async fn close(self) {
        self.tasks.stop();
        self.tasks.ended(LAST).await;
    }
}

/// A page on the internet may name this machine by a name of its own: it gets nothing here.
async fn ours(request: Request, next: Next) -> Response {
    if is_strange(request.method(), request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

fn is_strange(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let from = text(HeaderName::from_static("sec-fetch-site")).unwrap_or("none");
    // only the shop's own page asks for tokens
    let asks = method == Method::POST && !["none", "same-origin"].contains(&from);
    asks || !["127.0.0.1", "localhost"].contains(&host)
}

/// The shop's page, as strict about itself as a page with the Messenger can be.
async fn page(State(counter): State<Arc<Counter>>) -> Response {
    let Counter { access, bff } = &*counter;
    let customers: String = access
        .contacts
        .iter()
        .map(|(id, name)| format!("<option value=\"{}\">{}</option>", escape(id), escape(name)))
        .collect();
    let html = include_str!("../shop/index.html")
        .replace("{{bff}}", bff)
        .replace("{{app}}", &escape(&access.app_id))
        .replace("{{customers}}", &customers);
    let policy = format!(
        "default-src 'none'; script-src 'self' {bff}; frame-src {bff}; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    );
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    if let Ok(policy) = policy.parse() {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    (headers, html).into_response()
}

/// A user token, as the shop's server makes one for the customer who is signed in there.
async fn token(
    State(counter): State<Arc<Counter>>,
    Path((platform, customer)): Path<(String, String)>,
) -> Response {
    let platform = Platform::from_str_name(&format!("PLATFORM_{}", platform.to_uppercase()));
    let known = counter.access.contacts.contains_key(&customer);
    match platform
        .filter(|_| known)
        .map(|platform| counter.access.user_token(&customer, platform))
    {
        Some(Ok(token)) => token.into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
