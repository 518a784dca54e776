//! Answers of one message.

use crate::sample::{LOOK, Sample, data, frame, grpc, post, proto, trailers};

#[tokio::test]
async fn an_answer_is_the_bare_message_with_metadata_as_headers() {
    let answer = Sample::found()
        .call(post(LOOK, "application/json", "{}"))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        answer.body,
        r#"{"text":"ok","big":"9007199254740993","shade":"SHADE_LIGHT"}"#
    );
    assert_eq!(answer.header("x-lead"), "a");
    assert_eq!(answer.header("x-lead-bin"), "AAE");
    assert_eq!(answer.header("trailer-x-trail"), "b");
    assert_eq!(answer.header("trailer-x-trail-bin"), "AQI");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let foreign = answer
        .headers
        .keys()
        .find(|name| name.as_str().contains("grpc"));
    assert_eq!(foreign, None);
}

#[tokio::test]
async fn an_answer_in_binary_is_the_bytes_as_they_are() {
    let answer = Sample::found()
        .call(post(LOOK, "application/proto", ""))
        .await;
    assert_eq!(answer.header("content-type"), "application/proto");
    let message = r#"{"text":"ok","big":"9007199254740993","shade":"SHADE_LIGHT"}"#;
    assert_eq!(answer.body, proto("LookResponse", message));
}

#[tokio::test]
async fn json_is_canonical() {
    for (bytes, json) in [
        // what is zero is left out
        (&b""[..], "{}"),
        // a number of an enum that is not known stays a number
        (b"\x18\x63", r#"{"shade":99}"#),
        // times are RFC 3339
        (
            b"\x22\x06\x08\x80\xe1\xe6\xbf\x06",
            r#"{"time":"2025-04-12T00:14:56Z"}"#,
        ),
        // numbers of 64 bits are strings
        (b"\x10\x01", r#"{"big":"1"}"#),
        // fields that the contract does not have are not told
        (b"\x7a\x01x", "{}"),
    ] {
        let sample = Sample::new(move || {
            grpc(
                &[],
                vec![data(frame(0, bytes)), trailers(&[("grpc-status", "0")])],
            )
        });
        let answer = sample.call(post(LOOK, "application/json", "{}")).await;
        assert_eq!(answer.body, json);
    }
}

#[tokio::test]
async fn a_message_in_pieces_is_put_together() {
    let sample = Sample::new(|| {
        let message = frame(0, &proto("LookResponse", r#"{"text":"in pieces"}"#));
        let pieces = message.chunks(2).map(|piece| data(piece.to_vec()));
        grpc(
            &[],
            pieces.chain([trailers(&[("grpc-status", "0")])]).collect(),
        )
    });
    let answer = sample.call(post(LOOK, "application/json", "{}")).await;
    assert_eq!(answer.body, r#"{"text":"in pieces"}"#);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_internal_and_tells_nothing() {
    for (body, ends) in [
        (&b""[..], Some("0")),
        (b"\0\0\0\0\x02\xff\xff", Some("0")),
        (b"\0\0\0\0\x09x", Some("0")),
        (b"\0\0\0\0\0", None),
    ] {
        let sample = Sample::new(move || {
            let mut parts = vec![data(body)];
            parts.extend(ends.map(|status| trailers(&[("grpc-status", status)])));
            grpc(&[], parts)
        });
        let answer = sample.call(post(LOOK, "application/json", "{}")).await;
        assert_eq!(answer.status, 500, "{body:?}");
        assert_eq!(answer.json()["code"], "internal");
        assert_eq!(
            answer.json()["message"],
            "something went wrong here; try again later"
        );
    }
}
