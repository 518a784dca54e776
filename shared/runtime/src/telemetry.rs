//! Logs: lines for people on a terminal, JSON elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// Starts logging to standard error, and collecting [`metrics`](crate::metrics). `filter` is as in `RUST_LOG`; a second call does nothing.
pub fn start(filter: &str) {
    crate::metrics::start();
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let outcome = if std::io::stderr().is_terminal() {
        registry
            .with(fmt::layer().with_writer(std::io::stderr).with_target(false))
            .try_init()
    } else {
        registry
            .with(fmt::layer().json().with_writer(std::io::stderr))
            .try_init()
    };
    if outcome.is_err() {
        tracing::debug!("logging was started before");
    }
}
