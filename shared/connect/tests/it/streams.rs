//! Answers of many messages.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::{StreamExt, channel::mpsc};
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use serde_json::json;
use tonic::body::Body;

use crate::sample::{Part, Sample, WATCH, data, frame, grpc, post, proto, trailers};

const JSON: &str = "application/connect+json";
const PROTO: &str = "application/connect+proto";

fn asking(kind: &str) -> http::Request<Body> {
    let nothing: &[u8] = if kind == JSON { b"{}" } else { b"" };
    post(WATCH, kind, frame(0, nothing))
}

fn text(text: &str) -> Vec<u8> {
    proto("LookResponse", &json!({ "text": text }).to_string())
}

#[tokio::test]
async fn each_message_is_an_envelope_and_the_last_says_how_it_ended() {
    let sample = || {
        Sample::new(|| {
            grpc(
                &[("x-lead", "a")],
                vec![
                    data([frame(0, &text("one")), frame(0, &text("two"))].concat()),
                    data(frame(0, &text("three"))),
                    trailers(&[("grpc-status", "0"), ("x-trail", "b"), ("x-trail", "c")]),
                ],
            )
        })
    };
    let answer = sample().call(asking(JSON)).await;
    assert_eq!(answer.status, 200);
    for (name, value) in [
        ("content-type", JSON),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
        ("x-lead", "a"),
    ] {
        assert_eq!(answer.header(name), value);
    }
    let said: Vec<(u8, &[u8])> = vec![
        (0, br#"{"text":"one"}"#),
        (0, br#"{"text":"two"}"#),
        (0, br#"{"text":"three"}"#),
        (2, br#"{"metadata":{"x-trail":["b","c"]}}"#),
    ];
    let envelopes = answer.envelopes();
    let envelopes: Vec<(u8, &[u8])> = envelopes.iter().map(|(f, b)| (*f, &b[..])).collect();
    assert_eq!(envelopes, said);
    let answer = sample().call(asking(PROTO)).await;
    assert_eq!(answer.header("content-type"), PROTO);
    assert_eq!(answer.envelopes()[1], (0, text("two").into()));
    assert_eq!(answer.end()["metadata"]["x-trail"], json!(["b", "c"]));
}

#[tokio::test]
async fn a_stream_without_messages_or_metadata_ends_with_an_empty_object() {
    let sample = Sample::new(|| grpc(&[], vec![trailers(&[("grpc-status", "0")])]));
    let answer = sample.call(asking(JSON)).await;
    assert_eq!(answer.envelopes(), [(2, "{}".into())]);
    let sample = Sample::failing(&[("grpc-status", "0")]);
    assert_eq!(
        sample.call(asking(JSON)).await.envelopes(),
        [(2, "{}".into())]
    );
}

#[tokio::test]
async fn a_failure_is_told_at_the_end_even_before_the_first_message() {
    let early = Sample::failing(&[
        ("grpc-status", "16"),
        ("grpc-message", "who%3F"),
        ("x-own", "a"),
    ]);
    let answer = early.call(asking(JSON)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-own"), "a");
    assert_eq!(answer.envelopes().len(), 1);
    let error = json!({ "code": "unauthenticated", "message": "who?" });
    assert_eq!(answer.end()["error"], error);
    let late = Sample::new(|| {
        let end = trailers(&[("grpc-status", "14"), ("x-trail", "b")]);
        grpc(&[], vec![data(frame(0, &text("one"))), end])
    });
    let answer = late.call(asking(JSON)).await;
    assert_eq!(answer.envelopes().len(), 2);
    let end = json!({ "error": { "code": "unavailable" }, "metadata": { "x-trail": ["b"] } });
    assert_eq!(answer.end(), end);
}

#[tokio::test]
async fn a_stream_that_breaks_off_or_makes_no_sense_ends_as_internal() {
    for parts in [
        vec![],
        vec![data(frame(0, &text("one")))],
        vec![
            data(frame(0, b"\xff\xff")),
            trailers(&[("grpc-status", "0")]),
        ],
        vec![data(vec![0, 0, 0, 0, 9, 1]), trailers(&[])],
    ] {
        let parts = std::sync::Mutex::new(Some(parts));
        let sample = Sample::new(move || grpc(&[], parts.lock().unwrap().take().unwrap()));
        let answer = sample.call(asking(JSON)).await;
        assert_eq!(answer.end()["error"]["code"], "internal");
    }
}

/// A stream that a test feeds by hand, and a mark of its end.
fn live() -> (Sample, mpsc::UnboundedSender<Part>, Arc<AtomicBool>) {
    struct Mark(Arc<AtomicBool>);
    impl Drop for Mark {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let (feed, parts) = mpsc::unbounded();
    let dropped = Arc::new(AtomicBool::new(false));
    let (parts, mark) = (std::sync::Mutex::new(Some(parts)), dropped.clone());
    let sample = Sample::new(move || {
        let parts = parts.lock().unwrap().take().unwrap();
        let mark = Mark(mark.clone());
        let parts = parts.map(move |part| {
            let _held = &mark;
            part
        });
        Response::new(Body::new(StreamBody::new(parts)))
    });
    (sample, feed, dropped)
}

#[tokio::test]
async fn a_message_is_not_held_back_until_the_next_and_half_of_one_is() {
    let (sample, feed, _) = live();
    let mut body = sample.open(asking(JSON)).await.into_body();
    let message = frame(0, &text("now"));
    feed.unbounded_send(data(message.clone())).unwrap();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, frame(0, br#"{"text":"now"}"#));
    feed.unbounded_send(data(message[..7].to_vec())).unwrap();
    assert!(futures::poll!(std::pin::pin!(body.frame())).is_pending());
    feed.unbounded_send(data(message[7..].to_vec())).unwrap();
    let second = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(second, first);
}

#[tokio::test]
async fn a_client_that_goes_ends_the_stream_behind() {
    let (sample, feed, dropped) = live();
    let mut body = sample.open(asking(JSON)).await.into_body();
    feed.unbounded_send(data(frame(0, &text("now")))).unwrap();
    body.frame().await.unwrap().unwrap();
    assert!(!dropped.load(Ordering::SeqCst));
    drop(body);
    assert!(dropped.load(Ordering::SeqCst));
}
