//! A small service, spoken to through the feed's methods: what it does is chosen by the partition asked for.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream, stream::BoxStream};
use proto::events::v1::{
    Cursor, Envelope, GetHeadsRequest, GetHeadsResponse, ReadRequest, ReadResponse,
    SnapshotRequest, SnapshotResponse, SubscribeRequest, SubscribeResponse,
    event_feed_service_client::EventFeedServiceClient,
    event_feed_service_server::{EventFeedService, EventFeedServiceServer},
};
use runtime::{
    Access, Actor, ActorKind, Failure, Kind, Running, Server, ServerArgs, Tasks, Violations,
    auth::{AccessTable, Assertions, actor},
    client::{ServiceChannel, call, channel, service_channel},
    crowd::Crowd,
    edge::{Edge, request_id, time_left},
};
use testing::Scratch;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, service::Routes, transport::Channel};

pub const NAME: &str = "messenger.events.v1.EventFeedService";
/// Who may do what; `Snapshot` has no row.
pub const ACCESS: AccessTable = &[
    (
        "/messenger.events.v1.EventFeedService/Read",
        Access::Scope("sample:read"),
    ),
    (
        "/messenger.events.v1.EventFeedService/GetHeads",
        Access::Contact,
    ),
    (
        "/messenger.events.v1.EventFeedService/Subscribe",
        Access::Public,
    ),
];

// what Read does
pub const ECHO: u32 = 0;
pub const PANIC: u32 = 1;
pub const HANG: u32 = 2;
pub const BREAK: u32 = 3;
pub const REFUSE: u32 = 4;
pub const GATE: u32 = 5;
pub const AWAY: u32 = 6;
pub const LARGE: u32 = 7;
pub const ONWARDS: u32 = 8;
// what Subscribe does
pub const ENDLESS: u32 = 0;
pub const DEAF: u32 = 1;
pub const PANICKING: u32 = 2;

/// What a test holds of the running service.
#[derive(Clone)]
pub struct Sample {
    /// Calls that reached a handler.
    pub handled: Arc<AtomicU32>,
    /// `GATE` waits for a permit of it.
    pub gate: Arc<Semaphore>,
    /// So many calls of `AWAY` fail with the status.
    pub away: Arc<parking_lot::Mutex<(u32, Status)>>,
    /// Where `ONWARDS` calls `ECHO`.
    pub next: Option<ServiceChannel>,
    pub tasks: Tasks,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            handled: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            away: Arc::new(parking_lot::Mutex::new((0, Status::unavailable("away")))),
            next: None,
            tasks: Tasks::new(),
        }
    }
}

impl Sample {
    pub fn handled(&self) -> u32 {
        self.handled.load(Ordering::SeqCst)
    }

    /// Starts it; keys must be there.
    pub async fn start(
        &self,
        scratch: &Scratch,
        args: &ServerArgs,
    ) -> Result<Running, runtime::StartError> {
        let assertions = Assertions::new(scratch.ring("sample"));
        serve(self.clone(), assertions, args).await
    }
}

pub async fn serve(
    sample: Sample,
    assertions: Assertions,
    args: &ServerArgs,
) -> Result<Running, runtime::StartError> {
    serve_crowd(sample, assertions, args, None).await
}

/// As [`serve`], where nobody takes more than a share.
pub async fn serve_crowd(
    sample: Sample,
    assertions: Assertions,
    args: &ServerArgs,
    crowd: Option<Crowd>,
) -> Result<Running, runtime::StartError> {
    let tasks = sample.tasks.clone();
    let service =
        EventFeedServiceServer::new(sample).max_decoding_message_size(runtime::serve::MAX_MESSAGE);
    let edge = Edge::new(ACCESS, Arc::new(assertions));
    Server::new(&[NAME], Routes::new(service), edge)
        .crowd(crowd)
        .start(args, tasks)
        .await
}

/// A running sample with keys for itself and its callers.
pub async fn start() -> (Scratch, Sample, Running) {
    let scratch = Scratch::new();
    let keys = scratch.keys(&["sample", "caller", "bff"]);
    let sample = Sample::default();
    let running = sample
        .start(&scratch, &ServerArgs::loopback(keys))
        .await
        .unwrap();
    (scratch, sample, running)
}

/// A client that speaks as the service `caller` with the right scope.
pub fn client(scratch: &Scratch, address: SocketAddr) -> EventFeedServiceClient<ServiceChannel> {
    EventFeedServiceClient::new(signed(scratch, address))
}

pub fn signed(scratch: &Scratch, address: SocketAddr) -> ServiceChannel {
    let address = format!("http://{address}");
    service_channel(&address, scratch.ring("caller"), &["sample:read"]).unwrap()
}

