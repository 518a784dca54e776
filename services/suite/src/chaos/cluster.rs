//! Every process of one seed: Postgres, NATS where it is wanted, and replicas of each service, each with
//! a log of its own, each started again as often as a fault ends it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{
    net::TcpStream,
    process::{Child, ChildStdin, Command},
    time::{Instant, sleep},
};

use super::{nats, postgres::Postgres};
use crate::{Endpoints, Layout, layout::SERVICES};

/// Everything must listen within this long: debug builds on a shared core start slowly.
const START: Duration = Duration::from_secs(60);

/// One of the processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A replica of a service: which of [`SERVICES`], and which of its replicas.
    Service(usize, usize),
    /// The database server.
    Postgres,
    /// The message broker.
    Nats,
}

/// A process that is started again and again with the same command.
pub(super) struct Process {
    name: String,
    port: u16,
    log: PathBuf,
    command: Box<dyn Fn() -> Command + Send + Sync>,
    child: Option<Child>,
    // a service ends when the other end of its input is closed, even by a kill that lets nobody say goodbye
    leash: Option<ChildStdin>,
    /// Who was stopped with it, to be continued with it.
    paused: Vec<u32>,
    /// Whom it runs as, if as somebody else: user and group.
    owner: Option<(u32, u32)>,
}

impl Process {
    /// Not started yet.
    pub(super) fn new(
        name: String,
        port: u16,
        log: PathBuf,
        command: Box<dyn Fn() -> Command + Send + Sync>,
    ) -> Self {
        Self {
            name,
            port,
            log,
            command,
            child: None,
            leash: None,
            paused: Vec::new(),
            owner: None,
        }
    }

    /// Running as somebody else.
    #[must_use]
    pub(super) fn owned_by(mut self, owner: Option<(u32, u32)>) -> Self {
        self.owner = owner;
        self
    }

    /// Starts it; its words are added to its log.
    pub(super) fn start(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = (self.command)();
        command
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        // Ctrl-C on the terminal goes to this program, which ends the others
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .spawn()
            .with_context(|| format!("{} cannot be started", self.name))?;
        self.leash = child.stdin.take();
        self.child = Some(child);
        Ok(())
    }

    /// How it ended, if it has since it was last asked; it is down then.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = match self.child.as_mut()?.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status.to_string(),
            Err(error) => error.to_string(),
        };
        self.child = None;
        self.leash = None;
        self.paused.clear();
        Some(status)
    }

    /// Whether it is there, stopped or not.
    pub(super) fn is_up(&self) -> bool {
        self.child.is_some()
    }

    /// It and the processes it started.
    async fn family(&self) -> Vec<u32> {
        let Some(id) = self.child.as_ref().and_then(Child::id) else {
            return Vec::new();
        };
        let found = Command::new("pgrep")
            .args(["-P", &id.to_string()])
            .output()
            .await;
        let children = found.map(|found| found.stdout).unwrap_or_default();
        let children = String::from_utf8_lossy(&children);
        std::iter::once(id)
            .chain(children.split_whitespace().filter_map(|id| id.parse().ok()))
            .collect()
    }

    /// Ends it at once, and it alone.
    pub(super) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().await;
        }
        self.leash = None;
        let paused = std::mem::take(&mut self.paused);
        signal("CONT", &paused).await;
    }

    /// Ends it at once with all it started.
    pub(super) async fn end(&mut self) {
        let family = self.family().await;
        self.kill().await;
        signal("KILL", family.get(1..).unwrap_or_default()).await;
    }

    /// Asks it to end by itself, by the signal that it takes for that.
    pub(super) async fn terminate(&self, by: &str) {
        if let Some(id) = self.child.as_ref().and_then(Child::id) {
            signal(by, &[id]).await;
        }
    }

    /// Stops it, with all it started, where it is.
    pub(super) async fn pause(&mut self) {
        self.paused = self.family().await;
        signal("STOP", &self.paused).await;
    }

    /// Lets it go on.
    pub(super) async fn go_on(&mut self) {
        let paused = std::mem::take(&mut self.paused);
        signal("CONT", &paused).await;
    }

    /// Lets it, and all it started or starts, write files up to so many bytes only; `None`: any. Says
    /// whether that could be done.
    pub(super) async fn limit_files(&self, bytes: Option<u64>) -> bool {
        let limit = bytes.map_or("unlimited".into(), |bytes| bytes.to_string());
        let mut done = false;
        for (turn, id) in self.family().await.into_iter().enumerate() {
            let mut command = Command::new("prlimit");
            command
                .args(["--pid", &id.to_string(), &format!("--fsize={limit}:")])
                .stderr(Stdio::null());
            // who is not the owner needs a right that even root may lack
            #[cfg(unix)]
            if let Some((user, group)) = self.owner {
                command.uid(user).gid(group);
            }
            let said = command.status().await;
            // its children may be gone by now, and others limited as it is
            done |= turn == 0 && said.is_ok_and(|status| status.success());
        }
        done
    }

    async fn listens(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
    }
}

