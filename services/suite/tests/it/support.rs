//! A suite of its own for each test: scratch data, five free ports, and the program itself.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use suite::Layout;
use testing::{Scratch, eventually};
use tokio::process::{Child, Command};

/// The program under test.
pub const SUITE: &str = env!("CARGO_BIN_EXE_suite");
/// A run of the program that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(150);

/// Five ports in a row that are free now. Tests of one process never get the same ones; tests of
/// others start elsewhere.
pub fn free_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + (std::process::id() % 3_000) as u16 * 10;
    for _ in 0..500 {
        let offset = NEXT.fetch_add(5, Ordering::Relaxed) % 5_000;
        // below those that a system gives to connections: a service that is down for a while keeps its own
        let first = start.wrapping_add(offset) % 17_000 + 15_000;
        let free = (0..5).all(|port| TcpListener::bind(("127.0.0.1", first + port)).is_ok());
        if free {
            return first;
        }
    }
    panic!("no five free ports in a row");
}

/// A data directory, and what runs on it.
pub struct Site {
    scratch: Scratch,
    pub port: u16,
}

impl Site {
    pub fn new() -> Self {
        Self {
            scratch: Scratch::new(),
            port: free_ports(),
        }
    }

    pub fn data(&self) -> PathBuf {
        self.scratch.path("data")
    }

    pub fn layout(&self) -> Layout {
        Layout::new(self.data())
    }

    pub fn dump(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }

    /// Starts `suite run` and waits for its demo workspace.
    pub async fn run(&self, flags: &[&str]) -> Child {
        let child = Command::new(SUITE)
            .args(["run", "--port", &self.port.to_string(), "--data"])
            .arg(self.data())
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        eventually("the suite serves", || async {
            let there = self.layout().access().exists() && self.layout().endpoints().exists();
            let listens = tokio::net::TcpStream::connect(("127.0.0.1", self.port))
                .await
                .is_ok();
            (there && listens).then_some(())
        })
        .await;
        child
    }

    /// Runs another subcommand on this site to its end.
    pub async fn suite(&self, arguments: &[&str]) -> Output {
        suite(&[arguments, &["--data", self.data().to_str().unwrap()]].concat()).await
    }
}

/// Runs the program to its end.
pub async fn suite(arguments: &[&str]) -> Output {
    let run = Command::new(SUITE)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    tokio::time::timeout(PATIENCE, run)
        .await
        .expect("the program ends")
        .unwrap()
}

/// Asks a process to drain and waits for its end; its exit code.
pub async fn stop(mut child: Child) -> Option<i32> {
    signal("-TERM", child.id().unwrap()).await;
    tokio::time::timeout(Duration::from_secs(30), child.wait())
        .await
        .expect("it drains")
        .unwrap()
        .code()
}

pub async fn signal(signal: &str, process: u32) {
    let status = Command::new("kill")
        .args([signal, &process.to_string()])
        .status()
        .await
        .unwrap();
    assert!(status.success());
}

/// The process of a service of a separate suite, by its command line.
pub fn process_of(data: &Path, service: &str) -> Option<u32> {
    let wanted = data.to_str().unwrap();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .find_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let mut words = line.split('\0');
            (words.any(|word| word == "service")
                && words.find(|word| !word.starts_with("--")) == Some(service)
                && line.split('\0').any(|word| word.starts_with(wanted)))
            .then_some(id)
        })
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
