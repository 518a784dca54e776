//! What one address may hold at once, shown from outside: connections, requests, bodies that do not come.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, Request, StatusCode};
use runtime::{
    Running, ServerArgs,
    auth::Assertions,
    crowd::{Crowd, Share, Whence},
};
use testing::{Scratch, conformance::reader::soon};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};
use tonic::Code;

use crate::sample::{DEAF, ECHO, NAME, Sample, bare, client, read, serve_crowd, start, watch};

const SHARE: Share = Share {
    connections: 3,
    requests: 4,
    arriving: 2,
};
/// Another customer, as the sample's proxy names them.
const OTHER: &str = "192.0.2.2";

/// The header `of` names the customer; loopback is a proxy or not.
struct Named {
    proxy: bool,
}

impl Whence for Named {
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let named = headers.get("of").and_then(|of| of.to_str().ok());
        named.map_or(peer, |of| of.parse().unwrap())
    }

    fn is_proxy(&self, _: IpAddr) -> bool {
        self.proxy
    }
}

async fn crowded(proxy: bool) -> (Scratch, Running) {
    let scratch = Scratch::new();
    let args = ServerArgs::loopback(scratch.keys(&["sample", "caller"]));
    let assertions = Assertions::new(scratch.ring("sample"));
    let crowd = Crowd::new(SHARE, Arc::new(Named { proxy }));
    let running = serve_crowd(Sample::default(), assertions, &args, Some(crowd));
    let running = running.await.unwrap();
    (scratch, running)
}

/// A call of HTTP/1 whose body never comes to its end.
async fn half_sent(address: SocketAddr, of: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /{NAME}/Read HTTP/1.1\r\nhost: x\r\nof: {of}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{{"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

async fn first_line(socket: &mut TcpStream) -> String {
    let mut said = vec![0; 16];
    let read = soon("an answer", socket.read(&mut said)).await.unwrap();
    String::from_utf8_lossy(&said[..read]).into()
}

async fn page(address: SocketAddr, of: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!("GET /nothing HTTP/1.1\r\nhost: x\r\nof: {of}\r\nconnection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut said = String::new();
    let read = soon("an answer", socket.read_to_string(&mut said)).await;
    read.map_or_else(|_| String::new(), |_| said)
}

#[tokio::test]
async fn requests_whose_bodies_never_come_hold_only_their_senders_share_of_the_places() {
    let (_scratch, running) = crowded(true).await;
    let address = running.address();
    let mut held = Vec::new();
    for _ in 0..SHARE.arriving {
        held.push(half_sent(address, "192.0.2.1").await);
    }
    let mut refused = String::new();
    // the last of the others may just be being counted
    for _ in 0..SHARE.requests {
        let mut more = half_sent(address, "192.0.2.1").await;
        refused = tokio::time::timeout(Duration::from_secs(5), first_line(&mut more))
            .await
            .unwrap_or_default();
        if !refused.is_empty() {
            break;
        }
        held.push(more);
    }
    assert_eq!(refused, "HTTP/1.1 429 Too");
    // what has no body is answered, and so is everybody else
    assert!(page(address, "192.0.2.1").await.starts_with("HTTP/1.1 404"));
    assert!(page(address, OTHER).await.starts_with("HTTP/1.1 404"));
    drop(held);
    testing::eventually("room", || async {
        let mut more = half_sent(address, "192.0.2.1").await;
        more.write_all(&[b' '; 98]).await.ok()?;
        more.write_all(b"}").await.ok()?;
        // read, and refused for want of a credential
        let said = first_line(&mut more).await;
        said.starts_with("HTTP/1.1 401").then_some(())
    })
    .await;
}

#[tokio::test]
async fn open_streams_count_until_they_end_and_the_refusal_says_when_to_try_again() {
    let (_scratch, running) = crowded(true).await;
    let mut caller = bare(running.address());
    let mut open = Vec::new();
    for _ in 0..SHARE.requests {
        let stream = caller.subscribe(watch(DEAF)).await.unwrap().into_inner();
        open.push(stream);
    }
    let refused = caller.subscribe(watch(DEAF)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let details = tonic_types::StatusExt::get_error_details(&refused);
    assert_eq!(details.error_info().unwrap().reason, "CROWDED");
    assert!(details.retry_info().unwrap().retry_delay.is_some());
    assert!(page(running.address(), OTHER).await.contains(" 404 "));
    open.pop();
    let room = || {
        let mut caller = caller.clone();
        async move { caller.subscribe(watch(DEAF)).await.ok() }
    };
    testing::eventually("room", room).await;
}

#[tokio::test]
async fn a_connection_more_than_an_address_may_have_is_closed_but_not_a_proxys() {
    for proxy in [false, true] {
        let (scratch, running) = crowded(proxy).await;
        let mut open = Vec::new();
        for _ in 0..SHARE.connections {
            open.push(TcpStream::connect(running.address()).await.unwrap());
        }
        let answer = page(running.address(), OTHER).await;
        assert_eq!(answer.starts_with("HTTP/1.1 404"), proxy, "{answer}");
        drop(open);
        testing::eventually("room", || async {
            let said = page(running.address(), OTHER).await;
            said.starts_with("HTTP/1.1 404").then_some(())
        })
        .await;
        client(&scratch, running.address())
            .read(read(ECHO))
            .await
            .unwrap();
    }
}

/// Health and feeds need no more than a request to go on for ever, so the request has to come. The clock is the
/// test's.
#[tokio::test(start_paused = true)]
async fn a_stream_whose_request_never_comes_ends_after_ten_seconds_and_reflection_after_a_minute() {
    let (_scratch, _, running) = start().await;
    let socket = TcpStream::connect(running.address()).await.unwrap();
    let (h2, connection) = h2::client::handshake(socket).await.unwrap();
    let _connection = tokio::spawn(connection);
    let mut h2 = h2.ready().await.unwrap();
    let late = "4";
    for (path, seconds, ends) in [
        ("grpc.health.v1.Health/Watch", 10, late),
        ("grpc.health.v1.Health/Check", 10, late),
        (&format!("{NAME}/Subscribe"), 10, late),
        // its own task reads the request, and takes every end of it for a good one
        (
            "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            60,
            "0",
        ),
    ] {
        let began = Instant::now();
        let asked = Request::post(format!("http://x/{path}"))
            .header("content-type", "application/grpc")
            .body(())
            .unwrap();
        let (answer, _never) = h2.send_request(asked, false).unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let status = match answer.headers().get("grpc-status") {
            Some(status) => status.clone(),
            None => {
                let mut body = answer.into_body();
                assert!(body.data().await.is_none());
                let trailers = body.trailers().await.unwrap().unwrap();
                trailers["grpc-status"].clone()
            }
        };
        assert_eq!(status, ends, "{path}");
        let took = began.elapsed().as_secs();
        assert!((seconds..seconds + 2).contains(&took), "{path}: {took} s");
    }
}
