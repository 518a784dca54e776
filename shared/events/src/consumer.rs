//! The reader's side of a feed: applies each event's effect exactly once, whatever is delivered.

mod apply;
mod contacts;
mod cursors;
mod pending;
mod progress;
mod rebuild;
mod repair;
mod run;
mod signs;

use std::{sync::Arc, time::Duration};

use proto::events::v1::Envelope;
use sea_orm::DbErr;

pub use contacts::ContactState;
pub use progress::Progress;
pub use rebuild::RebuildError;
pub use repair::Repaired;

use crate::{EventLog, EventSource, UnitOfWork};

/// Why a batch could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database failed: tried again for ever.
    #[error(transparent)]
    Store(#[from] DbErr),
    /// Somebody changed meanwhile what the events are about: tried again at once, in smaller pieces.
    #[error("{0}")]
    Outrun(String),
    /// The event itself cannot be applied: tried singly, then parked.
    #[error("{0}")]
    Poison(String),
}

/// What a service makes of another's events.
#[async_trait::async_trait]
pub trait Projection: Send + Sync + 'static {
    /// Name of the cursors.
    fn name(&self) -> &'static str;

    /// Applies events inside the transaction that moves the cursor. Events of unknown types are to be
    /// passed over. The same event may come again after a rebuild: keep the newest version.
    ///
    /// # Errors
    /// [`ApplyError::Poison`] when an event cannot be applied however often it is tried, [`ApplyError::Outrun`] when
    /// a version that was read is not the newest any more.
    async fn apply(&self, work: &mut UnitOfWork, events: &[Envelope]) -> Result<(), ApplyError>;

    /// Forgets what came from the source, before a snapshot of it is applied in the same transaction.
    ///
    /// # Errors
    /// When the database fails.
    async fn reset(&self, work: &mut UnitOfWork) -> Result<(), DbErr>;

    /// Called when the stored cursors are behind those that were read or moved before: the database lost what it had
    /// committed (it failed over to a server that had not heard of it), or another replica started over. What was
    /// shown since may be newer than what is stored, until the same events are applied again; whoever numbers what
    /// they show has to begin anew. Called by each replica that knew better.
    ///
    /// # Errors
    /// When the database fails; called again then.
    async fn went_back(&self, work: &mut UnitOfWork) -> Result<(), DbErr> {
        let _ = work;
        Ok(())
    }

    /// Called after a commit, with what was applied, by this replica or by another: to wake readers and drop
    /// caches.
    async fn committed(&self, events: &[Envelope]) {
        let _ = events;
    }

    /// Called when more may have changed than [`Projection::committed`] was told: others applied what was not
    /// delivered here, the answer to a commit was lost, or a rebuild replaced everything. A rebuild by another
    /// replica may look from here like events that were applied: whoever keeps things in memory and has
    /// replicas marks it in rows of its own.
    async fn moved(&self) {}
}

/// One projection of one source. Several may compete for the same cursors: the compare-and-swap that
/// starts each transaction decides, and the loser reads on from where the winner left.
#[derive(Clone)]
pub struct Consumer {
    log: EventLog,
    source_name: &'static str,
    source: Arc<dyn EventSource>,
    projection: Arc<dyn Projection>,
    progress: Progress,
    spacing: Duration,
}

impl Consumer {
    /// `log` is the consuming service's own; `source_name` the emitting service's name.
    pub fn new(
        log: EventLog,
        source_name: &'static str,
        source: Arc<dyn EventSource>,
        projection: Arc<dyn Projection>,
    ) -> Self {
        Self {
            log,
            source_name,
            source,
            projection,
            progress: Progress::new(),
            spacing: Duration::ZERO,
        }
    }

    /// Starts transactions this far apart at least, for a projection that nobody waits for: the first of a
    /// burst is applied at once, the others share the transactions after it. A commit costs more than what
    /// is in it.
    #[must_use]
    pub fn spaced(mut self, spacing: Duration) -> Self {
        self.spacing = spacing;
        self
    }

    /// How far it has come; may be cloned and kept.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Adds to one of the counters that `runtime::metrics` lists.
    fn count(&self, name: &'static str, by: usize) {
        let (source, projection) = (self.source_name, self.projection.name());
        metrics::counter!(name, "source" => source, "projection" => projection)
            .increment(by as u64);
    }

    fn gauge(&self, name: &'static str, value: f64) {
        let (source, projection) = (self.source_name, self.projection.name());
        metrics::gauge!(name, "source" => source, "projection" => projection).set(value);
    }
}
