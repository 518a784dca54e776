//! The Connect protocol in front of tonic's routes. A request becomes a gRPC call inside this process, so that
//! credentials, deadlines and limits see one protocol only. Without this crate `curl`, browsers' tools and
//! Connect's own clients could call nothing here.
//!
//! Unary calls and server streams, JSON and binary, after <https://connectrpc.com/docs/protocol>. Compressed
//! requests are refused (the limits are of what travels), and so are streams of a client.

mod codec;
mod error;
mod get;
mod grpc;
mod head;
mod metadata;
mod methods;
mod openapi;
mod stream;
mod unary;

use std::{
    collections::HashMap,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::future::{BoxFuture, Either};
use http::{HeaderValue, Request, Response, Version, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use prost_reflect::{DescriptorError, DescriptorPool};
use tokio::sync::Semaphore;
use tonic::{Code, body::Body};
use tower::{Layer, Service};

use error::Refusal;
use head::Head;
use methods::{Method, Methods};

pub use openapi::{About, openapi};

/// A request's body takes at the most this long to arrive.
const READING: Duration = Duration::from_secs(10);
/// Bodies read at once in a process: with the largest size it bounds the memory they take.
const READERS: usize = 2_048;

/// Connect, as a layer around services that speak gRPC. What is not Connect passes untouched.
#[derive(Clone)]
pub struct Connect {
    shared: Arc<Shared>,
}

struct Shared {
    methods: Methods,
    /// Knows the messages of methods and of error details.
    pool: DescriptorPool,
    domain: &'static str,
    largest: usize,
    readers: Semaphore,
}

impl Connect {
    /// Speaks for these services (full names) of the pool. Refusals of this layer carry `domain` in their
    /// `ErrorInfo`; a request's message has at most `largest` bytes, as JSON or as it is.
    ///
    /// # Errors
    /// When the pool describes the messages of error details differently than Google does.
    pub fn new(
        pool: &DescriptorPool,
        services: &[&str],
        domain: &'static str,
        largest: usize,
    ) -> Result<Self, DescriptorError> {
        let mut pool = pool.clone();
        pool.decode_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)?;
        let shared = Shared {
            methods: Methods::of(&pool, services),
            pool,
            domain,
            largest,
            readers: Semaphore::new(READERS),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }
}

impl<S> Layer<S> for Connect {
    type Service = ConnectService<S>;

    fn layer(&self, next: S) -> Self::Service {
        ConnectService {
            shared: self.shared.clone(),
            next,
        }
    }
}

/// A service that also answers in Connect.
#[derive(Clone)]
pub struct ConnectService<S> {
    shared: Arc<Shared>,
    next: S,
}

impl<S> Service<Request<Body>> for ConnectService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.next.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if grpc::is_grpc(request.headers()) {
            return Either::Left(self.next.call(request));
        }
        let method = match self.shared.methods.find(request.uri().path()) {
            methods::Found::Method(method) => method,
            methods::Found::Service => {
                let refusal = self.shared.refuse(
                    Code::Unimplemented,
                    "NO_SUCH_METHOD",
                    "this service has no method of that name",
                );
                let answer = unary::refused(&self.shared.pool, &refusal);
                return Either::Right(Box::pin(std::future::ready(Ok(answer))));
            }
            methods::Found::Nothing => return Either::Left(self.next.call(request)),
        };
        let next = self.next.clone();
        // the service that was polled ready is the one to call
        let next = std::mem::replace(&mut self.next, next);
        let shared = self.shared.clone();
        Either::Right(Box::pin(async move {
            shared.serve(&method, request, next).await
        }))
    }
}

impl Shared {
    async fn serve<S>(
        &self,
        method: &Arc<Method>,
        request: Request<Body>,
        mut next: S,
    ) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<Body>>,
    {
        let version = request.version();
        let head = match Head::of(self, method, &request) {
            Ok(head) => head,
            Err(refused) => return Ok(last_on(version, *refused)),
        };
        let mut unread = true;
        let inner = match self.translate(method, &head, request, &mut unread).await {
            Ok(inner) => inner,
            Err(refusal) => {
                let refused = match method.streams {
                    true => stream::refused(&self.pool, head.codec, &refusal),
                    false => unary::refused(&self.pool, &refusal),
                };
                return Ok(if unread {
                    last_on(version, refused)
                } else {
                    refused
                });
            }
        };
        let answer = next.call(inner).await?;
        Ok(if method.streams {
            stream::answer(&self.pool, method, head.codec, answer)
        } else {
            unary::answer(&self.pool, method, &head, answer).await
        })
    }

    /// The gRPC call that a request stands for; says whether its body was left unread.
    async fn translate(
        &self,
        method: &Method,
        head: &Head,
        request: Request<Body>,
        unread: &mut bool,
    ) -> Result<Request<Body>, Refusal> {
        let began = Instant::now();
        head::version(self, head, &request)?;
        let timeout = head::timeout(self, request.headers())?;
        head::identity(self, method, head, &request)?;
        let (parts, body) = request.into_parts();
        let given = match &head.query {
            Some(query) => query.message(self)?,
            None => {
                let limit = timeout.unwrap_or(READING).min(READING);
                tokio::time::timeout(limit, self.read(method, &parts.headers, body))
                    .await
                    .map_err(|_| {
                        self.refuse(
                            Code::DeadlineExceeded,
                            "DEADLINE_EXCEEDED",
                            "the request did not arrive in time",
                        )
                    })??
            }
        };
        *unread = false;
        let message = head.codec.read(self, &method.input, given)?;
        let left = timeout.map(|timeout| timeout.saturating_sub(began.elapsed()));
        Ok(grpc::request(parts, &message, left))
    }

    /// The message in a request's body: all of a unary one, the only envelope of a stream.
    async fn read(
        &self,
        method: &Method,
        headers: &http::HeaderMap,
        body: Body,
    ) -> Result<Bytes, Refusal> {
        let _reader = self.readers.try_acquire().map_err(|_| {
            self.refuse(
                Code::ResourceExhausted,
                "OVERLOADED",
                "too many calls at once; try again in a second",
            )
        })?;
        let most = match method.streams {
            true => self.largest + grpc::PREFIX,
            false => self.largest,
        };
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > most as u64) {
            return Err(self.too_large());
        }
        let read = Limited::new(body, most).collect().await;
        let bytes = read
            .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => self.too_large(),
                None => self.refuse(
                    Code::Cancelled,
                    "REQUEST_BROKEN_OFF",
                    "the request ended before its body was complete",
                ),
            })?
            .to_bytes();
        match method.streams {
            true => stream::only_message(self, bytes),
            false => Ok(bytes),
        }
    }

    fn refuse(&self, code: Code, reason: &'static str, message: impl Into<String>) -> Refusal {
        Refusal::new(code, self.domain, reason, message)
    }

    fn too_large(&self) -> Refusal {
        let kib = self.largest / 1024;
        self.refuse(
            Code::InvalidArgument,
            "REQUEST_TOO_LARGE",
            format!("the request is larger than {kib} KiB"),
        )
    }
}

/// The server ends a connection of HTTP/1 whose request it did not read to the end: a client that is not told would
/// send its next request there.
fn last_on(version: Version, mut answer: Response<Body>) -> Response<Body> {
    if version <= Version::HTTP_11 {
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(header::CONNECTION, close);
    }
    answer
}

/// Parameters of a query by name; the first of a name counts.
type Parameters = HashMap<String, Vec<u8>>;
