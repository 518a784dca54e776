//! Answers of one message.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::{BodyExt, Full};
use prost_reflect::DescriptorPool;
use tonic::body::Body;

use crate::{codec::Codec, error::Refusal, grpc, head::Head, metadata, methods::Method};

/// The answer that a gRPC answer stands for.
pub(crate) async fn answer(
    pool: &DescriptorPool,
    method: &Method,
    head: &Head,
    from: Response<Body>,
) -> Response<Body> {
    let (parts, body) = from.into_parts();
    let (trailers, outcome) = outcome(method, head.codec, &parts.headers, body).await;
    let mut answer = match outcome {
        Ok(message) => {
            let kind = HeaderValue::from_static(head.codec.unary_type());
            with_body(kind, message)
        }
        Err(refusal) => refused(pool, &refusal),
    };
    metadata::lead(&parts.headers, answer.headers_mut());
    metadata::trail(&trailers, answer.headers_mut());
    if head.query.is_some() {
        let headers = answer.headers_mut();
        let vary = HeaderValue::from_static("Origin");
        headers.append(header::VARY, vary);
        let cache = HeaderValue::from_static("private, no-store");
        headers.insert(header::CACHE_CONTROL, cache);
    }
    answer
}

/// The trailers, and the message or the failure.
async fn outcome(
    method: &Method,
    codec: Codec,
    headers: &HeaderMap,
    body: Body,
) -> (HeaderMap, Result<Bytes, Refusal>) {
    if let Some(Err(refusal)) = grpc::ended(headers) {
        return (HeaderMap::new(), Err(refusal));
    }
    let collected = match body.collect().await {
        Ok(collected) => collected,
        Err(status) => return (HeaderMap::new(), Err(Refusal::from(&status))),
    };
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let message = match grpc::ended(&trailers) {
        Some(Ok(())) => {
            let mut bytes = collected.to_bytes().into();
            grpc::unframe(&mut bytes)
                .and_then(|message| codec.write(&method.output, message))
                .ok_or_else(|| Refusal::ours("no message, or not the method's"))
        }
        Some(Err(refusal)) => Err(refusal),
        None => Err(Refusal::ours("an answer without a status")),
    };
    (trailers, message)
}

/// A failure, always in JSON.
pub(crate) fn refused(pool: &DescriptorPool, refusal: &Refusal) -> Response<Body> {
    let kind = HeaderValue::from_static("application/json");
    let told = serde_json::to_vec(&refusal.told(pool)).unwrap_or_default();
    let mut answer = with_body(kind, told.into());
    *answer.status_mut() = refusal.http();
    if let Some(seconds) = refusal.retry_after() {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    if refusal.is_about_compression() {
        let identity = HeaderValue::from_static("identity");
        answer
            .headers_mut()
            .insert(header::ACCEPT_ENCODING, identity);
    }
    answer
}

fn with_body(kind: HeaderValue, body: Bytes) -> Response<Body> {
    let mut answer = Response::new(Body::new(Full::new(body)));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    // somebody's own: for nobody's cache, and never to be taken for a page
    let cache = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, cache);
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    answer
}
