//! The null RPC: the same stack with nothing in it, so that a ratio to it says what a service costs.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use anyhow::Result;
use futures::future::BoxFuture;
use proto::bff::v1::{CardTicket, GetHomeRequest, GetHomeResponse, Home, RecentTicketsCard};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status,
    body::Body,
    client::Grpc as Client,
    codegen::http,
    server::{Grpc, NamedService, UnaryService},
    service::Routes,
    transport::{Channel, Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;

const PATH: &str = "/messenger.bench.Null/Get";

/// Answers about a kibibyte at once.
#[derive(Clone)]
struct Null {
    answer: GetHomeResponse,
}

impl NamedService for Null {
    const NAME: &'static str = "messenger.bench.Null";
}

impl UnaryService<GetHomeRequest> for Null {
    type Response = GetHomeResponse;
    type Future = std::future::Ready<Result<Response<GetHomeResponse>, Status>>;

    fn call(&mut self, _: Request<GetHomeRequest>) -> Self::Future {
        std::future::ready(Ok(Response::new(self.answer.clone())))
    }
}

impl tower::Service<http::Request<Body>> for Null {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let codec: ProstCodec<GetHomeResponse, GetHomeRequest> = ProstCodec::default();
            Ok(Grpc::new(codec).unary(service, request).await)
        })
    }
}

/// Serves it on a free port of loopback until the token is cancelled; returns the address.
///
/// # Errors
/// When no port is free.
pub(super) async fn serve(stop: CancellationToken) -> Result<String> {
    let (listener, address) =
        runtime::serve::bind(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let ticket = CardTicket {
        ticket_id: "tkt_0123456789abcdef0123456789abcdef".into(),
        number: 1,
        title: "x".repeat(280),
        ..Default::default()
    };
    let card = RecentTicketsCard {
        tickets: vec![ticket; 3],
    };
    let home = Home {
        recent_tickets: Some(card),
        ..Default::default()
    };
    let null = Null {
        answer: GetHomeResponse { home: Some(home) },
    };
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let serving = Server::builder()
        .add_routes(Routes::new(null))
        .serve_with_incoming_shutdown(incoming, async move { stop.cancelled().await });
    #[allow(
        clippy::disallowed_methods,
        reason = "ends with its token, in a program that only measures"
    )]
    tokio::task::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the null server ended");
        }
    });
    Ok(format!("http://{address}"))
}

/// Makes one call.
///
/// # Errors
/// When it fails.
pub(super) async fn call(channel: Channel) -> Result<()> {
    let mut client = Client::new(channel);
    client.ready().await?;
    let codec: ProstCodec<GetHomeRequest, GetHomeResponse> = ProstCodec::default();
    let path = http::uri::PathAndQuery::from_static(PATH);
    client
        .unary(Request::new(GetHomeRequest::default()), path, codec)
        .await?;
    Ok(())
}
