//! A nats-server of a test's own, which it stops and starts.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use crate::{Scratch, eventually};

/// One with JetStream, on a free port of loopback. Ends with the value.
pub struct NatsServer {
    program: PathBuf,
    address: SocketAddr,
    scratch: Scratch,
    process: Option<Child>,
}

impl NatsServer {
    /// One that runs; `None`, said loudly, where there is no program for it.
    pub async fn start() -> Option<Self> {
        let mut server = Self::prepare()?;
        server.up().await;
        Some(server)
    }

    /// One that does not run yet: nobody answers at its address.
    pub fn prepare() -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("\n*** SKIPPED: set NATS_SERVER to the program of a nats-server ***\n");
            return None;
        };
        Some(Self {
            program,
            address: crate::free_address(),
            scratch: Scratch::new(),
            process: None,
        })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Starts it, with what it had stored.
    pub async fn up(&mut self) {
        let port = self.address.port().to_string();
        let mut command = Command::new(&self.program);
        command
            .args(["-a", "127.0.0.1", "-p", &port, "-js", "-sd"])
            .arg(self.scratch.path("jetstream"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        self.process = Some(command.spawn().unwrap());
        eventually("nats-server listens", || async {
            TcpStream::connect(self.address).await.ok().map(drop)
        })
        .await;
    }

    /// Kills it.
    pub async fn down(&mut self) {
        self.process.take().unwrap().kill().await.unwrap();
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "where programs are is told by the environment"
)]
fn program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("NATS_SERVER") {
        return Some(program.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory: PathBuf| directory.join("nats-server"))
        .find(|program: &PathBuf| Path::is_file(program))
}
