//! The whole product on one machine: `run` starts all five services on the embedded default, `call`
//! tries one RPC, `token` is for trying it by other means, `contact` gives a person
//! what is kept of them or forgets them, `demo` plays the customer's story, `bench` and
//! `bench-cluster` measure, `chaos` looks for what faults break, `keys` makes the services' keys.

mod access;
mod bench;
mod call;
mod chaos;
mod client;
mod cluster;
mod contact;
mod demo;
mod demo_workspace;
mod dynamic;
mod layout;
mod processes;
mod run;
mod shop;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use access::{Access, KeyAccess};
pub use client::{Messenger, Staff, signed};
pub use demo_workspace::workspace;
pub use layout::{Endpoints, Layout};
pub use run::Embedded;

/// The ticket centre on one machine: Tickets, Conversations, Settings, Notifications and the BFF.
#[derive(Parser)]
#[command(name = "suite", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// What to log to standard error, such as `info` or `warn,tickets=debug`.
    #[arg(
        long,
        env = "RUST_LOG",
        default_value = "warn",
        value_name = "FILTER",
        global = true
    )]
    log: String,
}

#[derive(Subcommand)]
enum Command {
    /// Start all five services on loopback, with a demo workspace at the first start.
    Run(run::RunArgs),
    /// Make one call, JSON in and out, such as: call MessengerService/GetHome '{"platform":"WEB"}'
    Call(call::CallArgs),
    /// Print a token for curl and the like: -H "authorization: Bearer $(suite token ada)"
    Token(token::TokenArgs),
    /// Give a contact all that is kept of them, or forget them: contact export --id con_… > file.json
    Contact(contact::ContactArgs),
    /// Play the customer's story against the running suite and show what they see after each step.
    Demo(demo::DemoArgs),
    /// Measure ratios and latencies in one run, with services of its own on a scratch directory.
    Bench(bench::BenchArgs),
    /// The same for two replicas of everything on a Postgres of their own, beside what Postgres does alone.
    BenchCluster(bench::BenchClusterArgs),
    /// Kill, stop and restart everything at random while people act, and check that nothing was lost.
    Chaos(chaos::ChaosArgs),
    /// Run one service as this process, as its own binary would: service tickets --help
    #[command(disable_help_flag = true)]
    Service(run::ServiceArgs),
    /// Make the keys with which the services sign who calls; keys that are there stay.
    Keys(run::KeysArgs),
}

/// Parses the command line and carries it out. Exit code 1 with one sentence when it fails.
pub fn main() -> ExitCode {
    // `suite demo | head` ends when nobody reads on: that is no fault
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.to_string().contains("Broken pipe") {
            std::process::exit(0);
        }
        tell(panic);
    }));
    let cli = Cli::parse();
    // a service parses its own flags, logs and builds its runtime itself
    if let Command::Service(args) = cli.command {
        return run::service(args);
    }
    runtime::telemetry::start(&cli.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("suite: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Run(args) => run::run(args).await,
            Command::Call(args) => call::call(args).await,
            Command::Token(args) => token::token(args).await,
            Command::Contact(args) => contact::contact(args).await,
            Command::Demo(args) => demo::demo(args).await,
            Command::Bench(args) => bench::bench(args).await,
            Command::BenchCluster(args) => bench::bench_cluster(args).await,
            Command::Chaos(args) => chaos::chaos(args).await,
            Command::Keys(args) => run::keys(&args),
            Command::Service(_) => Ok(()),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("suite: {error:#}");
            ExitCode::FAILURE
        }
    }
}
