//! What one connection may take, shown from outside: streams, headers, resets, time.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::Request;
use runtime::{Running, ServerArgs};
use testing::{Scratch, conformance::reader::soon};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::sample::{ECHO, NAME, Sample, client, read, start};

async fn spoken_to(address: SocketAddr, greeting: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(greeting).await.unwrap();
    socket
}

/// All that comes until the end; a reset is an end, too.
async fn rest(mut socket: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = socket.read_to_end(&mut all).await;
    all
}

/// The first 24 bytes and an empty SETTINGS frame.
fn preface() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    bytes
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Frames of a connection's bytes: kind, stream and payload.
fn frames(mut bytes: &[u8]) -> Vec<(u8, u32, Vec<u8>)> {
    let mut found = Vec::new();
    while bytes.len() >= 9 {
        let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
        let stream = u32::from_be_bytes(bytes[5..9].try_into().unwrap());
        let payload = bytes[9..].iter().take(length).copied().collect();
        found.push((bytes[3], stream, payload));
        bytes = bytes.get(9 + length..).unwrap_or_default();
    }
    found
}

/// What each of the protocol's own limits is set to; none is left to a default.
#[tokio::test]
async fn a_connection_is_told_its_limits_with_the_first_frame() {
    let (_scratch, _, running) = start().await;
    let mut socket = spoken_to(running.address(), &preface()).await;
    let mut head = [0; 9];
    socket.read_exact(&mut head).await.unwrap();
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    assert_eq!(head[3], 4, "SETTINGS come first");
    let mut settings = vec![0; length];
    socket.read_exact(&mut settings).await.unwrap();
    let of = |id: u16| {
        settings
            .chunks(6)
            .find(|one| one[..2] == id.to_be_bytes())
            .map(|one| u32::from_be_bytes(one[2..].try_into().unwrap()))
    };
    assert_eq!(of(3), Some(4_096), "streams at once");
    assert_eq!(
        of(4),
        Some(128 * 1024),
        "bytes of a stream before it is read"
    );
    assert_eq!(of(5), Some(16 * 1024), "bytes of a frame");
    assert_eq!(of(6), Some(32 * 1024), "bytes of a block of headers");
    // of the connection it is told how far it is above the protocol's own
    let window = soon("the window", async {
        loop {
            socket.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            socket.read_exact(&mut payload).await.unwrap();
            if head[3] == WINDOW_UPDATE && head[5..9] == [0; 4] {
                return u32::from_be_bytes(payload.try_into().unwrap());
            }
        }
    });
    assert_eq!(
        window.await + 65_535,
        1024 * 1024,
        "bytes of a connection before they are read"
    );
}

const RST_STREAM: u8 = 3;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

/// POST / of nobody, as indices into HPACK's static table, which needs no answer to be taken back.
fn taken_back(stream: u32) -> Vec<u8> {
    let mut bytes = frame(1, 5, stream, &[0x83, 0x86, 0x84]);
    bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    bytes
}

/// CVE-2023-44487: each reset makes room for the next stream, so that no limit on streams at once stops it.
#[tokio::test]
async fn who_opens_and_resets_streams_without_end_is_cut_off_and_others_are_served() {
    let (scratch, _, running) = start().await;
    let mut attack = preface();
    for turn in 0..20_000 {
        attack.extend(taken_back(2 * turn + 1));
    }
    let mut socket = TcpStream::connect(running.address()).await.unwrap();
    let (mut from, mut to) = socket.split();
    let mut said = Vec::new();
    let (_, _) = soon("the end", async {
        tokio::join!(to.write_all(&attack), from.read_to_end(&mut said))
    })
    .await;
    let why = frames(&said).into_iter().find_map(|(kind, _, payload)| {
        (kind == GO_AWAY).then(|| u32::from_be_bytes(payload[4..8].try_into().unwrap()))
    });
    assert_eq!(why, Some(ENHANCE_YOUR_CALM));
    let mut client = client(&scratch, running.address());
    client.read(read(ECHO)).await.unwrap();
}

/// Each broken stream costs an answer: who breaks the rules on one after the other gets some, and no more.
#[tokio::test]
async fn who_breaks_the_rules_on_stream_after_stream_is_cut_off() {
    let (_scratch, _, running) = start().await;
    let mut attack = preface();
    for turn in 0..5_000 {
        // `:status` is for answers
        attack.extend(frame(1, 5, 2 * turn + 1, &[0x88]));
    }
    let mut socket = TcpStream::connect(running.address()).await.unwrap();
    let (mut from, mut to) = socket.split();
    let mut said = Vec::new();
    let (_, _) = soon("the end", async {
        tokio::join!(to.write_all(&attack), from.read_to_end(&mut said))
    })
    .await;
    let said = frames(&said);
    let refused = said.iter().filter(|(kind, ..)| *kind == RST_STREAM).count();
    assert!(refused <= 257, "{refused}");
    let why = said.into_iter().find_map(|(kind, _, payload)| {
        (kind == GO_AWAY).then(|| u32::from_be_bytes(payload[4..8].try_into().unwrap()))
    });
    assert_eq!(why, Some(ENHANCE_YOUR_CALM));
}

