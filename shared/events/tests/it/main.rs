//! Tests of the log, its feed and its consumer, over real databases and a real server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "what a test spawns ends with the test"
)]

mod consumer;
mod departed;
mod feed;
mod grpc;
mod journal;
mod local;
mod log;
mod owner;
mod replicas;
mod sources;
