//! The feed as a client of the wire sees it.

use proto::events::v1::{
    Cursor, ReadRequest, ResetKind, SubscribeRequest, SubscribeResponse,
    event_feed_service_client::EventFeedServiceClient, subscribe_response::Frame,
};
use runtime::client::{ServiceChannel, service_channel};
use testing::conformance::{
    Transport,
    owner::{contact_in, write},
    reader::{origin, soon},
};
use tonic::{Code, Streaming};

use crate::grpc::{self, Grpc};

fn client(
    transport: &Grpc,
    scopes: &'static [&'static str],
) -> EventFeedServiceClient<ServiceChannel> {
    let address = format!("http://{}", transport.proxy.address());
    let ring = transport.owner.scratch.ring("reader");
    EventFeedServiceClient::new(service_channel(&address, ring, scopes).unwrap())
}

async fn frame(stream: &mut Streaming<SubscribeResponse>) -> Frame {
    let message = soon("a frame", stream.message()).await.unwrap();
    message.unwrap().frame.unwrap()
}

#[tokio::test]
async fn a_reset_names_the_partition_what_is_wrong_and_the_floor() {
    let transport = grpc::start().await;
    for _ in 0..10 {
        write(&transport.log(), &contact_in(4, 0), "thing").await;
    }
    transport.prune(4, 6).await;
    let mut above = transport.source().heads().await.unwrap()[4].clone();
    above.position += 1;
    let mut client = client(&transport, &["events:read"]);
    for (cursor, kind) in [
        (origin().remove(4), ResetKind::OutOfRange),
        (above, ResetKind::Diverged),
    ] {
        let cursors = vec![cursor];
        let answer = client.subscribe(SubscribeRequest { cursors }).await;
        let mut stream = answer.unwrap().into_inner();
        let Frame::Reset(reset) = frame(&mut stream).await else {
            panic!("no reset");
        };
        assert_eq!((reset.partition, reset.kind(), reset.floor), (4, kind, 6));
        assert_eq!(
            stream.message().await.unwrap(),
            None,
            "the stream ends after it"
        );
    }
}

#[tokio::test]
async fn a_draining_server_tells_its_readers_to_resume_elsewhere() {
    let transport = grpc::start().await;
    let mut client = client(&transport, &["events:read"]);
    let cursors = origin();
    let answer = client.subscribe(SubscribeRequest { cursors }).await;
    let mut stream = answer.unwrap().into_inner();
    assert!(matches!(frame(&mut stream).await, Frame::Heartbeat(_)));
    transport.back_up().await;
    transport.restore().await; // one server drains, another starts
    let end = loop {
        match soon("the end", stream.message()).await {
            Ok(message) => assert!(message.is_some(), "it just ended"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Unavailable);
    assert!(end.message().contains("resume from your cursor"), "{end}");
}

#[tokio::test]
async fn a_feed_is_for_those_who_may_read_events() {
    let transport = grpc::start().await;
    let mut client = client(&transport, &["things:read"]);
    let cursors = origin();
    let refused = client.subscribe(SubscribeRequest { cursors }).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let refused = client.read(ReadRequest::default()).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_an_invalid_argument() {
    let transport = grpc::start().await;
    let mut client = client(&transport, &["events:read"]);
    let twice = vec![Cursor::default(), Cursor::default()];
    let refused = client.subscribe(SubscribeRequest { cursors: twice }).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    let request = ReadRequest {
        partition: 16,
        ..ReadRequest::default()
    };
    assert_eq!(
        client.read(request).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn a_stretch_is_as_long_as_was_asked_for() {
    let transport = grpc::start().await;
    for _ in 0..10 {
        write(&transport.log(), &contact_in(4, 0), "thing").await;
    }
    let mut client = client(&transport, &["events:read"]);
    for (limit, expected) in [(3, 3), (0, 8), (100, 8), (u32::MAX, 8)] {
        let request = ReadRequest {
            partition: 4,
            after_position: 2,
            limit,
        };
        let events = client.read(request).await.unwrap().into_inner().events;
        assert_eq!(events.len(), expected, "{limit}");
        assert_eq!(events[0].position, 3);
    }
}
