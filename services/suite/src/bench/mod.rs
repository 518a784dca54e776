//! `suite bench`: everything measured in one run, the limit and the thing in turn, so that ratios mean
//! something on a machine whose speed drifts.

mod bare;
mod cast;
mod cluster;
mod load;
mod null;
mod sheet;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;
use bff::Counted;
use clap::Args;
use hdrhistogram::Histogram;
use runtime::{ServerArgs, config::DatabaseArgs};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::{Embedded, Endpoints, Layout, layout::make_keys};
use cast::{Cast, Followed, Place};
pub(crate) use cluster::{BenchClusterArgs, bench_cluster};
use sheet::{Aim, limit, ratio, row};

/// How `bench` measures.
#[derive(Args, Clone)]
pub(crate) struct BenchArgs {
    /// Scratch directory; its databases are removed before and after.
    #[arg(long, default_value = ".data/bench", value_name = "DIRECTORY")]
    data: PathBuf,

    /// First of five ports in a row on 127.0.0.1.
    #[arg(long, default_value_t = 7200, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..=65_530))]
    port: u16,

    /// Rounds; each measures everything once.
    #[arg(long, default_value_t = 5, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,

    /// Seconds a measurement takes.
    #[arg(long, default_value_t = 3, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,

    /// Tickets of the small workspace.
    #[arg(long, default_value_t = 1_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    small: u32,

    /// Tickets of the large workspace.
    #[arg(long, default_value_t = 100_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    large: u32,

    /// State changes a second while the time to the frame is measured.
    #[arg(long, default_value_t = 200, value_name = "RATE", value_parser = clap::value_parser!(u32).range(1..=2_000))]
    changes: u32,

    /// Lists a second while their latency is measured.
    #[arg(long, default_value_t = 200, value_name = "RATE", value_parser = clap::value_parser!(u32).range(1..=5_000))]
    lists: u32,
}

/// Callers at once for a throughput.
const IN_FLIGHT: usize = 64;
/// Connections they share.
const CONNECTIONS: usize = 4;
/// Writers at once: SQLite has one writer, more only wait.
const WRITERS: usize = 8;
/// What the last line says.
const RATIOS: &str =
    "Only ratios within one run mean something: this machine's speed drifts from hour to hour.";

#[derive(Default)]
struct Rounds {
    null: Vec<f64>,
    home: Vec<f64>,
    bare: Vec<f64>,
    alone: Vec<f64>,
    followed: Vec<f64>,
    frame_p50: Vec<f64>,
    frame_p99: Vec<f64>,
    lists: Lists,
}

/// Milliseconds of lists in the small and in the large workspace.
#[derive(Default)]
struct Lists {
    p50: [Vec<f64>; 2],
    p99: [Vec<f64>; 2],
}

impl Lists {
    fn push(&mut self, small: &Histogram<u64>, large: &Histogram<u64>) {
        for (size, histogram) in [small, large].into_iter().enumerate() {
            self.p50[size].push(load::millis(histogram, 0.5));
            self.p99[size].push(load::millis(histogram, 0.99));
        }
    }

    fn print(&self, per_second: u32, tickets: [u32; 2]) {
        println!("  ListTickets of one contact through the BFF, {per_second} lists/s:");
        for (of, values) in [("p50", &self.p50), ("p99", &self.p99)] {
            for (values, tickets) in values.iter().zip(tickets) {
                row(&format!("  {of} among {tickets} tickets"), values, "ms");
            }
        }
        let [small, large] = &self.p99;
        ratio("  p99 large / small", large, small, Aim::AtMost(1.5));
    }
}

/// Measures and prints.
pub(crate) async fn bench(args: BenchArgs) -> Result<()> {
    let layout = Layout::new(args.data.clone()).with_limits(Counted::Off);
    let lock = layout.claim()?;
    layout.wipe()?;
    make_keys(&layout.keys())?;
    println!(
        "starting the services on {} and filling them …",
        layout.directory().display()
    );
    let mut embedded = Embedded::start(&layout, args.port).await?;
    let alone = tickets::start(tickets::Config {
        server: ServerArgs::loopback(layout.keys()),
        database: DatabaseArgs::at(layout.database_url("alone")),
        nats: Default::default(),
        streams: Default::default(),
        conversations: embedded.endpoints().conversations.clone(),
        settings: embedded.endpoints().settings.clone(),
    })
    .await?;
    let outcome = measure(
        &args,
        &layout,
        embedded.endpoints(),
        &format!("http://{}", alone.address()),
    )
    .await;
    alone.drain().await;
    embedded.drain().await;
    layout.wipe()?;
    drop(lock);
    print(&args, &outcome?);
    Ok(())
}

