//! NATS between the log of an owner and its readers, where many read: a replicated copy of each log in
//! JetStream, and hints over core NATS. Without this crate every reader costs the owner's database.
//!
//! The log stays the only truth. Each of its sixteen partitions has a stream in which a message's sequence
//! **is** the event's position, so that cursors mean the same on every transport:
//!
//! * [`Streams`] names and makes them. Subject `ev.v1.<service>.<pp>`, stream `EV_<SERVICE>_<pp>`, body an
//!   `Envelope`, headers `Ev-Id`, `Ev-Prev` and `Ev-Epoch` in hex.
//! * [`Relay`] runs beside the owner, in as many replicas as there are, and publishes what the log holds.
//!   Each message expects the one before it as the stream's last, so the server itself refuses a second
//!   copy, a gap and a relay that lags. Where to go on is read from the stream, never kept elsewhere; a
//!   stream that holds anything else than the log is made anew.
//! * [`JetStreamSource`] is the [`EventSource`](events::EventSource) of a reader. It trusts a stream only as
//!   far as the chain of events proves it, and asks the owner's own feed about everything else: a cursor
//!   that no stream can confirm, what was pruned, heads, snapshots, and all of it while NATS is away, silent
//!   or behind. Only the owner's word makes a reader rebuild.
//! * [`Transport`] is what a service wires: it is told by [`NatsArgs`] whether there is NATS at all.
//! * [`Hints`] say "this contact changed" to the other replicas of a service. At most once: a hint is never data.
//!
//! No message ids and no durable consumers: a window of duplicates is no guarantee, and a second cursor
//! could disagree with the reader's own.
//!
//! # Tests
//! `TEST_NATS_URL=nats://127.0.0.1:4222 cargo nextest run -p jetstream` against any nats-server with
//! JetStream from 2.14 on. Tests that stop and start a server need its program, in `NATS_SERVER` or the
//! `PATH`. Without either they say so, and pass.

mod attach;
mod config;
mod copies;
mod hints;
mod mark;
mod nats;
mod relay;
mod session;
mod source;
mod streams;
mod transport;

pub use config::{NatsArgs, StreamArgs, streams_errand};
pub use hints::{Heard, Hints};
pub use nats::{Link, Nats};
pub use relay::Relay;
pub use source::JetStreamSource;
pub use streams::{StreamSettings, Streams};
pub use transport::Transport;

/// NATS did not do what was asked: it is away, or refuses. Try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    pub(crate) fn new(what: &str, why: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}
