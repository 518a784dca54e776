//! Calls whose messages are known by their descriptors alone.

use std::{marker::PhantomData, time::Duration};

use anyhow::{Result, anyhow, bail};
use bytes::{Buf, BufMut};
use http::uri::PathAndQuery;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions,
};
use serde_json::Value;
use tonic::{
    Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};
use tonic_types::StatusExt;

use crate::client::{broken, silence};

/// Longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(15);

/// A method by its service's short or full name.
pub(crate) fn find(pool: &DescriptorPool, name: &str) -> Result<MethodDescriptor> {
    let name = name.trim_start_matches('/');
    let (service, method) = name.split_once('/').ok_or_else(|| {
        anyhow!("{name:?} is not a Service/Method; `suite call` without one lists them")
    })?;
    let found: Vec<MethodDescriptor> = pool
        .services()
        .filter(|candidate| candidate.full_name() == service || candidate.name() == service)
        .flat_map(|candidate| {
            candidate
                .methods()
                .filter(|found| found.name() == method)
                .collect::<Vec<_>>()
        })
        .collect();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!("there is no {name}; `suite call` lists all methods"),
        _ => bail!("{name} is ambiguous; give the service's full name"),
    }
}

/// The answer to a call that has one.
pub(crate) async fn answered(
    client: &mut Grpc<Channel>,
    request: tonic::Request<DynamicMessage>,
    path: PathAndQuery,
    codec: DynamicCodec,
) -> Result<DynamicMessage> {
    let answer = tokio::time::timeout(LIMIT, client.unary(request, path, codec))
        .await
        .map_err(|_| anyhow!("no answer after {} s", LIMIT.as_secs()))?
        .map_err(|status| describe(&status))?;
    Ok(answer.into_inner())
}

/// For reading: in canonical JSON numbers of 64 bits are strings, and what is false or empty is left out.
pub(crate) fn json(message: &DynamicMessage) -> Result<Value> {
    let options = SerializeOptions::new()
        .stringify_64_bit_integers(false)
        .skip_default_fields(false);
    Ok(message.serialize_with_options(serde_json::value::Serializer, &options)?)
}

pub(crate) fn text(message: &DynamicMessage) -> Result<String> {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::pretty(&mut text);
    let options = SerializeOptions::new()
        .stringify_64_bit_integers(false)
        .skip_default_fields(false);
    message.serialize_with_options(&mut serializer, &options)?;
    Ok(String::from_utf8(text)?)
}

pub(crate) fn describe(status: &Status) -> anyhow::Error {
    if let Some(silence) = silence(status) {
        return silence;
    }
    let details = status.get_error_details();
    let mut text = format!("{:?}", status.code());
    if let Some(info) = details.error_info() {
        text.push_str(&format!(" {} ({})", info.reason, info.domain));
    }
    text.push_str(&format!(": {}", status.message()));
    if let Some(bad) = details.bad_request() {
        // a refusal about one field says it all in its sentence
        let more = |description: &str| !status.message().ends_with(description);
        for violation in bad.field_violations.iter().filter(|v| more(&v.description)) {
            text.push_str(&format!(
                "\n  {} {}",
                violation.field, violation.description
            ));
        }
    }
    if let Some(after) = details.retry_info().and_then(|info| info.retry_delay) {
        text.push_str(&format!("\n  try again after {} ms", after.as_millis()));
    }
    anyhow!(text)
}

/// Encodes and decodes messages known only by their descriptors.
pub(crate) struct DynamicCodec {
    answer: MessageDescriptor,
    sent: PhantomData<DynamicMessage>,
}

impl DynamicCodec {
    /// For a method's messages.
    pub(crate) fn of(method: &MethodDescriptor) -> Self {
        Self {
            answer: method.output(),
            sent: PhantomData,
        }
    }
}

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = DynamicEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> Self::Encoder {
        DynamicEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        DynamicDecoder(self.answer.clone())
    }
}

pub(crate) struct DynamicEncoder;

impl Encoder for DynamicEncoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: Self::Item, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item.encode_to_vec().as_slice());
        Ok(())
    }
}

pub(crate) struct DynamicDecoder(MessageDescriptor);

impl Decoder for DynamicDecoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        DynamicMessage::decode(self.0.clone(), bytes)
            .map(Some)
            .map_err(broken)
    }
}
