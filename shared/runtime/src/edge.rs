//! The edge of a server: everything a call passes before a handler sees it, in one place and one order.
//!
//! 1. panics become INTERNAL, so that one bad request or stream ends alone;
//! 2. a request id, taken from the caller or made, names the call in logs and errors;
//! 3. over the limit of calls at once the answer is RESOURCE_EXHAUSTED at once, not a queue;
//! 4. who calls is verified, and may call this method, or nothing else happens;
//! 5. a unary call ends at its caller's deadline, or at ours.
//!
//! What became of it is counted, and is a span of its caller's trace.

mod observe;
mod stream;
mod timely;

use std::{
    any::Any,
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use prost::Message;
use prost_types::FileDescriptorSet;
use tokio::sync::Semaphore;
use tonic::{Status, body::Body};
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use self::{observe::Observed, timely::within};
use crate::{
    Failure, Kind,
    auth::{Access, AccessTable, Authenticator, DOMAIN, authorize, forbidden, unauthenticated},
};

/// Unary calls at once in a process.
const CALLS: usize = 2_048;
/// The request of a stream takes at the most this long to arrive.
const ARRIVING: Duration = Duration::from_secs(10);
/// Reflection asks and answers in turns, for so long.
const CONVERSING: Duration = Duration::from_secs(60);
/// A unary call without a deadline of its own gets this one; none gets more.
const DEADLINE: Duration = Duration::from_secs(10);
/// Ours fires this much before the caller's, so that the caller hears DEADLINE_EXCEEDED from us.
const MARGIN: Duration = Duration::from_millis(5);
/// The header that names a call.
const REQUEST_ID: &str = "x-request-id";
/// Longer ids from outside are replaced.
const MAX_REQUEST_ID: usize = 64;

tokio::task_local! {
    static CALL: Call;
}

#[derive(Clone)]
struct Call {
    id: Arc<str>,
    deadline: Option<Instant>,
}

/// The id of the call being handled, if there is one.
pub fn request_id() -> Option<String> {
    CALL.try_with(|call| call.id.to_string()).ok()
}

/// The time left for the call being handled; `None` outside a call and for streams.
pub fn time_left() -> Option<Duration> {
    CALL.try_with(|call| {
        call.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    })
    .ok()
    .flatten()
}

/// The edge, as a layer of a tonic server.
#[derive(Clone)]
pub struct Edge {
    inner: Arc<Shared>,
    follows: bool,
}

struct Shared {
    access: HashMap<&'static str, Access>,
    streams: HashSet<String>,
    authenticator: Arc<dyn Authenticator>,
    calls: Arc<Semaphore>,
}

impl Edge {
    /// Lets in what the table says, on the word of the authenticator.
    pub fn new(access: AccessTable, authenticator: Arc<dyn Authenticator>) -> Self {
        Self {
            inner: Arc::new(Shared {
                access: access.iter().copied().collect(),
                streams: streaming_methods(),
                authenticator,
                calls: Arc::new(Semaphore::new(CALLS)),
            }),
            follows: true,
        }
    }

    /// For callers who are not ours: each call begins a trace, whatever its headers say.
    #[must_use]
    pub fn in_public(self) -> Self {
        Self {
            follows: false,
            ..self
        }
    }
}

impl<S> Layer<S> for Edge {
    type Service = EdgeService<S>;

    fn layer(&self, next: S) -> Self::Service {
        EdgeService {
            edge: self.inner.clone(),
            follows: self.follows,
            next,
        }
    }
}

/// A service behind the edge.
#[derive(Clone)]
pub struct EdgeService<S> {
    edge: Arc<Shared>,
    follows: bool,
    next: S,
}

impl<S> Service<Request<Body>> for EdgeService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.next.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let next = self.next.clone();
        // the service that was polled ready is the one to call
        let next = std::mem::replace(&mut self.next, next);
        let edge = self.edge.clone();
        let follows = self.follows;
        Box::pin(async move {
            let call = edge.name(&request);
            let path = request.uri().path();
            let observed = (!is_open(path)).then(|| {
                let method = edge.access.get_key_value(path).map(|(path, _)| *path);
                Observed::begin(method, &request, &call.id, follows)
            });
            let span = observed.as_ref().map_or_else(Span::none, Observed::span);
            let handled = CALL.scope(call, async move {
                match AssertUnwindSafe(edge.pass(request, next))
                    .catch_unwind()
                    .await
                {
                    Ok(Ok(answer)) => answer,
                    Ok(Err(refusal)) => Ok(Status::from(refusal).into_http()),
                    Err(panic) => Ok(Status::from(panicked(&*panic)).into_http()),
                }
            });
            let answer = handled.instrument(span).await;
            if let (Some(observed), Ok(answer)) = (observed, &answer) {
                observed.end(answer);
            }
            answer
        })
    }
}

impl Shared {
    fn name(&self, request: &Request<Body>) -> Call {
        let given = request
            .headers()
            .get(REQUEST_ID)
            .and_then(|id| id.to_str().ok());
        let id = match given {
            Some(id)
                if !id.is_empty()
                    && id.len() <= MAX_REQUEST_ID
                    && id.bytes().all(|b| b.is_ascii_graphic()) =>
            {
                id.into()
            }
            _ => types::id::uuid().simple().to_string().into(),
        };
        let path = request.uri().path();
        let streams = self.streams.contains(path) || is_open(path);
        Call {
            id,
            deadline: (!streams).then(|| Instant::now() + allowance(request)),
        }
    }

