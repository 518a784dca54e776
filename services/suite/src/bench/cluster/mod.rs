//! `suite bench-cluster`: what two replicas of everything carry on Postgres, beside what Postgres carries
//! alone, all on one machine.

mod feeds;
mod pgbench;
mod watches;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use clap::Args;
use runtime::{ServerArgs, config::DatabaseArgs};

use super::{
    RATIOS, WRITERS,
    cast::{Cast, Followed, Place, Size},
    load,
    sheet::{Aim, limit, ratio, row},
};
use crate::{
    Endpoints, Layout,
    cluster::{Cluster, Plan, Target, binaries},
    layout::SERVICES,
};
use watches::Watched;

/// How `bench-cluster` measures.
#[derive(Args, Clone)]
pub(crate) struct BenchClusterArgs {
    /// Scratch directory for keys and logs; removed after. The databases lie in a directory of their own
    /// among the system's temporary files, and take about 4 GiB for a million tickets.
    #[arg(long, default_value = ".data/bench-cluster", value_name = "DIRECTORY")]
    data: PathBuf,

    /// First of twelve ports in a row on 127.0.0.1.
    #[arg(long, default_value_t = 7300, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..=65_500))]
    port: u16,

    /// The program of a NATS server, which then carries the events.
    #[arg(long, value_name = "PROGRAM")]
    nats: Option<PathBuf>,

    /// Rounds; each measures once what does not need a backlog.
    #[arg(long, default_value_t = 3, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,

    /// Seconds a measurement takes.
    #[arg(long, default_value_t = 5, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,

    /// Tickets of the small workspace.
    #[arg(long, default_value_t = 10_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    small: u32,

    /// Tickets of the large workspace; the backlog of the feed and of the projection.
    #[arg(long, default_value_t = 1_000_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    large: u32,

    /// State changes a second while the time to the frame is measured.
    #[arg(long, default_value_t = 300, value_name = "RATE", value_parser = clap::value_parser!(u32).range(1..=2_000))]
    changes: u32,

    /// Lists a second while their latency is measured.
    #[arg(long, default_value_t = 200, value_name = "RATE", value_parser = clap::value_parser!(u32).range(1..=5_000))]
    lists: u32,

    /// Watches open at once.
    #[arg(long, default_value_t = 10_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(100..=20_000))]
    watches: u32,
}

/// Of each service.
const REPLICAS: usize = 2;
/// Of the replicas that are started when the backlog is there.
const NOTIFICATIONS: usize = 4;
/// A replica serves within this long.
const START: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Rounds {
    pgbench: Vec<f64>,
    alone: Vec<f64>,
    frame_p50: Vec<f64>,
    frame_p99: Vec<f64>,
    lists: super::Lists,
}

struct Found {
    events: u64,
    over_feed: f64,
    over_nats: Option<f64>,
    projected: f64,
    rounds: Rounds,
    watched: Watched,
}

/// Measures and prints.
pub(crate) async fn bench_cluster(args: BenchClusterArgs) -> Result<()> {
    let lock = Layout::new(args.data.clone()).claim()?;
    binaries()?;
    let directory = std::path::absolute(args.data.join("run"))?;
    let _ = std::fs::remove_dir_all(&directory);
    println!("starting two replicas of everything on a Postgres of their own …");
    let plan = Plan {
        directory: &directory,
        port: args.port,
        replicas: REPLICAS,
        nats: args.nats.as_deref(),
        durable: true,
    };
    let mut cluster = Cluster::start(&plan).await?;
    let found = measure(&args, &mut cluster).await;
    cluster.end().await;
    let found = found.with_context(|| format!("logs are in {}", directory.display()))?;
    cluster.discard();
    drop(lock);
    print(&args, &found);
    Ok(())
}

async fn measure(args: &BenchClusterArgs, cluster: &mut Cluster) -> Result<Found> {
    let replicas: Vec<Endpoints> = (0..REPLICAS)
        .map(|replica| cluster.endpoints(replica))
        .collect();
    // what is written now becomes a backlog
    for replica in 0..REPLICAS {
        notifications(cluster, replica)?.end().await;
    }
    cluster.make_database("alone").await?;
    cluster.make_database("bare").await?;
    let alone = tickets::start(tickets::Config {
        server: ServerArgs::loopback(cluster.layout.keys()),
        database: DatabaseArgs::at(cluster.database_url("alone")),
        nats: Default::default(),
        streams: Default::default(),
        conversations: replicas[0].conversations.clone(),
        settings: replicas[0].settings.clone(),
    })
    .await?;
    let found = with(
        args,
        cluster,
        &replicas,
        &format!("http://{}", alone.address()),
    )
    .await;
    alone.drain().await;
    found
}

