//! `suite chaos`: the fault test. For each seed everything runs as processes of its own, on a Postgres of
//! its own; contacts and teammates act while processes are killed, stopped and started at random; and
//! when all is quiet, everything that was answered must be there once and everybody must see it.
//!
//! What was delivered comes again and out of order: consumers are put back in some partitions, two of each
//! feed compete, and every kill, restart and rebuild tells again what was told.

mod calls;
mod checks;
mod contacts;
mod deliveries;
mod faults;
mod judge;
mod leavers;
mod ledger;
mod office;
mod oracle;
mod play;
mod report;
mod sharing;
mod truth;
mod watchers;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Args;
use proto::{
    bff::v1::messenger_service_client::MessengerServiceClient,
    conversations::v1::conversation_service_client::ConversationServiceClient,
    settings::v1::{
        contact_service_client::ContactServiceClient,
        settings_service_client::SettingsServiceClient,
    },
    tickets::v1::{
        ticket_service_client::TicketServiceClient,
        ticket_type_service_client::TicketTypeServiceClient,
    },
};
use runtime::StopSignals;
use tonic::transport::Channel;

use crate::{
    Layout,
    cluster::{Cluster, Plan, binaries},
    layout::SERVICES,
};
use report::Report;

type Bff = MessengerServiceClient<Channel>;
type Tickets = TicketServiceClient<Channel>;
type Conversations = ConversationServiceClient<Channel>;
type Types = TicketTypeServiceClient<Channel>;
type Contacts = ContactServiceClient<Channel>;
type Settings = SettingsServiceClient<Channel>;

/// How `chaos` runs.
#[derive(Args, Clone)]
pub(crate) struct ChaosArgs {
    /// Directory for keys and logs; those of a seed that failed stay.
    #[arg(long, default_value = ".data/chaos", value_name = "DIRECTORY")]
    data: PathBuf,

    /// First port of a row on 127.0.0.1: one for each replica of each service, and two more.
    #[arg(long, default_value_t = 7300, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..=32_000))]
    port: u16,

    /// The first seed; the others follow it.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,

    /// How many seeds.
    #[arg(long, default_value_t = 1, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seeds: u64,

    /// Seconds of faults for each seed; 0: none.
    #[arg(long, default_value_t = 25, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=3_600))]
    seconds: u64,

    /// Contacts who act at once.
    #[arg(long, default_value_t = 5, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=100))]
    contacts: u16,

    /// Replicas of each service.
    #[arg(long, default_value_t = 2, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=5))]
    replicas: u16,

    /// Leave out the rebuilds of the projection while people act; the one when all is quiet stays.
    #[arg(long)]
    no_rebuilds: bool,

    /// The program of a NATS server, to start one for the services that take its address.
    #[arg(long, value_name = "PROGRAM")]
    nats: Option<PathBuf>,

    /// Also write the report here, as Markdown.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Plays every seed and prints what was found. A seed that fails does not keep the others from their turn.
pub(crate) async fn chaos(args: ChaosArgs) -> Result<()> {
    let lock = Layout::new(args.data.clone()).claim()?;
    let mut signals = StopSignals::listen()?;
    let mut report = Report::default();
    binaries()?;
    for seed in args.seed..args.seed + args.seeds {
        match one(&args, seed, &mut signals).await {
            Ok(Some(summary)) => {
                println!("{}", summary.line());
                report.add(summary);
            }
            Ok(None) => {
                println!("\nstopped; the processes are ended");
                break;
            }
            Err(error) => {
                println!("seed {seed} FAILED: {error:#}");
                report.fail(seed, &error);
            }
        }
    }
    println!("\n{}", report.text());
    if let Some(path) = &args.report {
        std::fs::write(path, report.markdown())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    drop(lock);
    if report.failed() {
        bail!("not every seed passed; logs are in {}", args.data.display());
    }
    Ok(())
}

/// Plays one seed; `None` when it was stopped by a signal.
async fn one(
    args: &ChaosArgs,
    seed: u64,
    signals: &mut StopSignals,
) -> Result<Option<report::Summary>> {
    let directory = std::path::absolute(args.data.join(format!("seed-{seed}")))?;
    let _ = std::fs::remove_dir_all(&directory);
    let port = free_ports(args)?;
    let replicas = usize::from(args.replicas);
    let plan = Plan {
        directory: &directory,
        port,
        replicas,
        nats: args.nats.as_deref(),
        durable: false,
    };
    let mut cluster = tokio::select! {
        cluster = Cluster::start(&plan) => cluster?,
        () = signals.next() => return Ok(None),
    };
    let setting = play::Setting {
        seed,
        contacts: args.contacts.into(),
        time: Duration::from_secs(args.seconds),
        rebuilds: !args.no_rebuilds,
    };
    let outcome = tokio::select! {
        outcome = Box::pin(play::play(&setting, &mut cluster)) => outcome.map(Some),
        () = signals.next() => Ok(None),
    };
    cluster.end().await;
    if outcome.is_ok() {
        cluster.discard();
    }
    outcome.with_context(|| {
        format!(
            "logs are in {}; again with --seed {seed}",
            directory.display()
        )
    })
}

/// The first of a row of ports that nobody listens on.
fn free_ports(args: &ChaosArgs) -> Result<u16> {
    let count = SERVICES.len() as u16 * args.replicas + 2;
    let row = |first: u16| first..first.saturating_add(count);
    let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut firsts = (0..20).map(|turn| args.port + turn * count);
    firsts
        .find(|first| row(*first).all(is_free))
        .with_context(|| format!("no {count} free ports in a row from {} on", args.port))
}
