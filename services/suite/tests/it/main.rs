//! All five services together, as a customer, a teammate and an operator meet them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test that cannot be set up should stop"
)]

mod cluster;
mod command_line;
mod console;
mod departures;
mod desk;
mod encrypted;
mod office;
mod outages;
mod private;
mod proofs;
mod replicas;
mod sharing;
mod story;
mod support;
mod together;
mod traces;
