//! The service as its callers meet it: a real server, a real feed of Tickets, no mocks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has only failed"
)]

mod bad_input;
mod departures;
mod feed;
mod golden;
mod isolation;
mod lists;
mod notes;
mod races;
mod receipts;
mod retries;
mod stamps;
mod talking;
mod tickets;
mod world;
