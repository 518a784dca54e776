//! NATS with JetStream, for services that know what to do with it.

use std::path::Path;

use tokio::process::Command;

use super::process::Process;

/// The broker, not started yet.
pub(crate) fn broker(program: &Path, directory: &Path, port: u16) -> Process {
    let (program, data) = (program.to_owned(), directory.join("nats"));
    let command = move || {
        let mut command = Command::new(&program);
        command
            .args(["--addr", "127.0.0.1", "--port", &port.to_string()])
            .arg("--jetstream")
            .arg("--store_dir")
            .arg(&data);
        command
    };
    let log = directory.join("nats.log");
    Process::new("nats".into(), port, log, Box::new(command))
}

/// Whether a service takes the broker's address: its help says so.
pub(crate) fn is_known_to(program: &Path, service: &str) -> bool {
    std::process::Command::new(program)
        .args(["service", service, "--help"])
        .output()
        .is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--nats"))
}
