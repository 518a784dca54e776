//! Starting and stopping: ports, health, and a drain that nothing can hold up for ever.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use runtime::{Running, Server, ServerArgs, StartError, Tasks, auth::Assertions, edge::Edge};
use testing::{Scratch, conformance::reader::soon, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tonic::{Code, service::Routes};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::sample::{ACCESS, DEAF, ECHO, ENDLESS, GATE, NAME, Sample, client, read, start, watch};

/// How long it took.
async fn drained(running: Running) -> Duration {
    let start = Instant::now();
    let drain = running.drain();
    tokio::time::timeout(Duration::from_secs(20), drain)
        .await
        .unwrap();
    start.elapsed()
}

const AT_ONCE: Duration = Duration::from_millis(2_500);

/// With a drain time that would be noticed.
async fn start_for(seconds: u64) -> (Scratch, Sample, Running) {
    let scratch = Scratch::new();
    let mut args = ServerArgs::loopback(scratch.keys(&["sample", "caller"]));
    args.drain_seconds = seconds;
    let sample = Sample::default();
    let running = sample.start(&scratch, &args).await.unwrap();
    (scratch, sample, running)
}

#[tokio::test]
async fn a_port_in_use_gives_one_sentence_that_names_the_address() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let scratch = Scratch::new();
    let mut args = ServerArgs::loopback(scratch.keys(&["sample"]));
    args.listen = address;
    let error = Sample::default()
        .start(&scratch, &args)
        .await
        .err()
        .unwrap();
    assert!(matches!(error, StartError::Bind { .. }));
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot listen on {address}: ")),
        "{text}"
    );
    assert!(
        text.contains("is another instance running?") && !text.contains('\n'),
        "{text}"
    );
    // the admin port too, and then the first port is free again
    let mut args = ServerArgs::loopback(scratch.path("keys"));
    args.admin_listen = Some(address);
    let text = Sample::default()
        .start(&scratch, &args)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        text.contains(&address.to_string()) && text.contains("--admin-listen"),
        "{text}"
    );
}

#[tokio::test]
async fn a_quiet_server_drains_at_once_and_its_port_is_closed() {
    let (scratch, _, running) = start().await;
    let address = running.address();
    let mut client = client(&scratch, address);
    client.read(read(ECHO)).await.unwrap();
    assert!(drained(running).await < AT_ONCE);
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(
        client.read(read(ECHO)).await.unwrap_err().code(),
        Code::Unavailable
    );
}

/// NOT_SERVING comes first, so that a balancer looks elsewhere; and whoever watches it holds nothing up.
#[tokio::test]
async fn health_says_not_serving_as_soon_as_the_drain_begins() {
    let (scratch, sample, running) = start_for(10).await;
    let channel = runtime::client::channel(&format!("http://{}", running.address())).unwrap();
    let mut health = HealthClient::new(channel);
    let mut watches = Vec::new();
    for service in ["", NAME] {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        let mut watch = health.watch(request).await.unwrap().into_inner();
        let first = watch.message().await.unwrap().unwrap();
        assert_eq!(first.status().as_str_name(), "SERVING");
        watches.push(watch);
    }
    // a call that is still open keeps the server there meanwhile
    let open = tokio::spawn({
        let mut client = client(&scratch, running.address());
        async move { client.read(read(GATE)).await }
    });
    eventually("the call", || async {
        (sample.handled() == 1).then_some(())
    })
    .await;
    let draining = tokio::spawn(drained(running));
    for watch in &mut watches {
        let said = soon("a word", watch.message()).await.unwrap().unwrap();
        assert_eq!(said.status().as_str_name(), "NOT_SERVING");
        let after = soon("the end", watch.message()).await.unwrap();
        assert_eq!(after, None, "and nothing after it");
    }
    assert!(!draining.is_finished());
    sample.gate.add_permits(1);
    open.await.unwrap().unwrap();
    assert!(draining.await.unwrap() < Duration::from_secs(5));
}

