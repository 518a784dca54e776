//! The job that makes streams before a service runs.

use std::{net::SocketAddr, process::ExitCode};

use jetstream::streams_errand;
use runtime::{Running, ServerArgs, StartError};
use testing::{Scratch, conformance::SampleOwner};

use crate::server;

#[derive(Debug, clap::Args, serde::Serialize)]
struct Config {
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the program of a service as its `main` does.
fn program(source: &'static str, arguments: &[&str]) -> bool {
    let arguments = std::iter::once("sample").chain(arguments.iter().copied());
    let start = |_: Config| async { Err::<Running, _>(StartError::Config("serves".into())) };
    let code = runtime::run_or(
        "sample",
        "A sample.",
        arguments.map(Into::into).collect::<Vec<_>>(),
        [streams_errand::<SampleOwner>(source)],
        start,
    );
    format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)
}

/// Replicas, hours and bytes of one of its streams, and how many there are.
async fn made(server: SocketAddr, source: &str) -> (usize, u64, i64, usize) {
    let client = async_nats::connect(server.to_string()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let name = |partition: usize| format!("EV_{}_{partition:02}", source.to_uppercase());
    let mut count = 0;
    for partition in 0..16 {
        count += usize::from(context.get_stream(name(partition)).await.is_ok());
    }
    let stream = context.get_stream(name(15)).await.unwrap();
    let config = stream.cached_info().config.clone();
    let hours = config.max_age.as_secs() / 3_600;
    (config.num_replicas, hours, config.max_bytes, count)
}

#[test]
fn the_job_makes_sixteen_streams_and_brings_them_to_other_settings_when_it_is_repeated() {
    let Some(server) = server::running() else {
        return;
    };
    let source: &'static str = format!("job{}", types::id::uuid().simple()).leak();
    let scratch = Scratch::new();
    let database = scratch.database_url("owner");
    let nats = format!("nats://{server}");
    let common = ["streams", "--database-url", &database, "--nats", &nats];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let run = |more: &[&str]| program(source, &[&common, more].concat());
    assert!(run(&["--nats-max-mib", "32"]));
    let settings = runtime.block_on(made(server, source));
    assert_eq!(settings, (1, 168, 2 << 20, 16));
    assert!(run(&["--nats-max-mib", "64", "--nats-max-age-hours", "24"]));
    let settings = runtime.block_on(made(server, source));
    assert_eq!(settings, (1, 24, 4 << 20, 16));
    // a server alone cannot keep three copies, and the job says so instead of leaving it
    assert!(!run(&["--nats-replicas", "3"]));
    assert!(
        !program(source, &common[..3]),
        "it is not told where NATS is"
    );
    runtime.block_on(async {
        let nats = server::connect(server).await;
        let streams = jetstream::Streams::new(nats, source, Default::default());
        streams.remove().await.unwrap();
    });
}
