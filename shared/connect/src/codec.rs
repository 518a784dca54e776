//! Messages as JSON or as they are.

use bytes::Bytes;
use prost::Message;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor};
use tonic::Code;

use crate::{Shared, error::Refusal};

/// What is told of a parser's complaint, in characters: it may repeat what was sent.
const COMPLAINT: usize = 200;

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// Canonical ProtoJSON.
    Json,
    /// Protobuf's bytes.
    Proto,
}

impl Codec {
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"json" => Some(Self::Json),
            b"proto" => Some(Self::Proto),
            _ => None,
        }
    }

    pub(crate) fn unary_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Proto => "application/proto",
        }
    }

    pub(crate) fn stream_type(self) -> &'static str {
        match self {
            Self::Json => "application/connect+json",
            Self::Proto => "application/connect+proto",
        }
    }

    /// What was sent, as protobuf's bytes. Those are passed on as they are: who decodes them judges them.
    pub(crate) fn read(
        self,
        shared: &Shared,
        message: &MessageDescriptor,
        given: Bytes,
    ) -> Result<Bytes, Refusal> {
        if self == Self::Proto {
            return Ok(given);
        }
        let malformed = |why: &str| {
            let name = message.full_name();
            let why: String = why.chars().take(COMPLAINT).collect();
            shared.refuse(
                Code::InvalidArgument,
                "MALFORMED_REQUEST",
                format!("the request is not a {name} in JSON: {why}"),
            )
        };
        if given.is_empty() {
            return Err(malformed("it is empty; {} is a message without fields"));
        }
        from_json(message, &given).map_err(|error| malformed(&error.to_string()))
    }

    /// An answer's bytes, as they are sent; `None` when they are not that message.
    pub(crate) fn write(self, message: &MessageDescriptor, bytes: Bytes) -> Option<Bytes> {
        match self {
            Self::Proto => Some(bytes),
            Self::Json => to_json(message, &bytes),
        }
    }
}

/// Fields that are not known are skipped: a newer client may know more.
fn from_json(message: &MessageDescriptor, json: &[u8]) -> serde_json::Result<Bytes> {
    let mut json = serde_json::Deserializer::from_slice(json);
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let message = DynamicMessage::deserialize_with_options(message.clone(), &mut json, &options)?;
    json.end()?;
    Ok(message.encode_to_vec().into())
}

fn to_json(message: &MessageDescriptor, bytes: &Bytes) -> Option<Bytes> {
    let message = DynamicMessage::decode(message.clone(), bytes.clone()).ok()?;
    serde_json::to_vec(&message).ok().map(Bytes::from)
}
