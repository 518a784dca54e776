//! A whole process: what it prints, how it stops, and with which exit code.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::{Child, ChildStderr, Command, ExitCode, Output, Stdio},
    time::{Duration, Instant},
};

use runtime::{ServerArgs, StartError, auth::Assertions, config::DatabaseArgs};
use testing::Scratch;

use crate::sample::{self, DEAF, ENDLESS, Sample, bare, watch};

const ARGUMENTS: &str = "SAMPLE_ARGUMENTS";
/// Set where the sample never comes to serve.
const STUCK: &str = "SAMPLE_STUCK";

/// A configuration as a service has it.
#[derive(Debug, Clone, clap::Args, serde::Serialize)]
struct Config {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// What an errand is told.
#[derive(Debug, clap::Args)]
struct Who {
    /// Whom to greet.
    #[arg(long, value_name = "NAME")]
    name: String,
}

/// Not a test of its own: what the tests below start as a process of its own, with arguments in the environment.
#[test]
fn the_sample_as_a_process() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else {
        return;
    };
    let arguments = std::iter::once("sample").chain(arguments.lines());
    let greet = runtime::Errand::new("greet", "Say hello and end", |who: Who| async move {
        match who.name.as_str() {
            "nobody" => Err(StartError::Config("nobody is there".into())),
            name => Ok(format!("hello, {name}")),
        }
    });
    let code = runtime::run_or(
        "sample",
        "A service for tests.",
        arguments.map(Into::into),
        [greet],
        |config: Config| async move {
            if std::env::var_os(STUCK).is_some() {
                tracing::info!("stuck");
                std::future::pending::<()>().await;
            }
            let keys = runtime::KeyRing::load(&config.server.keys, "sample")?;
            sample::serve(
                Sample::default(),
                Assertions::new(keys.into()),
                &config.server,
            )
            .await
        },
    );
    let failed = format!("{code:?}") != format!("{:?}", ExitCode::SUCCESS);
    std::process::exit(i32::from(failed));
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "process::the_sample_as_a_process", "--nocapture"])
        .env(ARGUMENTS, arguments.join("\n"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> (Output, String, String) {
    let output = command(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

const DATABASE: &str = "--database-url=postgres://me:s3cret@db/data?password=s3cret";

/// A running process; killed with the value.
struct Process {
    child: Child,
    address: std::net::SocketAddr,
    err: BufReader<ChildStderr>,
    _scratch: Scratch,
}

/// Reads the log until it says this, in a line that is one JSON object.
fn said(child: &mut Child, what: &str) -> (serde_json::Value, BufReader<ChildStderr>) {
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(&format!("\"{what}\"")) {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0, "it ended");
    }
    (serde_json::from_str(&line).unwrap(), err)
}

fn signal(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(sent.success());
}

impl Process {
    fn start(more: &[&str]) -> Self {
        let scratch = Scratch::new();
        let keys = scratch.keys(&["sample"]).display().to_string();
        let arguments = ["--listen=127.0.0.1:0", "--keys", &keys, DATABASE];
        let mut child = command(&[&arguments, more].concat()).spawn().unwrap();
        let (line, err) = said(&mut child, "serving");
        let address = line["fields"]["address"].as_str().unwrap();
        Self {
            child,
            address: address.parse().unwrap(),
            err,
            _scratch: scratch,
        }
    }

    /// Its exit code, and what else it said. Blocks this thread; clients need another one.
    fn ended(mut self) -> (Option<i32>, String) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut rest = String::new();
        self.err.read_to_string(&mut rest).unwrap();
        (status.code(), rest)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_errand_needs_no_flag_of_the_server_and_ends_with_one_sentence() {
    let (output, out, err) = run(&["greet", "--name=Ada"]);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(
        out.lines().any(|line| line == "sample: hello, Ada"),
        "{out}"
    );
    let (output, _, err) = run(&["greet", "--name=nobody"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(err.trim(), "sample: nobody is there");
    let (output, out, _) = run(&["--help"]);
    assert!(output.status.success());
    assert!(
        out.contains("greet") && out.contains("Say hello and end"),
        "{out}"
    );
    let (output, _, err) = run(&["greet"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        err.contains("--name <NAME>") && !err.contains("--listen"),
        "{err}"
    );
}

#[test]
fn a_program_asks_another_whether_it_serves_and_says_so_by_its_exit_code() {
    let other = Process::start(&[]);
    let address = format!("http://{}", other.address);
    let (output, out, err) = run(&["healthcheck", &address]);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(
        out.lines()
            .any(|line| line == format!("sample: {address} serves")),
        "{out}"
    );
    let unknown = [
        "healthcheck",
        &address,
        "--service=no.Such",
        "--within-seconds=1",
    ];
    let (output, _, err) = run(&unknown);
    assert_eq!(output.status.code(), Some(1));
    let said = "does not serve: it knew no service of that name within 1 s";
    assert_eq!(err.trim(), format!("sample: {address} {said}"));
    drop(other);
    let (output, _, err) = run(&["healthcheck", &address, "--within-seconds=1"]);
    assert_eq!(output.status.code(), Some(1));
    let said = "does not serve: nobody answered within 1 s";
    assert_eq!(err.trim(), format!("sample: {address} {said}"));
    let (output, _, err) = run(&["healthcheck", "elsewhere:7101"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        err.trim(),
        "sample: \"elsewhere:7101\" is not an address such as http://127.0.0.1:7101"
    );
}

#[test]
fn help_tells_each_option_its_variable_and_its_default() {
    let (output, out, _) = run(&["--help"]);
    assert!(output.status.success());
    // lines are wrapped where it is narrow
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in [
        "A service for tests.",
        "--listen <ADDRESS>",
        "[env: LISTEN=]",
        "--admin-listen <ADDRESS>",
        "--drain-seconds <SECONDS>",
        "[default: 10]",
        "--keys <DIRECTORY>",
        "--database-url <URL>",
        "[env: DATABASE_URL]",
        "--log <FILTER>",
        "--print-config",
        "--version",
    ] {
        assert!(out.contains(text), "{text} is missing:\n{out}");
    }
}

#[test]
fn the_configuration_can_be_printed_without_its_secrets() {
    let arguments = ["--listen=127.0.0.1:1", DATABASE, "--print-config"];
    let (output, out, err) = run(&arguments);
    assert!(output.status.success());
    let json = &out[out.find('{').unwrap()..=out.rfind('}').unwrap()];
    let config: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(config["server"]["listen"], "127.0.0.1:1");
    assert_eq!(config["server"]["drain_seconds"], 10);
    let database = config["database"]["database_url"].as_str().unwrap();
    assert!(database.contains("db/data"), "{database}");
    assert!(
        !out.contains("s3cret") && !err.contains("s3cret"),
        "{out}{err}"
    );
}

/// From the environment too, where the password of a database usually is.
#[test]
fn help_does_not_show_the_database_of_the_environment() {
    let output = command(&["--help"])
        .env("DATABASE_URL", "postgres://me:s3cret@db/data")
        .env("LISTEN", "127.0.0.1:9")
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(
        out.contains("LISTEN=127.0.0.1:9") && !out.contains("s3cret"),
        "{out}"
    );
}

#[test]
fn what_is_wrong_with_the_configuration_is_told_before_anything_starts() {
    let listen = "--listen=127.0.0.1:0";
    for (arguments, told) in [
        (&[DATABASE][..], "--listen <ADDRESS>"),
        (&[listen], "--database-url <URL>"),
        (&["--listen=here", DATABASE], "invalid socket address"),
        (
            &[listen, DATABASE, "--drain-seconds=601"],
            "601 is not in 0..=600",
        ),
        (&[listen, DATABASE, "--colour=red"], "--colour"),
    ] {
        let (output, _, err) = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(err.contains(told), "{arguments:?}: {err}");
    }
}

#[test]
fn a_process_that_cannot_start_says_why_in_one_sentence_and_fails() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let scratch = Scratch::new();
    let keys = scratch.keys(&["sample"]).display().to_string();
    let listen = format!("--listen={address}");
    let (output, _, err) = run(&[&listen, "--keys", &keys, DATABASE]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err.starts_with(&format!("sample: cannot listen on {address}: ")),
        "{err}"
    );
    assert_eq!(err.lines().count(), 1, "{err}");

    let nowhere = scratch.path("nowhere").display().to_string();
    let (output, _, err) = run(&["--listen=127.0.0.1:0", "--keys", &nowhere, DATABASE]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("nowhere/sample.key cannot be used"), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_drains_the_process_and_a_listening_stream_ends_well() {
    for signal in ["-TERM", "-INT"] {
        let process = Process::start(&[]);
        let mut client = bare(process.address);
        let mut stream = client.subscribe(watch(ENDLESS)).await.unwrap().into_inner();
        assert!(stream.message().await.unwrap().is_some());
        let start = Instant::now();
        self::signal(&process.child, signal);
        assert_eq!(stream.message().await.unwrap(), None, "ended, not broken");
        let (code, said) = process.ended();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("draining") && !said.contains("cut"), "{said}");
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

/// A signal that finds nobody listening ends a process at once, and with it whatever it had begun.
#[test]
fn a_signal_before_it_serves_ends_it_in_order_too() {
    let mut child = command(&["--listen=127.0.0.1:0", DATABASE])
        .env(STUCK, "")
        .spawn()
        .unwrap();
    let (_, mut err) = said(&mut child, "stuck");
    signal(&child, "-TERM");
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    assert!(rest.contains("stopped before it served"), "{rest}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_does_not_listen_is_cut_when_the_drain_time_is_over() {
    let process = Process::start(&["--drain-seconds=1"]);
    let mut client = bare(process.address);
    let mut stream = client.subscribe(watch(DEAF)).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let start = Instant::now();
    signal(&process.child, "-TERM");
    assert!(stream.message().await.is_err(), "cut");
    assert!(
        start.elapsed() > Duration::from_millis(900),
        "not before its time"
    );
    let (code, said) = process.ended();
    assert_eq!(code, Some(0));
    assert!(said.contains("what was left is cut"), "{said}");
    assert!(start.elapsed() < Duration::from_secs(6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_the_process_at_once() {
    let process = Process::start(&["--drain-seconds=600"]);
    let mut client = bare(process.address);
    let mut stream = client.subscribe(watch(DEAF)).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    signal(&process.child, "-TERM");
    testing::eventually("the drain to begin", || async {
        std::net::TcpStream::connect(process.address).err()
    })
    .await;
    let start = Instant::now();
    signal(&process.child, "-TERM");
    let (code, said) = process.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stopped at once"), "{said}");
    assert!(start.elapsed() < Duration::from_secs(5));
}
