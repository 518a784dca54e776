//! Everything that can go wrong in this service, and what a caller hears of it.

use std::time::Duration;

use database::is_passing;
use events::{ApplyError, RebuildError, SourceError};
use runtime::{Failure, Kind, error::Violation};
use sea_orm::DbErr;
use tonic::Status;

/// Names this service in statuses.
pub const DOMAIN: &str = "notifications.messenger";

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields are malformed: all of them.
    #[error("fields are invalid")]
    Invalid(Vec<Violation>),
    /// A log position was not applied in time.
    #[error("what was written is not here yet; try again in a moment")]
    NotCaughtUp,
    /// The contact has too many streams open.
    #[error("too many streams of this contact are open; close one, or try again later")]
    TooManyStreams,
    /// Too many streams are open altogether.
    #[error("too many streams are open here; try again in a moment")]
    Full,
    /// One rebuild at a time.
    #[error("a rebuild is running already; wait until it is done")]
    RebuildRunning,
    /// The contact was erased.
    #[error("this contact was erased; nothing can be done in their name any more")]
    ContactGone,
    /// The feeds were applied faster than they could be compared.
    #[error("too much changed while inboxes were compared; try again in a moment")]
    Outrun,
    /// The server drains.
    #[error("the server is restarting; open the stream again")]
    Draining,
    /// A service that is to be replayed is away.
    #[error("a service to be replayed is away")]
    Source(#[from] SourceError),
    /// What a service told cannot be replayed.
    #[error("a state told cannot be applied")]
    Apply(#[from] ApplyError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] DbErr),
    /// A task of this process ended before its work was done.
    #[error("the work was not finished")]
    Unfinished,
    /// The edge's refusal.
    #[error("refused: {}", .0.reason())]
    Refused(Box<Failure>),
}

impl From<RebuildError> for Error {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::Source(error) => Self::Source(error),
            RebuildError::Store(error) => Self::Store(error),
            RebuildError::Apply(error) => Self::Apply(error),
            RebuildError::Silent | RebuildError::Elsewhere => {
                Self::Source(SourceError::Unavailable(error.to_string()))
            }
        }
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
            Error::NotCaughtUp => refuse(
                Kind::Unavailable(Duration::from_millis(200)),
                "NOT_CAUGHT_UP",
            ),
            Error::TooManyStreams => {
                refuse(Kind::Exhausted(Duration::from_secs(30)), "TOO_MANY_STREAMS")
            }
            Error::Full | Error::Outrun | Error::Draining => {
                refuse(Kind::Unavailable(Duration::from_millis(500)), "UNAVAILABLE")
            }
            Error::ContactGone => refuse(Kind::NotFound, "CONTACT_GONE"),
            Error::RebuildRunning => refuse(Kind::Conflict, "REBUILD_RUNNING"),
            Error::Source(_) | Error::Unfinished => Self::unavailable(DOMAIN, &error),
            Error::Store(ref cause) | Error::Apply(ApplyError::Store(ref cause))
                if is_passing(cause) =>
            {
                Self::unavailable(DOMAIN, cause)
            }
            Error::Store(_) | Error::Apply(_) => Self::internal(DOMAIN, &error),
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

    #[test]
    fn every_refusal_has_its_code_and_a_reason_of_the_contract() {
        let secret = || DbErr::Custom("secret".into());
        for (error, code, reason) in [
            (
                Error::Invalid(Vec::new()),
                Code::InvalidArgument,
                "INVALID_FIELDS",
            ),
            (Error::NotCaughtUp, Code::Unavailable, "NOT_CAUGHT_UP"),
            (
                Error::TooManyStreams,
                Code::ResourceExhausted,
                "TOO_MANY_STREAMS",
            ),
            (Error::Full, Code::Unavailable, "UNAVAILABLE"),
            (Error::Draining, Code::Unavailable, "UNAVAILABLE"),
            (Error::ContactGone, Code::NotFound, "CONTACT_GONE"),
            (Error::RebuildRunning, Code::Aborted, "REBUILD_RUNNING"),
            (Error::Unfinished, Code::Unavailable, "UNAVAILABLE"),
            (
                Error::Source(SourceError::Unavailable("secret".into())),
                Code::Unavailable,
                "UNAVAILABLE",
            ),
            (
                Error::Apply(ApplyError::Poison("secret".into())),
                Code::Internal,
                "INTERNAL",
            ),
            (Error::Store(secret()), Code::Internal, "INTERNAL"),
            (
                Error::Store(DbErr::Conn(RuntimeErr::Internal("secret".into()))),
                Code::Unavailable,
                "UNAVAILABLE",
            ),
        ] {
            let failure = Failure::from(error);
            assert_eq!(failure.reason(), reason);
            let name = format!("REASON_{reason}");
            assert!(
                proto::notifications::v1::Reason::from_str_name(&name).is_some(),
                "{name} is not in the contract"
            );
            let status = Status::from(failure);
            assert_eq!(status.code(), code, "{reason}");
            assert!(!status.message().contains("secret"));
        }
    }
}
