//! Calls spread over the replicas of a service. A channel of tonic's own goes to one address, and its
//! balancer never leaves out one that is dead (grpc-rust#2839); here only replicas get calls that say
//! they are serving.

mod backend;
mod resolve;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use rand::Rng;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tonic::{body::Body, codegen::Bytes, transport::Channel};
use tower::{BoxError, Service, ServiceExt};

use self::{
    backend::{Backend, Load},
    resolve::{Places, resolve},
};
use crate::{KeyRing, PeerTls, StartError, client};

/// How long a call waits for a replica that serves, unless its own time ends first.
const WAIT: Duration = Duration::from_secs(1);

/// No replica of a service serves. The call was not sent.
#[derive(Debug, thiserror::Error)]
#[error("no replica serves")]
pub struct NoneServes;

/// A connection to a service, however many replicas it has. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    to: To,
}

#[derive(Clone)]
enum To {
    One(Channel),
    Many(Arc<Replicas>),
}

/// The replicas known, and the tasks that watch them.
struct Replicas {
    known: Arc<Known>,
    _watching: JoinSet<()>,
}

/// What is known of a service's replicas.
pub(crate) struct Known {
    backends: Mutex<Vec<Arc<Backend>>>,
    // grows with every replica that begins to serve
    serving: watch::Sender<u64>,
}

/// A connection to the replicas at an address: one such as `http://127.0.0.1:7101`, or several with commas
/// between them. A host's name stands for all addresses it has, which are asked for again every few
/// seconds; of these, and of several, only those get calls that say they are serving. Where the address begins with
/// `https://` it is made with the ring's TLS, for health and calls alike.
///
/// # Errors
/// When an address is malformed, or needs TLS that the ring does not have.
pub fn connection(address: &str, keys: &KeyRing) -> Result<Connection, StartError> {
    connection_over(address, keys.tls())
}

/// As [`connection`], of somebody without keys.
pub(crate) fn connection_over(
    address: &str,
    tls: Option<&PeerTls>,
) -> Result<Connection, StartError> {
    let places = Places::parse(address)?;
    if places.is_one() {
        // nothing to choose from: the connection itself tells whether it is there
        let to = To::One(client::channel_over(address, tls)?);
        return Ok(Connection { to });
    }
    let known = Arc::new(Known {
        backends: Mutex::default(),
        serving: watch::Sender::new(0),
    });
    // all of them end with the last clone of the connection
    let mut watching = JoinSet::new();
    places.are_reachable(tls)?;
    watching.spawn(resolve(places, tls.cloned(), known.clone()));
    let to = To::Many(Arc::new(Replicas {
        known,
        _watching: watching,
    }));
    Ok(Connection { to })
}

impl Known {
    /// The less busy one of two that serve, chosen at random: no caller has to know of the others, and
    /// none runs into the same one as all the others.
    fn pick(&self) -> Option<Load> {
        let backends = self.backends.lock();
        let serving: Vec<&Arc<Backend>> = backends.iter().filter(|b| b.is_serving()).collect();
        let chosen = match serving.len() {
            0 => return None,
            1 => serving[0],
            count => {
                let one = rand::thread_rng().gen_range(0..count);
                let other = (one + rand::thread_rng().gen_range(1..count)) % count;
                let (one, other) = (serving[one], serving[other]);
                if other.load() < one.load() {
                    other
                } else {
                    one
                }
            }
        };
        Some(Backend::take(chosen))
    }

    async fn choose(&self) -> Result<Load, NoneServes> {
        let mut serving = self.serving.subscribe();
        timeout(WAIT, async {
            loop {
                serving.borrow_and_update();
                if let Some(load) = self.pick() {
                    return load;
                }
                if serving.changed().await.is_err() {
                    // the sender lives as long as this does
                    std::future::pending().await
                }
            }
        })
        .await
        .map_err(|_| NoneServes)
    }

    fn began_to_serve(&self) {
        self.serving.send_modify(|turn| *turn += 1);
    }
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Answer>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // which replica takes the call is decided with the call
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let to = self.to.clone();
        Box::pin(async move {
            let (channel, load) = match to {
                To::One(channel) => (channel, None),
                To::Many(replicas) => {
                    let load = replicas.known.choose().await?;
                    (load.channel(), Some(load))
                }
            };
            let answer = channel.oneshot(request).await;
            if let (Err(error), Some(load)) = (&answer, &load)
                && client::chain_has::<tonic::ConnectError>(error)
            {
                load.is_away();
            }
            let answer = answer?;
            Ok(answer.map(|body| Answer { body, _load: load }))
        })
    }
}

/// The body of an answer. Its replica counts as busy with it until the end: a watch is load, too.
pub struct Answer {
    body: Body,
    _load: Option<Load>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
