//! A suite past one machine, on one: Postgres, NATS where it is wanted, and replicas of each service, each
//! a process with a log of its own that can be harmed and started again.

mod nats;
mod postgres;
mod process;

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use crate::{Endpoints, Layout, layout::SERVICES};
use postgres::Postgres;
pub(crate) use postgres::binaries;
pub(crate) use process::Process;

/// Everything must listen within this long: debug builds on a shared core start slowly.
const START: Duration = Duration::from_secs(60);

/// What must not be in a service's log, and what it means.
const INEXCUSABLE: [(&str, &str); 2] = [
    ("panicked at", "a service panicked"),
    (
        notifications::DRIFTED,
        "an inbox was wrong and was put right",
    ),
];

/// One of the processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A replica of a service: which of [`SERVICES`], and which of its replicas.
    Service(usize, usize),
    /// The database server.
    Postgres,
    /// The message broker.
    Nats,
}

/// What a cluster is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// Keys and logs go here; it is empty.
    pub directory: &'a Path,
    /// The first of five ports for each replica and two more.
    pub port: u16,
    /// Of each service.
    pub replicas: usize,
    /// The program of the broker.
    pub nats: Option<&'a Path>,
    /// Commits wait for the disk. A fault test need not: processes end there, the machine never.
    pub durable: bool,
}

/// The processes.
pub(crate) struct Cluster {
    /// Keys and logs.
    pub layout: Layout,
    replicas: usize,
    port: u16,
    services: Vec<Process>,
    postgres: Postgres,
    nats: Option<Process>,
}

impl Cluster {
    /// Starts everything and waits until it listens.
    ///
    /// # Errors
    /// When something is not installed or does not start; whatever did is ended.
    pub(crate) async fn start(plan: &Plan<'_>) -> Result<Self> {
        let Plan {
            directory,
            port,
            replicas,
            nats,
            durable,
        } = *plan;
        let layout = Layout::new(directory.to_owned());
        fs::create_dir_all(directory)
            .with_context(|| format!("{} cannot be created", directory.display()))?;
        crate::layout::make_keys(&layout.keys())?;
        let own = port + (SERVICES.len() * replicas) as u16;
        let mut cluster = Self {
            replicas,
            port,
            services: Vec::new(),
            postgres: Postgres::create(directory, own, durable).await?,
            nats: nats.map(|program| nats::broker(program, directory, own + 1)),
            layout,
        };
        match cluster.start_all().await {
            Ok(()) => Ok(cluster),
            Err(error) => {
                cluster.end().await;
                Err(error)
            }
        }
    }

    async fn start_all(&mut self) -> Result<()> {
        self.postgres.make_databases().await?;
        if let Some(nats) = &mut self.nats {
            nats.start()?;
        }
        let broker = self.nats_url();
        for service in 0..SERVICES.len() {
            for replica in 0..self.replicas {
                let mut process = self.service(service, replica, broker.as_deref())?;
                process.start()?;
                self.services.push(process);
            }
        }
        self.listening(START).await
    }

    /// Addresses of the services' replicas of this number.
    pub(crate) fn endpoints(&self, replica: usize) -> Endpoints {
        let at = |service: usize| format!("http://127.0.0.1:{}", self.port_of(service, replica));
        Endpoints {
            bff: at(0),
            tickets: at(1),
            conversations: at(2),
            settings: at(3),
            notifications: at(4),
        }
    }

    /// Replicas of each service.
    pub(crate) fn replicas(&self) -> usize {
        self.replicas
    }

    /// Address of a database of the server.
    pub(crate) fn database_url(&self, database: &str) -> String {
        self.postgres.url(database)
    }

    /// Makes an empty one.
    ///
    /// # Errors
    /// When the server refuses.
    pub(crate) async fn make_database(&self, database: &str) -> Result<()> {
        self.postgres.make_database(database).await
    }

    /// Address of the broker, if there is one.
    pub(crate) fn nats_url(&self) -> Option<String> {
        let nats = self.nats.as_ref()?;
        Some(format!("nats://127.0.0.1:{}", nats.port()))
    }

    /// Whether there is a broker to harm.
    pub(crate) fn has_nats(&self) -> bool {
        self.nats.is_some()
    }

    fn port_of(&self, service: usize, replica: usize) -> u16 {
        self.port + (service * self.replicas + replica) as u16
    }

    /// What to call a process in a log.
    pub(crate) fn name(&self, target: Target) -> String {
        match target {
            Target::Service(service, replica) => format!("{}/{replica}", SERVICES[service]),
            Target::Postgres => "postgres".into(),
            Target::Nats => "nats".into(),
        }
    }

