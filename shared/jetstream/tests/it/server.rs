//! Servers: the one that runs already, and ones that a test stops and starts.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use jetstream::Nats;
use testing::{Scratch, eventually};
use tokio::process::{Child, Command};

/// The server to test against; says loudly that there is none.
pub fn running() -> Option<SocketAddr> {
    let Ok(url) = env::var("TEST_NATS_URL") else {
        eprintln!("\n*** SKIPPED: set TEST_NATS_URL to a nats-server with JetStream ***\n");
        return None;
    };
    let address = url.strip_prefix("nats://").unwrap_or(&url);
    Some(
        address
            .parse()
            .expect("TEST_NATS_URL is nats://<ip>:<port>"),
    )
}

pub async fn connect(address: SocketAddr) -> Nats {
    let nats = Nats::connect(&format!("nats://{address}"), "a test").await;
    let nats = nats.unwrap();
    up(&nats).await;
    nats
}

pub async fn up(nats: &Nats) {
    eventually("a connection", || async { nats.is_up().then_some(()) }).await;
}

/// A server of a test's own.
pub struct Server {
    program: PathBuf,
    address: SocketAddr,
    store: PathBuf,
    process: Option<Child>,
    _scratch: Scratch,
}

impl Server {
    /// On a free port; `None`, said loudly, without the program.
    pub async fn start() -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("\n*** SKIPPED: set NATS_SERVER to the program of a nats-server ***\n");
            return None;
        };
        let address = testing::free_address();
        let scratch = Scratch::new();
        let mut server = Self {
            program,
            address,
            store: scratch.path("jetstream"),
            process: None,
            _scratch: scratch,
        };
        server.up().await;
        Some(server)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it, with what it had stored.
    pub async fn up(&mut self) {
        let mut command = Command::new(&self.program);
        let port = self.address.port().to_string();
        let command = command
            .args(["-a", "127.0.0.1", "-p", &port, "-js", "-sd"])
            .arg(&self.store)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        self.process = Some(command.spawn().unwrap());
        connect(self.address).await;
    }

    /// Kills it.
    pub async fn down(&mut self) {
        self.process.take().unwrap().kill().await.unwrap();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(program) = env::var_os("NATS_SERVER") {
        return Some(program.into());
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory: PathBuf| directory.join("nats-server"))
        .find(|program: &PathBuf| Path::is_file(program))
}

/// A connection to where nobody listens.
pub async fn nobody() -> Nats {
    let nobody = testing::free_address().to_string();
    Nats::connect(&nobody, "a test").await.unwrap()
}
