//! Tests against a real nats-server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "what a test spawns ends with the test, and where servers are is told by the environment"
)]

mod away;
mod carried;
mod feed;
mod hints;
mod job;
mod owner;
mod relay;
mod server;
mod transport;
mod ways;
