//! Calls from one service to another: connections, credentials, deadlines and retries.

use std::{future::Future, sync::Arc, time::Duration};

use http::Uri;
use parking_lot::Mutex;
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::{
    Failure, KeyRing, Kind, PeerTls, StartError,
    auth::Assertion,
    balance::{Connection, NoneServes, connection},
    edge::time_left,
};

/// A connection is given up after this long.
const CONNECT: Duration = Duration::from_secs(2);
/// An assertion is used for this long, though it is good for longer: clocks differ.
const REUSE_SECONDS: i64 = 45;
/// What is kept back of the caller's time for the answer's way home.
const MARGIN: Duration = Duration::from_millis(20);
/// Tries of an idempotent call.
const TRIES: u32 = 3;
/// First wait between tries.
const BACKOFF: Duration = Duration::from_millis(25);
/// A connection is asked for a sign of life this often: a peer that vanished without a word is left
/// before its callers have given up many calls.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// And is given up after this long without one.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection to a service, made when first used and again whenever it breaks; in clear.
///
/// # Errors
/// When the address is malformed, or begins with `https://`.
pub fn channel(address: &str) -> Result<Channel, StartError> {
    channel_over(address, None)
}

/// As [`channel`], for an address that may begin with `https://`.
///
/// # Errors
/// When the address is malformed, or needs TLS that is not there.
pub fn channel_over(address: &str, tls: Option<&PeerTls>) -> Result<Channel, StartError> {
    let malformed = |e: &dyn std::fmt::Display| {
        StartError::Config(format!(
            "{address:?} is not an address such as http://127.0.0.1:7101: {e}"
        ))
    };
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|e| malformed(&e))?;
    let uri = endpoint.uri().clone();
    let host = uri.host().ok_or_else(|| malformed(&"it has no host"))?;
    let place = format!("{host}:{}", uri.port_u16().unwrap_or(default_port(&uri)));
    dial(endpoint, uri, place, tls)
}

/// The port of an address that names none.
pub(crate) fn default_port(uri: &Uri) -> u16 {
    if is_encrypted(uri) { 443 } else { 80 }
}

fn is_encrypted(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

/// A connection to `place`, HOST:PORT, which is one of the places of `origin`.
pub(crate) fn dial(
    endpoint: Endpoint,
    origin: Uri,
    place: String,
    tls: Option<&PeerTls>,
) -> Result<Channel, StartError> {
    // the name that was asked for, not the address, is who it is to be
    let endpoint = tuned(endpoint.origin(origin.clone()));
    Ok(match needed(&origin, tls)? {
        Some(tls) => tls.channel(endpoint, origin, place),
        None => endpoint.connect_lazy(),
    })
}

/// The TLS that an address is called with; none in clear.
///
/// # Errors
/// When the address needs it and it is not there.
pub(crate) fn needed<'a>(
    origin: &Uri,
    tls: Option<&'a PeerTls>,
) -> Result<Option<&'a PeerTls>, StartError> {
    match (is_encrypted(origin), tls) {
        (false, _) => Ok(None),
        (true, Some(tls)) => Ok(Some(tls)),
        (true, None) => Err(StartError::Config(format!(
            "{origin} is to be called over TLS, but --tls-ca does not say whose certificates to trust"
        ))),
    }
}

/// How every connection is set up.
fn tuned(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
}

/// A channel that signs every call as this service.
pub type ServiceChannel = InterceptedService<Connection, SignedAsSelf>;

/// A connection on which this service speaks for itself with the given scopes.
///
/// # Errors
/// When the address is malformed, or needs TLS that the ring does not have.
pub fn service_channel(
    address: &str,
    keys: Arc<KeyRing>,
    scopes: &'static [&'static str],
) -> Result<ServiceChannel, StartError> {
    let connection = connection(address, &keys)?;
    let signer = SignedAsSelf {
        keys,
        scopes,
        current: Arc::new(Mutex::new(None)),
    };
    Ok(InterceptedService::new(connection, signer))
}

/// An assertion and its value as a header.
type Credential = (Assertion, MetadataValue<Ascii>);

/// Adds this service's assertion to each call.
#[derive(Clone)]
pub struct SignedAsSelf {
    keys: Arc<KeyRing>,
    scopes: &'static [&'static str],
    current: Arc<Mutex<Option<Credential>>>,
}

