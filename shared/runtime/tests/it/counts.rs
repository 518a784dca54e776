//! What operators count.

use testing::eventually;
use tonic::Code;

use crate::sample::{ECHO, HANG, bare, client, read, start};

fn value(line: &str) -> f64 {
    let page = runtime::metrics::page();
    let found = page.lines().find_map(|said| said.strip_prefix(line));
    found
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(0.0)
}

fn handled(code: &str) -> f64 {
    value(&format!(
        "grpc_server_handled_total{{grpc_service=\"messenger.events.v1.EventFeedService\",\
         grpc_method=\"Read\",grpc_code=\"{code}\"}}"
    ))
}

#[tokio::test]
async fn each_call_is_counted_once_with_its_code_even_if_nobody_waits_for_its_answer() {
    runtime::metrics::start();
    let (scratch, _sample, running) = start().await;
    let mut signed = client(&scratch, running.address());
    let before = (
        handled("OK"),
        handled("UNAUTHENTICATED"),
        handled("CANCELLED"),
    );
    for _ in 0..3 {
        signed.read(read(ECHO)).await.unwrap();
    }
    let refused = bare(running.address()).read(read(ECHO)).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    let open = "grpc_server_calls{grpc_service=\"messenger.events.v1.EventFeedService\"}";
    let under_way = eventually("it is under way", || async {
        (value(open) == 1.0).then_some(())
    });
    tokio::select! {
        answer = signed.read(read(HANG)) => panic!("{answer:?}"),
        () = under_way => {}
    }
    eventually("all are counted", || async {
        let now = (
            handled("OK"),
            handled("UNAUTHENTICATED"),
            handled("CANCELLED"),
        );
        (now == (before.0 + 3.0, before.1 + 1.0, before.2 + 1.0)).then_some(())
    })
    .await;
    eventually("none is under way", || async {
        (value(open) == 0.0).then_some(())
    })
    .await;
    let page = runtime::metrics::page();
    assert!(
        page.contains("grpc_server_handling_seconds_bucket{"),
        "{page}"
    );
}
