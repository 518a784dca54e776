//! The contract, generated from `messenger/**/*.proto`: the only way services know of each other.

#[allow(
    missing_docs,
    clippy::all,
    clippy::disallowed_methods,
    reason = "generated code"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/messenger.rs"));
}

pub use generated::messenger::{bff, conversations, events, notifications, settings, tickets};

/// The encoded `FileDescriptorSet` of every package: for reflection, JSON and checks over all RPCs.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));