impl Interceptor for SignedAsSelf {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let mut current = self.current.lock();
        let fresh = current
            .as_ref()
            .filter(|(assertion, _)| is_fresh(assertion))
            .map(|(_, value)| value.clone());
        let value = match fresh {
            Some(value) => value,
            None => {
                let failed =
                    |e: &StartError| Status::from(Failure::internal(crate::auth::DOMAIN, e));
                let assertion = self
                    .keys
                    .sign_self(None, self.scopes)
                    .map_err(|e| failed(&e))?;
                let value = bearer(&assertion.token).map_err(|e| failed(&e))?;
                *current = Some((assertion, value.clone()));
                value
            }
        };
        drop(current);
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }
}

/// The assertion is good for long enough to be sent once more.
pub fn is_fresh(assertion: &Assertion) -> bool {
    assertion.expires_at - crate::auth::now_seconds() > 60 - REUSE_SECONDS
}

/// A token as the value of the `authorization` header.
///
/// # Errors
/// When it has characters that no header may have.
pub fn bearer(token: &str) -> Result<MetadataValue<Ascii>, StartError> {
    format!("Bearer {token}")
        .parse()
        .map_err(|_| StartError::Keys("the token is no header value".into()))
}

/// Makes a call within what is left of the caller's time, at most `limit`. An idempotent one is tried
/// again when the service was away; any other only if it was surely never sent. A connection that
/// cannot be made or breaks is UNAVAILABLE, whatever it was doing.
///
/// # Errors
/// The last status.
pub async fn call<T, F, Fut>(idempotent: bool, limit: Duration, send: F) -> Result<T, Status>
where
    F: Fn(Duration) -> Fut,
    Fut: Future<Output = Result<Response<T>, Status>>,
{
    let left = time_left().map_or(limit, |left| left.saturating_sub(MARGIN).min(limit));
    let deadline = tokio::time::Instant::now() + left;
    let mut wait = BACKOFF;
    let mut tries = 1;
    loop {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        if left.is_zero() {
            return Err(late());
        }
        let status = match tokio::time::timeout(left, send(left)).await {
            Ok(Ok(answer)) => return Ok(answer.into_inner()),
            // the channel's own timer was first, and says CANCELLED
            Ok(Err(status)) if is_caused_by::<tonic::TimeoutExpired>(&status) => return Err(late()),
            Ok(Err(status)) => status,
            Err(_) => return Err(late()),
        };
        let never_sent = was_never_sent(&status);
        let status = if broke_off(&status) { away() } else { status };
        let again = never_sent || (idempotent && status.code() == Code::Unavailable);
        if !again
            || tries >= TRIES
            || deadline.saturating_duration_since(tokio::time::Instant::now()) <= wait
        {
            return Err(status);
        }
        tokio::time::sleep(wait).await;
        wait *= 3;
        tries += 1;
    }
}

fn is_caused_by<E: std::error::Error + 'static>(status: &Status) -> bool {
    cause::<E>(status).is_some()
}

/// Whether an error is, or is caused by, one of a kind.
pub(crate) fn chain_has<E: std::error::Error + 'static>(
    error: &(dyn std::error::Error + 'static),
) -> bool {
    error.is::<E>() || cause::<E>(error).is_some()
}

fn cause<'a, E: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a E> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

/// No connection could be made, no replica serves, or the connection was closing just then: safe to try
/// again, whatever the call does.
fn was_never_sent(status: &Status) -> bool {
    is_caused_by::<tonic::ConnectError>(status)
        || is_caused_by::<NoneServes>(status)
        || cause::<hyper::Error>(status).is_some_and(hyper::Error::is_canceled)
        || cause::<h2::Error>(status).is_some_and(was_not_looked_at)
}

/// A server that ends a connection in peace names the last call that it looked at, and h2 tells all later
/// ones so; a call can also be refused by itself (RFC 9113, 6.8 and 8.7). One that was looked at ends with a
/// broken pipe instead.
fn was_not_looked_at(error: &h2::Error) -> bool {
    let peaceful = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (peaceful || refused)
}

/// The connection could not be made or broke; what a service answers has no cause here. The code that
/// goes with it depends on where in the answer it broke.
fn broke_off(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

fn away() -> Status {
    Failure::new(
        Kind::Unavailable(Duration::from_millis(500)),
        crate::auth::DOMAIN,
        "UNAVAILABLE",
        "a service cannot be reached now; try again in a moment",
    )
    .into()
}

fn late() -> Status {
    Failure::new(
        Kind::Deadline,
        crate::auth::DOMAIN,
        "DEADLINE_EXCEEDED",
        "a service did not answer in time; try again",
    )
    .into()
}
