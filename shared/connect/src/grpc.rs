//! The gRPC side: frames, requests, and how an answer ended.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Version, header, request::Parts};
use http_body_util::Full;
use tonic::{Code, Status, body::Body};

use crate::{error::Refusal, metadata};

/// Bytes before each message: a flag and a length, in gRPC and in Connect alike.
pub(crate) const PREFIX: usize = 5;
/// `grpc-timeout` has at most eight digits.
const MOST: u128 = 99_999_999;

/// gRPC or gRPC-Web.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// One message behind its flag and length.
pub(crate) fn frame(flags: u8, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(flags);
    // a message of ours is far below 4 GiB; one that is not ends as one that cannot be read
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// Takes the first message off the buffer once all of it is there.
pub(crate) fn unframe(buffer: &mut BytesMut) -> Option<Bytes> {
    let prefix = buffer.first_chunk::<PREFIX>()?;
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    if buffer.len() - PREFIX < length {
        return None;
    }
    buffer.advance(PREFIX);
    Some(buffer.split_to(length).freeze())
}

/// The call that a Connect request stands for.
pub(crate) fn request(from: Parts, message: &[u8], left: Option<Duration>) -> Request<Body> {
    let mut headers = metadata::asked(&from.headers);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    if let Some(left) = left
        && let Ok(value) = HeaderValue::from_str(&timeout(left))
    {
        headers.insert("grpc-timeout", value);
    }
    let mut request = Request::new(Body::new(Full::new(frame(0, message))));
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    // the path alone: a query was read already
    *request.uri_mut() = from.uri.path().parse().unwrap_or_default();
    *request.headers_mut() = headers;
    *request.extensions_mut() = from.extensions;
    request
}

fn timeout(left: Duration) -> String {
    match left.as_millis() {
        milliseconds if milliseconds <= MOST => format!("{milliseconds}m"),
        _ => format!("{}S", left.as_secs().min(MOST as u64)),
    }
}

/// How a call ended, by its trailers or by headers that are its trailers; `None` when they do not say.
pub(crate) fn ended(headers: &HeaderMap) -> Option<Result<(), Refusal>> {
    let status = Status::from_header_map(headers)?;
    Some(match status.code() {
        Code::Ok => Ok(()),
        _ => Err(Refusal::from(&status)),
    })
}