#[tokio::test]
async fn open_calls_finish_and_new_ones_are_not_taken() {
    let (scratch, sample, running) = start_for(10).await;
    let address = running.address();
    let open = tokio::spawn({
        let mut client = client(&scratch, address);
        async move { client.read(read(GATE)).await }
    });
    eventually("the call", || async {
        (sample.handled() == 1).then_some(())
    })
    .await;
    let draining = tokio::spawn(drained(running));
    eventually("the port to be closed", || async {
        TcpStream::connect(address).await.err()
    })
    .await;
    let refused = client(&scratch, address).read(read(ECHO)).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
    assert!(!draining.is_finished(), "it waits for the open call");
    sample.gate.add_permits(1);
    open.await.unwrap().unwrap();
    assert!(draining.await.unwrap() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_endless_stream_that_listens_ends_with_the_drain() {
    let (scratch, _, running) = start_for(10).await;
    let mut client = client(&scratch, running.address());
    let mut stream = client.subscribe(watch(ENDLESS)).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let draining = tokio::spawn(drained(running));
    assert_eq!(stream.message().await.unwrap(), None, "ended, not broken");
    assert!(draining.await.unwrap() < AT_ONCE);
}

/// The drain goes on without it; what becomes of the stream is shown where a whole process ends.
#[tokio::test]
async fn an_endless_stream_that_does_not_listen_is_not_waited_for_longer_than_the_drain_time() {
    let (scratch, _, running) = start_for(1).await;
    let mut client = client(&scratch, running.address());
    let mut stream = client.subscribe(watch(DEAF)).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let took = drained(running).await;
    assert!(
        took > Duration::from_millis(900) && took < Duration::from_millis(3_500),
        "{took:?}"
    );
}

/// Connected and then nothing, or half a greeting: neither must hold a drain up.
#[tokio::test]
async fn a_socket_that_never_speaks_does_not_hold_the_drain_up() {
    let (_scratch, _, running) = start_for(10).await;
    let mut sockets = Vec::new();
    for greeting in ["", "PRI * HTTP/2.0\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut socket = TcpStream::connect(running.address()).await.unwrap();
        socket.write_all(greeting.as_bytes()).await.unwrap();
        sockets.push(socket);
    }
    // accepted, and not only in the system's queue
    eventually("an answer to the last", || async {
        let mut byte = [0];
        (sockets[2].peek(&mut byte).await.unwrap() == 1).then_some(())
    })
    .await;
    let took = drained(running).await;
    assert!(took < AT_ONCE, "{took:?}");
}

/// Nor may it stay for ever: no protocol's timer runs before the greeting.
#[tokio::test]
async fn a_socket_that_never_speaks_is_closed_after_ten_seconds() {
    let (scratch, _, running) = start().await;
    let mut silent = TcpStream::connect(running.address()).await.unwrap();
    let mut client = client(&scratch, running.address());
    client.read(read(ECHO)).await.unwrap();
    let start = Instant::now();
    let mut greeting = Vec::new();
    let end = soon("the end", silent.read_to_end(&mut greeting)).await;
    assert!(end.is_ok() || end.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset);
    let patience = start.elapsed();
    assert!(
        patience > Duration::from_secs(8) && patience < Duration::from_secs(15),
        "{patience:?}"
    );
    // whoever has spoken may be silent for as long as it likes
    client.read(read(ECHO)).await.unwrap();
}

async fn get(address: std::net::SocketAddr, path: &str) -> Option<String> {
    let mut socket = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

#[tokio::test]
async fn the_admin_port_says_alive_and_ready_and_shows_metrics_and_nothing_else() {
    runtime::metrics::start();
    let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = admin.local_addr().unwrap();
    drop(admin);
    let scratch = Scratch::new();
    let mut args = ServerArgs::loopback(scratch.keys(&["sample"]));
    args.admin_listen = Some(address);
    let running = Sample::default().start(&scratch, &args).await.unwrap();
    for path in ["/livez", "/readyz"] {
        let answer = get(address, path).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
    metrics::counter!("shown_total", "of" => "a test").increment(3);
    let page = get(address, "/metrics").await.unwrap();
    assert!(page.contains("shown_total{of=\"a test\"} 3"), "{page}");
    assert!(get(address, "/").await.unwrap().starts_with("HTTP/1.1 404"));
    let silent = TcpStream::connect(address).await.unwrap();
    assert!(drained(running).await < Duration::from_millis(3_500));
    let ready = get(address, "/readyz").await.unwrap_or_default();
    assert!(!ready.contains("200 OK"), "{ready}");
    drop(silent);
}

#[tokio::test]
async fn what_comes_last_is_done_when_no_task_is_left_and_may_fail() {
    let (scratch, tasks) = (Scratch::new(), Tasks::new());
    let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
    let (stopping, task) = (tasks.stopping(), told.clone());
    tasks.spawn(async move {
        stopping.cancelled().await;
        tokio::task::yield_now().await;
        task.send("task").unwrap();
    });
    let args = ServerArgs::loopback(scratch.keys(&["sample"]));
    let edge = Edge::new(ACCESS, Arc::new(Assertions::new(scratch.ring("sample"))));
    let last = async move {
        told.send("last").unwrap();
        Err("a full disk")
    };
    let server = Server::new(&[NAME], Routes::default(), edge).finally(last);
    drained(server.start(&args, tasks).await.unwrap()).await;
    assert_eq!(order.recv().await, Some("task"));
    assert_eq!(order.recv().await, Some("last"));
}
