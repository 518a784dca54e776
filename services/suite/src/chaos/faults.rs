//! What goes wrong, and when: drawn from the seed, each noted with its time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use rand::{Rng, rngs::StdRng};
use tokio::time::{Instant, sleep};

use super::{deliveries::Deliveries, ledger::Ledger};
use crate::{
    cluster::{Cluster, Process, Target},
    layout::SERVICES,
};

/// How often it is looked after processes that ended.
const TICK: Duration = Duration::from_millis(50);
/// A process that ended by itself is started again after this long, as an orchestrator would.
const AGAIN: Duration = Duration::from_millis(500);
/// With so many processes disturbed at once nothing more is disturbed: nobody could get anything done.
const AT_ONCE: usize = 4;
/// No file grows beyond this while the disk is full, the log of Postgres's writes included.
const FULL: u64 = 64 * 1024;

/// What makes a disturbed process whole again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cure {
    Start,
    Continue,
    Unlimit,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Harm {
    /// How often, by kind.
    pub counts: BTreeMap<&'static str, u64>,
    /// What, with its time.
    pub log: Vec<String>,
}

/// A line of the log; lines sort by time.
pub(super) fn line(at: Duration, what: &str) -> String {
    format!("{:8.3} s  {what}", at.as_secs_f64())
}

/// Who does it.
pub(super) struct Faults {
    ledger: Arc<Ledger>,
    rng: StdRng,
    cures: Vec<(Instant, Target, Cure)>,
    deliveries: Deliveries,
    pub harm: Harm,
}

impl Faults {
    /// Nothing wrong yet.
    pub(super) fn new(ledger: Arc<Ledger>, rng: StdRng) -> Self {
        Self {
            ledger,
            rng,
            cures: Vec::new(),
            deliveries: Deliveries::default(),
            harm: Harm::default(),
        }
    }

