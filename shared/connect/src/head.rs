//! What a request's verb and headers say, before its body is looked at.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method as Verb, Request, Response, StatusCode, header};
use tonic::{Code, body::Body};

use crate::{Shared, codec::Codec, error::Refusal, get::Query, methods::Method, unary};

/// The only version of the protocol.
const VERSION: &[u8] = b"1";
/// Digits of a timeout at the most.
const DIGITS: usize = 10;

/// How a request is to be read and answered.
pub(crate) struct Head {
    /// Of the request and the answer.
    pub(crate) codec: Codec,
    /// A GET, whose message is in its query.
    pub(crate) query: Option<Query>,
}

impl Head {
    /// # Errors
    /// The answer to a verb or a type that no method takes: 405 or 415.
    pub(crate) fn of(
        shared: &Shared,
        method: &Method,
        request: &Request<Body>,
    ) -> Result<Self, Box<Response<Body>>> {
        match *request.method() {
            Verb::POST => match kind(method, request.headers()) {
                Some(codec) => Ok(Self { codec, query: None }),
                None => Err(unsupported_type(shared, method)),
            },
            Verb::GET if method.get => {
                let query = Query::of(request.uri().query().unwrap_or_default());
                match query.codec() {
                    Some(codec) => Ok(Self {
                        codec,
                        query: Some(query),
                    }),
                    None => Err(unsupported_type(shared, method)),
                }
            }
            _ => Err(wrong_verb(shared, method)),
        }
    }
}

/// The codec that a content type names, if this method takes it.
fn kind(method: &Method, headers: &HeaderMap) -> Option<Codec> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (kind, parameters) = match kind.split_once(';') {
        Some((kind, parameters)) => (kind, parameters),
        None => (kind, ""),
    };
    let parameters = parameters.trim();
    if !parameters.is_empty() && !parameters.eq_ignore_ascii_case("charset=utf-8") {
        return None;
    }
    let kind = kind.trim().to_ascii_lowercase();
    [Codec::Json, Codec::Proto]
        .into_iter()
        .find(|codec| kind == name(method, *codec))
}

fn name(method: &Method, codec: Codec) -> &'static str {
    match method.streams {
        true => codec.stream_type(),
        false => codec.unary_type(),
    }
}

fn unsupported_type(shared: &Shared, method: &Method) -> Box<Response<Body>> {
    let json = name(method, Codec::Json);
    let taken = format!("{json}, {}", name(method, Codec::Proto));
    let refusal = shared.refuse(
        Code::InvalidArgument,
        "UNSUPPORTED_MEDIA_TYPE",
        format!("this method takes {taken}; say `content-type: {json}`"),
    );
    let mut answer = unary::refused(&shared.pool, &refusal);
    *answer.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    if let Ok(taken) = HeaderValue::from_str(&taken) {
        answer.headers_mut().insert("accept-post", taken);
    }
    Box::new(answer)
}

fn wrong_verb(shared: &Shared, method: &Method) -> Box<Response<Body>> {
    let verbs = match method.get {
        true => "GET, POST",
        false => "POST",
    };
    let refusal = shared.refuse(
        Code::Unimplemented,
        "METHOD_NOT_ALLOWED",
        format!("this method is called by {}", verbs.replace(", ", " or ")),
    );
    let mut answer = unary::refused(&shared.pool, &refusal);
    *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    answer
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(verbs));
    Box::new(answer)
}

/// Not required, so that a call by hand is short.
pub(crate) fn version(
    shared: &Shared,
    head: &Head,
    request: &Request<Body>,
) -> Result<(), Refusal> {
    let (given, right) = match &head.query {
        Some(query) => (query.version(), &b"v1"[..]),
        None => {
            let given = request.headers().get("connect-protocol-version");
            (given.map(HeaderValue::as_bytes), VERSION)
        }
    };
    match given {
        Some(given) if given != right => Err(shared.refuse(
            Code::InvalidArgument,
            "UNSUPPORTED_PROTOCOL_VERSION",
            "only version 1 of the Connect protocol is spoken here",
        )),
        _ => Ok(()),
    }
}

/// `Connect-Timeout-Ms`.
pub(crate) fn timeout(shared: &Shared, headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    let Some(given) = headers.get("connect-timeout-ms") else {
        return Ok(None);
    };
    let given = given.as_bytes();
    let digits = (1..=DIGITS).contains(&given.len()) && given.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(given)
        .ok()
        .filter(|_| digits)
        .and_then(|given| given.parse().ok());
    match number {
        Some(milliseconds) => Ok(Some(Duration::from_millis(milliseconds))),
        None => Err(shared.refuse(
            Code::InvalidArgument,
            "MALFORMED_TIMEOUT",
            "Connect-Timeout-Ms is a whole number of milliseconds, with at most ten digits",
        )),
    }
}

/// Requests are taken uncompressed only.
pub(crate) fn identity(
    shared: &Shared,
    method: &Method,
    head: &Head,
    request: &Request<Body>,
) -> Result<(), Refusal> {
    let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    let given = match &head.query {
        Some(query) => query.compression(),
        None if method.streams => header("connect-content-encoding"),
        None => header("content-encoding"),
    };
    match given {
        None | Some(b"" | b"identity") => Ok(()),
        Some(_) => Err(Refusal::compressed(shared.domain)),
    }
}
