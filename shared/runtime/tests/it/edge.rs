//! The edge: panics, overload, names of calls, sizes, and what is open to all.

use std::time::Duration;

use futures::future::join_all;
use http::uri::PathAndQuery;
use proto::events::v1::{Envelope, ReadResponse, SubscribeRequest};
use runtime::error::reason_of;
use testing::eventually;
use tokio_stream::StreamExt;
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::{
    v1::{self, server_reflection_client::ServerReflectionClient},
    v1alpha,
};
use tonic_types::StatusExt;

use crate::sample::{
    BREAK, ECHO, ENDLESS, GATE, LARGE, NAME, PANIC, PANICKING, bare, client, echo, read, signed,
    start, watch,
};

#[tokio::test]
async fn a_panic_ends_its_own_call_with_a_generic_sentence_and_the_server_lives_on() {
    let (scratch, sample, running) = start().await;
    let client = client(&scratch, running.address());
    // on the same connection
    let neighbour = tokio::spawn({
        let mut client = client.clone();
        async move { client.read(read(GATE)).await }
    });
    eventually("the neighbour's call", || async {
        (sample.handled() == 1).then_some(())
    })
    .await;
    for _ in 0..3 {
        let status = client.clone().read(read(PANIC)).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(reason_of(&status), "INTERNAL");
        assert!(!format!("{status:?}").contains("1234"), "{status:?}");
    }
    sample.gate.add_permits(1);
    neighbour.await.unwrap().unwrap();
    client.clone().read(read(ECHO)).await.unwrap();
}

/// Streams are many on one connection: one that panics must not take its neighbours down.
#[tokio::test]
async fn a_panic_in_a_stream_ends_that_stream_alone() {
    let (scratch, sample, running) = start().await;
    let mut client = client(&scratch, running.address());
    let mut bad = client
        .subscribe(watch(PANICKING))
        .await
        .unwrap()
        .into_inner();
    let mut neighbour = client.subscribe(watch(ENDLESS)).await.unwrap().into_inner();
    assert!(bad.message().await.unwrap().is_some());
    assert!(neighbour.message().await.unwrap().is_some());
    sample.gate.add_permits(1);
    let status = bad.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Internal, "{status:?}");
    assert!(!format!("{status:?}").contains("1234"), "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!(
        info.metadata["request_id"].len(),
        32,
        "it is still the same call"
    );
    assert_eq!(bad.message().await.unwrap(), None);
    let silence = tokio::time::timeout(Duration::from_millis(100), neighbour.message()).await;
    assert!(silence.is_err(), "the neighbour ended: {silence:?}");
}

#[tokio::test]
async fn an_internal_error_tells_its_cause_to_the_log_alone() {
    let (scratch, _, running) = start().await;
    let status = client(&scratch, running.address())
        .read(read(BREAK))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!format!("{status:?}").contains("vault"), "{status:?}");
    assert!(status.message().contains("name the request id"), "{status}");
}

/// Beyond 2,048 calls at once the answer is immediate and says when to come back; streams, health and
/// those already inside are not concerned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overload_is_refused_at_once_with_a_delay_to_retry_after() {
    const CALLS: u32 = 2_048;
    let (scratch, sample, running) = start().await;
    let client = client(&scratch, running.address());
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.read(read(GATE)).await })
        })
        .collect();
    eventually("all calls to be inside", || async {
        (sample.handled() == CALLS).then_some(())
    })
    .await;
    let status = client.clone().read(read(ECHO)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason_of(&status), "OVERLOADED");
    let retry = status.get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(Duration::from_millis(200)));
    client.clone().subscribe(watch(ENDLESS)).await.unwrap();
    let mut health = HealthClient::new(
        runtime::client::channel(&format!("http://{}", running.address())).unwrap(),
    );
    health.check(HealthCheckRequest::default()).await.unwrap();
    sample.gate.add_permits(CALLS as usize);
    for call in join_all(calls).await {
        call.unwrap().unwrap();
    }
    client.clone().read(read(ECHO)).await.unwrap();
}

/// A caller that gives up makes room again.
#[tokio::test]
async fn a_call_that_is_given_up_leaves_its_place() {
    let (scratch, sample, running) = start().await;
    let client = client(&scratch, running.address());
    for round in 1..=3 {
        let calls: Vec<_> = (0..1_024)
            .map(|_| {
                let mut client = client.clone();
                tokio::spawn(async move { client.read(read(GATE)).await })
            })
            .collect();
        eventually("all calls to be inside", || async {
            (sample.handled() >= 1_024 * round).then_some(())
        })
        .await;
        calls.iter().for_each(tokio::task::JoinHandle::abort);
    }
    client.clone().read(read(ECHO)).await.unwrap();
}

