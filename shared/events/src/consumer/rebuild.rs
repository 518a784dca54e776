//! Starting over from a snapshot.

use database::{Turn, number_of, take_turns};
use proto::events::v1::{Cursor, Envelope};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use super::{ApplyError, Consumer};
use crate::{UnitOfWork, source::SourceError};

/// Everything a source can tell, and from where to follow it afterwards.
struct WholeState {
    cursors: Vec<Cursor>,
    pages: Vec<Vec<Envelope>>,
}

impl WholeState {
    /// The newest state of every aggregate, in pages.
    fn pages(&self) -> impl Iterator<Item = &[Envelope]> {
        self.pages.iter().map(Vec::as_slice)
    }
}

/// Why a projection could not be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] DbErr),
    /// The snapshot holds something that cannot be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The snapshot was cut short.
    #[error("the snapshot was cut short")]
    Silent,
    /// The projection has applied what the source does not have; following the feed will show it.
    #[error("the projection and the source do not have the same history")]
    Elsewhere,
}

/// The kind of turn that starting over is, of one projection; replicas of all versions have to agree on it.
const REBUILD: i32 = 7007;

impl Consumer {
    /// Starts over from a snapshot, in one transaction: readers see the old rows until the new are there.
    /// A state that cannot be applied is parked, at position 0. Where another replica has started over
    /// meanwhile, nothing is done, and the answer is no.
    ///
    /// # Errors
    /// When the source or the database fails; then nothing changed.
    pub async fn rebuild(&self) -> Result<bool, RebuildError> {
        let before = self.load_cursors().await?;
        let snapshot = self.read_snapshot().await?;
        let mut work = self.log.begin().await?;
        if work.tx().get_database_backend() == DbBackend::Postgres {
            // one statement may look at every row there is, and another replica may be at it
            let patience =
                "set local statement_timeout = '10min'; set local lock_timeout = '10min'";
            work.tx().execute_unprepared(patience).await?;
        }
        let projection = number_of(&[self.source_name, self.projection.name()]);
        take_turns(work.tx(), REBUILD, Turn::Alone, [projection]).await?;
        if began_anew(&before, &self.read_cursors(work.tx()).await?) {
            work.rollback().await?;
            return Ok(false);
        }
        work.start_over();
        // where a batch was applied meanwhile the cursors move back, since the state may lack it; it comes
        // again, and versions absorb what it repeats
        self.set_cursors(&work, &snapshot.cursors).await?;
        self.projection.reset(&mut work).await?;
        self.replay(&mut work, &snapshot).await?;
        work.commit().await?;
        for events in snapshot.pages() {
            self.projection.committed(events).await;
        }
        self.projection.moved().await;
        self.progress.publish(&snapshot.cursors);
        Ok(true)
    }

    /// Before the transaction: no transaction waits for a network.
    async fn read_snapshot(&self) -> Result<WholeState, RebuildError> {
        let mut pages = Vec::new();
        let cursors = self.snapshot(None, |events| pages.push(events)).await?;
        // the rows that the transaction will change
        self.load_cursors().await?;
        Ok(WholeState { cursors, pages })
    }

    async fn replay(&self, work: &mut UnitOfWork, state: &WholeState) -> Result<(), RebuildError> {
        for events in state.pages() {
            if !self.try_project(work, events).await?.is_empty() {
                self.project_singly(work, events).await?;
            }
        }
        Ok(())
    }

    /// Applies a page, or nothing of it; says what is wrong with it if it is poison.
    pub(super) async fn try_project(
        &self,
        work: &mut UnitOfWork,
        events: &[Envelope],
    ) -> Result<String, RebuildError> {
        let mark = work.mark().await?;
        match self.project(work, events).await {
            Ok(()) => {
                work.keep(mark).await?;
                Ok(String::new())
            }
            Err(ApplyError::Store(error)) => Err(error.into()),
            Err(outrun @ ApplyError::Outrun(_)) => Err(outrun.into()),
            Err(ApplyError::Poison(why)) => {
                work.undo_to(mark).await?;
                Ok(format!("in a snapshot: {why}"))
            }
        }
    }

    /// Finds the poisoned states of a page; the others are applied, they are parked.
    async fn project_singly(
        &self,
        work: &mut UnitOfWork,
        events: &[Envelope],
    ) -> Result<(), RebuildError> {
        for event in events {
            let why = self.try_project(work, std::slice::from_ref(event)).await?;
            if !why.is_empty() {
                self.park(work, event, &why).await?;
            }
        }
        Ok(())
    }
}

/// Whoever only follows goes forward in one history.
fn began_anew(before: &[Cursor], now: &[Cursor]) -> bool {
    before.iter().zip(now).any(|(before, now)| {
        let same_history = before.log_epoch.is_empty() || before.log_epoch == now.log_epoch;
        !same_history || now.position < before.position
    })
}
