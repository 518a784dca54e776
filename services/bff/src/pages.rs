//! What the port serves beside calls.

use axum::{Router, http::header, routing::get};
use connect::About;
use runtime::{Access, StartError};

use crate::access::ACCESS;

/// All pages, by address.
pub(crate) fn router(services: &[&str]) -> Result<Router, StartError> {
    let document = openapi(services)?;
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok(Router::new().route(
        "/openapi.json",
        get(move || async move { (json, document) }),
    ))
}

/// The contract for tools that read OpenAPI; it does not change while this process runs.
fn openapi(services: &[&str]) -> Result<axum::body::Bytes, StartError> {
    let public: Vec<&str> = ACCESS
        .iter()
        .filter(|(_, access)| *access == Access::Public)
        .map(|(path, _)| *path)
        .collect();
    let about = About {
        title: "Messenger",
        version: env!("CARGO_PKG_VERSION"),
        description: "What Messengers on the web, iOS and Android talk to: JSON by POST, one address a \
            method. The same methods, and streams, are there in gRPC, gRPC-Web and Connect.",
        public: &public,
    };
    let document = connect::openapi(runtime::descriptors()?, services, &about);
    Ok(document.to_string().into())
}
