//! Calls to another service: retries that cannot do a thing twice, and deadlines that shrink on the way.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use runtime::{
    ServerArgs,
    client::{ServiceChannel, call},
    error::reason_of,
};
use testing::{Proxy, Scratch, eventually};
use tokio::net::TcpListener;
use tonic::{Code, Request, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::sample::{
    AWAY, ECHO, Echo, GATE, HANG, ONWARDS, Sample, client, echo, read, signed, start,
};

const LIMIT: Duration = Duration::from_secs(5);

/// A call of the sample, and how often it was sent.
async fn send(
    client: &EventFeedServiceClient<ServiceChannel>,
    idempotent: bool,
    limit: Duration,
    what: u32,
) -> (Result<Echo, Status>, u32) {
    let sent = AtomicU32::new(0);
    let answer = call(idempotent, limit, |left| {
        sent.fetch_add(1, Ordering::SeqCst);
        let mut client = client.clone();
        let mut request = Request::new(read(what));
        request.set_timeout(left);
        async move { client.read(request).await }
    })
    .await;
    let answer = answer.map(|answer| echo(tonic::Response::new(answer)));
    (answer, sent.into_inner())
}

#[tokio::test]
async fn an_idempotent_call_is_tried_again_when_the_service_was_away() {
    let (scratch, sample, running) = start().await;
    let client = client(&scratch, running.address());
    for (times_away, tries) in [(0, 1), (1, 2), (2, 3)] {
        sample.away.lock().0 = times_away;
        let (answer, sent) = send(&client, true, LIMIT, AWAY).await;
        assert!(answer.is_ok());
        assert_eq!(sent, tries);
    }
    sample.away.lock().0 = 3;
    let (answer, sent) = send(&client, true, LIMIT, AWAY).await;
    assert_eq!((answer.err().unwrap().code(), sent), (Code::Unavailable, 3));
}

/// Which may have been carried out, for all one knows.
#[tokio::test]
async fn a_call_that_is_not_idempotent_is_sent_once() {
    let (scratch, sample, running) = start().await;
    let client = client(&scratch, running.address());
    sample.away.lock().0 = 1;
    let (answer, sent) = send(&client, false, LIMIT, AWAY).await;
    assert_eq!((answer.err().unwrap().code(), sent), (Code::Unavailable, 1));
}

#[tokio::test]
async fn no_other_refusal_is_tried_again() {
    let (scratch, sample, running) = start().await;
    let client = client(&scratch, running.address());
    for code in (1..=16).map(Code::from_i32) {
        if code == Code::Unavailable {
            continue;
        }
        let details = ErrorDetails::with_error_info("NO", "sample.messenger", HashMap::new());
        *sample.away.lock() = (1, Status::with_error_details(code, "no", details));
        let (answer, sent) = send(&client, true, LIMIT, AWAY).await;
        assert_eq!((answer.err().unwrap().code(), sent), (code, 1));
        sample.away.lock().0 = 0;
    }
}

/// Nobody listens yet: surely never sent, so even a call that must not happen twice is tried again.
#[tokio::test]
async fn a_call_that_was_never_sent_is_tried_again_whatever_it_is() {
    let scratch = Scratch::new();
    let keys = scratch.keys(&["sample", "caller"]);
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let client = client(&scratch, address);
    for idempotent in [true, false] {
        let (answer, sent) = send(&client, idempotent, LIMIT, ECHO).await;
        assert_eq!((answer.err().unwrap().code(), sent), (Code::Unavailable, 3));
    }
    // it starts while the second try waits
    let sent = AtomicU32::new(0);
    let args = ServerArgs {
        listen: address,
        ..ServerArgs::loopback(keys)
    };
    let sample = Sample::default();
    let running = tokio::sync::Mutex::new(None);
    let answer = call(false, LIMIT, |_| async {
        if sent.fetch_add(1, Ordering::SeqCst) == 1 {
            let server = sample.start(&scratch, &args).await.unwrap();
            *running.lock().await = Some(server);
        }
        client.clone().read(read(ECHO)).await
    })
    .await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(sample.handled(), 1);
}

/// Broken off after it arrived: it may have been carried out.
#[tokio::test]
async fn a_call_that_broke_off_under_way_is_tried_again_only_if_it_is_idempotent() {
    let (scratch, sample, running) = start().await;
    let proxy = Proxy::start(running.address()).await;
    for (idempotent, arrivals) in [(false, 1), (true, 2)] {
        let client = client(&scratch, proxy.address());
        let before = sample.handled();
        let calling =
            tokio::spawn(async move { send(&client, idempotent, LIMIT, GATE).await.0.map(|_| ()) });
        eventually("its arrival", || async {
            (sample.handled() == before + 1).then_some(())
        })
        .await;
        proxy.cut();
        if idempotent {
            eventually("its second arrival", || async {
                (sample.handled() == before + 2).then_some(())
            })
            .await;
            sample.gate.add_permits(2);
        }
        let answer = calling.await.unwrap();
        assert_eq!(answer.is_ok(), idempotent, "{answer:?}");
        assert_eq!(sample.handled() - before, arrivals);
    }
}

#[tokio::test]
async fn a_call_ends_at_its_limit_with_deadline_exceeded() {
    let (scratch, _, running) = start().await;
    let proxy = Proxy::start(running.address()).await;
    let client = client(&scratch, proxy.address());
    assert!(send(&client, true, LIMIT, ECHO).await.0.is_ok());
    // first the other side is slow, then the network is dead and only our own timer is left
    for frozen in [false, true] {
        proxy.freeze(frozen);
        for _ in 0..10 {
            let start = Instant::now();
            let limit = Duration::from_millis(100);
            let (answer, sent) = send(&client, true, limit, HANG).await;
            let status = answer.err().unwrap();
            assert_eq!(
                status.code(),
                Code::DeadlineExceeded,
                "frozen: {frozen}: {status:?}"
            );
            assert_eq!(reason_of(&status), "DEADLINE_EXCEEDED");
            assert_eq!(sent, 1);
            assert!(start.elapsed() < Duration::from_secs(2));
        }
    }
}

/// Tries and the waits between them share one limit.
#[tokio::test]
async fn retries_end_when_the_time_is_up() {
    let (scratch, sample, running) = start().await;
    let client = client(&scratch, running.address());
    sample.away.lock().0 = 100;
    let (answer, sent) = send(&client, true, Duration::from_millis(20), AWAY).await;
    assert!(answer.is_err());
    assert_eq!(sent, 1, "a wait of 25 ms does not fit");
    let start = Instant::now();
    let (answer, _) = send(&client, true, Duration::ZERO, ECHO).await;
    assert_eq!(answer.err().unwrap().code(), Code::DeadlineExceeded);
    assert!(start.elapsed() < Duration::from_secs(1));
}

async fn chain(scratch: &Scratch, next: SocketAddr) -> runtime::Running {
    let sample = Sample {
        next: Some(signed(scratch, next)),
        ..Sample::default()
    };
    let args = ServerArgs::loopback(scratch.path("keys"));
    sample.start(scratch, &args).await.unwrap()
}

/// What the caller has left is what the next service gets, less the way home; never more.
#[tokio::test]
async fn time_left_shrinks_from_service_to_service() {
    let (scratch, _, last) = start().await;
    let first = chain(&scratch, last.address()).await;
    let client = client(&scratch, first.address());
    for limit in [
        Duration::from_secs(2),
        Duration::from_secs(4),
        Duration::from_secs(60),
    ] {
        let (answer, _) = send(&client, true, limit, ONWARDS).await;
        let left = answer.unwrap().time_left.unwrap();
        // less the way home; and the middle gives no more than 5 s itself
        let most = (limit - Duration::from_millis(20)).min(Duration::from_secs(5));
        assert!(left < most, "{limit:?}: {left:?}");
        assert!(
            left > most - Duration::from_millis(1_500),
            "{limit:?}: {left:?}"
        );
    }
}

/// Signing costs; an assertion is used again while it is fresh.
#[tokio::test]
async fn one_assertion_serves_many_calls() {
    let (scratch, _, running) = start().await;
    let client = client(&scratch, running.address());
    let mut tokens = Vec::new();
    for _ in 0..3 {
        // clones share it
        let (answer, _) = send(&client.clone(), true, LIMIT, ECHO).await;
        tokens.push(answer.unwrap().authorization);
    }
    assert!(tokens[0].starts_with("Bearer ") && tokens.iter().all(|token| *token == tokens[0]));
    let fresh = scratch.ring("caller").sign_self(None, &[]).unwrap();
    assert!(runtime::client::is_fresh(&fresh));
    let ageing = |seconds| runtime::auth::Assertion {
        expires_at: fresh.expires_at - seconds,
        ..fresh.clone()
    };
    assert!(runtime::client::is_fresh(&ageing(40)));
    assert!(!runtime::client::is_fresh(&ageing(46)), "clocks differ");
}

/// A peer that vanished without a word is noticed by pings, and the next call takes a new connection.
#[tokio::test]
async fn a_dead_connection_is_replaced() {
    let (scratch, _, running) = start().await;
    let (dead, alive) = (
        Proxy::start(running.address()).await,
        Proxy::start(running.address()).await,
    );
    let front = Proxy::start(dead.address()).await;
    let client = client(&scratch, front.address());
    assert!(send(&client, true, LIMIT, ECHO).await.0.is_ok());
    dead.freeze(true);
    front.retarget(alive.address());
    let start = Instant::now();
    eventually("an answer", || async {
        send(&client, true, Duration::from_millis(500), ECHO)
            .await
            .0
            .ok()
    })
    .await;
    assert!(
        start.elapsed() < Duration::from_secs(12),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn an_address_that_is_none_gives_one_sentence() {
    for address in ["", "not an address", "http://"] {
        let Err(error) = runtime::client::channel(address) else {
            panic!("{address:?} was accepted");
        };
        let text = error.to_string();
        assert!(
            text.contains("is not an address such as http://127.0.0.1:7101"),
            "{text}"
        );
    }
}