/// A phone that left its network says nothing of it, and would hold its streams for an hour.
#[tokio::test(start_paused = true)]
async fn a_connection_without_a_sign_of_life_is_asked_after_thirty_seconds_and_closed_ten_later() {
    let (_scratch, _, running) = start().await;
    let mut greeting = preface();
    // it does take note of the settings, but answers no ping
    greeting.extend(frame(4, 1, 0, &[]));
    let socket = spoken_to(running.address(), &greeting).await;
    let began = Instant::now();
    let said = rest(socket).await;
    let ended = began.elapsed();
    assert!(frames(&said).iter().any(|(kind, ..)| *kind == PING));
    let late = Duration::from_secs(38);
    assert!(
        ended >= late && ended < late + Duration::from_secs(12),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_block_of_headers_that_never_ends_ends_its_connection() {
    let (scratch, _, running) = start().await;
    let mut endless = preface();
    // HEADERS without END_HEADERS, and CONTINUATION after CONTINUATION (CVE-2024-27316)
    endless.extend(frame(1, 1, 1, &[0x83, 0x86, 0x84]));
    let literal: Vec<u8> = [0x00, 0x01, b'x', 0x7f, 0x81, 0x3f]
        .into_iter()
        .chain(std::iter::repeat_n(b'y', 8_192))
        .collect();
    for _ in 0..2_000 {
        endless.extend(frame(9, 0, 1, &literal));
    }
    let mut socket = TcpStream::connect(running.address()).await.unwrap();
    let (mut from, mut to) = socket.split();
    let mut said = Vec::new();
    let (sent, _) = soon("the end", async {
        tokio::join!(to.write_all(&endless), from.read_to_end(&mut said))
    })
    .await;
    let ended = frames(&said).iter().any(|(kind, ..)| *kind == GO_AWAY);
    assert!(ended || sent.is_err(), "16 MB of headers were taken");
    let mut client = client(&scratch, running.address());
    client.read(read(ECHO)).await.unwrap();
}

#[tokio::test]
async fn more_than_a_hundred_headers_or_half_a_megabyte_of_them_are_refused_over_http_1() {
    let (_scratch, _, running) = start().await;
    let with = |headers: String| format!("GET / HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    let many: String = (0..101).map(|n| format!("x-{n}: y\r\n")).collect();
    let large = format!("x-large: {}\r\n", "y".repeat(512 * 1024));
    for headers in [many, large] {
        let mut socket = TcpStream::connect(running.address()).await.unwrap();
        let request = with(headers);
        let (mut from, mut to) = socket.split();
        let mut said = Vec::new();
        let (_, _) = soon("the answer", async {
            tokio::join!(
                to.write_all(request.as_bytes()),
                from.read_to_end(&mut said)
            )
        })
        .await;
        let said = String::from_utf8_lossy(&said);
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 431 "),
            "{said}"
        );
    }
}

/// Slowloris: a byte now and then keeps a connection for as long as anybody waits. The clock is the test's.
#[tokio::test(start_paused = true)]
async fn a_head_that_takes_longer_than_half_a_minute_is_not_waited_for() {
    let (_scratch, _, running) = start().await;
    let begun = b"GET /somewhere HTTP/1.1\r\nhost: example.com\r\nx-slow: ";
    let socket = spoken_to(running.address(), begun).await;
    let start = Instant::now();
    rest(socket).await;
    let took = start.elapsed();
    assert!(took <= Duration::from_secs(31), "{took:?}");
}

#[tokio::test]
async fn one_connection_more_than_a_process_may_have_is_closed_and_one_less_makes_room() {
    let scratch = Scratch::new();
    let args = ServerArgs {
        max_connections: 2,
        ..ServerArgs::loopback(scratch.keys(&["sample", "caller"]))
    };
    let running: Running = Sample::default().start(&scratch, &args).await.unwrap();
    let first = spoken_to(running.address(), &preface()).await;
    let mut second = spoken_to(running.address(), &preface()).await;
    let mut byte = [0];
    second.read_exact(&mut byte).await.unwrap();
    let third = spoken_to(running.address(), &preface()).await;
    assert_eq!(soon("the end", rest(third)).await, b"");
    drop(first);
    let mut client = client(&scratch, running.address());
    testing::eventually("room", || {
        let mut client = client.clone();
        async move { client.read(read(ECHO)).await.ok() }
    })
    .await;
    client.read(read(ECHO)).await.unwrap();
}

/// With a certificate that ended an hour ago nobody talks for days; and replicas share their callers anew.
#[tokio::test(start_paused = true)]
async fn a_connection_is_asked_to_end_after_an_hour_and_cut_ten_minutes_later() {
    let (_scratch, _, running) = start().await;
    let socket = TcpStream::connect(running.address()).await.unwrap();
    let (h2, connection) = h2::client::handshake(socket).await.unwrap();
    let began = Instant::now();
    let ended = tokio::spawn(async move {
        let outcome = connection.await;
        (Instant::now(), outcome)
    });
    let mut h2 = h2.ready().await.unwrap();
    let watch = Request::post(format!("http://x/{NAME}/Subscribe"))
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let (answer, mut body) = h2.send_request(watch, false).unwrap();
    body.send_data(Bytes::from_static(&[0; 5]), true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    assert!(body.data().await.unwrap().is_ok());
    // after the first hour it goes on, and no other stream is taken beside it
    let asked = tokio::time::timeout_at(began + Duration::from_secs(65 * 60), body.data());
    assert!(asked.await.is_err(), "it is not cut yet");
    assert!(h2.clone().ready().await.is_err());
    // a watch that would go on for ever
    assert!(body.data().await.is_none_or(|more| more.is_err()));
    let cut = began.elapsed();
    let late = Duration::from_secs(70 * 60);
    assert!(
        cut >= late && cut < late + Duration::from_secs(60),
        "{cut:?}"
    );
    let (_, _) = ended.await.unwrap();
}
