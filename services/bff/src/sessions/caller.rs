//! Who makes the call being handled: from where, and in which session. The edge finds the session, handlers need
//! it, and it is looked up once.

use std::{
    cell::OnceCell,
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use tokio::task::futures::TaskLocalFuture;
use tower::{Layer, Service};

use super::Session;
use crate::{
    error::Error,
    proxies::{Address, Proxies},
};

/// What is known of the caller.
pub(crate) struct Slot {
    from: Address,
    session: OnceCell<Arc<Session>>,
}

tokio::task_local! {
    static CALLER: Slot;
}

/// The session of the call being handled.
///
/// # Errors
/// `Unauthenticated` when the call did not pass the edge.
pub(crate) fn caller() -> Result<Arc<Session>, Error> {
    CALLER
        .try_with(|slot| slot.session.get().cloned())
        .ok()
        .flatten()
        .ok_or(Error::Unauthenticated)
}

/// From where the call being handled comes.
///
/// # Errors
/// `Unauthenticated` outside of a call.
pub(crate) fn address() -> Result<Address, Error> {
    CALLER
        .try_with(|slot| slot.from)
        .map_err(|_| Error::Unauthenticated)
}

/// Remembers the session for the rest of the call; false outside of one.
pub(super) fn admit(session: Arc<Session>) -> bool {
    CALLER.try_with(|slot| slot.session.set(session)).is_ok()
}

/// Gives each call a place for its session; goes outside of the edge.
#[derive(Clone)]
pub(crate) struct CallerLayer(pub(crate) Arc<Proxies>);

impl<S> Layer<S> for CallerLayer {
    type Service = CallerScope<S>;

    fn layer(&self, next: S) -> Self::Service {
        CallerScope {
            proxies: self.0.clone(),
            next,
        }
    }
}

/// A service whose calls each have a place for their session.
#[derive(Clone)]
pub(crate) struct CallerScope<S> {
    proxies: Arc<Proxies>,
    next: S,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for CallerScope<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = TaskLocalFuture<Slot, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.next.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let slot = Slot {
            from: self.proxies.client(request.headers(), request.extensions()),
            session: OnceCell::new(),
        };
        CALLER.scope(slot, self.next.call(request))
    }
}