#[tokio::test]
async fn a_call_is_named_by_its_caller_or_by_us() {
    let (scratch, _, running) = start().await;
    let mut client = client(&scratch, running.address());
    let mut named = async |id: Option<&str>, what: u32| {
        let mut request = Request::new(read(what));
        if let Some(id) = id {
            request
                .metadata_mut()
                .insert("x-request-id", id.parse().unwrap());
        }
        client.read(request).await
    };
    // a good one is kept, and told where the call fails
    let good = "order-66.of_Ada/7:8";
    assert_eq!(
        echo(named(Some(good), ECHO).await.unwrap()).request_id,
        good
    );
    for what in [BREAK, PANIC] {
        let status = named(Some(good), what).await.unwrap_err();
        assert_eq!(
            status.get_details_error_info().unwrap().metadata["request_id"],
            good
        );
    }
    let longest = "x".repeat(64);
    assert_eq!(
        echo(named(Some(&longest), ECHO).await.unwrap()).request_id,
        longest
    );
    // none, or one that would make a mess of a log
    let hostile = [
        "",
        " ",
        "two words",
        "tab\there",
        &"x".repeat(65),
        &"x".repeat(8_000),
    ];
    let mut made = std::collections::HashSet::new();
    for id in hostile.into_iter().map(Some).chain([None]) {
        let status = named(id, BREAK).await.unwrap_err();
        let told = status.get_details_error_info().unwrap().metadata["request_id"].clone();
        assert_eq!(told.len(), 32, "{told}");
        assert!(told.bytes().all(|b| b.is_ascii_hexdigit()), "{told}");
        assert!(made.insert(told), "each call has its own");
    }
    // refusals before the handler are named too
    let status = bare(running.address()).read(read(ECHO)).await.unwrap_err();
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata["request_id"].len(), 32);
}

/// Not only what a text may hold: bytes that are no text at all.
#[tokio::test]
async fn a_request_id_of_bytes_is_replaced() {
    let (scratch, _, running) = start().await;
    let mut client = client(&scratch, running.address());
    let mut request = Request::new(read(ECHO));
    let bytes = http::HeaderValue::from_bytes(b"caf\xe9").unwrap();
    let mut headers = request.metadata().clone().into_headers();
    headers.insert("x-request-id", bytes);
    *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(headers);
    let id = echo(client.read(request).await.unwrap()).request_id;
    assert_eq!(id.len(), 32, "{id}");
}

#[tokio::test]
async fn health_and_reflection_are_open_to_all() {
    let (_scratch, sample, running) = start().await;
    let channel = runtime::client::channel(&format!("http://{}", running.address())).unwrap();
    let mut health = HealthClient::new(channel.clone());
    for service in ["", NAME] {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status().as_str_name(), "SERVING", "{service}");
    }
    let unknown = HealthCheckRequest {
        service: "no.such.Service".into(),
    };
    assert_eq!(
        health.check(unknown).await.unwrap_err().code(),
        Code::NotFound
    );

    let request = v1::ServerReflectionRequest {
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
        ..Default::default()
    };
    let answer = ServerReflectionClient::new(channel.clone())
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap();
    let answer = answer.into_inner().next().await.unwrap().unwrap();
    assert!(format!("{answer:?}").contains(NAME), "{answer:?}");

    let request = v1alpha::ServerReflectionRequest {
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(NAME.into()),
        ),
        ..Default::default()
    };
    let answer = v1alpha::server_reflection_client::ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap();
    let answer = answer.into_inner().next().await.unwrap().unwrap();
    assert!(
        format!("{answer:?}").contains("FileDescriptorResponse"),
        "{answer:?}"
    );
    assert_eq!(sample.handled(), 0);
}

/// What cannot even be read is the caller's fault, and told in our own words.
#[tokio::test]
async fn a_request_that_is_no_message_of_the_method_or_too_large_is_the_caller_s_fault() {
    let (scratch, sample, running) = start().await;
    let channel = signed(&scratch, running.address());
    for (bytes, reason) in [
        (10, "MALFORMED_REQUEST"),
        (runtime::serve::MAX_MESSAGE, "REQUEST_TOO_LARGE"),
    ] {
        let mut other = watch(ENDLESS);
        other.cursors[0].event_id = vec![0; bytes];
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        let codec = ProstCodec::<SubscribeRequest, ReadResponse>::default();
        let path = PathAndQuery::from_maybe_shared(format!("/{NAME}/Read")).unwrap();
        let status = client
            .unary(Request::new(other), path, codec)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert_eq!(reason_of(&status), reason);
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.metadata["request_id"].len(), 32);

        // a stream's request is read by the same rule
        let mut other = ReadResponse::default();
        other.events.push(Envelope {
            event_id: vec![0; bytes],
            ..Default::default()
        });
        client.ready().await.unwrap();
        let codec = ProstCodec::<ReadResponse, ReadResponse>::default();
        let path = PathAndQuery::from_maybe_shared(format!("/{NAME}/Subscribe")).unwrap();
        let status = client
            .server_streaming(Request::new(other), path, codec)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert_eq!(reason_of(&status), reason);
    }
    assert_eq!(sample.handled(), 0);
}

#[tokio::test]
async fn a_message_or_header_that_is_too_large_is_refused_and_the_connection_lives() {
    let (scratch, sample, running) = start().await;
    let mut client = client(&scratch, running.address());
    let mut large = watch(ENDLESS);
    large.cursors[0].event_id = vec![0; runtime::serve::MAX_MESSAGE];
    let status = client.subscribe(large).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let mut just_right = watch(ENDLESS);
    just_right.cursors[0].event_id = vec![0; runtime::serve::MAX_MESSAGE - 100];
    client.subscribe(just_right).await.unwrap();
    let handled = sample.handled();

    let mut request = Request::new(read(ECHO));
    let header = "x".repeat(40 * 1024).parse().unwrap();
    request.metadata_mut().insert("x-large", header);
    assert!(client.read(request).await.is_err());
    assert_eq!(sample.handled(), handled, "neither reached a handler");
    // what we answer may be larger than what we accept
    let mut request = read(LARGE);
    request.after_position = 1 << 20;
    let answer = client.read(request).await.unwrap().into_inner();
    assert_eq!(answer.events[0].payload.len(), 1 << 20);
}
