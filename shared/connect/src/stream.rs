//! Answers of many messages: envelopes, of which the last says how it ended. Nothing is held back.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body as _, Frame};
use http_body_util::Full;
use prost_reflect::DescriptorPool;
use serde::Serialize;
use tonic::{Code, Status, body::Body};

use crate::{
    Shared,
    codec::Codec,
    error::{Refusal, Told},
    grpc, metadata,
    methods::Method,
};

/// The envelope is compressed.
const COMPRESSED: u8 = 1;
/// The envelope is the last, and says how the stream ended.
const END: u8 = 2;

/// The message of a request: its one envelope, and nothing after it.
pub(crate) fn only_message(shared: &Shared, bytes: Bytes) -> Result<Bytes, Refusal> {
    let malformed = |why| shared.refuse(Code::InvalidArgument, "MALFORMED_ENVELOPE", why);
    let Some((prefix, rest)) = bytes.split_first_chunk::<{ grpc::PREFIX }>() else {
        return Err(malformed(
            "the request is not one envelope: a flag, a length of four bytes, and the message",
        ));
    };
    let [flags, length @ ..] = *prefix;
    let length = u32::from_be_bytes(length) as usize;
    if flags & COMPRESSED != 0 {
        return Err(malformed(
            "the envelope says it is compressed, the headers do not",
        ));
    }
    if flags != 0 {
        return Err(malformed(
            "the envelope has a flag that requests do not have",
        ));
    }
    if length > shared.largest {
        return Err(shared.too_large());
    }
    match length.cmp(&rest.len()) {
        std::cmp::Ordering::Equal => Ok(bytes.slice(grpc::PREFIX..)),
        std::cmp::Ordering::Greater => Err(malformed("the envelope is shorter than it says")),
        std::cmp::Ordering::Less => Err(malformed("there is more than one envelope; send one")),
    }
}

/// The stream that a gRPC answer stands for.
pub(crate) fn answer(
    pool: &DescriptorPool,
    method: &Arc<Method>,
    codec: Codec,
    from: Response<Body>,
) -> Response<Body> {
    let (parts, body) = from.into_parts();
    let mut answer = match grpc::ended(&parts.headers) {
        Some(outcome) => last(pool, codec, outcome.err().as_ref()),
        None => with_body(
            codec,
            Body::new(Envelopes {
                pool: pool.clone(),
                method: method.clone(),
                codec,
                rest: Some(body),
                buffer: BytesMut::new(),
            }),
        ),
    };
    metadata::lead(&parts.headers, answer.headers_mut());
    answer
}

/// A stream that fails before its first message.
pub(crate) fn refused(pool: &DescriptorPool, codec: Codec, refusal: &Refusal) -> Response<Body> {
    let mut answer = last(pool, codec, Some(refusal));
    if refusal.is_about_compression() {
        let identity = HeaderValue::from_static("identity");
        let headers = answer.headers_mut();
        headers.insert("connect-accept-encoding", identity);
    }
    answer
}

fn last(pool: &DescriptorPool, codec: Codec, refusal: Option<&Refusal>) -> Response<Body> {
    let end = end(pool, refusal, &HeaderMap::new());
    with_body(codec, Body::new(Full::new(end)))
}

fn with_body(codec: Codec, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    let kind = HeaderValue::from_static(codec.stream_type());
    headers.insert(header::CONTENT_TYPE, kind);
    // a proxy on the way neither keeps nor gathers what is meant for now
    let cache = HeaderValue::from_static("no-store, no-transform");
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    answer
}

fn end(pool: &DescriptorPool, refusal: Option<&Refusal>, trailers: &HeaderMap) -> Bytes {
    let end = End {
        error: refusal.map(|refusal| refusal.told(pool)),
        metadata: metadata::told(trailers),
    };
    grpc::frame(END, &serde_json::to_vec(&end).unwrap_or_default())
}

/// What the last envelope says.
#[derive(Serialize)]
struct End<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Told<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, Vec<&'a str>>,
}

struct Envelopes {
    pool: DescriptorPool,
    method: Arc<Method>,
    codec: Codec,
    /// The handler's stream; dropped, and with it the handler's work, as soon as the end was told.
    rest: Option<Body>,
    buffer: BytesMut,
}

impl Envelopes {
    fn finish(&mut self, refusal: Option<&Refusal>, trailers: &HeaderMap) -> Bytes {
        self.rest = None;
        end(&self.pool, refusal, trailers)
    }

    fn poll_envelope(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            let Some(rest) = &mut self.rest else {
                return Poll::Ready(None);
            };
            if let Some(message) = grpc::unframe(&mut self.buffer) {
                let written = self.codec.write(&self.method.output, message);
                return Poll::Ready(Some(match written {
                    Some(message) => grpc::frame(0, &message),
                    None => {
                        let refusal = Refusal::ours("a message that is not the method's");
                        self.finish(Some(&refusal), &HeaderMap::new())
                    }
                }));
            }
            let (refusal, trailers) = match ready!(Pin::new(rest).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.buffer.extend_from_slice(&data);
                        continue;
                    }
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        (ended(&trailers).err(), trailers)
                    }
                },
                Some(Err(status)) => (Some(Refusal::from(&status)), HeaderMap::new()),
                None => (ended(&HeaderMap::new()).err(), HeaderMap::new()),
            };
            return Poll::Ready(Some(self.finish(refusal.as_ref(), &trailers)));
        }
    }
}

fn ended(trailers: &HeaderMap) -> Result<(), Refusal> {
    grpc::ended(trailers).unwrap_or_else(|| Err(Refusal::ours("a stream without a status")))
}

impl http_body::Body for Envelopes {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.poll_envelope(cx)
            .map(|envelope| envelope.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none()
    }
}
