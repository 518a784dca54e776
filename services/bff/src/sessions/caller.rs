//! The session of the call being handled. The edge finds it, handlers need it, and it is looked up once.

use std::{
    cell::OnceCell,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::task::futures::TaskLocalFuture;
use tower::{Layer, Service};

use super::Session;
use crate::error::Error;

type Slot = OnceCell<Arc<Session>>;

tokio::task_local! {
    static CALLER: Slot;
}

/// The session of the call being handled.
///
/// # Errors
/// `Unauthenticated` when the call did not pass the edge.
pub(crate) fn caller() -> Result<Arc<Session>, Error> {
    CALLER
        .try_with(|slot| slot.get().cloned())
        .ok()
        .flatten()
        .ok_or(Error::Unauthenticated)
}

/// Remembers the session for the rest of the call; false outside of one.
pub(super) fn admit(session: Arc<Session>) -> bool {
    CALLER.try_with(|slot| slot.set(session)).is_ok()
}

/// Gives each call a place for its session; goes outside of the edge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallerLayer;

impl<S> Layer<S> for CallerLayer {
    type Service = CallerScope<S>;

    fn layer(&self, next: S) -> Self::Service {
        CallerScope(next)
    }
}

/// A service whose calls each have a place for their session.
#[derive(Debug, Clone)]
pub(crate) struct CallerScope<S>(S);

impl<S: Service<R>, R> Service<R> for CallerScope<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = TaskLocalFuture<Slot, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        CALLER.scope(Slot::new(), self.0.call(request))
    }
}
