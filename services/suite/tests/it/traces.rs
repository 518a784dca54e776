//! What an operator sees of one change in a collector of traces.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use parking_lot::Mutex;
use proto::{
    bff::v1::{WatchMessengerRequest, watch_messenger_response::Frame},
    settings::v1::Platform,
    tickets::v1::StateCategory,
};
use runtime::telemetry::{self, TraceArgs};
use suite::signed;
use testing::eventually;
use tokio::task::JoinSet;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

use crate::office::{Office, id, submit};

/// Keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let sent = request.into_inner().resource_spans.into_iter();
        let spans = sent.flat_map(|resource| resource.scope_spans);
        self.0.lock().extend(spans.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start(&self, servers: &mut JoinSet<()>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(self.clone()))
            .serve_with_incoming(TcpIncoming::from(listener));
        servers.spawn(async move { server.await.unwrap() });
        address
    }

    fn named(&self, name: &str) -> Vec<Span> {
        let spans = self.0.lock();
        spans
            .iter()
            .filter(|span| span.name == name)
            .cloned()
            .collect()
    }

    /// The names of all spans of a trace.
    fn of(&self, trace: &[u8]) -> BTreeSet<String> {
        let spans = self.0.lock();
        let of_it = spans.iter().filter(|span| span.trace_id == trace);
        of_it.map(|span| span.name.clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_a_change_of_state_to_the_frame_that_shows_it() {
    let collector = Collector::default();
    let mut servers = JoinSet::new();
    let args = TraceArgs {
        otlp_endpoint: Some(collector.start(&mut servers).await),
        ..TraceArgs::default()
    };
    let telemetry = telemetry::start("suite", "warn", &args).unwrap();
    let office = Office::open().await;
    let web = office.messenger("ada", Platform::Web);
    let ticket = submit(&web, "Where does the time go?").await;
    let body = WatchMessengerRequest {
        platform: Platform::Web.into(),
        resume_token: None,
    };
    let mut request = signed(&web.token().await.unwrap(), body).unwrap();
    request.metadata_mut().remove("grpc-timeout");
    // what a customer's app says of traces is not ours to follow
    let foreign = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
    request
        .metadata_mut()
        .insert("traceparent", foreign.parse().unwrap());
    let channel = runtime::client::channel(&office.suite.endpoints().bff).unwrap();
    let mut client = proto::bff::v1::messenger_service_client::MessengerServiceClient::new(channel);
    let mut frames = client.watch_messenger(request).await.unwrap().into_inner();
    office.state(&ticket, StateCategory::InProgress).await;
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(20), frames.message())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let Some(Frame::Home(home)) = frame.frame else {
            continue;
        };
        let shown = home.recent_tickets.unwrap_or_default().tickets;
        let mine = shown.iter().find(|shown| shown.ticket_id == id(&ticket));
        let state = mine.and_then(|ticket| ticket.state.as_ref());
        if state.is_some_and(|state| state.category() == StateCategory::InProgress) {
            break;
        }
    }
    let change = "messenger.tickets.v1.TicketService/ChangeTicketState";
    let expected = BTreeSet::from(
        [
            change,
            "stamps from tickets",
            "inbox from tickets",
            // the stamp in the thread is a consequence, too
            "inbox from conversations",
            "frame of Home",
        ]
        .map(str::to_owned),
    );
    eventually("the whole way is in the collector", || async {
        let [changed] = &*collector.named(change) else {
            return None;
        };
        let all = collector.of(&changed.trace_id);
        all.is_superset(&expected).then_some(())
    })
    .await;
    let submitted = collector.named("messenger.bff.v1.MessengerService/SubmitTicket");
    let behind = collector.of(&submitted[0].trace_id);
    assert!(behind.contains("messenger.tickets.v1.TicketService/CreateContactTicket"));
    assert!(
        collector
            .of(&0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128.to_be_bytes())
            .is_empty()
    );
    // who reads traces or numbers learns no secret, and nothing that somebody wrote
    let token = web.token().await.unwrap();
    for (what, told) in [
        ("a trace", format!("{:?}", collector.0.lock())),
        ("a number", runtime::metrics::page()),
    ] {
        assert!(told.contains("TicketService"), "{what}: {told}");
        for secret in [token.as_str(), "msgr_", "eyJ", "Where does the time go?"] {
            assert!(!told.contains(secret), "{what} tells {secret}: {told}");
        }
    }
    tokio::task::spawn_blocking(|| telemetry.end())
        .await
        .unwrap();
}
