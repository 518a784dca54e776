//! The BFF in front of services that a test can turn as it likes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has only failed"
)]

mod bad_input;
mod connect;
mod console;
mod conversations;
mod failures;
mod fakes;
mod home;
mod limits;
mod pages;
mod sessions;
mod settings;
mod tickets;
mod visitors;
mod watch;
mod web;
mod world;
