//! Failures of the call behind, told in Connect with all their details.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use prost::Message;
use prost_types::Any;
use tonic_types::pb;

use crate::sample::{LOOK, Sample, data, frame, grpc, post, trailers};

fn any(name: &str, message: &impl Message) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{name}"),
        value: message.encode_to_vec(),
    }
}

/// `grpc-status-details-bin`, as long as a test lives.
fn details(details: Vec<Any>) -> &'static str {
    let status = pb::Status {
        code: 8,
        message: "too much".into(),
        details,
    };
    STANDARD_NO_PAD.encode(status.encode_to_vec()).leak()
}

#[tokio::test]
async fn each_code_has_its_name_and_its_http_status() {
    for (number, name, http) in [
        ("1", "canceled", 499),
        ("2", "unknown", 500),
        ("3", "invalid_argument", 400),
        ("4", "deadline_exceeded", 504),
        ("5", "not_found", 404),
        ("6", "already_exists", 409),
        ("7", "permission_denied", 403),
        ("8", "resource_exhausted", 429),
        ("9", "failed_precondition", 400),
        ("10", "aborted", 409),
        ("11", "out_of_range", 400),
        ("12", "unimplemented", 501),
        ("13", "internal", 500),
        ("14", "unavailable", 503),
        ("15", "data_loss", 500),
        ("16", "unauthenticated", 401),
    ] {
        let status = &*vec![("grpc-status", number), ("grpc-message", "no%20way")].leak();
        for kind in ["application/json", "application/proto"] {
            let answer = Sample::failing(status).call(post(LOOK, kind, "{}")).await;
            assert_eq!(answer.status, http, "{name}");
            // a failure is JSON whatever was asked in
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.json()["code"], name);
            assert_eq!(answer.json()["message"], "no way");
            assert!(answer.json().get("details").is_none());
        }
        let sample = Sample::new(move || grpc(&[], vec![trailers(status)]));
        let answer = sample.call(post(LOOK, "application/json", "{}")).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (http, &name.into())
        );
    }
}

#[tokio::test]
async fn details_are_told_as_bytes_and_for_people() {
    let info = pb::ErrorInfo {
        reason: "TOO_MUCH".into(),
        domain: "sample".into(),
        metadata: [("request_id".to_owned(), "r-1".to_owned())].into(),
    };
    let bin = details(vec![
        any("google.rpc.ErrorInfo", &info),
        Any {
            type_url: "elsewhere.example/never.Heard".into(),
            value: vec![1, 2, 3, 4],
        },
    ]);
    let status = vec![
        ("grpc-status", "8"),
        ("grpc-status-details-bin", bin),
        ("x-own", "a"),
    ];
    let answer = Sample::failing(status.leak())
        .call(post(LOOK, "application/json", "{}"))
        .await;
    let told = answer.json();
    let [first, second] = told["details"].as_array().unwrap().as_slice() else {
        panic!("{told}");
    };
    assert_eq!(first["type"], "google.rpc.ErrorInfo");
    assert_eq!(first["value"], STANDARD_NO_PAD.encode(info.encode_to_vec()));
    assert_eq!(first["debug"]["reason"], "TOO_MUCH");
    assert_eq!(first["debug"]["metadata"]["request_id"], "r-1");
    assert_eq!(second["type"], "never.Heard");
    assert_eq!(second["value"], "AQIDBA");
    assert!(second.get("debug").is_none());
    assert_eq!(answer.header("x-own"), "a");
    assert_eq!(answer.header("retry-after"), "");
}

#[tokio::test]
async fn a_delay_is_also_a_header_in_whole_seconds_never_too_short() {
    for (seconds, nanos, header) in [(0, 200_000_000, "1"), (2, 0, "2"), (2, 1, "3")] {
        let delay = Some(prost_types::Duration { seconds, nanos });
        let retry = pb::RetryInfo { retry_delay: delay };
        let bin = details(vec![any("google.rpc.RetryInfo", &retry)]);
        let status = vec![("grpc-status", "8"), ("grpc-status-details-bin", bin)];
        let answer = Sample::failing(status.leak())
            .call(post(LOOK, "application/json", "{}"))
            .await;
        assert_eq!(answer.header("retry-after"), header);
    }
}

#[tokio::test]
async fn a_failure_after_the_message_counts_and_the_message_does_not() {
    let sample = Sample::new(|| {
        let end = trailers(&[("grpc-status", "13"), ("x-trail", "b")]);
        grpc(&[("x-lead", "a")], vec![data(frame(0, b"")), end])
    });
    let answer = sample.call(post(LOOK, "application/json", "{}")).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("x-lead"), "a");
    assert_eq!(answer.header("trailer-x-trail"), "b");
}