    /// What no fault excuses, one sentence each: a service that panicked, or found an inbox wrong and put it
    /// right, so that nobody would see it any more.
    pub(crate) fn inexcusable(&self) -> Vec<String> {
        let mut found = Vec::new();
        for log in self.services.iter().map(Process::log) {
            let text = fs::read_to_string(log).unwrap_or_default();
            for (sign, what) in INEXCUSABLE {
                if text.contains(sign) {
                    found.push(format!("{what}; {} says which", log.display()));
                }
            }
        }
        found
    }

    /// Every process.
    pub(crate) fn targets(&self) -> Vec<Target> {
        let services = (0..SERVICES.len()).flat_map(|service| {
            (0..self.replicas).map(move |replica| Target::Service(service, replica))
        });
        services
            .chain([Target::Postgres])
            .chain(self.nats.is_some().then_some(Target::Nats))
            .collect()
    }

    /// One process; `None` for a broker that is not there.
    pub(crate) fn process(&mut self, target: Target) -> Option<&mut Process> {
        match target {
            Target::Service(service, replica) => {
                self.services.get_mut(service * self.replicas + replica)
            }
            Target::Postgres => Some(&mut self.postgres.process),
            Target::Nats => self.nats.as_mut(),
        }
    }

    /// Waits until every process listens.
    ///
    /// # Errors
    /// When one does not within `limit`; its log says why.
    pub(crate) async fn listening(&mut self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        for target in self.targets() {
            loop {
                let name = self.name(target);
                let Some(process) = self.process(target) else {
                    break;
                };
                if process.listens().await {
                    break;
                }
                let log = process.log().display().to_string();
                if let Some(how) = process.ended() {
                    bail!("{name} ended ({how}); {log} says why");
                }
                if Instant::now() >= deadline {
                    bail!(
                        "{name} does not listen after {} s; see {log}",
                        limit.as_secs()
                    );
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// A process that does not listen, if there is one.
    pub(crate) async fn silent(&mut self) -> Option<String> {
        for target in self.targets() {
            let name = self.name(target);
            match self.process(target) {
                Some(process) if !process.listens().await => return Some(name),
                _ => {}
            }
        }
        None
    }

    /// Ends every process.
    pub(crate) async fn end(&mut self) {
        let services = self.services.iter_mut().map(Process::end);
        futures::future::join_all(services).await;
        self.postgres.process.end().await;
        if let Some(nats) = &mut self.nats {
            nats.end().await;
        }
    }

    /// Removes keys and logs.
    pub(crate) fn discard(&self) {
        let _ = fs::remove_dir_all(self.layout.directory());
    }

    fn service(&self, service: usize, replica: usize, nats: Option<&str>) -> Result<Process> {
        let program = std::env::current_exe().context("this program's own path is unknown")?;
        let name = SERVICES[service];
        let all = |of: usize| {
            let each = (0..self.replicas)
                .map(|replica| format!("http://127.0.0.1:{}", self.port_of(of, replica)));
            each.collect::<Vec<_>>().join(",")
        };
        let port = self.port_of(service, replica);
        let mut flags = vec![
            "service".into(),
            "--leashed".into(),
            name.to_owned(),
            format!("--listen=127.0.0.1:{port}"),
            format!("--keys={}", self.layout.keys().display()),
            "--log=warn".into(),
            "--drain-seconds=3".into(),
        ];
        if name != "bff" {
            flags.push(format!("--database-url={}", self.postgres.url(name)));
        } else {
            // a few contacts on one address make all the load
            flags.push("--limits=off".into());
        }
        let peers: &[&str] = match name {
            "bff" => &["tickets", "conversations", "settings", "notifications"],
            "tickets" => &["conversations", "settings"],
            "conversations" => &["tickets", "settings"],
            "notifications" => &["tickets", "conversations", "settings"],
            _ => &[],
        };
        for (of, peer) in SERVICES.iter().enumerate() {
            if peers.contains(peer) {
                flags.push(format!("--{peer}={}", all(of)));
            }
        }
        if let Some(nats) = nats.filter(|_| nats::is_known_to(&program, name)) {
            flags.push(format!("--nats={nats}"));
        }
        let log = self
            .layout
            .directory()
            .join(format!("{name}-{replica}.log"));
        let command = move || {
            let mut command = Command::new(&program);
            command.args(&flags);
            command
        };
        Ok(Process::new(
            format!("{name}/{replica}"),
            port,
            log,
            Box::new(command),
        ))
    }
}