async fn measure(
    args: &BenchArgs,
    layout: &Layout,
    endpoints: &Endpoints,
    alone: &str,
) -> Result<Rounds> {
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    let null = null::serve(stop).await?;
    let nulls: Arc<[Channel]> = (0..CONNECTIONS)
        .map(|_| runtime::client::channel(&null))
        .collect::<Result<_, _>>()?;
    let place = Place {
        layout,
        replicas: std::slice::from_ref(endpoints),
        alone,
        tickets: layout.database_url("tickets"),
        small: args.small,
        large: args.large,
    };
    let cast = Arc::new(Cast::open(&place).await?);
    let bare = Arc::new(bare::Bare::open(layout).await?);
    let time = Duration::from_secs(args.seconds);
    let mut rounds = Rounds::default();
    for round in 0..=args.rounds {
        // the first warms caches, connections and the allocator, and is not counted
        let counted = round > 0;
        let time = if counted {
            time
        } else {
            Duration::from_secs(1)
        };
        if counted {
            println!("round {round} of {} …", args.rounds);
        }
        let channels = nulls.clone();
        let null = load::throughput(IN_FLIGHT, time, move |turn| {
            null::call(channels[turn % CONNECTIONS].clone())
        })
        .await?;
        let who = cast.clone();
        let home = load::throughput(IN_FLIGHT, time, move |turn| who.clone().home(turn)).await?;
        let rows = bare.clone();
        let bare = load::throughput(WRITERS, time, move |_| {
            let rows = rows.clone();
            async move { rows.change().await }
        })
        .await?;
        let who = cast.clone();
        let alone =
            load::throughput(WRITERS, time, move |_| who.clone().change(Followed::Nobody)).await?;
        let who = cast.clone();
        let followed = load::throughput(WRITERS, time, move |_| {
            who.clone().change(Followed::Everybody)
        })
        .await?;
        // what was followed in a burst is applied before anything else is measured
        cast.settled().await?;
        let frames = cast.frames(args.changes, time).await?;
        let small =
            load::latency(args.lists, time, |turn| cast.list(cast::Size::Small, turn)).await?;
        let large =
            load::latency(args.lists, time, |turn| cast.list(cast::Size::Large, turn)).await?;
        if counted {
            rounds.null.push(null);
            rounds.home.push(home);
            rounds.bare.push(bare);
            rounds.alone.push(alone);
            rounds.followed.push(followed);
            rounds.frame_p50.push(load::millis(&frames, 0.5));
            rounds.frame_p99.push(load::millis(&frames, 0.99));
            rounds.lists.push(&small, &large);
        }
    }
    Ok(rounds)
}

fn print(args: &BenchArgs, rounds: &Rounds) {
    println!(
        "\n{} rounds of {} s, measured in turn; median, then lowest … highest round\n",
        args.rounds, args.seconds
    );
    row("null RPC, about 1 KiB", &rounds.null, "1/s");
    row("GetHome through the BFF", &rounds.home, "1/s");
    ratio(
        "  GetHome / null RPC",
        &rounds.home,
        &rounds.null,
        Aim::AtLeast(0.25),
    );
    row(
        "the rows of a state change, by bare SQL",
        &rounds.bare,
        "1/s",
    );
    row("ChangeTicketState, Tickets alone", &rounds.alone, "1/s");
    ratio(
        "  ChangeTicketState / bare SQL",
        &rounds.alone,
        &rounds.bare,
        Aim::AtLeast(0.5),
    );
    row(
        "ChangeTicketState, everybody following on the same cores",
        &rounds.followed,
        "1/s",
    );
    println!(
        "  state change to the frame on an open Watch, {} changes/s:",
        args.changes
    );
    limit("  p50", &rounds.frame_p50, "ms", Aim::AtMost(10.0));
    limit("  p99", &rounds.frame_p99, "ms", Aim::AtMost(50.0));
    rounds.lists.print(args.lists, [args.small, args.large]);
    println!("\n{RATIOS}");
}
