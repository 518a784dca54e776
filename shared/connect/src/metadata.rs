//! Headers that are the caller's or the handler's, and those that belong to a protocol.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};

/// Belong to the message on the wire, not to the call.
const WIRE: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn belongs_to_a_protocol(name: &str) -> bool {
    name.starts_with("grpc-") || name.starts_with("connect-") || WIRE.contains(&name)
}

fn own(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    headers
        .iter()
        .filter(|(name, _)| !belongs_to_a_protocol(name.as_str()))
}

/// A request's metadata. Binary values are base64 in both protocols.
pub(crate) fn asked(headers: &HeaderMap) -> HeaderMap {
    own(headers)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Leading metadata, as headers of the answer.
pub(crate) fn lead(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in own(from) {
        to.append(name.clone(), value.clone());
    }
}

/// Trailing metadata of a unary answer, which has no trailers of its own.
pub(crate) fn trail(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in own(from) {
        if let Ok(name) = HeaderName::try_from(format!("trailer-{name}")) {
            to.append(name, value.clone());
        }
    }
}

/// Trailing metadata of a stream, as its last envelope says it.
pub(crate) fn told(from: &HeaderMap) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in own(from) {
        if let Ok(value) = value.to_str() {
            all.entry(name.as_str()).or_default().push(value);
        }
    }
    all
}
