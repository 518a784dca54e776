//! Browsers: gRPC-Web over HTTP/1.1 on the port of gRPC, byte by byte.

use prost::Message;
use proto::{
    bff::v1::{
        GetHomeRequest, GetHomeResponse, WatchMessengerRequest, WatchMessengerResponse,
        watch_messenger_response::Frame,
    },
    settings::v1::Platform,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::world::{Customer, World, card, inbox};

const SERVICE: &str = "messenger.bff.v1.MessengerService";

/// A gRPC message: a flag, a length, and the bytes.
fn framed(message: &impl Message) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&(message.encoded_len() as u32).to_be_bytes());
    bytes.extend_from_slice(&message.encode_to_vec());
    bytes
}

/// One HTTP/1.1 request on a connection of its own.
pub struct Browser {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Browser {
    pub async fn post(
        world: &World,
        method: &str,
        content_type: &str,
        customer: Option<&Customer>,
        body: &[u8],
    ) -> Self {
        let credential = customer.map_or(String::new(), |customer| {
            format!("authorization: Bearer {}\r\n", customer.token)
        });
        let head = format!("content-type: {content_type}\r\nx-grpc-web: 1\r\n{credential}");
        Self::send(world, &format!("POST /{SERVICE}/{method}"), &head, body).await
    }

    /// Any request: `GET /address`, header lines, a body.
    pub async fn send(world: &World, what: &str, head: &str, body: &[u8]) -> Self {
        let mut stream = TcpStream::connect(world.address()).await.unwrap();
        let head = format!(
            "{what} HTTP/1.1\r\nhost: localhost\r\n{head}content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Reads on; false at the end of the connection.
    pub async fn more(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.received);
        let read = tokio::time::timeout(std::time::Duration::from_secs(10), read);
        read.await.expect("bytes in time").unwrap() > 0
    }

    /// The status line and headers, in lower case.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                let head = String::from_utf8(self.received[..end].to_vec()).unwrap();
                return head.to_lowercase();
            }
            assert!(self.more().await, "the answer has no end of its head");
        }
    }

    /// What was received of the body so far, without the borders of its chunks.
    pub fn body(&self) -> Vec<u8> {
        let start = find(&self.received, b"\r\n\r\n").unwrap() + 4;
        let (head, mut rest) = self.received.split_at(start);
        if find(&head.to_ascii_lowercase(), b"transfer-encoding: chunked").is_none() {
            return rest.to_vec();
        }
        let mut body = Vec::new();
        while let Some(line) = find(rest, b"\r\n") {
            let length = std::str::from_utf8(&rest[..line]).unwrap();
            let length = usize::from_str_radix(length, 16).unwrap();
            let chunk = &rest[line + 2..];
            if length == 0 || chunk.len() < length + 2 {
                break;
            }
            body.extend_from_slice(&chunk[..length]);
            rest = &chunk[length + 2..];
        }
        body
    }

    /// The whole body as gRPC-Web frames: flag and content.
    async fn frames(mut self) -> Vec<(u8, Vec<u8>)> {
        while self.more().await {}
        frames(&self.body())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

pub fn frames(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = body.split_at_checked(5) {
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        let Some((content, rest)) = rest.split_at_checked(length) else {
            break;
        };
        frames.push((head[0], content.to_vec()));
        body = rest;
    }
    frames
}

fn home_request() -> Vec<u8> {
    framed(&GetHomeRequest {
        platform: Platform::Web.into(),
        consistency_token: String::new(),
    })
}

#[tokio::test]
async fn a_browser_gets_home_over_http_1() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[4]));
    let kind = "application/grpc-web+proto";
    let mut browser =
        Browser::post(&world, "GetHome", kind, Some(&customer), &home_request()).await;
    let head = browser.head().await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(
        head.contains("content-type: application/grpc-web+proto"),
        "{head}"
    );
    let frames = browser.frames().await;
    let [(0, message), (0x80, trailers)] = frames.as_slice() else {
        panic!("a message and trailers, not {frames:?}");
    };
    let home = GetHomeResponse::decode(message.as_slice())
        .unwrap()
        .home
        .unwrap();
    assert_eq!(card(&home), [4]);
    let trailers = String::from_utf8(trailers.clone()).unwrap();
    assert!(trailers.contains("grpc-status:0"), "{trailers}");
}

#[tokio::test]
async fn a_browser_without_a_session_hears_so_in_grpc_web() {
    let world = World::new().await;
    let kind = "application/grpc-web+proto";
    let mut browser = Browser::post(&world, "GetHome", kind, None, &home_request()).await;
    let head = browser.head().await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let rest: String = browser
        .frames()
        .await
        .into_iter()
        .map(|(_, trailers)| String::from_utf8(trailers).unwrap())
        .collect();
    // UNAUTHENTICATED, in the headers or the trailers
    let status = format!("{head}{rest}").replace(": ", ":");
    assert!(status.contains("grpc-status:16"), "{status}");
}

#[tokio::test]
async fn a_browsers_watch_is_not_held_back_until_it_ends() {
    let world = World::new().await;
    let customer = world.customer();
    let request = framed(&WatchMessengerRequest {
        platform: Platform::Web.into(),
        resume_token: None,
    });
    let kind = "application/grpc-web+proto";
    let mut browser =
        Browser::post(&world, "WatchMessenger", kind, Some(&customer), &request).await;
    browser.head().await;
    for expected in 1..=3_u64 {
        let home = loop {
            let frames = frames(&browser.body());
            if let Some((0, message)) = frames.get(expected as usize - 1) {
                let frame = WatchMessengerResponse::decode(message.as_slice()).unwrap();
                match frame.frame.unwrap() {
                    Frame::Home(home) => break home,
                    other => panic!("{other:?} instead of Home"),
                }
            }
            assert!(browser.more().await, "the watch ended");
        };
        assert_eq!(home.token.unwrap().contact_version, expected - 1);
        world.notifications.tell(&customer.contact, inbox(&[1]));
    }
    drop(browser);
    testing::eventually("the watch is over behind it", async || {
        (world.notifications.watchers(&customer.contact) == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn bytes_that_are_no_message_are_refused_and_the_next_is_answered() {
    let world = World::new().await;
    let customer = world.customer();
    let kind = "application/grpc-web+proto";
    for body in [
        &b"\0\0\0\0\x04\xff\xff\xff\xff"[..],
        b"\0\xff\xff\xff\xff",
        b"\x07",
        b"",
    ] {
        let mut browser = Browser::post(&world, "GetHome", kind, Some(&customer), body).await;
        let head = browser.head().await;
        let rest: Vec<u8> = browser
            .frames()
            .await
            .into_iter()
            .flat_map(|f| f.1)
            .collect();
        let status = format!("{head}{}", String::from_utf8_lossy(&rest)).replace(": ", ":");
        assert!(
            status.contains("grpc-status:") && !status.contains("grpc-status:0"),
            "{status}"
        );
    }
    customer.home(Platform::Web).await.unwrap();
}
