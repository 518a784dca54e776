//! What a request may be, and what its call behind is.

use http::{Method, Request};
use tonic::body::Body;

use crate::sample::{CHANGE, LARGEST, LOOK, Sample, WATCH, frame, post, proto, with};

const JSON: &str = "application/json";
const STREAM: &str = "application/connect+json";

#[tokio::test]
async fn a_call_behind_is_grpc_and_carries_the_callers_own_headers_only() {
    let sample = Sample::found();
    let mut request = post(LOOK, JSON, r#"{"name":"x","shade":"SHADE_DARK"}"#);
    for (name, value) in [
        ("authorization", "Bearer t"),
        ("x-request-id", "r-1"),
        ("x-some-bin", "AAE"),
        ("connect-protocol-version", "1"),
        ("connect-timeout-ms", "60000"),
        ("grpc-timeout", "1H"),
        ("accept-encoding", "gzip"),
        ("content-length", "33"),
        ("host", "localhost"),
        ("connection", "close"),
    ] {
        request = with(request, name, value);
    }
    assert_eq!(sample.call(request).await.status, 200);
    let asked = sample.asked();
    assert_eq!(asked.method, Method::POST);
    assert_eq!(asked.version, http::Version::HTTP_2);
    assert_eq!(asked.uri, LOOK);
    let message = proto("LookRequest", r#"{"name":"x","shade":1}"#);
    assert_eq!(asked.body, frame(0, &message));
    let timeout = asked.headers["grpc-timeout"].to_str().unwrap().to_owned();
    let left: u64 = timeout.strip_suffix('m').unwrap().parse().unwrap();
    assert!((50_000..=60_000).contains(&left), "{timeout}");
    let mut names: Vec<_> = asked.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "authorization",
            "content-type",
            "grpc-timeout",
            "te",
            "x-request-id",
            "x-some-bin"
        ]
    );
    assert_eq!(asked.headers["content-type"], "application/grpc");
}

#[tokio::test]
async fn types_of_grpc_and_other_paths_pass_untouched() {
    let sample = Sample::found();
    for (path, kind) in [
        (LOOK, "application/grpc"),
        (LOOK, "application/grpc-web+proto"),
        ("/openapi.json", JSON),
        ("/sample.v1.OtherService/Look", JSON),
    ] {
        let before = sample.calls();
        let answer = sample.call(post(path, kind, "as it is")).await;
        assert_eq!(answer.header("x-lead"), "a", "{path} {kind}");
        assert_eq!(sample.calls(), before + 1);
    }
}