/// A client without credentials of its own.
pub fn bare(address: SocketAddr) -> EventFeedServiceClient<Channel> {
    EventFeedServiceClient::new(channel(&format!("http://{address}")).unwrap())
}

pub fn caller(scopes: &[&str]) -> Actor {
    Actor {
        workspace: None,
        kind: ActorKind::Service,
        id: "caller".into(),
        name: String::new(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
    }
}

pub fn read(what: u32) -> ReadRequest {
    ReadRequest {
        partition: what,
        ..ReadRequest::default()
    }
}

pub fn watch(what: u32) -> SubscribeRequest {
    let cursor = Cursor {
        partition: what,
        ..Cursor::default()
    };
    SubscribeRequest {
        cursors: vec![cursor],
    }
}

/// What `ECHO` saw of its call.
pub struct Echo {
    pub request_id: String,
    pub actor: String,
    pub time_left: Option<Duration>,
    pub authorization: String,
}

pub fn echo(answer: Response<ReadResponse>) -> Echo {
    let event = answer.into_inner().events.remove(0);
    Echo {
        request_id: event.aggregate_id,
        actor: event.contact_id,
        time_left: event.position.checked_sub(1).map(Duration::from_millis),
        authorization: event.traceparent,
    }
}

#[tonic::async_trait]
impl EventFeedService for Sample {
    type SubscribeStream = BoxStream<'static, Result<SubscribeResponse, Status>>;
    type SnapshotStream = BoxStream<'static, Result<SnapshotResponse, Status>>;

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        self.handled.fetch_add(1, Ordering::SeqCst);
        let mut payload = Vec::new();
        match request.get_ref().partition {
            PANIC => panic!("the vault's code is 1234"),
            HANG => std::future::pending().await,
            BREAK => {
                let cause = std::io::Error::other("table vault is corrupt");
                return Err(Failure::internal("sample.messenger", &cause).into());
            }
            REFUSE => {
                let mut violations = Violations::new();
                violations.add("title", "must not be empty");
                violations.add("description", "is too long");
                let violations = violations.finish().unwrap_err();
                return Err(Failure::invalid("sample.messenger", violations).into());
            }
            GATE => self.gate.acquire().await.unwrap().forget(),
            AWAY => {
                let mut away = self.away.lock();
                if away.0 > 0 {
                    away.0 -= 1;
                    return Err(away.1.clone());
                }
            }
            LARGE => payload = vec![0; request.get_ref().after_position as usize],
            ONWARDS => {
                let client = EventFeedServiceClient::new(self.next.clone().unwrap());
                let limit = Duration::from_secs(5);
                let answer = call(true, limit, |left| {
                    let mut client = client.clone();
                    let mut request = Request::new(read(ECHO));
                    request.set_timeout(left);
                    async move { client.read(request).await }
                });
                return answer.await.map(Response::new);
            }
            _ => {}
        }
        let authorization = request.metadata().get("authorization");
        let event = Envelope {
            aggregate_id: request_id().unwrap_or_default(),
            contact_id: actor(&request)?.id.clone(),
            position: time_left().map_or(0, |left| left.as_millis() as u64 + 1),
            traceparent: authorization.unwrap().to_str().unwrap().into(),
            payload,
            ..Envelope::default()
        };
        Ok(Response::new(ReadResponse {
            events: vec![event],
        }))
    }

    async fn get_heads(
        &self,
        request: Request<GetHeadsRequest>,
    ) -> Result<Response<GetHeadsResponse>, Status> {
        self.handled.fetch_add(1, Ordering::SeqCst);
        let _ = actor(&request)?.contact()?;
        Ok(Response::new(GetHeadsResponse::default()))
    }

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        self.handled.fetch_add(1, Ordering::SeqCst);
        if time_left().is_some() {
            let failure = Failure::new(Kind::Deadline, "sample.messenger", "BOUNDED", "no");
            return Err(failure.into());
        }
        let first = stream::iter([Ok(SubscribeResponse::default())]);
        let what = request
            .get_ref()
            .cursors
            .first()
            .map(|cursor| cursor.partition);
        Ok(Response::new(match what {
            Some(DEAF) => first.chain(stream::pending()).boxed(),
            Some(PANICKING) => {
                let gate = self.gate.clone();
                let then = stream::once(async move {
                    gate.acquire().await.unwrap().forget();
                    panic!("the vault's code is 1234")
                });
                first.chain(then).boxed()
            }
            _ => {
                let stopping = self.tasks.stopping().cancelled_owned();
                first.chain(stream::pending()).take_until(stopping).boxed()
            }
        }))
    }

    async fn snapshot(
        &self,
        _: Request<SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        self.handled.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(stream::empty().boxed()))
    }
}
