//! The layer as a client meets it: requests in, answers out, and a service behind it that speaks gRPC only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has only failed"
)]

mod document;
mod errors;
mod get;
mod properties;
mod requests;
mod sample;
mod streams;
mod unary;
