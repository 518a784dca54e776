//! Starting over from a snapshot.

use futures::StreamExt;
use proto::events::v1::{Cursor, Envelope};
use sea_orm::DbErr;
use tokio::time::timeout;

use super::{ApplyError, Consumer, run::WATCHDOG};
use crate::{
    PARTITIONS, UnitOfWork,
    source::{SnapshotPiece, SourceError},
};

/// Everything a source can tell, and from where to follow it afterwards.
pub struct WholeState {
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
}

impl Consumer {
    /// Starts over from a snapshot, in one transaction: readers see the old rows until the new are there.
    /// A state that cannot be applied is parked, at position 0.
    ///
    /// # Errors
    /// When the source or the database fails; then nothing changed.
    pub async fn rebuild(&self) -> Result<(), RebuildError> {
        let snapshot = self.read_snapshot().await?;
        let mut work = self.log.begin().await?;
        self.continue_after(&work, &snapshot).await?;
        self.projection.reset(&mut work).await?;
        self.replay(&mut work, &snapshot).await?;
        work.commit().await?;
        for events in snapshot.pages() {
            self.projection.committed(events).await;
        }
        self.projection.moved().await;
        self.rebuilt(&snapshot);
        Ok(())
    }

    /// Reads the source's whole state, and applies none of it: for a service that rebuilds what several
    /// sources tell in one transaction of its own. No transaction waits for a network.
    ///
    /// # Errors
    /// When the source or the database fails.
    pub async fn read_snapshot(&self) -> Result<WholeState, RebuildError> {
        let mut snapshot = timeout(WATCHDOG, self.source.snapshot())
            .await
            .map_err(|_| RebuildError::Silent)??;
        let mut cursors = None;
        let mut pages = Vec::new();
        while let Some(piece) = timeout(WATCHDOG, snapshot.next())
            .await
            .map_err(|_| RebuildError::Silent)?
        {
            match piece? {
                SnapshotPiece::Cursors(found) => cursors = Some(found),
                SnapshotPiece::State(events) => pages.push(events),
            }
        }
        let cursors = cursors
            .filter(|found| found.len() == PARTITIONS)
            .ok_or(RebuildError::Silent)?;
        // the rows that the transaction will change
        self.load_cursors().await?;
        Ok(WholeState { cursors, pages })
    }

    /// The first statements of a transaction that applies a whole state: moves the cursors to where it
    /// was read. Where a batch was applied meanwhile they move back, since the state may lack it; it
    /// comes again, and versions absorb what it repeats.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn continue_after(
        &self,
        work: &UnitOfWork,
        state: &WholeState,
    ) -> Result<(), RebuildError> {
        Ok(self.set_cursors(work, &state.cursors).await?)
    }

    /// Then applies the whole state, inside the same transaction. A state that cannot be applied is parked,
    /// at position 0.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replay(
        &self,
        work: &mut UnitOfWork,
        state: &WholeState,
    ) -> Result<(), RebuildError> {
        for events in state.pages() {
            if !self.try_project(work, events).await?.is_empty() {
                self.project_singly(work, events).await?;
            }
        }
        Ok(())
    }

    /// To be called after that transaction's commit: whoever waits for a position hears of it.
    pub fn rebuilt(&self, state: &WholeState) {
        self.progress.publish(&state.cursors);
    }

    /// Applies a page, or nothing of it; says what is wrong with it if it is poison.
    async fn try_project(
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
