use std::time::Duration;

use database::is_passing;
use events::departed::is_gone;
use prost::DecodeError;
use runtime::{Failure, Kind, error::Violation};
use sea_orm::DbErr;

use crate::domain::Refusal;

/// The domain of this service's reasons.
const DOMAIN: &str = "tickets.messenger";
/// After this long it is worth asking again for a conversation that was just made.
const KNOWN_SOON: Duration = Duration::from_millis(200);
/// After this long a ticket that many write at once has settled.
const SETTLED_SOON: Duration = Duration::from_millis(50);

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Malformed fields, all of them.
    #[error("{} fields are invalid", .0.len())]
    Invalid(Vec<Violation>),
    /// The page token is malformed or belongs to another list.
    #[error("the page token is malformed or belongs to another list; start from the first page")]
    InvalidPageToken,
    /// The request id was used before with another body.
    #[error("this request id was used before with another body; use a new id for a new request")]
    RequestIdReused,
    /// A rule does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The credential does not allow it.
    #[error("the credential does not allow it")]
    Denied(Box<Failure>),
    /// Too many write the same ticket at once.
    #[error("others keep changing the ticket at the same time; try again in a moment")]
    Contended,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] DbErr),
    /// An answer that was kept cannot be read.
    #[error(transparent)]
    Kept(#[from] DecodeError),
}

impl Error {
    /// Whether somebody who was merged or erased meanwhile would be refused like this.
    pub fn may_mean_gone(&self) -> bool {
        match self {
            Self::Refused(Refusal::TicketNotFound) => true,
            Self::Store(error) => is_gone(error),
            _ => false,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Denied(Box::new(failure))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (kind, reason) = match &error {
            Error::Refused(Refusal::CategoryWithoutState) => {
                return Self::new(Kind::Invalid, DOMAIN, "INVALID_FIELDS", error.to_string())
                    .naming("state_ids");
            }
            Error::Refused(refusal) => kind_and_reason(*refusal),
            Error::InvalidPageToken => {
                return Self::new(
                    Kind::Invalid,
                    DOMAIN,
                    "INVALID_PAGE_TOKEN",
                    error.to_string(),
                )
                .naming("page_token");
            }
            Error::RequestIdReused => (Kind::Precondition, "REQUEST_ID_REUSED"),
            Error::Contended => (Kind::Unavailable(SETTLED_SOON), "UNAVAILABLE"),
            Error::Invalid(violations) => return Self::invalid(DOMAIN, violations.clone()),
            Error::Denied(failure) => return (**failure).clone(),
            // a contact's tickets are the user's, or nobody's, in a moment
            Error::Store(cause) if is_gone(cause) => {
                return Self::new(
                    Kind::Unavailable(SETTLED_SOON),
                    DOMAIN,
                    "UNAVAILABLE",
                    "the ticket's contact was just merged or erased; try again in a moment",
                );
            }
            Error::Store(cause) if is_passing(cause) => return Self::unavailable(DOMAIN, cause),
            Error::Store(cause) => return Self::internal(DOMAIN, cause),
            Error::Kept(cause) => return Self::internal(DOMAIN, cause),
        };
        Self::new(kind, DOMAIN, reason, error.to_string())
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

fn kind_and_reason(refusal: Refusal) -> (Kind, &'static str) {
    match refusal {
        Refusal::TicketNotFound => (Kind::NotFound, "TICKET_NOT_FOUND"),
        Refusal::ContactGone => (Kind::NotFound, "CONTACT_GONE"),
        Refusal::StateNotAllowed => (Kind::Precondition, "TICKET_STATE_NOT_ALLOWED"),
        Refusal::TypeNotAllowed => (Kind::Precondition, "TICKET_TYPE_NOT_ALLOWED"),
        Refusal::SharedTicketExists => (Kind::Precondition, "SHARED_TICKET_EXISTS"),
        Refusal::NotShareable => (Kind::Precondition, "TICKET_NOT_SHAREABLE"),
        Refusal::TooManyTypes => (Kind::Precondition, "TOO_MANY_TYPES"),
        // named with its field above
        Refusal::CategoryWithoutState => (Kind::Invalid, "INVALID_FIELDS"),
        Refusal::AlreadyLinked => (Kind::Precondition, "ALREADY_LINKED"),
        Refusal::ConversationNotLinkable => (Kind::Precondition, "CONVERSATION_NOT_LINKABLE"),
        Refusal::NoConversation => (Kind::Precondition, "TICKET_HAS_NO_CONVERSATION"),
        Refusal::ConversationNotKnownYet => {
            (Kind::Unavailable(KNOWN_SOON), "CONVERSATION_NOT_KNOWN_YET")
        }
        Refusal::StaleVersion => (Kind::Conflict, "STALE_VERSION"),
    }
}
