//! Calls by GET, where a method is marked as changing nothing.

use base64::{Engine, engine::general_purpose::URL_SAFE};
use http::Request;
use tonic::body::Body;

use crate::sample::{LARGEST, LOOK, Sample, frame, proto, with};

fn get(query: &str) -> Request<Body> {
    let request = Request::get(format!("{LOOK}?{query}"));
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn the_message_is_in_the_query_as_text_or_base64() {
    let message = proto("LookRequest", r#"{"name":"ÿ ~","shade":1}"#);
    let padded = URL_SAFE.encode(&message);
    let percent: String = message.iter().map(|byte| format!("%{byte:02X}")).collect();
    for query in [
        "connect=v1&encoding=json&message=%7B%22name%22%3A%22%C3%BF+~%22%2C%22shade%22%3A1%7D"
            .to_owned(),
        format!("encoding=proto&base64=1&message={padded}"),
        format!(
            "encoding=proto&base64=1&message={}",
            padded.trim_end_matches('=')
        ),
        format!("encoding=proto&compression=identity&message={percent}"),
    ] {
        let sample = Sample::found();
        let answer = sample.call(get(&query)).await;
        assert_eq!(answer.status, 200, "{query}");
        assert_eq!(answer.header("vary"), "Origin");
        assert_eq!(answer.header("cache-control"), "private, no-store");
        let asked = sample.asked();
        assert_eq!((asked.uri.as_str(), asked.method.as_str()), (LOOK, "POST"));
        assert_eq!(asked.body, frame(0, &message));
    }
}

#[tokio::test]
async fn a_credential_is_a_header_and_never_read_from_the_query() {
    let sample = Sample::found();
    let query = "encoding=json&message=%7B%7D&authorization=Bearer+q&access_token=q";
    sample.call(get(query)).await;
    assert!(!sample.asked().headers.contains_key("authorization"));
    let sample = Sample::found();
    sample
        .call(with(get(query), "authorization", "Bearer h"))
        .await;
    assert_eq!(sample.asked().headers["authorization"], "Bearer h");
}

#[tokio::test]
async fn a_query_that_is_not_a_call_is_refused() {
    let sample = Sample::found();
    let large = format!("encoding=json&message={}", "x".repeat(LARGEST / 2 + 1));
    assert!(large.len() < LARGEST);
    for (query, status, reason) in [
        ("message=%7B%7D", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("encoding=xml&message=%7B%7D", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("encoding=json", 400, "MALFORMED_REQUEST"),
        ("encoding=json&message=%7B", 400, "MALFORMED_REQUEST"),
        (
            "encoding=json&base64=1&message=***",
            400,
            "MALFORMED_REQUEST",
        ),
        (
            "encoding=json&message=%7B%7D&connect=v2",
            400,
            "UNSUPPORTED_PROTOCOL_VERSION",
        ),
        (
            "encoding=json&message=%7B%7D&compression=gzip",
            501,
            "UNSUPPORTED_COMPRESSION",
        ),
        (large.as_str(), 400, "MALFORMED_REQUEST"),
    ] {
        let answer = sample.call(get(query)).await;
        assert_eq!(answer.status, status, "{query:.60}");
        assert_eq!(answer.reason(), reason);
    }
    assert_eq!(sample.calls(), 0);
}