    /// Disturbs the processes for so long, then makes everything whole.
    ///
    /// # Errors
    /// When a process cannot be started again.
    pub(super) async fn rage(&mut self, cluster: &mut Cluster, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        let mut next = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            self.tend(cluster, Instant::now()).await?;
            if Instant::now() >= next {
                self.strike(cluster).await;
                next = Instant::now() + Duration::from_millis(self.rng.gen_range(300..2_000));
            }
            sleep(TICK).await;
        }
        self.note("the faults end; everything is made whole".into());
        // who was asked to end may still be draining
        let patience = Instant::now() + Duration::from_secs(30);
        while !self.cures.is_empty() && Instant::now() < patience {
            let now = Instant::now() + Duration::from_secs(60);
            self.tend(cluster, now).await?;
            sleep(TICK).await;
        }
        Ok(())
    }

    /// Waits until everything is whole and listens, starting what ends.
    ///
    /// # Errors
    /// When that takes longer than `limit`.
    pub(super) async fn heal(&mut self, cluster: &mut Cluster, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            self.tend(cluster, Instant::now()).await?;
            let silent = cluster.silent().await;
            if self.cures.is_empty() && silent.is_none() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!(
                    "{} is not back {} s after the faults ended",
                    silent.unwrap_or_else(|| "somebody".into()),
                    limit.as_secs()
                );
            }
            sleep(TICK).await;
        }
    }

    /// Starts whatever ends by itself, until it cannot be started.
    pub(super) async fn keep(&mut self, cluster: &mut Cluster) -> anyhow::Error {
        loop {
            if let Err(error) = self.tend(cluster, Instant::now()).await {
                return error;
            }
            sleep(TICK).await;
        }
    }

    /// Cures whatever is due, and starts what ended by itself.
    ///
    /// # Errors
    /// When a process cannot be started.
    pub(super) async fn tend(&mut self, cluster: &mut Cluster, now: Instant) -> Result<()> {
        for target in cluster.targets() {
            let name = cluster.name(target);
            let Some(process) = cluster.process(target) else {
                continue;
            };
            if let Some(how) = process.ended()
                && !self.is_disturbed(target, Cure::Start)
            {
                self.count("ended by itself", format!("{name} ended by itself: {how}"));
                self.cures
                    .push((Instant::now() + AGAIN, target, Cure::Start));
            }
        }
        let (due, rest) = std::mem::take(&mut self.cures)
            .into_iter()
            .partition::<Vec<_>, _>(|(at, ..)| *at <= now);
        self.cures = rest;
        for (at, target, cure) in due {
            let name = cluster.name(target);
            let Some(process) = cluster.process(target) else {
                continue;
            };
            match cure {
                Cure::Start if process.is_up() => self.cures.push((at, target, cure)),
                Cure::Start => {
                    process.start()?;
                    self.note(format!("{name} is started again"));
                }
                Cure::Continue => {
                    process.go_on().await;
                    self.note(format!("{name} goes on"));
                }
                Cure::Unlimit => {
                    let _ = process.limit_files(None).await;
                    self.note(format!("{name} has room again"));
                }
            }
        }
        Ok(())
    }

    fn is_disturbed(&self, target: Target, by: Cure) -> bool {
        let mut cures = self.cures.iter();
        cures.any(|(_, of, cure)| *of == target && *cure == by)
    }

    fn note(&mut self, what: String) {
        self.harm.log.push(line(self.ledger.now(), &what));
    }

    fn count(&mut self, kind: &'static str, what: String) {
        *self.harm.counts.entry(kind).or_default() += 1;
        self.note(what);
    }

    fn later(&mut self, target: Target, cure: Cure, millis: u64) {
        let at = Instant::now() + Duration::from_millis(millis);
        self.cures.push((at, target, cure));
    }

    async fn strike(&mut self, cluster: &mut Cluster) {
        self.deliveries.remember(cluster, &mut self.rng).await;
        if self.cures.len() >= AT_ONCE {
            return;
        }
        let service = self.rng.gen_range(0..SERVICES.len());
        let replica = self.rng.gen_range(0..cluster.replicas());
        let one = Target::Service(service, replica);
        let millis = self.rng.gen_range(0..3_000);
        match self.rng.gen_range(0..100) {
            0..24 => {
                self.kill(cluster, one, "kill -9 of a replica", millis)
                    .await
            }
            24..33 => {
                for replica in 0..cluster.replicas() {
                    let each = Target::Service(service, replica);
                    self.kill(cluster, each, "kill -9 of all replicas", millis)
                        .await;
                }
            }
            33..43 => self.terminate(cluster, one, millis).await,
            43..59 => {
                self.pause(cluster, one, "SIGSTOP of a replica", 500 + millis * 5 / 2)
                    .await
            }
            59..65 => self.repeat(cluster).await,
            65..69 => {
                let kind = "refused connections";
                self.kill(cluster, one, kind, 3_000 + millis).await;
            }
            69..75 => {
                self.kill(cluster, Target::Postgres, "kill -9 of Postgres", millis / 2)
                    .await
            }
            75..81 => {
                let kind = "SIGSTOP of Postgres";
                self.pause(cluster, Target::Postgres, kind, 500 + millis)
                    .await;
            }
            81..84 => self.terminate(cluster, Target::Postgres, millis / 2).await,
            84..90 => self.fill(cluster, 1_000 + millis * 2 / 3).await,
            _ if !cluster.has_nats() => {
                self.kill(cluster, one, "kill -9 of a replica", 0).await;
            }
            90..92 => self.terminate(cluster, Target::Nats, millis).await,
            92..96 => {
                self.kill(cluster, Target::Nats, "kill -9 of NATS", millis)
                    .await
            }
            _ => {
                let kind = "SIGSTOP of NATS";
                self.pause(cluster, Target::Nats, kind, 500 + millis).await;
            }
        }
    }

    /// A process that is there and nothing is wrong with.
    fn whole<'a>(&self, cluster: &'a mut Cluster, target: Target) -> Option<&'a mut Process> {
        let disturbed = self.cures.iter().any(|(_, of, _)| *of == target);
        let process = cluster.process(target).filter(|_| !disturbed)?;
        process.is_up().then_some(process)
    }

    async fn kill(
        &mut self,
        cluster: &mut Cluster,
        target: Target,
        kind: &'static str,
        millis: u64,
    ) {
        let name = cluster.name(target);
        if let Some(process) = self.whole(cluster, target) {
            match target {
                // while a child of the old server lives, no new one starts
                Target::Postgres => process.end().await,
                _ => process.kill().await,
            }
            self.count(kind, format!("{kind}: {name}, for {millis} ms"));
            self.later(target, Cure::Start, millis);
        }
    }

    async fn terminate(&mut self, cluster: &mut Cluster, target: Target, millis: u64) {
        let name = cluster.name(target);
        if let Some(process) = self.whole(cluster, target) {
            // the quick way to stop Postgres, which ends its clients' connections
            let (by, kind) = match target {
                Target::Postgres => ("INT", "restart of Postgres"),
                Target::Nats => ("TERM", "restart of NATS"),
                Target::Service(..) => ("TERM", "restart of a replica"),
            };
            process.terminate(by).await;
            self.count(kind, format!("{kind}: {name}, for {millis} ms"));
            self.later(target, Cure::Start, millis);
        }
    }

    async fn pause(
        &mut self,
        cluster: &mut Cluster,
        target: Target,
        kind: &'static str,
        millis: u64,
    ) {
        let name = cluster.name(target);
        if let Some(process) = self.whole(cluster, target) {
            process.pause().await;
            self.count(kind, format!("{kind}: {name}, for {millis} ms"));
            self.later(target, Cure::Continue, millis);
        }
    }

    /// A consumer is told again what it was told, in another order.
    async fn repeat(&mut self, cluster: &Cluster) {
        if let Some((who, places)) = self.deliveries.repeat(cluster, &mut self.rng).await {
            self.count(
                "deliveries repeated",
                format!("deliveries repeated: {who}, in {places} partitions"),
            );
        }
    }

    /// The disk is full for Postgres: what it writes beyond a small size fails.
    async fn fill(&mut self, cluster: &mut Cluster, millis: u64) {
        let target = Target::Postgres;
        if let Some(process) = self.whole(cluster, target) {
            if process.limit_files(Some(FULL)).await {
                self.count(
                    "a full disk",
                    format!("a full disk: postgres, for {millis} ms"),
                );
            } else {
                self.note("files cannot be limited here: no full disk".into());
            }
            self.later(target, Cure::Unlimit, millis);
        }
    }
}
