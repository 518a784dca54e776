//! What Postgres itself can do: its own benchmark with the statements of a state change.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use database::Database;
use tokio::process::Command;

use super::WRITERS;
use crate::{bench::bare, cluster::binaries};

/// The statements as Tickets sends them; what it reads before it begins is not among them.
const SCRIPT: &str = include_str!("change.sql");

/// Puts tickets where the statements change them, and the statements where pgbench finds them.
///
/// # Errors
/// When the database or the file cannot be written.
pub(super) async fn prepare(directory: &Path, database: &str) -> Result<()> {
    std::fs::write(directory.join("change.sql"), SCRIPT)?;
    let db = Database::open::<tickets::Migrator>(database).await?;
    bare::tickets(&db).await?;
    db.close().await?;
    Ok(())
}

/// State changes per second by as many clients as the service has callers.
///
/// # Errors
/// When pgbench is not installed, or a statement fails.
pub(super) async fn changes(directory: &Path, database: &str, time: Duration) -> Result<f64> {
    let program = binaries()?.join("pgbench");
    let said = Command::new(&program)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=1"])
        .arg(format!("--client={WRITERS}"))
        .arg(format!("--time={}", time.as_secs()))
        .arg("--file")
        .arg(directory.join("change.sql"))
        .arg(database)
        .output()
        .await
        .with_context(|| format!("{} cannot be run", program.display()))?;
    let out = String::from_utf8_lossy(&said.stdout);
    match tps(&out) {
        Some(tps) if said.status.success() => Ok(tps),
        _ => bail!("pgbench failed: {}", String::from_utf8_lossy(&said.stderr)),
    }
}

fn tps(out: &str) -> Option<f64> {
    let line = out.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pgbench_says_how_many_transactions_a_second_it_made() {
        let out = "latency average = 2.5 ms\ntps = 3187.25 (without initial connection time)\n";
        assert_eq!(tps(out), Some(3187.25));
        assert_eq!(tps("ERROR"), None);
    }
}
