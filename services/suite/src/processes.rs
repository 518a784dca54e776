//! The five services as processes of their own, and somebody who starts one again when it dies.

use std::{collections::VecDeque, path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use futures::future::select_all;
use runtime::telemetry::TraceArgs;
use tokio::{
    net::TcpStream,
    process::{Child, ChildStdin, Command},
    time::{Instant, sleep, timeout},
};

use crate::{Endpoints, Layout, layout::SERVICES, shop};

/// A service that does not listen after this long has failed to start.
const START: Duration = Duration::from_secs(30);
/// A service that does not end after this long is ended.
const STOP: Duration = Duration::from_secs(15);
/// More deaths of one service than this within [`WINDOW`] are no accident: everything stops.
const RESTARTS: usize = 5;
/// The time in which deaths are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// In a process started by [`Processes`]: ends it when the one that started it is gone, however that went.
/// What was answered is stored, so there is nothing to say goodbye to.
pub(crate) fn end_with_parent() {
    std::thread::spawn(|| {
        // nothing is ever written there
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        eprintln!("the program that started this service is gone");
        std::process::exit(1);
    });
}

/// Running processes, in the order of [`SERVICES`].
pub(crate) struct Processes {
    layout: Layout,
    port: u16,
    traces: TraceArgs,
    children: Vec<Child>,
    // each ends when the other end of its input is closed, even by a kill that lets nobody say goodbye
    leashes: Vec<Option<ChildStdin>>,
    deaths: [VecDeque<Instant>; SERVICES.len()],
}

impl Processes {
    /// Starts them and waits until each listens.
    ///
    /// # Errors
    /// When a service cannot start; those that started are stopped.
    pub(crate) async fn start(layout: &Layout, port: u16, traces: &TraceArgs) -> Result<Self> {
        let mut processes = Self {
            layout: layout.clone(),
            port,
            traces: traces.clone(),
            children: Vec::new(),
            leashes: SERVICES.iter().map(|_| None).collect(),
            deaths: Default::default(),
        };
        match processes.start_all().await {
            Ok(()) => Ok(processes),
            Err(error) => {
                processes.stop().await?;
                Err(error)
            }
        }
    }

    async fn start_all(&mut self) -> Result<()> {
        for (offset, _) in SERVICES.into_iter().enumerate() {
            let child = self.spawn(offset)?;
            self.children.push(child);
        }
        for (offset, service) in SERVICES.into_iter().enumerate() {
            self.listens(offset).await?;
            println!(
                "{service:<14} process {}",
                self.children[offset].id().unwrap_or_default()
            );
        }
        Ok(())
    }

    async fn listens(&mut self, offset: usize) -> Result<()> {
        let address = Endpoints::address(self.port, offset as u16);
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = self.children[offset].try_wait()? {
                bail!(
                    "{} could not start ({status}); its last line above says why",
                    SERVICES[offset]
                );
            }
            if TcpStream::connect(address).await.is_ok() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!(
                    "{} does not listen on {address} after {} s",
                    SERVICES[offset],
                    START.as_secs()
                );
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Starts whatever dies again. Ends only when that is no use.
    pub(crate) async fn watch(&mut self) -> anyhow::Error {
        loop {
            let waits = self.children.iter_mut().map(|child| Box::pin(child.wait()));
            let (outcome, offset, _) = select_all(waits).await;
            let service = SERVICES[offset];
            let how = outcome.map_or_else(|error| error.to_string(), |status| status.to_string());
            let deaths = &mut self.deaths[offset];
            deaths.push_back(Instant::now());
            while deaths.front().is_some_and(|death| death.elapsed() > WINDOW) {
                deaths.pop_front();
            }
            if deaths.len() > RESTARTS {
                return anyhow::anyhow!(
                    "{service} ended ({how}), and did so {} times within {} s",
                    deaths.len(),
                    WINDOW.as_secs()
                );
            }
            match self.spawn(offset) {
                Ok(child) => self.children[offset] = child,
                Err(error) => return error,
            }
            println!(
                "{service} ended ({how}) and is started again: process {}",
                self.children[offset].id().unwrap_or_default()
            );
        }
    }

    /// Asks each to drain, the BFF first, and waits for it.
    ///
    /// # Errors
    /// When one cannot be ended.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        for (service, child) in SERVICES.into_iter().zip(&mut self.children) {
            if let Some(id) = child.id() {
                // the standard library can only kill; SIGTERM lets a service drain
                let asked = Command::new("kill")
                    .args(["-TERM", &id.to_string()])
                    .status()
                    .await;
                let drained = match asked {
                    Ok(status) if status.success() => timeout(STOP, child.wait()).await.is_ok(),
                    _ => false,
                };
                if !drained {
                    tracing::warn!(service, "did not drain in time and is killed");
                    child
                        .kill()
                        .await
                        .with_context(|| format!("{service} cannot be ended"))?;
                }
            }
        }
        Ok(())
    }

    fn spawn(&mut self, offset: usize) -> Result<Child> {
        let program: PathBuf =
            std::env::current_exe().context("this program's own path is unknown")?;
        let service = SERVICES[offset];
        let at = Endpoints::from_port(self.port);
        let mut command = Command::new(&program);
        command
            .args(["service", "--leashed", service, "--listen"])
            .arg(Endpoints::address(self.port, offset as u16).to_string())
            .arg("--keys")
            .arg(self.layout.keys())
            .args(["--log", "warn"])
            .stdin(Stdio::piped())
            .kill_on_drop(true);
        if service != "bff" {
            command
                .arg("--database-url")
                .arg(self.layout.database_url(service));
        }
        let peers: &[(&str, &str)] = match service {
            "bff" => &[
                ("--tickets", &at.tickets),
                ("--conversations", &at.conversations),
                ("--settings", &at.settings),
                ("--notifications", &at.notifications),
            ],
            "tickets" => &[
                ("--conversations", &at.conversations),
                ("--settings", &at.settings),
            ],
            "conversations" => &[("--tickets", &at.tickets), ("--settings", &at.settings)],
            "notifications" => &[
                ("--tickets", &at.tickets),
                ("--conversations", &at.conversations),
                ("--settings", &at.settings),
            ],
            _ => &[],
        };
        for (flag, address) in peers {
            command.arg(flag).arg(address);
        }
        if let Some(collector) = &self.traces.otlp_endpoint {
            command.arg("--otlp-endpoint").arg(collector);
            command.args(["--trace-share", &self.traces.trace_share.to_string()]);
        }
        if service == "bff" {
            command.args(["--limits", self.layout.limits().as_str()]);
            for bff::Person { name, email } in self.layout.people() {
                command.arg("--dev-auth").arg(format!("{name} <{email}>"));
            }
        }
        if let Some(pages) = self.layout.pages().filter(|_| service == "bff") {
            command.arg("--web").arg(pages);
            command.args(["--embedders", &shop::EMBEDDERS.join(",")]);
        }
        // Ctrl-C on the terminal goes to this program, which stops the services in order
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        // waiting for a child closes its input
        self.leashes[offset] = child.stdin.take();
        Ok(child)
    }
}
