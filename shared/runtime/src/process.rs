use std::{
    ffi::OsString, future::Future, panic::AssertUnwindSafe, process::ExitCode, time::Duration,
};

use clap::Parser;
use futures::FutureExt;
use serde::Serialize;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Errand, Running, StartError, edge, healthcheck,
    telemetry::{self, TraceArgs},
};

/// Background tasks of a process: all are told to stop together and waited for together.
#[derive(Clone, Default)]
pub struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the process stops; streams and loops end on it.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task that ends when [`Tasks::stopping`] is cancelled. If it panics, it is logged, and the
    /// others go on.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = AssertUnwindSafe(task).catch_unwind();
        self.tracker.spawn(async move {
            if let Err(panic) = task.await {
                tracing::error!(said = edge::said(&*panic), "a background task panicked");
            }
        });
    }

    /// Tells all tasks to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the tasks, at most `limit`; says whether all ended.
    pub async fn ended(&self, limit: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(limit, self.tracker.wait())
            .await
            .is_ok()
    }
}

#[derive(Parser)]
struct Command<C: clap::Args> {
    #[command(flatten)]
    config: C,

    /// What to log, such as `info` or `warn,runtime=debug`.
    #[arg(long, env = "RUST_LOG", default_value = "info", value_name = "FILTER")]
    log: String,

    #[command(flatten)]
    traces: TraceArgs,

    /// Print the configuration, without secrets, and exit.
    #[arg(long)]
    print_config: bool,
}

/// The whole of a service's `main`: parses flags and environment, starts, waits for a signal, drains.
/// A second signal ends the process at once. Exit code 1 with one sentence when it cannot start.
pub fn run<C, F, Fut>(name: &'static str, about: &'static str, start: F) -> ExitCode
where
    C: clap::Args + Serialize,
    F: FnOnce(C) -> Fut,
    Fut: Future<Output = Result<Running, StartError>>,
{
    run_from(name, about, std::env::args_os(), start)
}

/// As [`run`], with arguments from elsewhere; the first is the program's name.
pub fn run_from<C, F, Fut>(
    name: &'static str,
    about: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
    start: F,
) -> ExitCode
where
    C: clap::Args + Serialize,
    F: FnOnce(C) -> Fut,
    Fut: Future<Output = Result<Running, StartError>>,
{
    run_or(name, about, arguments, [], start)
}

/// As [`run_from`], unless the arguments ask for an errand: one of these, or `healthcheck`, which every program has.
pub fn run_or<C, F, Fut>(
    name: &'static str,
    about: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
    errands: impl IntoIterator<Item = Errand>,
    start: F,
) -> ExitCode
where
    C: clap::Args + Serialize,
    F: FnOnce(C) -> Fut,
    Fut: Future<Output = Result<Running, StartError>>,
{
    let errands: Vec<Errand> = errands.into_iter().chain([healthcheck::errand()]).collect();
    let mut program = <Command<C> as clap::CommandFactory>::command()
        .name(name)
        .about(about)
        .version(env!("CARGO_PKG_VERSION"));
    for errand in &errands {
        program = errand.beside(program);
    }
    let matches = program.get_matches_from(arguments);
    let asked_for = errands
        .into_iter()
        .find_map(|errand| errand.asked_for(&matches));
    match asked_for {
        Some(Ok((log, work))) => return once(name, &log, work),
        Some(Err(error)) => error.exit(),
        None => {}
    }
    let command = match <Command<C> as clap::FromArgMatches>::from_arg_matches(&matches) {
        Ok(command) => command,
        Err(error) => error.exit(),
    };
    if command.print_config {
        return match serde_json(&command.config) {
            Some(text) => {
                println!("{text}");
                ExitCode::SUCCESS
            }
            None => ExitCode::FAILURE,
        };
    }
    let Some(runtime) = runtime(name) else {
        return ExitCode::FAILURE;
    };
    let entered = runtime.enter();
    let telemetry = match telemetry::start(name, &command.log, &command.traces) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("{name}: {error}");
            return ExitCode::FAILURE;
        }
    };
    drop(entered);
    let code = runtime.block_on(async {
        // before anybody can learn that it serves: who is told may end it at once
        let mut signals = match StopSignals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                eprintln!("{name}: signals cannot be heard: {error}");
                return ExitCode::FAILURE;
            }
        };
        let started = tokio::select! {
            started = start(command.config) => started,
            () = signals.next() => {
                tracing::info!(service = name, "stopped before it served");
                return ExitCode::SUCCESS;
            }
        };
        match started {
            Ok(running) => {
                tracing::info!(service = name, address = %running.address(), "serving");
                signals.next().await;
                tracing::info!(service = name, "draining");
                tokio::select! {
                    () = running.drain() => {}
                    () = signals.next() => tracing::warn!(service = name, "stopped at once"),
                }
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{name}: {error}");
                ExitCode::FAILURE
            }
        }
    });
    telemetry.end();
    code
}

fn once(name: &str, log: &str, work: impl Future<Output = Result<String, StartError>>) -> ExitCode {
    let Some(runtime) = runtime(name) else {
        return ExitCode::FAILURE;
    };
    // an errand is no call of anybody's, and has no traces
    let telemetry = telemetry::start("errand", log, &TraceArgs::default());
    match telemetry.and(runtime.block_on(work)) {
        Ok(done) => {
            println!("{name}: {done}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn runtime(name: &str) -> Option<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime
        .inspect_err(|error| eprintln!("{name}: cannot start: {error}"))
        .ok()
}

fn serde_json<C: Serialize>(config: &C) -> Option<String> {
    serde_json::to_string_pretty(config).ok()
}

/// SIGTERM, Ctrl-C and the end of the terminal. Whatever comes after [`StopSignals::listen`] is kept until it is
/// asked for, and does not end the process by itself.
pub struct StopSignals {
    #[cfg(unix)]
    kinds: [tokio::signal::unix::Signal; 3],
}

impl StopSignals {
    /// From now on. Needs tokio's signal driver.
    ///
    /// # Errors
    /// The operating system's.
    pub fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                kinds: [
                    signal(SignalKind::terminate())?,
                    signal(SignalKind::interrupt())?,
                    signal(SignalKind::hangup())?,
                ],
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        {
            let [terminate, interrupt, hangup] = &mut self.kinds;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
