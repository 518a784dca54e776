//! What stands in front of gRPC on a port: Connect, which becomes gRPC, and pages, which are no calls at all.

use std::{
    sync::LazyLock,
    task::{Context, Poll},
};

use axum::Router;
use connect::Connect;
use futures::future::{BoxFuture, Either};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use prost_reflect::{DescriptorError, DescriptorPool};
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt};
use tower_http::cors::CorsLayer;

use crate::{StartError, auth::DOMAIN, serve::MAX_MESSAGE};

/// A browser asks again whether it may call after this long.
const PREFLIGHT: std::time::Duration = std::time::Duration::from_secs(2 * 60 * 60);

/// The contract and health, decoded once a process.
static POOL: LazyLock<Result<DescriptorPool, DescriptorError>> = LazyLock::new(|| {
    let mut pool = DescriptorPool::decode(proto::DESCRIPTORS)?;
    pool.decode_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)?;
    Ok(pool)
});

/// The contract and health by descriptors.
///
/// # Errors
/// When they cannot be read: a broken build.
pub fn descriptors() -> Result<&'static DescriptorPool, StartError> {
    let broken = |e| StartError::Config(format!("the descriptors cannot be read: {e}"));
    POOL.as_ref().map_err(broken)
}

/// Connect for these services and health, with the limits of gRPC.
pub(crate) fn connect(names: &[&'static str]) -> Result<Connect, StartError> {
    let mut names = names.to_vec();
    names.push("grpc.health.v1.Health");
    Connect::new(descriptors()?, &names, DOMAIN, MAX_MESSAGE)
        .map_err(|e| StartError::Config(format!("Connect cannot be spoken: {e}")))
}

/// Lets pages of these origins call from a browser. A caller is known by its `authorization` header alone, so
/// cookies and the like are never asked for.
pub(crate) fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    let name = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            name("connect-protocol-version"),
            name("connect-timeout-ms"),
            name("grpc-timeout"),
            name("x-grpc-web"),
            name("x-request-id"),
            name("x-user-agent"),
        ])
        .expose_headers([
            header::RETRY_AFTER,
            name("grpc-message"),
            name("grpc-status"),
            name("grpc-status-details-bin"),
        ])
        .max_age(PREFLIGHT)
}

/// What no page answers.
pub(crate) async fn nothing() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "there is nothing at this address\n")
}

/// Sends what is not gRPC to the pages.
#[derive(Clone)]
pub(crate) struct PagesLayer(pub(crate) Router);

impl<S> Layer<S> for PagesLayer {
    type Service = Pages<S>;

    fn layer(&self, calls: S) -> Self::Service {
        Pages {
            calls,
            pages: self.0.clone(),
        }
    }
}

/// Calls beside pages.
#[derive(Clone)]
pub(crate) struct Pages<S> {
    calls: S,
    pages: Router,
}

impl<S> Service<Request<Body>> for Pages<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // a router is always ready
        self.calls.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let kind = request.headers().get(header::CONTENT_TYPE);
        if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
            return Either::Left(self.calls.call(request));
        }
        let page = self
            .pages
            .clone()
            .oneshot(request.map(axum::body::Body::new));
        Either::Right(Box::pin(async move {
            let answer = page.await.unwrap_or_else(|never| match never {});
            Ok(answer.map(Body::new))
        }))
    }
}
