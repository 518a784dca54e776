//! The transport over gRPC: a real server behind the edge, and a network in between that can be cut.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use events::{EventLog, EventSource, FeedServer, GrpcSource};
use futures::StreamExt;
use parking_lot::Mutex;
use proto::events::v1::event_feed_service_server::EventFeedServiceServer;
use runtime::{
    Access, Running, Server, ServerArgs, Tasks,
    auth::{AccessTable, Assertions},
    client::service_channel,
    edge::Edge,
};
use testing::{
    Proxy,
    conformance::{Transport, owner::Things},
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;

use crate::owner::Owner;

testing::conformance!(start);
// over NATS the owner is asked where its log stands, beside what is delivered
testing::conformance!(start: flow::a_backlog_does_not_hold_up_the_signs_of_life);

const ACCESS: AccessTable = &[
    ("/messenger.events.v1.EventFeedService/Subscribe", READ),
    ("/messenger.events.v1.EventFeedService/Read", READ),
    ("/messenger.events.v1.EventFeedService/GetHeads", READ),
    ("/messenger.events.v1.EventFeedService/Snapshot", READ),
];
const READ: Access = Access::Scope("events:read");

pub struct Grpc {
    pub owner: Owner,
    server: Mutex<Option<Running>>,
    pub proxy: Arc<Proxy>,
}

pub async fn start() -> Grpc {
    let owner = Owner::start().await;
    owner.scratch.keys(&["sample", "reader"]);
    let server = serve(&owner).await;
    Grpc {
        owner,
        proxy: Proxy::start(server.address()).await,
        server: Mutex::new(Some(server)),
    }
}

async fn serve(owner: &Owner) -> Running {
    let tasks = Tasks::new();
    let log = owner.log();
    let things = Arc::new(Things(log.database().clone()));
    let feed = FeedServer::new(log, things, tasks.stopping());
    let feed =
        EventFeedServiceServer::new(feed).max_decoding_message_size(runtime::serve::MAX_MESSAGE);
    let edge = Edge::new(
        ACCESS,
        Arc::new(Assertions::new(owner.scratch.ring("sample"))),
    );
    let args = ServerArgs::loopback(owner.scratch.path("keys"));
    Server::new(
        &["messenger.events.v1.EventFeedService"],
        Routes::new(feed),
        edge,
    )
    .start(&args, tasks)
    .await
    .unwrap()
}

#[async_trait::async_trait]
impl Transport for Grpc {
    fn log(&self) -> EventLog {
        self.owner.log()
    }

    async fn other_process(&self) -> EventLog {
        self.owner.other_process().await
    }

    fn source(&self) -> Arc<dyn EventSource> {
        let address = format!("http://{}", self.proxy.address());
        let ring = self.owner.scratch.ring("reader");
        let channel = service_channel(&address, ring, &["events:read"]).unwrap();
        Arc::new(GrpcSource::new(channel))
    }

    async fn interrupt(&self) {
        self.proxy.cut();
    }

    async fn back_up(&self) {
        self.owner.back_up().await;
    }

    async fn restore(&self) {
        let server = self.server.lock().take().unwrap();
        server.drain().await;
        self.owner.restore().await;
        let server = serve(&self.owner).await;
        self.proxy.retarget(server.address());
        *self.server.lock() = Some(server);
    }
}

/// Each connection is asked to end at a certain age, while the subscription on it lasts on. Whoever asks
/// for a snapshot then must not be told that its owner is away.
#[tokio::test]
async fn a_connection_that_is_to_end_fails_nobody_who_reads() {
    let owner = Owner::start().await;
    let things = Arc::new(Things(owner.log().database().clone()));
    let tasks = Tasks::new();
    let feed = FeedServer::new(owner.log(), things, tasks.stopping());
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = port.local_addr().unwrap();
    let connections = Arc::new(AtomicU32::new(0));
    let count = connections.clone();
    let incoming = TcpListenerStream::new(port).inspect(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let server = tonic::transport::Server::builder()
        .max_connection_age(Duration::from_millis(50))
        .add_service(EventFeedServiceServer::new(feed));
    let server = tokio::spawn(server.serve_with_incoming(incoming));
    let source = GrpcSource::new(runtime::client::channel(&format!("http://{address}")).unwrap());
    let mut lasting = Vec::new();
    while connections.load(Ordering::SeqCst) < 5 {
        if lasting.len() < connections.load(Ordering::SeqCst) as usize {
            let cursors = source.heads().await.unwrap();
            lasting.push(source.subscribe(cursors).await.unwrap());
        }
        let mut snapshot = source.snapshot(None).await.unwrap();
        while let Some(piece) = snapshot.next().await {
            piece.unwrap();
        }
        source.read(0, 0).await.unwrap();
    }
    // it is the age that ended them, not the subscriptions
    for subscription in &mut lasting {
        subscription.next().await.unwrap().unwrap();
    }
    server.abort();
}
