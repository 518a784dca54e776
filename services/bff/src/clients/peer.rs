use std::{
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use runtime::{KeyRing, client::call, edge::request_id};
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
};

use super::Credential;
use crate::error::{Error, is_away};

/// The header under which services log a call; the same all the way down.
const REQUEST_ID: &str = "x-request-id";

/// Who a call speaks for.
#[derive(Clone, Copy)]
pub(super) enum Caller<'a> {
    /// Whom the credential names.
    Signed(&'a KeyRing, &'a Credential),
    /// This service itself: the channel signs.
    Channel,
}

impl Caller<'_> {
    /// What each request of a call carries: nothing of the outside but the call's id, and
    /// where it is in its trace.
    pub(super) fn headers(self) -> Result<Headers, Error> {
        let authorization = match self {
            Self::Signed(keys, credential) => Some(credential.header(keys)?),
            Self::Channel => None,
        };
        Ok(Headers {
            authorization,
            request_id: request_id().and_then(|id| id.parse().ok()),
            trace: trace::current().and_then(|place| place.parse().ok()),
        })
    }
}

/// Headers of the requests of one call.
pub(super) struct Headers {
    authorization: Option<MetadataValue<Ascii>>,
    request_id: Option<MetadataValue<Ascii>>,
    trace: Option<MetadataValue<Ascii>>,
}

impl Headers {
    pub(super) fn on<B>(&self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        let headers = request.metadata_mut();
        if let Some(value) = &self.authorization {
            headers.insert("authorization", value.clone());
        }
        if let Some(id) = &self.request_id {
            headers.insert(REQUEST_ID, id.clone());
        }
        if let Some(place) = &self.trace {
            headers.insert(trace::HEADER, place.clone());
        }
        request
    }
}

/// A service behind. That it fails, or answers again, is logged once, not for each call.
pub(super) struct Peer<C> {
    name: &'static str,
    client: C,
    failing: AtomicBool,
}

impl<C: Clone> Peer<C> {
    pub(super) fn new(name: &'static str, client: C) -> Self {
        Self {
            name,
            client,
            failing: AtomicBool::new(false),
        }
    }

    /// Makes a call of at most `limit`. One that may be made `again` without a second effect is tried
    /// again while the service is away.
    pub(super) async fn call<B, T, F, Fut>(
        &self,
        caller: Caller<'_>,
        again: bool,
        limit: Duration,
        body: &B,
        method: F,
    ) -> Result<T, Error>
    where
        B: Clone,
        F: Fn(C, Request<B>) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let headers = caller.headers()?;
        let outcome = call(again, limit, |left| {
            let mut request = headers.on(body.clone());
            request.set_timeout(left);
            method(self.client.clone(), request)
        })
        .await;
        self.observe(outcome.as_ref().err(), caller);
        Ok(outcome?)
    }

    /// Logs when the service begins to fail, and when it answers again.
    pub(super) fn observe(&self, error: Option<&Status>, caller: Caller<'_>) {
        match error {
            Some(status) if is_failure(status, caller) => {
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(service = self.name, code = ?status.code(), why = status.message(), "fails");
                }
            }
            _ => {
                if self.failing.load(Ordering::Relaxed)
                    && self.failing.swap(false, Ordering::Relaxed)
                {
                    tracing::info!(service = self.name, "answers again");
                }
            }
        }
    }
}

/// The service did not answer what the request asks, for a reason that is not in the request.
fn is_failure(status: &Status, caller: Caller<'_>) -> bool {
    match status.code() {
        // where this service speaks for itself the credential in the request is the customer's
        Code::Unauthenticated => matches!(caller, Caller::Signed(..)),
        Code::PermissionDenied | Code::Internal | Code::Unimplemented | Code::DataLoss => true,
        _ => is_away(status),
    }
}
