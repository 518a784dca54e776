//! The Settings service as its callers see it: a real server, a real database, over gRPC.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

mod api_tokens;
mod bad_input;
mod console_sessions;
mod contact_search;
mod contacts;
mod erasure;
mod feed;
mod golden;
mod identity_keys;
mod isolation;
mod last_use;
mod merges;
mod modes;
mod outage;
mod roles;
mod sealing;
mod secrets;
mod sessions;
mod spaces;
mod tested_tokens;
mod user_tokens;
mod visitors;
mod workspaces;
mod world;
