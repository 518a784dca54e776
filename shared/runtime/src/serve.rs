//! A server on its ports, from the first byte to the last.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, http::StatusCode, routing::get};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use http::HeaderValue;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::server::TcpIncoming};
use tonic_health::{ServingStatus, server::HealthReporter};
use tower::{Layer, layer::util::Identity, util::option_layer};

use crate::{
    ServerArgs, StartError, Tasks,
    crowd::Crowd,
    edge::Edge,
    front::{self, PagesLayer},
    socket::{AGE, Place, Socket},
    tls::{LOOK, Reloaded},
};

/// Largest message accepted, in bytes; texts are limited to far less.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Streams on one connection: watches are multiplexed.
const STREAMS: u32 = 4_096;
/// Largest block of headers, in bytes.
const HEADERS: u32 = 32 * 1024;
/// Largest frame, in bytes; the protocol's least.
const FRAME: u32 = 16 * 1024;
/// What a stream may send before it is read, in bytes: a message of the largest size and its frame.
const STREAM_WINDOW: u32 = 128 * 1024;
/// The same for all streams of a connection together: the memory that a connection can take.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Streams that a peer may open and reset before we have looked at them; one more, and its connection ends.
const RESETS: usize = 256;
/// Streams that we may have to reset, for what a peer did wrong on them, before its connection ends.
const OWN_RESETS: usize = 256;
/// After the system could not give us a connection, all files being open say, it is asked again so much later.
const BREATH: Duration = Duration::from_millis(100);
/// A silent connection is asked for a sign of life this often.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// And is given up after this long without one.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// What is left after the drain time is waited for so long, and so is what comes last.
const LAST: Duration = Duration::from_secs(2);

/// A server about to start.
pub struct Server<L = Identity> {
    names: Vec<&'static str>,
    routes: Routes,
    edge: Edge,
    outer: L,
    crowd: Option<Crowd>,
    pages: Router,
    origins: Vec<HeaderValue>,
    reflection: bool,
    last: BoxFuture<'static, ()>,
}

impl Server {
    /// `names` are the full names of the services in `routes`, for health.
    pub fn new(names: &[&'static str], routes: Routes, edge: Edge) -> Self {
        Self {
            names: names.to_vec(),
            routes,
            edge,
            outer: Identity::new(),
            crowd: None,
            pages: Router::new(),
            origins: Vec::new(),
            reflection: true,
            last: std::future::ready(()).boxed(),
        }
    }
}

impl<L> Server<L> {
    /// Puts a layer outside of the edge; it sees what is gRPC or a relative of it.
    pub fn outside<N>(self, outer: N) -> Server<N> {
        Server {
            names: self.names,
            routes: self.routes,
            edge: self.edge,
            outer,
            crowd: self.crowd,
            pages: self.pages,
            origins: self.origins,
            reflection: self.reflection,
            last: self.last,
        }
    }

    /// Lets no address hold more than its share of connections and of requests, whatever they ask for.
    pub fn crowd(mut self, crowd: Option<Crowd>) -> Self {
        self.crowd = crowd;
        self
    }

    /// Answers what is no call: `GET /` and the like. Pages pass no edge: no credential, no deadline, no limit
    /// but their own. What none of them answers is 404.
    pub fn pages(mut self, pages: Router) -> Self {
        self.pages = pages;
        self
    }

    /// Lets browsers call from pages of these origins, such as `https://app.example.com`; from none otherwise.
    pub fn origins(mut self, origins: Vec<HeaderValue>) -> Self {
        self.origins = origins;
        self
    }

    /// What is done last of all, when nothing uses it any more: closing a database, say. At most 2 s.
    pub fn finally<E: std::fmt::Display>(
        mut self,
        last: impl Future<Output = Result<(), E>> + Send + 'static,
    ) -> Self {
        self.last = async move {
            if let Err(error) = last.await {
                tracing::warn!(%error, "the end was not clean");
            }
        }
        .boxed();
        self
    }

