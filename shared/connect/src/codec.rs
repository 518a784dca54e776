//! Messages as JSON or as they are.

use bytes::Bytes;
use prost::Message;
use prost_reflect::{DeserializeOptions, DynamicMessage, Kind, MessageDescriptor};
use serde_json::Value;
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
        from_json(message, &given).map_err(|error| malformed(&error))
    }

    /// An answer's bytes, as they are sent; `None` when they are not that message.
    pub(crate) fn write(self, message: &MessageDescriptor, bytes: Bytes) -> Option<Bytes> {
        match self {
            Self::Proto => Some(bytes),
            Self::Json => to_json(message, &bytes),
        }
    }
}

/// Fields that are not known are skipped: a newer client may know more. A name that an enum does not have is
/// refused all the same: skipped, a slip of the pen would be taken for nothing said.
fn from_json(message: &MessageDescriptor, json: &[u8]) -> Result<Bytes, String> {
    let told = |error: serde_json::Error| error.to_string();
    let json: Value = serde_json::from_slice(json).map_err(told)?;
    names_are_known(message, &json)?;
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    DynamicMessage::deserialize_with_options(message.clone(), json, &options)
        .map(|message| message.encode_to_vec().into())
        .map_err(told)
}

fn names_are_known(message: &MessageDescriptor, json: &Value) -> Result<(), String> {
    let Value::Object(fields) = json else {
        return Ok(());
    };
    // these have a form of their own in JSON, and no enum
    if message.package_name() == "google.protobuf" {
        return Ok(());
    }
    for (name, value) in fields {
        let field = message
            .get_field_by_json_name(name)
            .or_else(|| message.get_field_by_name(name));
        let Some(field) = field else { continue };
        let kind = match field.kind() {
            Kind::Message(entry) if entry.is_map_entry() => entry.map_entry_value_field().kind(),
            kind => kind,
        };
        match value {
            Value::Array(values) if field.is_list() => {
                values.iter().try_for_each(|value| known(&kind, value))?;
            }
            Value::Object(values) if field.is_map() => {
                values.values().try_for_each(|value| known(&kind, value))?;
            }
            value => known(&kind, value)?,
        }
    }
    Ok(())
}

fn known(kind: &Kind, value: &Value) -> Result<(), String> {
    match (kind, value) {
        (Kind::Message(message), value) => names_are_known(message, value),
        (Kind::Enum(values), Value::String(name)) if values.get_value_by_name(name).is_none() => {
            let all: Vec<String> = values.values().map(|v| v.name().to_owned()).collect();
            Err(format!("{name:?} is none of {}", all.join(", ")))
        }
        _ => Ok(()),
    }
}

fn to_json(message: &MessageDescriptor, bytes: &Bytes) -> Option<Bytes> {
    let message = DynamicMessage::decode(message.clone(), bytes.clone()).ok()?;
    serde_json::to_vec(&message).ok().map(Bytes::from)
}
