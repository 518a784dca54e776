//! A service that speaks gRPC, behind the layer.

use std::{
    convert::Infallible,
    path::Path,
    sync::{Arc, LazyLock, Mutex},
};

use bytes::{BufMut, Bytes, BytesMut};
use connect::Connect;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt, service_fn};

pub const LOOK: &str = "/sample.v1.SampleService/Look";
pub const CHANGE: &str = "/sample.v1.SampleService/Change";
pub const WATCH: &str = "/sample.v1.SampleService/Watch";
pub const SERVICES: &[&str] = &["sample.v1.SampleService"];
pub const LARGEST: usize = 64 * 1024;

pub static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let set = protox::compile(["sample/v1/sample.proto"], [root]).unwrap();
    DescriptorPool::decode(set.encode_to_vec().as_slice()).unwrap()
});

/// A message of the sample contract, from JSON, as protobuf's bytes.
pub fn proto(name: &str, json: &str) -> Vec<u8> {
    let message = POOL
        .get_message_by_name(&format!("sample.v1.{name}"))
        .unwrap();
    let mut json = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(message, &mut json)
        .unwrap()
        .encode_to_vec()
}

/// A message behind a flag and its length.
pub fn frame(flags: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = BytesMut::new();
    frame.put_u8(flags);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.to_vec()
}

/// What of a gRPC answer's body comes when.
pub type Part = Result<http_body::Frame<Bytes>, tonic::Status>;

pub fn data(bytes: impl Into<Bytes>) -> Part {
    Ok(http_body::Frame::data(bytes.into()))
}

pub fn trailers(pairs: &[(&'static str, &'static str)]) -> Part {
    Ok(http_body::Frame::trailers(headers(pairs)))
}

pub fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

/// What the service behind was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    pub version: http::Version,
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

type Reply = Arc<dyn Fn() -> Response<Body> + Send + Sync>;

/// The layer, and behind it a service that always answers the same.
pub struct Sample {
    reply: Reply,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Sample {
    pub fn new(reply: impl Fn() -> Response<Body> + Send + Sync + 'static) -> Self {
        Self {
            reply: Arc::new(reply),
            asked: Arc::default(),
        }
    }

    /// One that answers one message, leading and trailing metadata beside it.
    pub fn found() -> Self {
        Self::new(|| {
            let message = proto(
                "LookResponse",
                r#"{"text":"ok","big":"9007199254740993","shade":2}"#,
            );
            grpc(
                &[("x-lead", "a"), ("x-lead-bin", "AAE")],
                vec![
                    data(frame(0, &message)),
                    trailers(&[
                        ("grpc-status", "0"),
                        ("x-trail", "b"),
                        ("x-trail-bin", "AQI"),
                    ]),
                ],
            )
        })
    }

    /// One that fails before its first message, as the edge of a server does.
    pub fn failing(pairs: &'static [(&'static str, &'static str)]) -> Self {
        Self::new(move || {
            let mut answer = Response::new(Body::empty());
            *answer.headers_mut() = headers(pairs);
            answer
        })
    }

    pub async fn call(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.open(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    /// The answer, its body still to be read.
    pub async fn open(&self, request: Request<Body>) -> Response<Body> {
        let (reply, asked) = (self.reply.clone(), self.asked.clone());
        let behind = service_fn(move |request: Request<Body>| {
            let (reply, asked) = (reply.clone(), asked.clone());
            let call: BoxFuture<'static, Result<Response<Body>, Infallible>> =
                Box::pin(async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    asked.lock().unwrap().push(Asked {
                        method: parts.method,
                        version: parts.version,
                        uri: parts.uri.to_string(),
                        headers: parts.headers,
                        body,
                    });
                    Ok(reply())
                });
            call
        });
        let mut service = CONNECT.layer(behind);
        service.ready().await.unwrap().call(request).await.unwrap()
    }

    /// What reached the service behind; fails unless it was exactly one call.
    pub fn asked(&self) -> Asked {
        let asked = self.asked.lock().unwrap();
        let [one] = asked.as_slice() else {
            panic!("one call, not {asked:?}");
        };
        one.clone()
    }

    pub fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

static CONNECT: LazyLock<Connect> =
    LazyLock::new(|| Connect::new(&POOL, SERVICES, "sample", LARGEST).unwrap());

/// A gRPC answer.
pub fn grpc(lead: &[(&'static str, &'static str)], parts: Vec<Part>) -> Response<Body> {
    let body = StreamBody::new(futures::stream::iter(parts));
    let mut answer = Response::new(Body::new(body));
    *answer.headers_mut() = headers(lead);
    answer
}

/// What the client received.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Flags and content of each envelope.
    pub fn envelopes(&self) -> Vec<(u8, Bytes)> {
        let mut rest = self.body.clone();
        let mut envelopes = Vec::new();
        while !rest.is_empty() {
            let prefix = rest.split_to(5);
            let length = u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize;
            envelopes.push((prefix[0], rest.split_to(length)));
        }
        envelopes
    }

    /// What the last envelope says.
    pub fn end(&self) -> Value {
        let envelopes = self.envelopes();
        let Some((2, end)) = envelopes.last() else {
            panic!("no end in {envelopes:?}");
        };
        serde_json::from_slice(end).unwrap()
    }

    /// The reason in a failure's ErrorInfo.
    pub fn reason(&self) -> String {
        let error = match self.header("content-type") {
            "application/json" => self.json(),
            _ => self.end()["error"].clone(),
        };
        let info = &error["details"][0];
        assert_eq!(info["type"], "google.rpc.ErrorInfo", "{error}");
        assert!(!error["message"].as_str().unwrap().is_empty());
        info["debug"]["reason"].as_str().unwrap().to_owned()
    }
}

/// A POST of these bytes.
pub fn post(path: &str, kind: &str, body: impl Into<Bytes>) -> Request<Body> {
    Request::post(path)
        .header("content-type", kind)
        .body(Body::new(Full::new(body.into())))
        .unwrap()
}

pub fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    let value = HeaderValue::from_str(value).unwrap();
    request.headers_mut().insert(name, value);
    request
}
