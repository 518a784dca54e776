//! Deadlines: a call ends at its caller's, or at ours, and says so; streams have none.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use http::Response;
use runtime::{
    Access,
    auth::Assertions,
    edge::{Edge, time_left},
};
use testing::Scratch;
use tonic::{Code, Status, body::Body};
use tower::{Layer, ServiceExt, service_fn};

use crate::sample::{ACCESS, ECHO, ENDLESS, HANG, NAME, client, echo, read, start, watch};

/// Through the edge alone, so that no client's own timer takes part.
async fn through_the_edge(
    method: &str,
    timeout: Option<&str>,
    work: Duration,
) -> (Status, Option<Duration>) {
    let scratch = Scratch::new();
    scratch.keys(&["sample"]);
    const OPEN: runtime::auth::AccessTable = &[
        ("/messenger.events.v1.EventFeedService/Read", Access::Public),
        (ACCESS[2].0, Access::Public),
    ];
    let edge = Edge::new(OPEN, Arc::new(Assertions::new(scratch.ring("sample"))));
    let seen = Arc::new(parking_lot::Mutex::new(None));
    let left = seen.clone();
    let service = service_fn(move |_: http::Request<Body>| {
        *left.lock() = time_left();
        async move {
            tokio::time::sleep(work).await;
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    let mut request = http::Request::builder().uri(format!("/{NAME}/{method}"));
    if let Some(timeout) = timeout {
        request = request.header("grpc-timeout", timeout);
    }
    let request = request.body(Body::empty()).unwrap();
    let answer = edge.layer(service).oneshot(request).await.unwrap();
    let status = Status::from_header_map(answer.headers());
    let left = *seen.lock();
    (status.unwrap_or_else(|| Status::ok("")), left)
}

#[tokio::test]
async fn a_call_that_takes_longer_than_its_caller_waits_ends_with_deadline_exceeded() {
    let start = Instant::now();
    for timeout in ["80m", "80000u", "80000000n"] {
        let (status, left) = through_the_edge("Read", Some(timeout), Duration::from_secs(9)).await;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{timeout}: {status}");
        assert_eq!(runtime::error::reason_of(&status), "DEADLINE_EXCEEDED");
        assert!(
            left.unwrap() <= Duration::from_millis(75),
            "before the caller's own timer"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_call_has_ten_seconds_unless_its_caller_says_less() {
    let ten = Duration::from_secs(10);
    for timeout in [
        None,
        Some("99999999H"),
        Some("11S"),
        Some("100000000S"),
        Some("S"),
        Some(""),
        Some("5"),
        Some("5x"),
        Some("-5S"),
        Some("5é"),
    ] {
        let (status, left) = through_the_edge("Read", timeout, Duration::ZERO).await;
        assert_eq!(status.code(), Code::Ok, "{timeout:?}");
        let left = left.unwrap();
        assert!(
            left <= ten && left > ten - Duration::from_secs(2),
            "{timeout:?}: {left:?}"
        );
    }
    for (timeout, seconds) in [("5S", 5), ("5000m", 5), ("3000000u", 3)] {
        let (_, left) = through_the_edge("Read", Some(timeout), Duration::ZERO).await;
        let (left, most) = (left.unwrap(), Duration::from_secs(seconds));
        assert!(
            left < most && left > most - Duration::from_secs(2),
            "{timeout}: {left:?}"
        );
    }
    let (status, _) = through_the_edge("Read", Some("0m"), Duration::from_secs(9)).await;
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_stream_has_no_deadline() {
    let (_, left) = through_the_edge("Subscribe", Some("80m"), Duration::ZERO).await;
    assert_eq!(left, None);
    let (scratch, _, running) = start().await;
    client(&scratch, running.address())
        .subscribe(watch(ENDLESS))
        .await
        .unwrap();
    assert_eq!(time_left(), None, "nor has what is no call");
}

/// Over the network, with a caller who waits longer than the ten seconds would not be waited for here:
/// the caller's deadline reaches the handler, less the margin.
#[tokio::test]
async fn the_caller_s_deadline_reaches_the_handler() {
    let (scratch, _, running) = start().await;
    let mut client = client(&scratch, running.address());
    let mut request = tonic::Request::new(read(ECHO));
    request.set_timeout(Duration::from_secs(3));
    let left = echo(client.read(request).await.unwrap()).time_left.unwrap();
    assert!(
        left < Duration::from_secs(3) && left > Duration::from_secs(1),
        "{left:?}"
    );
    let mut request = tonic::Request::new(read(HANG));
    request.set_timeout(Duration::from_millis(200));
    let start = Instant::now();
    assert!(client.read(request).await.is_err());
    assert!(start.elapsed() < Duration::from_secs(2));
}
