//! The service as its callers meet it: over gRPC, with a database of its own and a feed to follow.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot be set up should stop"
)]

mod changes;
mod departures;
mod events_heard;
mod events_told;
mod feed;
mod golden;
mod imports;
mod inbox;
mod isolation;
mod links;
mod lists;
mod races;
mod refusals;
mod requests;
mod sharing;
mod submitting;
mod support;
mod types;