async fn with(
    args: &BenchClusterArgs,
    cluster: &mut Cluster,
    replicas: &[Endpoints],
    alone: &str,
) -> Result<Found> {
    println!("filling it with {} tickets …", args.small + args.large);
    let tickets = cluster.database_url("tickets");
    let place = Place {
        layout: &cluster.layout,
        replicas,
        alone,
        tickets: tickets.clone(),
        small: args.small,
        large: args.large,
    };
    let cast = Arc::new(Cast::open(&place).await?);
    let feed = feeds::source(cluster, &replicas[0], None).await?;
    let (events, over_feed) = feeds::catch_up(&feed).await?;
    println!("{events} events over the feed: {over_feed:.0} a second");
    let mut over_nats = None;
    if let Some(nats) = cluster.nats_url() {
        let source = feeds::source(cluster, &replicas[0], Some(nats)).await?;
        let (events, rate) = feeds::catch_up(&source).await?;
        println!("{events} events over NATS: {rate:.0} a second");
        over_nats = Some(rate);
    }
    // what the others make of the backlog takes the same cores
    let followed = [("conversations", "tickets"), ("tickets", "conversations")];
    for (reader, source) in followed {
        feeds::settled(cluster, reader, source).await?;
    }
    let projected = project(cluster).await?;
    println!("projected: {projected:.0} events a second");
    cluster.listening(START).await?;
    cast.settled().await?;
    let rounds = rounds(args, cluster, &cast).await?;
    println!("opening {} watches …", args.watches);
    let bff = cluster.process(Target::Service(0, 0));
    let bff = bff.and_then(|bff| bff.id()).context("the BFF is gone")?;
    let watched = watches::measure(
        cast.access(),
        &replicas[0],
        &tickets,
        bff,
        args.watches as usize,
        2 * args.rounds,
    )
    .await?;
    Ok(Found {
        events,
        over_feed,
        over_nats,
        projected,
        rounds,
        watched,
    })
}

fn notifications(cluster: &mut Cluster, replica: usize) -> Result<&mut crate::cluster::Process> {
    debug_assert_eq!(SERVICES[NOTIFICATIONS], "notifications");
    let target = Target::Service(NOTIFICATIONS, replica);
    cluster.process(target).context("no such replica")
}

/// Starts Notifications on the backlog: one replica does the work, the other finds it done.
async fn project(cluster: &mut Cluster) -> Result<f64> {
    let db = feeds::connect(&cluster.database_url("notifications")).await?;
    let total = feeds::told(cluster).await?;
    notifications(cluster, 0)?.start()?;
    let rate = feeds::projected(&db, total).await?;
    notifications(cluster, 1)?.start()?;
    db.close().await?;
    Ok(rate)
}

async fn rounds(args: &BenchClusterArgs, cluster: &Cluster, cast: &Arc<Cast>) -> Result<Rounds> {
    let bare = cluster.database_url("bare");
    pgbench::prepare(cluster.layout.directory(), &bare).await?;
    let mut rounds = Rounds::default();
    for round in 0..=args.rounds {
        // the first warms caches and connections, and is not counted
        let counted = round > 0;
        let seconds = if counted { args.seconds } else { 1 };
        let time = Duration::from_secs(seconds);
        if counted {
            println!("round {round} of {} …", args.rounds);
        }
        let pgbench = pgbench::changes(cluster.layout.directory(), &bare, time).await?;
        let who = cast.clone();
        let alone =
            load::throughput(WRITERS, time, move |_| who.clone().change(Followed::Nobody)).await?;
        let frames = cast.frames(args.changes, time).await?;
        let small = load::latency(args.lists, time, |turn| cast.list(Size::Small, turn)).await?;
        let large = load::latency(args.lists, time, |turn| cast.list(Size::Large, turn)).await?;
        if counted {
            rounds.pgbench.push(pgbench);
            rounds.alone.push(alone);
            rounds.frame_p50.push(load::millis(&frames, 0.5));
            rounds.frame_p99.push(load::millis(&frames, 0.99));
            rounds.lists.push(&small, &large);
        }
    }
    Ok(rounds)
}

fn print(args: &BenchClusterArgs, found: &Found) {
    let rounds = &found.rounds;
    println!(
        "\n{} rounds of {} s, measured in turn; median, then lowest … highest round\n",
        args.rounds, args.seconds
    );
    row(
        "the statements of a state change, pgbench",
        &rounds.pgbench,
        "1/s",
    );
    row("ChangeTicketState, Tickets alone", &rounds.alone, "1/s");
    ratio(
        "  ChangeTicketState / pgbench",
        &rounds.alone,
        &rounds.pgbench,
        Aim::AtLeast(0.5),
    );
    let backlog = format!("a backlog of {} events", found.events);
    let rate = |what: &str, rate: f64, aim: f64| limit(what, &[rate], "1/s", Aim::AtLeast(aim));
    rate(
        &format!("{backlog} over the feed"),
        found.over_feed,
        20_000.0,
    );
    if let Some(over_nats) = found.over_nats {
        rate("  the same over NATS", over_nats, 20_000.0);
    }
    rate(
        "  this and that of Conversations into inboxes, one replica",
        found.projected,
        5_000.0,
    );
    println!(
        "  state change to the frame on an open Watch, {} changes/s:",
        args.changes
    );
    row("  p50", &rounds.frame_p50, "ms");
    limit("  p99", &rounds.frame_p99, "ms", Aim::AtMost(100.0));
    rounds.lists.print(args.lists, [args.small, args.large]);
    let watches = format!("{} open watches on one BFF, each", found.watched.count);
    limit(
        &watches,
        &[found.watched.kib_each],
        "KiB",
        Aim::AtMost(24.0),
    );
    limit(
        "  one change to all of them",
        &found.watched.told,
        "s",
        Aim::AtMost(1.0),
    );
    println!("\n{RATIOS}");
}
