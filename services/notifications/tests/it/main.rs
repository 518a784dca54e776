//! Notifications as its callers see it: a real server, fed by Tickets and Conversations stand-ins over
//! gRPC.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod center;
mod departures;
mod feed;
mod golden;
mod owner;
mod rebuild;
mod rpc;
mod rules;
mod story;
mod watch;
