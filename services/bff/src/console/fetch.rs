//! Requests to the identity provider: over TLS, bounded in time and size, and never sent on to where an answer
//! points.

use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use tokio::time::timeout;

use super::args::is_safe;

/// One request with its answer takes at most this long.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer has at most this many bytes; key sets have a few thousand.
const MOST: usize = 256 * 1024;
/// A connection that nobody uses is closed after this long.
const IDLE: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("the address is neither https nor of this machine")]
    Insecure,
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
    #[error("the connection failed: {0}")]
    Away(#[from] hyper_util::client::legacy::Error),
    #[error("the answer broke off, or is larger than {MOST} bytes")]
    Unreadable,
}

/// Fetches.
pub(super) struct Fetcher(Client<HttpsConnector<HttpConnector>, Full<bytes::Bytes>>);

impl Fetcher {
    /// Trusts the authorities that the system trusts; where it names none, as in a bare image, Mozilla's.
    pub fn new() -> Self {
        let builder = HttpsConnectorBuilder::new();
        let builder = match builder.with_native_roots() {
            Ok(builder) => builder,
            Err(_) => HttpsConnectorBuilder::new().with_webpki_roots(),
        };
        let connector = builder.https_or_http().enable_http1().build();
        Self(
            Client::builder(TokioExecutor::new())
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(4)
                .build(connector),
        )
    }

    async fn fetch(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        // the provider's own document names further addresses
        if !is_safe(&request.uri().to_string()) {
            return Err(FetchError::Insecure);
        }
        timeout(
            PATIENCE,
            self.exchange(request.map(|body| Full::new(body.into()))),
        )
        .await
        .map_err(|_| FetchError::Late)?
    }

    async fn exchange(
        &self,
        request: Request<Full<bytes::Bytes>>,
    ) -> Result<HttpResponse, FetchError> {
        let (head, body) = self.0.request(request).await?.into_parts();
        let body = Limited::new(body, MOST).collect().await;
        let body = body.map_err(|_| FetchError::Unreadable)?.to_bytes();
        Ok(Response::from_parts(head, body.to_vec()))
    }
}

impl<'c> AsyncHttpClient<'c> for Fetcher {
    type Error = FetchError;
    type Future = BoxFuture<'c, Result<HttpResponse, FetchError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.fetch(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_sent_in_the_clear_to_another_machine() {
        // a documentation address: whoever tried would wait for an answer
        for address in ["http://192.0.2.1/keys", "http://127.0.0.1.example/keys"] {
            let request = Request::get(address).body(Vec::new()).unwrap();
            let refused = Fetcher::new().fetch(request).await.unwrap_err();
            assert!(matches!(refused, FetchError::Insecure), "{refused}");
        }
    }
}
