//! Everything that can go wrong in this service, and what a caller hears of it.

use database::is_passing;
use runtime::{Failure, Kind, error::Violation};
use sea_orm::DbErr;
use tonic::Status;

use crate::{domain::Refusal, store};

/// Names this service in statuses.
pub const DOMAIN: &str = "conversations.messenger";

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields are malformed: all of them.
    #[error("fields are invalid")]
    Invalid(Vec<Violation>),
    /// Not there, or not to be known of (V2).
    #[error("no such conversation")]
    NotFound,
    /// It was there and was deleted: making it again would not bring it back.
    #[error("the conversation was deleted and cannot be made again")]
    Deleted,
    /// A receipt names a place that does not exist (A2).
    #[error("the place is above the newest part, {head}; read the conversation again")]
    SeqAboveHead {
        /// The newest place.
        head: u64,
    },
    /// A request id came again with another body.
    #[error("the request id was used before with another body; use a new one")]
    RequestIdReused,
    /// A page token is not for this list.
    #[error("the page token is malformed or belongs to another list; start from the first page")]
    InvalidPageToken,
    /// Integrations may not write notes.
    #[error("notes are for teammates")]
    TeammatesOnly,
    /// The contact was erased.
    #[error("this contact was erased; nothing can be done in their name any more")]
    ContactGone,
    /// Others were faster, again and again.
    #[error("another writer was faster")]
    Contended,
    /// An answer given before cannot be read.
    #[error("an answer given before cannot be read")]
    Answer(#[from] prost::DecodeError),
    /// The database failed.
    #[error(transparent)]
    Database(DbErr),
    /// The edge's refusal.
    #[error("refused: {}", .0.reason())]
    Refused(Box<Failure>),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict => Self::Contended,
            store::Error::Database(error) => Self::Database(error),
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        store::Error::from(error).into()
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::SeqAboveHead { head } => Self::SeqAboveHead { head },
        }
    }
}

impl From<types::InvalidPageToken> for Error {
    fn from(_: types::InvalidPageToken) -> Self {
        Self::InvalidPageToken
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Refused(Box::new(failure))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let refuse = |kind, reason| Self::new(kind, DOMAIN, reason, message);
        match error {
            Error::Invalid(violations) => Self::invalid(DOMAIN, violations),
            Error::NotFound => refuse(Kind::NotFound, "CONVERSATION_NOT_FOUND"),
            Error::ContactGone => refuse(Kind::NotFound, "CONTACT_GONE"),
            Error::Deleted => refuse(Kind::Precondition, "CONVERSATION_NOT_FOUND"),
            Error::SeqAboveHead { head } => refuse(Kind::Invalid, "SEQ_ABOVE_HEAD")
                .naming("up_to_seq")
                .with("head_seq", head.to_string()),
            Error::RequestIdReused => refuse(Kind::Precondition, "REQUEST_ID_REUSED"),
            Error::InvalidPageToken => {
                refuse(Kind::Invalid, "INVALID_PAGE_TOKEN").naming("page_token")
            }
            Error::TeammatesOnly => refuse(Kind::Forbidden, "PERMISSION_DENIED"),
            Error::Contended => Self::unavailable(DOMAIN, &error),
            Error::Database(ref cause) if is_passing(cause) => Self::unavailable(DOMAIN, cause),
            Error::Database(ref cause) => Self::internal(DOMAIN, cause),
            Error::Answer(ref cause) => Self::internal(DOMAIN, cause),
            Error::Refused(failure) => *failure,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::RuntimeErr;
    use tonic::Code;

    /// V2: what is not there and what is somebody else's are one refusal.
    #[test]
    fn every_refusal_has_its_code_and_a_reason_of_the_contract() {
        for (error, code, reason) in [
            (
                Error::Invalid(Vec::new()),
                Code::InvalidArgument,
                "INVALID_FIELDS",
            ),
            (Error::NotFound, Code::NotFound, "CONVERSATION_NOT_FOUND"),
            (
                Error::Deleted,
                Code::FailedPrecondition,
                "CONVERSATION_NOT_FOUND",
            ),
            (
                Error::SeqAboveHead { head: 3 },
                Code::InvalidArgument,
                "SEQ_ABOVE_HEAD",
            ),
            (
                Error::RequestIdReused,
                Code::FailedPrecondition,
                "REQUEST_ID_REUSED",
            ),
            (
                Error::InvalidPageToken,
                Code::InvalidArgument,
                "INVALID_PAGE_TOKEN",
            ),
            (
                Error::TeammatesOnly,
                Code::PermissionDenied,
                "PERMISSION_DENIED",
            ),
            (Error::ContactGone, Code::NotFound, "CONTACT_GONE"),
            (Error::Contended, Code::Unavailable, "UNAVAILABLE"),
            (
                Error::Database(DbErr::Custom("secret".into())),
                Code::Internal,
                "INTERNAL",
            ),
            (
                Error::Database(DbErr::Conn(RuntimeErr::Internal("secret".into()))),
                Code::Unavailable,
                "UNAVAILABLE",
            ),
        ] {
            let failure = Failure::from(error);
            assert_eq!(failure.reason(), reason);
            let name = format!("REASON_{reason}");
            assert!(
                proto::conversations::v1::Reason::from_str_name(&name).is_some(),
                "{name} is not in the contract"
            );
            let status = Status::from(failure);
            assert_eq!(status.code(), code, "{reason}");
            assert!(!status.message().contains("secret"));
        }
    }
}
