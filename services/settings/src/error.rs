//! Everything that can be refused, and why.

use runtime::{Failure, Kind, StartError, error::Violation};
use sea_orm::{DbErr, SqlErr};
use tonic::Status;
use types::{ContactId, InvalidPageToken};

use crate::{
    domain::{LastAdmin, MAX_ACTIVE_KEYS, Platform, Role, Scope, StaleVersion},
    sealing::Unopened,
};

/// The domain of this service's reasons.
const DOMAIN: &str = "settings.messenger";

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields are malformed; all of them.
    #[error("fields are malformed")]
    Fields(Vec<Violation>),
    /// There is no such thing in the caller's workspace.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// A user token, access token or API token is not accepted, whatever is wrong with it.
    #[error("the token is not accepted")]
    Unauthenticated,
    /// Somebody changed the settings after the caller read them.
    #[error(transparent)]
    StaleVersion(#[from] StaleVersion),
    /// Messages cannot be turned off.
    #[error("Messages is always on")]
    MessagesAlwaysOn,
    /// No further key can be active on the platform.
    #[error("too many keys are active")]
    TooManyKeys(Platform),
    /// The page token belongs to no page of this list.
    #[error(transparent)]
    PageToken(#[from] InvalidPageToken),
    /// The caller would give away a scope they do not hold.
    #[error("the caller lacks a scope")]
    LacksScope(Scope),
    /// The scope is above the role of the teammate whom a token would act as.
    #[error("the scope is above the teammate's role")]
    RoleTooLow(Scope, Role),
    /// The teammate whom a token would act as may do nothing.
    #[error("the teammate is inactive")]
    TeammateInactive,
    /// The change would leave nobody who may change settings.
    #[error(transparent)]
    LastAdmin(#[from] LastAdmin),
    /// The visitor became a user, and what was theirs is the user's.
    #[error("the visitor became a user")]
    Merged(ContactId),
    /// A secret in the database cannot be opened.
    #[error(transparent)]
    Unopened(#[from] Unopened),
    /// Something that people do, and programs do not.
    #[error("for teammates only")]
    TeammatesOnly,
    /// Whom an identity provider vouches for is no active teammate.
    #[error("not an active teammate")]
    NotATeammate,
    /// The login has opened its session already.
    #[error("the login is used")]
    LoginUsed,
    /// Refused before this service had a say.
    #[error("refused")]
    Refused(Box<Failure>),
    /// The assertion cannot be signed.
    #[error(transparent)]
    Signing(#[from] StartError),
    /// The process stops before the work is done; the next start finishes it.
    #[error("the process is stopping")]
    Draining,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] DbErr),
}

impl Error {
    /// Another try may well succeed, and nothing has happened yet for sure.
    pub(crate) fn is_undone(&self) -> bool {
        matches!(self, Self::Store(error) if database::is_undone(error))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Refused(Box::new(failure))
    }
}

impl From<Vec<Violation>> for Error {
    fn from(violations: Vec<Violation>) -> Self {
        Self::Fields(violations)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = |kind, reason, message: &str| Self::new(kind, DOMAIN, reason, message);
        match error {
            Error::Fields(violations) => Self::invalid(DOMAIN, violations),
            Error::NotFound(what) => failure(
                Kind::NotFound,
                "NOT_FOUND",
                &format!("there is no such {what}"),
            ),
            Error::Unauthenticated => failure(
                Kind::Unauthenticated,
                "UNAUTHENTICATED",
                "the token is missing, malformed, expired, revoked or not ours; get a new one",
            ),
            Error::StaleVersion(StaleVersion { current }) => failure(
                Kind::Conflict,
                "STALE_VERSION",
                &format!(
                    "the settings are at version {current}; read them again, and name that version as \
                     expected_version if the change still makes sense"
                ),
            )
            .with("version", current.to_string()),
            Error::MessagesAlwaysOn => failure(
                Kind::Invalid,
                "MESSAGES_ALWAYS_ON",
                "the Messages space is always on",
            )
            .naming("space"),
            Error::TooManyKeys(platform) => failure(
                Kind::Precondition,
                "TOO_MANY_KEYS",
                &format!(
                    "{MAX_ACTIVE_KEYS} keys are active on {} already; revoke one first",
                    platform.as_str()
                ),
            ),
            Error::PageToken(error) => {
                failure(Kind::Invalid, "INVALID_PAGE_TOKEN", &error.to_string()).naming("page_token")
            }
            Error::LacksScope(scope) => failure(
                Kind::Forbidden,
                "PERMISSION_DENIED",
                &format!(
                    "the credential lacks the scope {}, so it cannot give it",
                    scope.as_str()
                ),
            )
            .with("scope", scope.as_str()),
            Error::RoleTooLow(scope, role) => failure(
                Kind::Precondition,
                "ROLE_TOO_LOW",
                &format!(
                    "the scope {} is above the teammate's role {}; leave it out, or change their role first",
                    scope.as_str(),
                    role.as_str()
                ),
            )
            .with("scope", scope.as_str()),
            Error::TeammateInactive => failure(
                Kind::Precondition,
                "TEAMMATE_INACTIVE",
                "the teammate is not active; activate them first",
            ),
            Error::LastAdmin(LastAdmin) => failure(
                Kind::Precondition,
                "LAST_ADMIN",
                "the workspace needs an active admin; make somebody else one first",
            ),
            Error::Merged(user) => failure(
                Kind::Precondition,
                "CONTACT_MERGED",
                &format!("this visitor became the user {user}; erase {user}, whose it all is"),
            )
            .with("contact_id", user.as_str()),
            Error::Unopened(error) => Self::internal(DOMAIN, &error),
            Error::TeammatesOnly => failure(
                Kind::Forbidden,
                "PERMISSION_DENIED",
                "only teammates look for contacts; name the one you mean by contact_id",
            ),
            Error::NotATeammate => failure(
                Kind::Forbidden,
                "NOT_A_TEAMMATE",
                "whoever logged in is no active teammate of this workspace; an admin of it can add the address",
            ),
            Error::LoginUsed => failure(
                Kind::Precondition,
                "LOGIN_USED",
                "this login has opened a session already; begin another one",
            ),
            Error::Refused(failure) => *failure,
            Error::Signing(error) => Self::internal(DOMAIN, &error),
            error @ Error::Draining => Self::unavailable(DOMAIN, &error),
            Error::Store(error) if is_passing(&error) => Self::unavailable(DOMAIN, &error),
            Error::Store(error) => Self::internal(DOMAIN, &error),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

/// Another try may well succeed: the database is away or busy, or another transaction was faster.
fn is_passing(error: &DbErr) -> bool {
    database::is_passing(error)
        || matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sea_orm::{RuntimeErr, SqlxError};

    use super::*;

    #[test]
    fn what_may_pass_is_unavailable_and_what_will_not_is_internal() {
        let sqlx = |cause: SqlxError| DbErr::Query(RuntimeErr::SqlxError(Arc::new(cause)));
        for passing in [
            sqlx(SqlxError::PoolTimedOut),
            sqlx(SqlxError::WorkerCrashed),
            sqlx(SqlxError::Io(std::io::ErrorKind::BrokenPipe.into())),
            DbErr::Conn(RuntimeErr::Internal("gone".into())),
        ] {
            let failure = Failure::from(Error::Store(passing));
            assert_eq!(failure.reason(), "UNAVAILABLE");
        }
        for lasting in [
            sqlx(SqlxError::RowNotFound),
            DbErr::Type("damaged".into()),
            DbErr::RecordNotInserted,
        ] {
            let failure = Failure::from(Error::Store(lasting));
            assert_eq!(failure.reason(), "INTERNAL");
            assert!(!format!("{failure:?}").contains("damaged"));
        }
    }
}