    /// Binds, serves, and says SERVING on every name.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start(self, args: &ServerArgs, tasks: Tasks) -> Result<Running, StartError>
    where
        L: Layer<crate::edge::EdgeService<Routes>> + Clone + Send + Sync + 'static,
        L::Service: tower::Service<
                http::Request<tonic::body::Body>,
                Response = http::Response<tonic::body::Body>,
                Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
                Future: Send,
            > + Clone
            + Send
            + 'static,
    {
        let (listener, address) = bind(args.listen).await?;
        let (reporter, health) = tonic_health::server::health_reporter();
        let mut routes = self.routes.add_service(health);
        if self.reflection {
            let build = || {
                tonic_reflection::server::Builder::configure()
                    .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
                    .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            };
            let broken = |e| StartError::Config(format!("the descriptors cannot be served: {e}"));
            routes = routes
                .add_service(build().build_v1().map_err(broken)?)
                // older clients know this version only
                .add_service(build().build_v1alpha().map_err(broken)?);
        }
        let connect = front::connect(&self.names)?;
        let cors = (!self.origins.is_empty()).then(|| front::cors(self.origins));
        let (ready, readiness) = watch::channel(true);
        if let Some(admin) = args.admin_listen {
            serve_admin(admin, readiness, &tasks).await?;
        }
        for name in self.names.iter().copied().chain([""]) {
            reporter
                .set_service_status(name, ServingStatus::Serving)
                .await;
        }
        let stopping = tasks.stopping();
        // without TCP_NODELAY each answer waits 40 ms for the acknowledgement of the one before
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let greeted = stopping.clone();
        let places = Arc::new(Semaphore::new(args.max_connections as usize));
        let tls = args.tls.port()?.map(Arc::new);
        if let Some(tls) = tls.clone() {
            tasks.spawn(keep_current(tls, tasks.stopping()));
        }
        let crowd = self.crowd.clone();
        let incoming = incoming.filter_map(move |accepted| {
            let socket = accepted.map(|io| match Place::take(&places, crowd.as_ref(), &io) {
                Some(place) => {
                    let tls = tls.as_ref().map(|tls| tls.current());
                    Some(Socket::new(io, tls, place, &greeted))
                }
                None => {
                    metrics::counter!("connections_refused_total").increment(1);
                    None
                }
            });
            async {
                if let Err(error) = &socket {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATH).await;
                }
                socket.transpose()
            }
        });
        let serving = tonic::transport::Server::builder()
            // browsers' and curl's
            .accept_http1(true)
            .max_concurrent_streams(STREAMS)
            .http2_max_header_list_size(HEADERS)
            .max_frame_size(FRAME)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_pending_accept_reset_streams(Some(RESETS))
            .http2_max_local_error_reset_streams(Some(OWN_RESETS))
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            // its grace is not set: then connections would be cut without a word first (tonic 0.14.9); ours is the socket's
            .max_connection_age(AGE)
            // a preflight is no call
            .layer(option_layer(cors))
            // before anything is read, and before any place of the process is taken
            .layer(option_layer(self.crowd))
            // from here on a Connect call is gRPC
            .layer(connect)
            .layer(PagesLayer(self.pages.fallback(front::nothing)))
            .layer(self.outer)
            .layer(self.edge)
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, async move { stopping.cancelled().await });
        let (done, finished) = watch::channel(false);
        tasks.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the server ended");
            }
            done.send_replace(true);
        });
        Ok(Running {
            address,
            names: self.names,
            reporter,
            ready,
            finished,
            tasks,
            drain: args.drain(),
            last: self.last,
        })
    }
}

/// Binds a TCP port.
///
/// # Errors
/// When it is taken or not allowed.
pub async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|cause| StartError::Bind { address, cause })?;
    let address = listener
        .local_addr()
        .map_err(|cause| StartError::Bind { address, cause })?;
    Ok((listener, address))
}

/// Looks at the files of TLS until the process stops.
async fn keep_current(tls: Arc<Reloaded<rustls::ServerConfig>>, stopping: CancellationToken) {
    while tokio::time::timeout(LOOK, stopping.cancelled())
        .await
        .is_err()
    {
        tls.refresh();
    }
}

async fn serve_admin(
    address: SocketAddr,
    ready: watch::Receiver<bool>,
    tasks: &Tasks,
) -> Result<(), StartError> {
    let (listener, _) = bind(address).await?;
    let ready = Arc::new(ready);
    let pages = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/metrics", get(|| async { crate::metrics::page() }))
        .route(
            "/readyz",
            get(move || {
                let ready = *ready.borrow();
                async move {
                    if ready {
                        (StatusCode::OK, "ok\n")
                    } else {
                        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
                    }
                }
            }),
        );
    let stopping = tasks.stopping();
    tasks.spawn(async move {
        let serving = axum::serve(listener, pages)
            .with_graceful_shutdown(async move { stopping.cancelled().await });
        if let Err(error) = serving.await {
            tracing::error!(%error, "the admin port ended");
        }
    });
    Ok(())
}

/// A server that runs. Dropping it does not stop it; [`Running::drain`] does.
pub struct Running {
    address: SocketAddr,
    names: Vec<&'static str>,
    reporter: HealthReporter,
    ready: watch::Sender<bool>,
    finished: watch::Receiver<bool>,
    tasks: Tasks,
    drain: Duration,
    last: BoxFuture<'static, ()>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says NOT_SERVING, ends streams, lets open calls finish within the drain time, stops every
    /// background task, and does what comes last.
    pub async fn drain(mut self) {
        self.ready.send_replace(false);
        for name in self.names.iter().copied().chain([""]) {
            self.reporter
                .set_service_status(name, ServingStatus::NotServing)
                .await;
        }
        for name in self.names.iter().copied().chain([""]) {
            // taking the entry away ends whoever watches it, who would hold the drain up; a check still
            // finds the new one
            self.reporter.clear_service_status(name).await;
            self.reporter
                .set_service_status(name, ServingStatus::NotServing)
                .await;
        }
        self.tasks.stop();
        let mut finished = self.finished.clone();
        let cut = tokio::time::timeout(self.drain, finished.wait_for(|done| *done))
            .map(|done| done.is_err());
        if cut.await || !self.tasks.ended(LAST).await {
            tracing::warn!(
                seconds = self.drain.as_secs(),
                "the drain time passed; what was left is cut"
            );
        }
        if tokio::time::timeout(LAST, self.last).await.is_err() {
            tracing::warn!("the end took too long and was cut");
        }
    }
}
