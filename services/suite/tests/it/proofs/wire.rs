//! Calls of any RPC with any bytes, and their answers as JSON.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde_json::Value;
use tonic::{
    Code, Request, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};
use tonic_types::StatusExt;

/// An answer, or the first message of a stream, gets this long.
const PATIENCE: Duration = Duration::from_secs(15);

/// Bytes as they are.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// The path of a method.
pub fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// Calls a method; of a stream the first message is the answer, and an end without one is an empty answer.
pub async fn call(
    channel: &Channel,
    method: &MethodDescriptor,
    token: Option<&str>,
    body: Vec<u8>,
) -> Result<Bytes, Status> {
    let mut request = Request::new(Bytes::from(body));
    if let Some(token) = token {
        present(&mut request, token);
    }
    send(channel, method, request).await
}

/// Adds a credential to what a request has: a bearer token, or what the console's pages send, which is their
/// origin and, behind a space, what their cookie holds.
pub fn present(request: &mut Request<Bytes>, credential: &str) {
    let headers = request.metadata_mut();
    match credential.split_once(' ') {
        Some((origin, token)) => {
            headers.insert("origin", origin.parse().unwrap());
            let cookie = format!("msgr_console={token}");
            headers.append("cookie", cookie.parse().unwrap());
        }
        None => {
            let bearer = format!("Bearer {credential}");
            headers.append("authorization", bearer.parse().unwrap());
        }
    }
}

/// The same with headers of the caller's own.
pub async fn send(
    channel: &Channel,
    method: &MethodDescriptor,
    request: Request<Bytes>,
) -> Result<Bytes, Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_maybe_shared(path(method)).unwrap();
    let answer = async {
        if !method.is_server_streaming() {
            return Ok(client.unary(request, path, Raw).await?.into_inner());
        }
        let mut stream = client
            .server_streaming(request, path, Raw)
            .await?
            .into_inner();
        Ok(stream.message().await?.unwrap_or_default())
    };
    tokio::time::timeout(PATIENCE, answer)
        .await
        .unwrap_or_else(|_| panic!("{} never answered", method.full_name()))
}

/// Opens a stream and leaves it open.
pub async fn watch(
    channel: &Channel,
    method: &MethodDescriptor,
    token: &str,
    body: Vec<u8>,
) -> Streaming<Bytes> {
    let mut request = Request::new(Bytes::from(body));
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_maybe_shared(path(method)).unwrap();
    let opened = client.server_streaming(request, path, Raw).await;
    opened.unwrap().into_inner()
}

/// A message from JSON.
pub fn encode(kind: &MessageDescriptor, json: &str) -> Vec<u8> {
    let mut json = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(kind.clone(), &mut json)
        .unwrap_or_else(|why| panic!("{}: {why}", kind.full_name()))
        .encode_to_vec()
}

/// A message as JSON.
pub fn decode(kind: &MessageDescriptor, bytes: Bytes) -> String {
    let message = DynamicMessage::decode(kind.clone(), bytes).unwrap();
    serde_json::to_string(&message).unwrap()
}

/// An answer without the times at which keys and tokens were used last: these are written by the uses
/// themselves, up to a minute later.
pub fn lasting(json: &str) -> String {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("lastUsedTime");
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(json).unwrap();
    strip(&mut value);
    value.to_string()
}

/// What a refusal says, but for the name of the call.
pub fn told(status: &Status) -> (Code, String, String) {
    let reason = status.get_details_error_info().map(|info| info.reason);
    let message = status.message().to_owned();
    (status.code(), reason.unwrap_or_default(), message)
}
