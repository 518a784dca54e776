//! From a service's error to a gRPC status: the one place that makes statuses, so that every one has
//! a code, a reason and a sentence a person can act on, and none tells what is inside.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::edge::request_id;

/// Violations in one answer at the most. Each is a path and a sentence, below 150 bytes.
const TOLD: usize = 25;

/// What sort of refusal it is; decides the status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request is malformed: INVALID_ARGUMENT.
    Invalid,
    /// The credential is missing or bad: UNAUTHENTICATED.
    Unauthenticated,
    /// The credential does not allow it: PERMISSION_DENIED.
    Forbidden,
    /// Not there, or not to be known of: NOT_FOUND.
    NotFound,
    /// There already: ALREADY_EXISTS.
    AlreadyExists,
    /// The state of things does not allow it: FAILED_PRECONDITION.
    Precondition,
    /// Somebody else was faster: ABORTED.
    Conflict,
    /// Too much: RESOURCE_EXHAUSTED, with a delay after which to retry.
    Exhausted(Duration),
    /// Away for now: UNAVAILABLE, with a delay after which to retry.
    Unavailable(Duration),
    /// Out of time: DEADLINE_EXCEEDED.
    Deadline,
    /// Not offered here: UNIMPLEMENTED.
    Unimplemented,
    /// Our fault: INTERNAL, with a generic sentence.
    Internal,
}

/// One thing wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request message, such as `title`.
    pub field: String,
    /// What is wrong with it, as the end of a sentence that begins with the field.
    pub description: String,
}

/// All that is wrong with a request's fields, collected before anything is refused.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes one.
    pub fn add(&mut self, field: &str, description: impl Into<String>) {
        self.0.push(Violation {
            field: field.into(),
            description: description.into(),
        });
    }

    /// Takes a parsed value, or notes what is wrong with it.
    pub fn check<T, E: std::fmt::Display>(
        &mut self,
        field: &str,
        parsed: Result<T, E>,
    ) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(field, error.to_string());
                None
            }
        }
    }

    /// # Errors
    /// All of them, if there is any.
    pub fn finish(self) -> Result<(), Vec<Violation>> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.0)
        }
    }
}

/// A refusal on its way to a status. Small to return: what it says is on the heap.
#[derive(Debug, Clone)]
pub struct Failure(Box<Said>);

#[derive(Debug, Clone)]
struct Said {
    kind: Kind,
    domain: &'static str,
    reason: &'static str,
    message: String,
    violations: Vec<Violation>,
    metadata: Vec<(String, String)>,
}

impl Failure {
    /// `domain` names the service, `reason` is a value of its reason enum without the prefix, `message`
    /// a sentence a person can act on.
    pub fn new(
        kind: Kind,
        domain: &'static str,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Said {
            kind,
            domain,
            reason,
            message: message.into(),
            violations: Vec::new(),
            metadata: Vec::new(),
        }))
    }

    /// Malformed fields, all at once; of very many the first ones, as the sentence says: details travel in a
    /// header, and clients refuse one of more than 8 KiB.
    pub fn invalid(domain: &'static str, violations: Vec<Violation>) -> Self {
        let message = match violations.as_slice() {
            [one] => format!("{} {}", one.field, one.description),
            many if many.len() <= TOLD => {
                format!("{} fields are invalid; the details name each", many.len())
            }
            many => format!(
                "{} fields are invalid; the details name the first {TOLD}",
                many.len()
            ),
        };
        let mut failure = Self::new(Kind::Invalid, domain, "INVALID_FIELDS", message);
        failure.0.violations = violations;
        failure.0.violations.truncate(TOLD);
        failure
    }

    /// Our fault. The cause is logged here, once, and not told.
    pub fn internal(domain: &'static str, cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(domain, cause = %chain(cause), request_id = request_id(), "internal error");
        Self::new(
            Kind::Internal,
            domain,
            "INTERNAL",
            "something failed on our side; try again, and name the request id if it stays",
        )
    }

    /// Away for now; the cause is logged, not told.
    pub fn unavailable(domain: &'static str, cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::warn!(domain, cause = %chain(cause), request_id = request_id(), "unavailable");
        Self::new(
            Kind::Unavailable(Duration::from_millis(500)),
            domain,
            "UNAVAILABLE",
            "the service is busy or restarting; try again in a moment",
        )
    }

    /// Names the field that is refused, for a form to mark it; the message says what is wrong with it.
    #[must_use]
    pub fn naming(mut self, field: &str) -> Self {
        let violation = Violation {
            field: field.into(),
            description: self.0.message.clone(),
        };
        self.0.violations.push(violation);
        self
    }

    /// Adds a machine-readable value to the ErrorInfo.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.metadata.push((key.into(), value.into()));
        self
    }

    /// The refusal's kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The refusal's reason.
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }
}

impl From<Failure> for Status {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that makes statuses"
    )]
    fn from(failure: Failure) -> Self {
        let failure = *failure.0;
        let (code, retry) = match failure.kind {
            Kind::Invalid => (Code::InvalidArgument, None),
            Kind::Unauthenticated => (Code::Unauthenticated, None),
            Kind::Forbidden => (Code::PermissionDenied, None),
            Kind::NotFound => (Code::NotFound, None),
            Kind::AlreadyExists => (Code::AlreadyExists, None),
            Kind::Precondition => (Code::FailedPrecondition, None),
            Kind::Conflict => (Code::Aborted, None),
            Kind::Exhausted(after) => (Code::ResourceExhausted, Some(after)),
            Kind::Unavailable(after) => (Code::Unavailable, Some(after)),
            Kind::Deadline => (Code::DeadlineExceeded, None),
            Kind::Unimplemented => (Code::Unimplemented, None),
            Kind::Internal => (Code::Internal, None),
        };
        let mut metadata: std::collections::HashMap<String, String> =
            failure.metadata.into_iter().collect();
        if let Some(id) = request_id() {
            metadata.insert("request_id".into(), id);
        }
        let mut details = ErrorDetails::with_error_info(failure.reason, failure.domain, metadata);
        for violation in failure.violations {
            details.add_bad_request_violation(violation.field, violation.description);
        }
        if let Some(after) = retry {
            details.set_retry_info(Some(after));
        }
        Status::with_error_details(code, failure.message, details)
    }
}

/// The error and its causes, in one line: for a log, never for a caller.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The `ErrorInfo` reason of a status that came from another service; empty if it has none.
pub fn reason_of(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}