    async fn pass<S>(
        &self,
        mut request: Request<Body>,
        mut next: S,
    ) -> Result<Result<S::Response, S::Error>, Failure>
    where
        S: Service<Request<Body>, Response = Response<Body>>,
    {
        let path = request.uri().path();
        if is_open(path) {
            let patience = match path.starts_with("/grpc.reflection.") {
                true => CONVERSING,
                false => ARRIVING,
            };
            return Ok(next.call(request.map(|body| within(patience, body))).await);
        }
        let access = self
            .access
            .get(path)
            .copied()
            .ok_or_else(|| forbidden("no such method, or not for this caller"))?;
        let deadline = CALL.with(|call| call.deadline);
        let _permit = match deadline {
            // streams hold a permit of their own for as long as they are open
            None => None,
            Some(_) => Some(
                self.calls
                    .clone()
                    .try_acquire_owned()
                    .map_err(|_| overloaded())?,
            ),
        };
        if access != Access::Public {
            let bearer = bearer(&request).ok_or_else(unauthenticated)?;
            let actor = self.authenticator.authenticate(bearer);
            let actor = match deadline {
                None => actor.await?,
                // who asks with no time left is told that, not what could not be found out in it
                Some(deadline) => tokio::time::timeout_at(deadline.into(), actor)
                    .await
                    .map_err(|_| late())?
                    .map_err(|why| {
                        if deadline <= Instant::now() {
                            late()
                        } else {
                            why
                        }
                    })?,
            };
            authorize(access, &actor)?;
            request.extensions_mut().insert(actor);
        }
        let answer = match deadline {
            None => next.call(request.map(|body| within(ARRIVING, body))).await,
            Some(deadline) if deadline <= Instant::now() => return Err(late()),
            Some(deadline) => tokio::time::timeout_at(deadline.into(), next.call(request))
                .await
                .map_err(|_| late())?,
        };
        let answer = match answer {
            Ok(answer) => unread(answer)?,
            failed => return Ok(failed),
        };
        Ok(Ok(match deadline {
            None => answer.map(stream::within_its_call),
            Some(_) => answer,
        }))
    }
}

/// A request that could not be read at all never reached a handler: the codec answers for it, as if the
/// fault were ours and with its own words. Every refusal of ours has details, so one without is the codec's.
fn unread(answer: Response<Body>) -> Result<Response<Body>, Failure> {
    let headers = answer.headers();
    if headers.contains_key("grpc-status-details-bin") {
        return Ok(answer);
    }
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
    };
    let too_large =
        text("grpc-message").is_some_and(|said| said.contains("message%20length%20too%20large"));
    match text("grpc-status") {
        Some("13") => Err(Failure::new(
            Kind::Invalid,
            DOMAIN,
            "MALFORMED_REQUEST",
            "the request is not the message that this method takes",
        )),
        Some("11") if too_large => Err(Failure::new(
            Kind::Invalid,
            DOMAIN,
            "REQUEST_TOO_LARGE",
            format!(
                "the request is larger than {} KiB",
                crate::serve::MAX_MESSAGE / 1024
            ),
        )),
        Some("12") if text("grpc-message").is_some_and(|said| said.contains("compressed")) => {
            Err(Failure::new(
                Kind::Unimplemented,
                DOMAIN,
                "UNSUPPORTED_COMPRESSION",
                "requests are taken uncompressed only: send identity as the encoding",
            ))
        }
        _ => Ok(answer),
    }
}

/// Health and reflection tell nothing of anybody and are asked before there are credentials.
fn is_open(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.") || path.starts_with("/grpc.reflection.")
}

fn bearer(request: &Request<Body>) -> Option<&str> {
    let mut given = request
        .headers()
        .get_all(http::header::AUTHORIZATION)
        .iter();
    let value = given.next()?.to_str().ok()?;
    // of two, whoever stands in front may have looked at the other
    if given.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// What the caller's `grpc-timeout` leaves us.
fn allowance(request: &Request<Body>) -> Duration {
    let asked = request
        .headers()
        .get("grpc-timeout")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| {
            let (number, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
            let number: u64 = number.parse().ok().filter(|n| *n <= 99_999_999)?;
            Some(match unit {
                "H" => Duration::from_secs(number * 3_600),
                "M" => Duration::from_secs(number * 60),
                "S" => Duration::from_secs(number),
                "m" => Duration::from_millis(number),
                "u" => Duration::from_micros(number),
                "n" => Duration::from_nanos(number),
                _ => return None,
            })
        });
    asked.map_or(DEADLINE, |asked| asked.saturating_sub(MARGIN).min(DEADLINE))
}

fn streaming_methods() -> HashSet<String> {
    let Ok(set) = FileDescriptorSet::decode(proto::DESCRIPTORS) else {
        return HashSet::new();
    };
    let mut methods = HashSet::new();
    for file in &set.file {
        for service in &file.service {
            for method in service
                .method
                .iter()
                .filter(|method| method.server_streaming())
            {
                methods.insert(format!(
                    "/{}.{}/{}",
                    file.package(),
                    service.name(),
                    method.name()
                ));
            }
        }
    }
    methods
}

fn overloaded() -> Failure {
    Failure::new(
        Kind::Exhausted(Duration::from_millis(200)),
        DOMAIN,
        "OVERLOADED",
        "too many calls at once; try again after the delay",
    )
}

fn late() -> Failure {
    Failure::new(
        Kind::Deadline,
        DOMAIN,
        "DEADLINE_EXCEEDED",
        "the call took longer than its deadline allows",
    )
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    #[derive(Debug, thiserror::Error)]
    #[error("a handler panicked: {0}")]
    struct Panicked(String);
    Failure::internal(DOMAIN, &Panicked(said(panic)))
}

/// What a panic said.
pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}