/// Sends a signal; who has ended meanwhile does not mind. The standard library can only kill.
async fn signal(name: &str, ids: &[u32]) {
    if ids.is_empty() {
        return;
    }
    let _ = Command::new("kill")
        .arg(format!("-{name}"))
        .args(ids.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status()
        .await;
}

/// What one seed runs on.
pub(super) struct Cluster {
    /// Keys and logs.
    pub layout: Layout,
    replicas: usize,
    port: u16,
    services: Vec<Process>,
    postgres: Postgres,
    nats: Option<Process>,
}

impl Cluster {
    /// Starts everything on an empty directory and waits until it listens. `port` is the first of five
    /// for each replica and two more; `nats` is the program of the broker.
    ///
    /// # Errors
    /// When something is not installed or does not start; whatever did is ended.
    pub(super) async fn start(
        directory: &Path,
        port: u16,
        replicas: usize,
        nats: Option<&Path>,
    ) -> Result<Self> {
        let layout = Layout::new(directory.to_owned());
        fs::create_dir_all(directory)
            .with_context(|| format!("{} cannot be created", directory.display()))?;
        runtime::auth::generate_keys(&layout.keys(), &crate::layout::SIGNERS)?;
        let own = port + (SERVICES.len() * replicas) as u16;
        let mut cluster = Self {
            replicas,
            port,
            services: Vec::new(),
            postgres: Postgres::create(directory, own).await?,
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
        let mut broker = None;
        if let Some(nats) = &mut self.nats {
            nats.start()?;
            broker = Some(format!("nats://127.0.0.1:{}", nats.port));
        }
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
    pub(super) fn endpoints(&self, replica: usize) -> Endpoints {
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
    pub(super) fn replicas(&self) -> usize {
        self.replicas
    }

    /// Whether there is a broker to harm.
    pub(super) fn has_nats(&self) -> bool {
        self.nats.is_some()
    }

    fn port_of(&self, service: usize, replica: usize) -> u16 {
        self.port + (service * self.replicas + replica) as u16
    }

    /// What to call a process in a log.
    pub(super) fn name(&self, target: Target) -> String {
        match target {
            Target::Service(service, replica) => format!("{}/{replica}", SERVICES[service]),
            Target::Postgres => "postgres".into(),
            Target::Nats => "nats".into(),
        }
    }

    /// What no fault excuses: a service that panicked. One sentence each.
    pub(super) fn panics(&self) -> Vec<String> {
        let logs = self.services.iter().map(|service| &service.log);
        let said = logs.filter_map(|log| fs::read_to_string(log).ok().map(|text| (log, text)));
        let panicked = said.filter(|(_, text)| text.contains("panicked at"));
        panicked
            .map(|(log, _)| format!("a service panicked; {} says where", log.display()))
            .collect()
    }

    /// Every process.
    pub(super) fn targets(&self) -> Vec<Target> {
        let services = (0..SERVICES.len()).flat_map(|service| {
            (0..self.replicas).map(move |replica| Target::Service(service, replica))
        });
        services
            .chain([Target::Postgres])
            .chain(self.nats.is_some().then_some(Target::Nats))
            .collect()
    }

    /// One process; `None` for a broker that is not there.
    pub(super) fn process(&mut self, target: Target) -> Option<&mut Process> {
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
    pub(super) async fn listening(&mut self, limit: Duration) -> Result<()> {
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
                let log = process.log.display().to_string();
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
    pub(super) async fn silent(&mut self) -> Option<String> {
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
    pub(super) async fn end(&mut self) {
        let services = self.services.iter_mut().map(Process::end);
        futures::future::join_all(services).await;
        self.postgres.process.end().await;
        if let Some(nats) = &mut self.nats {
            nats.end().await;
        }
    }

    /// Removes what the processes kept; the logs and keys go with the directory.
    pub(super) fn discard(&self) {
        self.postgres.discard();
        let _ = fs::remove_dir_all(self.layout.directory());
    }

    /// Copies what Postgres said beside the other logs.
    pub(super) fn keep_logs(&self) {
        self.postgres.keep_log(self.layout.directory());
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
        }
        let peers: &[&str] = match name {
            "bff" => &["tickets", "conversations", "settings", "notifications"],
            "tickets" => &["conversations"],
            "conversations" => &["tickets"],
            "notifications" => &["tickets", "conversations"],
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
