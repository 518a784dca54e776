//! How much of a process one address may hold at once: connections, requests under way and, among these, requests
//! whose body has not come yet. Without it a single machine takes every place there is with requests that it
//! never finishes.

mod body;

use std::{
    collections::HashMap,
    hash::RandomState,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::{BoxFuture, Either};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use parking_lot::Mutex;
use tonic::{Status, body::Body, transport::server::TcpConnectInfo};
use tower::{Layer, Service};

use crate::{Failure, Kind, auth::DOMAIN};
use body::{Arriving, Held};

/// Whom a request comes from.
pub trait Whence: Send + Sync {
    /// Who is counted as one, of a request that came over a connection from `peer`.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr;
    /// The peer is a proxy: its connections are those of many.
    fn is_proxy(&self, peer: IpAddr) -> bool;
}

/// How much one address may hold at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Connections; those of proxies are not counted.
    pub connections: u32,
    /// Requests under way, open streams among them.
    pub requests: u32,
    /// Of these, such whose body has not come to its end.
    pub arriving: u32,
}

/// Counts by address. It knows those addresses only that hold something now.
#[derive(Clone)]
pub struct Crowd {
    counts: Arc<Counts>,
}

struct Counts {
    share: Share,
    whence: Arc<dyn Whence>,
    // hashed with a secret: nobody outside chooses which addresses meet
    held: Mutex<HashMap<IpAddr, [u32; 3], RandomState>>,
}

/// What is counted, as a place in the counts.
#[derive(Debug, Clone, Copy)]
enum What {
    Connections,
    Requests,
    Arriving,
}

impl Crowd {
    /// Counts nothing yet.
    pub fn new(share: Share, whence: Arc<dyn Whence>) -> Self {
        Self {
            counts: Arc::new(Counts {
                share,
                whence,
                held: Mutex::default(),
            }),
        }
    }

    /// A connection's place; `None` when its other end has as many as it may.
    pub(crate) fn connection(&self, peer: IpAddr) -> Option<Place> {
        let unknown = HeaderMap::new();
        match self.counts.whence.is_proxy(peer) {
            true => Some(Place(None)),
            false => self.take(What::Connections, self.counts.whence.client(peer, &unknown)),
        }
    }

    fn take(&self, what: What, from: IpAddr) -> Option<Place> {
        let share = self.counts.share;
        let most = match what {
            What::Connections => share.connections,
            What::Requests => share.requests,
            What::Arriving => share.arriving,
        };
        let mut held = self.counts.held.lock();
        let count = &mut held.entry(from).or_default()[what as usize];
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place(Some((self.counts.clone(), what, from))))
    }
}

/// A place that is held until this is dropped.
pub(crate) struct Place(Option<(Arc<Counts>, What, IpAddr)>);

impl Drop for Place {
    fn drop(&mut self) {
        let Some((counts, what, from)) = self.0.take() else {
            return;
        };
        let mut held = counts.held.lock();
        if let Some(of) = held.get_mut(&from) {
            of[what as usize] -= 1;
            if *of == [0; 3] {
                held.remove(&from);
            }
        }
    }
}

impl<S> Layer<S> for Crowd {
    type Service = CrowdService<S>;

    fn layer(&self, next: S) -> Self::Service {
        CrowdService {
            crowd: self.clone(),
            next,
        }
    }
}

/// A service of which nobody takes more than their share.
#[derive(Clone)]
pub struct CrowdService<S> {
    crowd: Crowd,
    next: S,
}

impl<S> Service<Request<Body>> for CrowdService<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<
        std::future::Ready<Result<Response<Body>, S::Error>>,
        BoxFuture<'static, Result<Response<Body>, S::Error>>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.next.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let info = request.extensions().get::<TcpConnectInfo>();
        let Some(peer) = info.and_then(TcpConnectInfo::remote_addr) else {
            return Either::Right(Box::pin(self.next.call(request)));
        };
        let from = self
            .crowd
            .counts
            .whence
            .client(peer.ip(), request.headers());
        let Some(place) = self.crowd.take(What::Requests, from) else {
            return Either::Left(std::future::ready(Ok(refused(&request))));
        };
        let request = match request.body().is_end_stream() {
            true => request,
            false => match self.crowd.take(What::Arriving, from) {
                Some(place) => request.map(|body| Body::new(Arriving::new(body, place))),
                None => return Either::Left(std::future::ready(Ok(refused(&request)))),
            },
        };
        let answer = self.next.call(request);
        Either::Right(Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| Body::new(Held::new(body, place))))
        }))
    }
}

/// How soon somebody may try again whose other requests are still under way.
const PAUSE: Duration = Duration::from_secs(1);

/// In the words of gRPC to who speaks it; else as Connect and HTTP say it.
fn refused(asked: &Request<Body>) -> Response<Body> {
    metrics::counter!("requests_crowded_total").increment(1);
    let sentence =
        "too many requests from this address are under way; try again when some are answered";
    let grpc = asked
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if grpc {
        let failure = Failure::new(Kind::Exhausted(PAUSE), DOMAIN, "CROWDED", sentence);
        return Status::from(failure).into_http();
    }
    let text = format!(r#"{{"code":"resource_exhausted","message":"{sentence}"}}"#);
    let mut answer = Response::new(Body::new(axum::body::Body::from(text)));
    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = answer.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    headers.insert(header::RETRY_AFTER, HeaderValue::from(PAUSE.as_secs()));
    if asked.version() <= Version::HTTP_11 {
        // what it may still send is not read
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}
