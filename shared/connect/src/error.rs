//! A call's failure, as Connect says it.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::StatusCode;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::Any;
use serde::Serialize;
use serde_json::Value;
use tonic::{Code, Status};
use tonic_types::pb;

/// A failure: of the call behind, or of a request that never became a call.
pub(crate) struct Refusal {
    code: Code,
    message: String,
    details: Vec<Any>,
    compressed: bool,
}

impl Refusal {
    /// One of this layer's own.
    pub(crate) fn new(
        code: Code,
        domain: &str,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let info = pb::ErrorInfo {
            reason: reason.into(),
            domain: domain.into(),
            ..Default::default()
        };
        Self {
            code,
            message: message.into(),
            details: vec![Any {
                type_url: "type.googleapis.com/google.rpc.ErrorInfo".into(),
                value: info.encode_to_vec(),
            }],
            compressed: false,
        }
    }

    /// Of a compressed request: the answer then names what is taken instead.
    pub(crate) fn compressed(domain: &str) -> Self {
        let refusal = Self::new(
            Code::Unimplemented,
            domain,
            "UNSUPPORTED_COMPRESSION",
            "requests are taken uncompressed only: send identity as the encoding",
        );
        Self {
            compressed: true,
            ..refusal
        }
    }

    /// Whether the answer is to name the encodings that are taken.
    pub(crate) fn is_about_compression(&self) -> bool {
        self.compressed
    }

    /// An answer that this layer cannot make sense of: our fault, so nothing of it is told.
    pub(crate) fn ours(what: &str) -> Self {
        tracing::error!(what, "an answer could not be told in Connect");
        Self {
            code: Code::Internal,
            message: "something went wrong here; try again later".into(),
            details: Vec::new(),
            compressed: false,
        }
    }

    /// The HTTP status of a unary answer.
    pub(crate) fn http(&self) -> StatusCode {
        match self.code {
            Code::Cancelled => {
                StatusCode::from_u16(499).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
                StatusCode::BAD_REQUEST
            }
            Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// Whole seconds to wait before another try, if it was said.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        let detail = self
            .details
            .iter()
            .find(|detail| name(detail) == "google.rpc.RetryInfo")?;
        let delay = pb::RetryInfo::decode(detail.value.as_slice())
            .ok()?
            .retry_delay?;
        let begun = u64::from(delay.nanos > 0);
        Some(u64::try_from(delay.seconds).unwrap_or_default() + begun)
    }

    /// As JSON; what the pool knows of the details is also told for people.
    pub(crate) fn told<'a>(&'a self, pool: &DescriptorPool) -> Told<'a> {
        Told {
            code: code(self.code),
            message: &self.message,
            details: self.details.iter().map(|any| detail(pool, any)).collect(),
        }
    }
}

/// A failure in JSON.
#[derive(Serialize)]
pub(crate) struct Told<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail<'a>>,
}

#[derive(Serialize)]
struct Detail<'a> {
    r#type: &'a str,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<Value>,
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        let details = pb::Status::decode(status.details())
            .map(|status| status.details)
            .unwrap_or_default();
        Self {
            code: status.code(),
            message: status.message().to_owned(),
            details,
            compressed: false,
        }
    }
}

fn name(any: &Any) -> &str {
    any.type_url
        .rsplit_once('/')
        .map_or(any.type_url.as_str(), |(_, name)| name)
}

fn detail<'a>(pool: &DescriptorPool, any: &'a Any) -> Detail<'a> {
    let name = name(any);
    Detail {
        r#type: name,
        value: STANDARD_NO_PAD.encode(&any.value),
        debug: pool
            .get_message_by_name(name)
            .and_then(|message| DynamicMessage::decode(message, any.value.as_slice()).ok())
            .and_then(|message| serde_json::to_value(&message).ok()),
    }
}

/// The code's name in Connect.
fn code(code: Code) -> &'static str {
    match code {
        Code::Cancelled => "canceled",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
        Code::Ok | Code::Unknown => "unknown",
    }
}
