//! Why a call is refused, and the one place that makes statuses of it.

use std::time::Duration;

use runtime::{Failure, Kind, StartError, error::Violation};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::limits::What;

/// The domain of this service's reasons.
pub(crate) const DOMAIN: &str = "bff.messenger";
/// Services of the product name themselves so; anything else that answers is not ours.
const OURS: &str = ".messenger";
/// A client may try again after this long.
const RETRY: Duration = Duration::from_millis(500);

/// Why a call is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// Fields of the request, all at once.
    #[error("fields are invalid")]
    Fields(Vec<Violation>),
    /// The consistency token is not one of ours.
    #[error("the consistency token is malformed")]
    ConsistencyToken,
    /// A receipt for what the ticket has not reached.
    #[error("the revision is above the ticket's own, {newest}")]
    RevisionAboveTicket {
        /// The ticket's revision.
        newest: u64,
    },
    /// The contact has too many streams open.
    #[error("too many streams are open")]
    TooManyStreams,
    /// Somebody asks too often.
    #[error("{}", .what.said())]
    TooOften {
        /// For what.
        what: What,
        /// Until there is room.
        wait: Duration,
    },
    /// The session is missing, ended or unknown.
    #[error("there is no such session")]
    Unauthenticated,
    /// The teammate's role does not allow what needs this scope.
    #[error("the role does not allow {0}")]
    Role(&'static str),
    /// A ticket that nobody can be told anything about.
    #[error("the ticket has no conversation")]
    NoConversation,
    /// The workspace does not have whom a ticket would be for.
    #[error("there is no such contact")]
    NoSuchContact,
    /// The team does not have whom a ticket would be given to.
    #[error("there is no such teammate")]
    NoSuchTeammate,
    /// The user token does not open a session.
    #[error("the user token is not accepted")]
    UserToken,
    /// The visitor secret, or a user id without a token, does not open a session.
    #[error("the visitor is not accepted")]
    Visitor,
    /// No workspace has this app id.
    #[error("there is no such app")]
    NoSuchApp,
    /// Something that the answer cannot do without is away.
    #[error("{0} does not answer")]
    Away(&'static str),
    /// What a service behind said.
    #[error("a service behind refused")]
    Behind(#[source] Status),
    /// A service behind answered without what its contract promises.
    #[error("an answer lacks {0}")]
    Garbage(&'static str),
    /// This service cannot sign for itself.
    #[error("cannot sign: {0}")]
    Keys(String),
}

impl Error {
    /// What a service behind answered, if one did.
    pub(crate) fn code(&self) -> Option<Code> {
        match self {
            Self::Behind(status) => Some(status.code()),
            _ => None,
        }
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Behind(status)
    }
}

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        Self::Keys(error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Fields(violations) => Failure::invalid(DOMAIN, violations),
            Error::ConsistencyToken => Failure::new(
                Kind::Invalid,
                DOMAIN,
                "INVALID_CONSISTENCY_TOKEN",
                "consistency_token must come from the answer to a write; leave it out to read without it",
            )
            .naming("consistency_token"),
            Error::RevisionAboveTicket { newest } => Failure::new(
                Kind::Invalid,
                DOMAIN,
                "REVISION_ABOVE_TICKET",
                format!("up_to_revision is above the ticket's revision, {newest}; name the one that was shown"),
            )
            .naming("up_to_revision")
            .with("revision", newest.to_string()),
            Error::TooManyStreams => Failure::new(
                Kind::Exhausted(Duration::from_secs(5)),
                DOMAIN,
                "TOO_MANY_STREAMS",
                "too many streams are open; close one, or try again after the delay",
            ),
            Error::TooOften { what, wait } => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Failure::new(
                    Kind::Exhausted(wait),
                    DOMAIN,
                    "RATE_LIMITED",
                    format!("{}; try again in {seconds} s", what.said()),
                )
                .with("limit", what.name())
            }
            Error::Unauthenticated => Failure::new(
                Kind::Unauthenticated,
                DOMAIN,
                "UNAUTHENTICATED",
                "the session is missing, ended or unknown; call CreateSession",
            ),
            Error::Role(scope) => Failure::new(
                Kind::Forbidden,
                DOMAIN,
                "PERMISSION_DENIED",
                match scope {
                    "settings:write" => "You need the Admin role to change settings.",
                    "tickets:write" | "conversations:write" => {
                        "You need the Agent role to work on tickets and conversations."
                    }
                    _ => "Your role does not allow this; ask an admin of your workspace.",
                },
            )
            .with("scope", scope),
            Error::NoConversation => Failure::new(
                Kind::Precondition,
                DOMAIN,
                "TICKET_HAS_NO_CONVERSATION",
                "the ticket has no conversation; share it with the customer, or link it to one of their conversations",
            ),
            Error::NoSuchContact => Failure::new(
                Kind::Invalid,
                DOMAIN,
                "NO_SUCH_CONTACT",
                "this customer isn't there, or isn't any more; choose one who is found by their name, address or id",
            )
            .naming("requester_contact_id"),
            Error::NoSuchTeammate => Failure::new(
                Kind::Invalid,
                DOMAIN,
                "NO_SUCH_TEAMMATE",
                "nobody of your team has this id, or they are deactivated; choose somebody who is in the team",
            )
            .naming("assignee_teammate_id"),
            Error::UserToken => Failure::new(
                Kind::Unauthenticated,
                DOMAIN,
                "UNAUTHENTICATED",
                "the user token is not accepted; have your server make a fresh one",
            ),
            Error::Visitor => Failure::new(
                Kind::Unauthenticated,
                DOMAIN,
                "UNAUTHENTICATED",
                "the visitor secret is not known, or this workspace asks for a user token; forget the secret, and send \
                 a user token for a user",
            ),
            Error::NoSuchApp => Failure::new(
                Kind::NotFound,
                DOMAIN,
                "NOT_FOUND",
                "there is no such app",
            ),
            Error::Away(_) => unavailable(),
            // too much for the service, but no fault of this client
            Error::Behind(status)
                if is_away(&status) || status.code() == Code::ResourceExhausted =>
            {
                unavailable()
            }
            error @ (Error::Behind(_) | Error::Garbage(_) | Error::Keys(_)) => {
                Failure::internal(DOMAIN, &error)
            }
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Behind(mut status) if speaks_to_the_client(&status) => {
                // their headers are not ours to send
                status.metadata_mut().clear();
                status
            }
            error => Failure::from(error).into(),
        }
    }
}

