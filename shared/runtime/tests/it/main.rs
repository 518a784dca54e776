//! Tests of a process from outside: calls over the network to a small service that misbehaves on request.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "what a test spawns ends with the test; the service under test makes statuses of its own"
)]

mod access;
mod balance;
mod client;
mod counts;
mod crowd;
mod deadline;
mod drain;
mod edge;
mod errors;
mod limits;
mod process;
mod sample;
mod tls;
