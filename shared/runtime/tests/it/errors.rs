//! From a refusal to a status: code, reason, sentence, and details a machine can act on.

use std::time::Duration;

use runtime::{Failure, Kind, Violations, error::reason_of};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::sample::{REFUSE, client, read, start};

const KINDS: [(Kind, Code); 11] = [
    (Kind::Invalid, Code::InvalidArgument),
    (Kind::Unauthenticated, Code::Unauthenticated),
    (Kind::Forbidden, Code::PermissionDenied),
    (Kind::NotFound, Code::NotFound),
    (Kind::AlreadyExists, Code::AlreadyExists),
    (Kind::Precondition, Code::FailedPrecondition),
    (Kind::Conflict, Code::Aborted),
    (
        Kind::Exhausted(Duration::from_secs(7)),
        Code::ResourceExhausted,
    ),
    (Kind::Unavailable(Duration::from_secs(7)), Code::Unavailable),
    (Kind::Deadline, Code::DeadlineExceeded),
    (Kind::Internal, Code::Internal),
];

#[test]
fn every_kind_has_its_code_its_reason_and_its_details() {
    for (kind, code) in KINDS {
        let failure = Failure::new(kind, "sample.messenger", "SOME_REASON", "a sentence")
            .with("key", "value")
            .with("other", "thing");
        assert_eq!((failure.kind(), failure.reason()), (kind, "SOME_REASON"));
        let status = Status::from(failure);
        assert_eq!((status.code(), status.message()), (code, "a sentence"));
        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (&*info.reason, &*info.domain),
            ("SOME_REASON", "sample.messenger")
        );
        assert_eq!(info.metadata["key"], "value");
        assert_eq!(info.metadata["other"], "thing");
        assert!(!info.metadata.contains_key("request_id"), "this is no call");
        assert_eq!(reason_of(&status), "SOME_REASON");
        let retry = status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay);
        let expected = matches!(kind, Kind::Exhausted(_) | Kind::Unavailable(_));
        assert_eq!(
            retry,
            expected.then_some(Duration::from_secs(7)),
            "{kind:?}"
        );
        assert!(status.get_details_bad_request().is_none());
    }
}

#[test]
fn all_that_is_wrong_with_a_request_is_told_at_once() {
    let mut violations = Violations::new();
    assert_eq!(violations.check("number", "12".parse::<u8>()), Some(12));
    assert_eq!(violations.check("number", "many".parse::<u8>()), None);
    violations.add("title", "must not be empty");
    let failure = Failure::invalid("sample.messenger", violations.finish().unwrap_err());
    let status = Status::from(failure);
    assert_eq!(
        status.message(),
        "2 fields are invalid; the details name each"
    );
    let told = status.get_details_bad_request().unwrap().field_violations;
    let told: Vec<_> = told
        .iter()
        .map(|v| (v.field.as_str(), v.description.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("number", "invalid digit found in string"),
            ("title", "must not be empty")
        ]
    );
    // one alone is the sentence itself
    let mut one = Violations::new();
    one.add("title", "must not be empty");
    let failure = Failure::invalid("sample.messenger", one.finish().unwrap_err());
    assert_eq!(Status::from(failure).message(), "title must not be empty");
    assert!(Violations::new().finish().is_ok());
}

#[derive(Debug, thiserror::Error)]
#[error("the vault is open")]
struct Secret(#[source] std::io::Error);

#[test]
fn a_cause_is_never_told() {
    let cause = Secret(std::io::Error::other("the code is 1234"));
    let internal = Status::from(Failure::internal("sample.messenger", &cause));
    let away = Status::from(Failure::unavailable("sample.messenger", &cause));
    assert_eq!(
        (internal.code(), away.code()),
        (Code::Internal, Code::Unavailable)
    );
    for status in [&internal, &away] {
        let all = format!("{status:?} {:?}", status.get_error_details());
        assert!(!all.contains("1234") && !all.contains("vault"), "{all}");
    }
    let retry = away.get_details_retry_info().unwrap().retry_delay;
    assert_eq!(retry, Some(Duration::from_millis(500)));
}

#[test]
fn a_status_of_somebody_else_has_no_reason() {
    assert_eq!(reason_of(&Status::not_found("x")), "");
    let garbage = Status::with_details(Code::Internal, "x", vec![0xff; 20].into());
    assert_eq!(reason_of(&garbage), "");
}

/// Over the network nothing of it is lost, and the call is named.
#[tokio::test]
async fn details_survive_the_way() {
    let (scratch, _, running) = start().await;
    let refused = client(&scratch, running.address()).read(read(REFUSE)).await;
    let status = refused.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        status
            .get_details_bad_request()
            .unwrap()
            .field_violations
            .len(),
        2
    );
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "INVALID_FIELDS");
    assert_eq!(info.metadata["request_id"].len(), 32);
}