/// The service did not answer, or not in time: an answer may come another time.
pub(crate) fn is_away(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => true,
        // nobody's words: a connection that was closed before all of the answer had come
        Code::Internal => std::error::Error::source(status).is_some(),
        _ => false,
    }
}

/// The refusal is about what the client asked for, in the words of one of our services.
fn speaks_to_the_client(status: &Status) -> bool {
    let about_the_request = matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::ResourceExhausted
    );
    let says_when = || status.get_details_retry_info().is_some();
    let Some(info) = status.get_details_error_info() else {
        return false;
    };
    // a connection that could not be made is nobody's words
    let answered = info.domain != runtime::auth::DOMAIN;
    info.domain.ends_with(OURS)
        && (about_the_request || (status.code() == Code::Unavailable && answered && says_when()))
}

fn unavailable() -> Failure {
    Failure::new(
        Kind::Unavailable(RETRY),
        DOMAIN,
        "UNAVAILABLE",
        "a part of the product does not answer; try again after the delay",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(kind: Kind, domain: &'static str) -> Status {
        Error::Behind(Failure::new(kind, domain, "SOME_REASON", "a sentence").into()).into()
    }

    #[test]
    fn what_a_service_says_about_the_request_comes_through_in_its_own_words() {
        for (kind, code) in [
            (Kind::Invalid, Code::InvalidArgument),
            (Kind::NotFound, Code::NotFound),
            (Kind::Precondition, Code::FailedPrecondition),
            (Kind::Conflict, Code::Aborted),
            (Kind::Exhausted(RETRY), Code::ResourceExhausted),
            (Kind::Unavailable(RETRY), Code::Unavailable),
        ] {
            let status = behind(kind, "tickets.messenger");
            assert_eq!(status.code(), code);
            let info = status.get_details_error_info().unwrap();
            assert_eq!(
                (info.domain.as_str(), info.reason.as_str()),
                ("tickets.messenger", "SOME_REASON")
            );
        }
    }

    #[test]
    fn a_credential_that_a_service_refuses_is_our_fault() {
        for kind in [Kind::Unauthenticated, Kind::Forbidden, Kind::Internal] {
            let status = behind(kind, "tickets.messenger");
            assert_eq!(status.code(), Code::Internal);
            assert_eq!(status.get_details_error_info().unwrap().domain, DOMAIN);
            assert!(!status.message().contains("a sentence"));
        }
    }

    #[test]
    fn a_refusal_that_is_not_in_our_language_is_our_fault() {
        assert_eq!(behind(Kind::NotFound, "example.org").code(), Code::Internal);
        let mut headers = http::HeaderMap::new();
        headers.insert("grpc-status", http::HeaderValue::from(5));
        let bare = Status::from_header_map(&headers).unwrap();
        assert_eq!(bare.code(), Code::NotFound);
        let bare = Status::from(Error::Behind(bare));
        assert_eq!(bare.code(), Code::Internal);
    }

    #[test]
    fn an_answer_that_broke_off_is_an_absence() {
        let mut headers = http::HeaderMap::new();
        headers.insert("grpc-status", http::HeaderValue::from(13));
        let mut broken = Status::from_header_map(&headers).unwrap();
        assert_eq!(broken.code(), Code::Internal);
        broken.set_source(std::sync::Arc::new(std::io::Error::other("closed")));
        let status = Status::from(Error::Behind(broken));
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.get_details_retry_info().is_some());
    }

    #[test]
    fn a_service_that_is_late_or_away_is_unavailable_with_a_delay() {
        for kind in [Kind::Deadline, Kind::Unavailable(RETRY)] {
            let status = behind(kind, "example.org");
            assert_eq!(status.code(), Code::Unavailable);
            assert!(status.get_details_retry_info().is_some());
            assert_eq!(status.get_details_error_info().unwrap().domain, DOMAIN);
        }
    }
}
