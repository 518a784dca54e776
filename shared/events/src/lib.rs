//! Facts on their way from the service that owns them to those that need them: the log in the owner's
//! database, its feed, and the consumer that applies it. Without this crate every service would have
//! its own way to lose or repeat an event.

pub mod consumer;
pub mod departed;
pub mod feed;
pub mod log;
pub mod migration;
pub mod source;
mod tail;
mod time;
mod wake;

pub use consumer::{ApplyError, Consumer, ContactState, Progress, Projection, RebuildError};
pub use feed::{FeedServer, SnapshotPage, SnapshotSource};
pub use log::{EventLog, NewEvent, UnitOfWork, partition_of};
pub use source::{ContactRef, Delivery, EventSource, GrpcSource, LocalSource, SourceError};
pub use wake::share_wakeups;

/// How far apart the transactions of a projection are that nobody waits for.
pub const UNHURRIED: std::time::Duration = std::time::Duration::from_millis(10);
/// Partitions of every log; frozen, since a position means nothing without it.
pub const PARTITIONS: usize = 16;
/// Events in a batch at the most.
pub const BATCH_EVENTS: usize = 256;
/// Bytes of payload in a batch at the most, unless a single event is larger.
pub const BATCH_BYTES: usize = 256 * 1024;
/// The type of an event whose contents were erased, with the person they told of: to be passed over.
pub const ERASED: &str = "messenger.events.v1.Erased";
/// Bytes of one event's payload at the most.
pub const MAX_PAYLOAD: usize = 64 * 1024;