#[tokio::test]
async fn a_type_that_a_method_does_not_take_is_answered_with_those_it_takes() {
    let unary = "application/json, application/proto";
    let stream = "application/connect+json, application/connect+proto";
    let sample = Sample::found();
    for (path, kind, taken) in [
        (LOOK, "text/plain", unary),
        (LOOK, "application/x-www-form-urlencoded", unary),
        (LOOK, "application/connect+json", unary),
        (LOOK, "application/json; charset=latin-1", unary),
        (WATCH, "application/json", stream),
    ] {
        let answer = sample.call(post(path, kind, "{}")).await;
        assert_eq!(answer.status, 415, "{path} {kind}");
        assert_eq!(answer.header("accept-post"), taken);
        assert_eq!(answer.reason(), "UNSUPPORTED_MEDIA_TYPE");
    }
    let mut without = post(LOOK, JSON, "{}");
    without.headers_mut().clear();
    assert_eq!(sample.call(without).await.status, 415);
    assert_eq!(sample.calls(), 0);
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(
            sample.call(post(LOOK, kind, "{}")).await.status,
            200,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_verb_that_a_method_does_not_take_is_answered_with_those_it_takes() {
    let sample = Sample::found();
    for (verb, path, allowed) in [
        (Method::PUT, LOOK, "GET, POST"),
        (Method::OPTIONS, LOOK, "GET, POST"),
        (Method::GET, CHANGE, "POST"),
        (Method::GET, WATCH, "POST"),
        (Method::DELETE, CHANGE, "POST"),
    ] {
        let request = Request::builder().method(verb).uri(path);
        let answer = sample.call(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.header("allow"), allowed);
    }
    assert_eq!(sample.calls(), 0);
}

#[tokio::test]
async fn a_method_that_is_not_there_is_unimplemented_and_a_clients_stream_too() {
    let sample = Sample::found();
    for method in ["Nothing", "Upload"] {
        let path = format!("/sample.v1.SampleService/{method}");
        let answer = sample.call(post(&path, JSON, "{}")).await;
        assert_eq!(answer.status, 501);
        assert_eq!(answer.json()["code"], "unimplemented");
        assert_eq!(answer.reason(), "NO_SUCH_METHOD");
    }
}

#[tokio::test]
async fn the_version_of_the_protocol_is_1_or_not_said() {
    let sample = Sample::found();
    let call = |version| {
        sample.call(with(
            post(LOOK, JSON, "{}"),
            "connect-protocol-version",
            version,
        ))
    };
    assert_eq!(call("1").await.status, 200);
    for wrong in ["2", "", "1.0"] {
        let answer = call(wrong).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["code"], "invalid_argument");
        assert_eq!(answer.reason(), "UNSUPPORTED_PROTOCOL_VERSION");
    }
}

#[tokio::test]
async fn a_timeout_has_at_most_ten_digits() {
    let sample = Sample::found();
    for (given, unit) in [("0", 'm'), ("99999999", 'm'), ("9999999999", 'S')] {
        let request = with(post(LOOK, JSON, "{}"), "connect-timeout-ms", given);
        let sample = Sample::found();
        // none at all is over before the body is read
        if sample.call(request).await.status == 200 {
            let told = sample.asked().headers["grpc-timeout"]
                .to_str()
                .unwrap()
                .to_owned();
            assert!(told.ends_with(unit) && told.len() <= 9, "{told}");
        }
    }
    for wrong in ["", "-1", "1.5", "12345678901", "1s", "+1"] {
        let request = with(post(LOOK, JSON, "{}"), "connect-timeout-ms", wrong);
        let answer = sample.call(request).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert_eq!(answer.reason(), "MALFORMED_TIMEOUT");
    }
    assert_eq!(sample.calls(), 0);
}

#[tokio::test]
async fn a_compressed_request_is_refused_and_told_what_is_taken() {
    let sample = Sample::found();
    let unary = with(post(LOOK, JSON, "{}"), "content-encoding", "gzip");
    let answer = sample.call(unary).await;
    assert_eq!(answer.status, 501);
    assert_eq!(answer.json()["code"], "unimplemented");
    assert_eq!(answer.header("accept-encoding"), "identity");
    assert_eq!(answer.reason(), "UNSUPPORTED_COMPRESSION");
    let stream = post(WATCH, STREAM, frame(0, b"{}"));
    let answer = sample
        .call(with(stream, "connect-content-encoding", "br"))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connect-accept-encoding"), "identity");
    assert_eq!(answer.reason(), "UNSUPPORTED_COMPRESSION");
    let plain = with(post(LOOK, JSON, "{}"), "content-encoding", "identity");
    assert_eq!(sample.call(plain).await.status, 200);
}

#[tokio::test]
async fn a_body_has_a_largest_size_whether_it_is_announced_or_not() {
    let sample = Sample::found();
    let text = |length| format!(r#"{{"name":"{}"}}"#, "x".repeat(length - 11));
    assert_eq!(
        sample.call(post(LOOK, JSON, text(LARGEST))).await.status,
        200
    );
    let announced = with(post(LOOK, JSON, "{}"), "content-length", "65537");
    for request in [announced, post(LOOK, JSON, text(LARGEST + 1))] {
        let answer = sample.call(request).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.reason(), "REQUEST_TOO_LARGE");
    }
    assert_eq!(sample.calls(), 1);
}

#[tokio::test]
async fn a_body_that_is_not_the_message_is_refused_with_a_sentence() {
    let sample = Sample::found();
    let deep = format!("{}{}", r#"{"inner":"#.repeat(200), "}".repeat(200));
    for (path, body) in [
        (LOOK, ""),
        (LOOK, "{"),
        (LOOK, "[]"),
        (LOOK, r#"{"name":1}"#),
        (LOOK, r#"{"shade":"PURPLE"}"#),
        (LOOK, r#"{"name":"a"} {"name":"b"}"#),
        (LOOK, "{\"name\":\"\u{0}\"}"),
        (CHANGE, deep.as_str()),
        (CHANGE, r#"{"int32":2147483648}"#),
        (CHANGE, r#"{"bytes":"*"}"#),
    ] {
        let answer = sample.call(post(path, JSON, body.to_owned())).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.reason(), "MALFORMED_REQUEST");
        assert!(answer.body.len() < 2_000);
    }
    assert_eq!(sample.calls(), 0);
    // bytes are judged by who decodes them
    sample.call(post(LOOK, "application/proto", "\u{7}")).await;
    assert_eq!(sample.asked().body, frame(0, b"\x07"));
}

#[tokio::test]
async fn a_field_that_is_not_known_is_skipped() {
    let sample = Sample::found();
    let body = r#"{"name":"x","newer":{"than":["this"]}}"#;
    assert_eq!(sample.call(post(LOOK, JSON, body)).await.status, 200);
    assert_eq!(
        sample.asked().body,
        frame(0, &proto("LookRequest", r#"{"name":"x"}"#))
    );
}

#[tokio::test]
async fn a_streams_request_is_one_envelope() {
    let sample = Sample::found();
    let two = [frame(0, b"{}"), frame(0, b"{}")].concat();
    for (body, reason) in [
        (vec![], "MALFORMED_ENVELOPE"),
        (vec![0, 0, 0], "MALFORMED_ENVELOPE"),
        (vec![0, 0, 0, 0, 9, b'{', b'}'], "MALFORMED_ENVELOPE"),
        (vec![0, 0xff, 0xff, 0xff, 0xff], "REQUEST_TOO_LARGE"),
        (two, "MALFORMED_ENVELOPE"),
        (frame(1, b"{}"), "MALFORMED_ENVELOPE"),
        (frame(2, b"{}"), "MALFORMED_ENVELOPE"),
        (frame(0, b"{"), "MALFORMED_REQUEST"),
        (frame(0, &vec![b' '; LARGEST + 1]), "REQUEST_TOO_LARGE"),
    ] {
        let answer = sample.call(post(WATCH, STREAM, body)).await;
        // a stream always answers 200; its only envelope says how it ended
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), STREAM);
        assert_eq!(answer.envelopes().len(), 1);
        assert_eq!(answer.reason(), reason);
    }
    assert_eq!(sample.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let sample = Sample::found();
    let endless = || {
        Body::new(http_body_util::StreamBody::new(futures::stream::pending::<
            crate::sample::Part,
        >()))
    };
    let request = Request::post(LOOK).header("content-type", JSON);
    let answer = sample.call(request.body(endless()).unwrap()).await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.reason(), "DEADLINE_EXCEEDED");
    let began = tokio::time::Instant::now();
    let request = Request::post(LOOK)
        .header("content-type", JSON)
        .header("connect-timeout-ms", "500");
    let answer = sample.call(request.body(endless()).unwrap()).await;
    assert_eq!(answer.json()["code"], "deadline_exceeded");
    assert!(began.elapsed().as_millis() < 1_000);
    assert_eq!(sample.calls(), 0);
}

#[tokio::test]
async fn a_request_that_was_not_read_to_its_end_is_the_last_of_its_connection() {
    let sample = Sample::found();
    let large = "x".repeat(LARGEST + 1);
    for (body, version, closes) in [
        (large.as_str(), http::Version::HTTP_11, true),
        (&large, http::Version::HTTP_2, false),
        ("{", http::Version::HTTP_11, false),
    ] {
        let mut request = post(LOOK, JSON, body.to_owned());
        *request.version_mut() = version;
        let answer = sample.call(request).await;
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.headers.contains_key("connection"),
            closes,
            "{version:?}"
        );
    }
}
