//! One machine, one file: many readers, one writer.

use std::time::Duration;

use sea_orm::ConnectOptions;

/// Connections that read. SQLite answers each on a thread of its own, so a few of them overlap.
pub(super) const READERS: u32 = 6;
/// How long a call waits for a connection before it gives up as unavailable.
const ACQUIRE: Duration = Duration::from_secs(5);

pub(super) fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(connections.min(2))
        .acquire_timeout(ACQUIRE)
        .sqlx_logging(false)
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .create_if_missing(true)
                .foreign_keys(true)
                .busy_timeout(ACQUIRE)
                // readers never wait for the writer
                .pragma("journal_mode", "WAL")
                // a commit that was answered survives a power cut: events handed out are never taken back
                .pragma("synchronous", "FULL")
                // what is deleted is overwritten, in pages that become free too: it costs a command no page more, and
                // housekeeping four tenths more of them
                .pragma("secure_delete", "ON")
                // hot pages change with every commit: written back 16 MB at a time instead of 4, each of
                // them once
                .pragma("wal_autocheckpoint", "4000")
                .pragma("cache_size", "-32768")
                .pragma("mmap_size", "268435456")
                .statement_cache_capacity(256)
        });
    options
}
