//! The reader's side of a feed: applies each event's effect exactly once, whatever is delivered.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use prost::Message;
use proto::events::v1::{Cursor, Envelope};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;
use types::micros;

use crate::{
    EventLog, EventSource, PARTITIONS, UnitOfWork,
    log::Heads,
    source::{Delivery, SnapshotPiece, SourceError},
};

/// A feed says something every 2 s; three missed and the connection is taken for dead.
const WATCHDOG: Duration = Duration::from_secs(6);
/// First wait after a failure.
const BACKOFF: Duration = Duration::from_millis(50);
/// Longest wait after repeated failures.
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// Tries of a poisoned event before it is parked.
const TRIES: u32 = 5;

/// Why a batch could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database failed: tried again for ever.
    #[error(transparent)]
    Store(#[from] DbErr),
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
    /// [`ApplyError::Poison`] when an event cannot be applied however often it is tried.
    async fn apply(&self, work: &mut UnitOfWork, events: &[Envelope]) -> Result<(), ApplyError>;

    /// Forgets what came from the source, before a snapshot of it is applied in the same transaction.
    ///
    /// # Errors
    /// When the database fails.
    async fn reset(&self, work: &mut UnitOfWork) -> Result<(), DbErr>;

    /// Called after a commit, with what was applied: to wake readers and drop caches.
    async fn committed(&self, events: &[Envelope]) {
        let _ = events;
    }
}

/// How far a consumer has come.
#[derive(Debug, Clone)]
pub struct Progress {
    applied: watch::Sender<Heads>,
    caught_up: watch::Sender<bool>,
}

impl Progress {
    fn new() -> Self {
        Self {
            applied: watch::Sender::new([0; PARTITIONS]),
            caught_up: watch::Sender::new(false),
        }
    }

    /// Waits until a position was applied; false when `limit` passes first.
    pub async fn reached(&self, partition: usize, position: u64, limit: Duration) -> bool {
        let mut applied = self.applied.subscribe();
        let wait =
            applied.wait_for(|heads| heads.get(partition).is_some_and(|head| *head >= position));
        matches!(timeout(limit, wait).await, Ok(Ok(_)))
    }

    /// Positions applied by now.
    pub fn applied(&self) -> Heads {
        *self.applied.borrow()
    }

    /// Waits until everything that was in the log at the start was applied; false when `limit` passes first.
    pub async fn caught_up(&self, limit: Duration) -> bool {
        let mut caught_up = self.caught_up.subscribe();
        matches!(
            timeout(limit, caught_up.wait_for(|done| *done)).await,
            Ok(Ok(_))
        )
    }
}

/// One projection of one source. Several may compete for the same cursors: the compare-and-swap that
/// starts each transaction decides, and the loser reads on from where the winner left.
pub struct Consumer {
    log: EventLog,
    source_name: &'static str,
    source: Arc<dyn EventSource>,
    projection: Arc<dyn Projection>,
    progress: Progress,
}

enum Stop {
    Retry(String),
    /// Somebody else moved a cursor: read it again, at once.
    Lost,
    Rebuild(SourceError),
}

impl From<DbErr> for Stop {
    fn from(error: DbErr) -> Self {
        Self::Retry(error.to_string())
    }
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
        }
    }

    /// How far it has come; may be cloned and kept.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Runs until told to stop. Failures are logged and tried again.
    pub async fn run(self, stop: CancellationToken) {
        let mut backoff = BACKOFF;
        while !stop.is_cancelled() {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.follow(&mut backoff) => outcome,
            };
            let wait = match outcome {
                Stop::Lost => Duration::ZERO,
                Stop::Retry(why) => {
                    tracing::warn!(
                        source = self.source_name,
                        projection = self.projection.name(),
                        why,
                        "feed interrupted"
                    );
                    backoff
                }
                Stop::Rebuild(why) => {
                    tracing::error!(source = self.source_name, projection = self.projection.name(), %why, "rebuilding from a snapshot");
                    match self.rebuild().await {
                        Ok(()) => Duration::ZERO,
                        Err(error) => {
                            tracing::error!(source = self.source_name, %error, "the rebuild failed");
                            backoff
                        }
                    }
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            if !wait.is_zero() {
                backoff = (backoff * 2).min(MAX_BACKOFF);
            }
        }
    }

    /// Follows the feed until something stops it.
    async fn follow(&self, backoff: &mut Duration) -> Stop {
        match self.try_follow(backoff).await {
            Ok(never) => match never {},
            Err(stop) => stop,
        }
    }

    async fn try_follow(&self, backoff: &mut Duration) -> Result<std::convert::Infallible, Stop> {
        let mut cursors = self.load_cursors().await?;
        self.publish(&cursors);
        let mut feed = match timeout(WATCHDOG, self.source.subscribe(cursors.clone())).await {
            Ok(feed) => feed.map_err(stop)?,
            Err(_) => return Err(Stop::Retry("no answer to the subscription".into())),
        };
        loop {
            let delivery = match timeout(WATCHDOG, feed.next()).await {
                Ok(Some(delivery)) => delivery.map_err(stop)?,
                Ok(None) => return Err(Stop::Retry("the feed ended".into())),
                Err(_) => return Err(Stop::Retry("the feed went silent".into())),
            };
            *backoff = BACKOFF;
            match delivery {
                Delivery::Batch(events) => self.accept(&mut cursors, events).await?,
                Delivery::Heartbeat(heads) => {
                    if heads.iter().all(|head| {
                        cursors
                            .get(head.partition as usize)
                            .is_some_and(|cursor| cursor.position >= head.position)
                    }) {
                        self.progress.caught_up.send_replace(true);
                    }
                }
            }
        }
    }

    /// Drops what was applied, fills gaps, and applies the rest.
    async fn accept(&self, cursors: &mut [Cursor], events: Vec<Envelope>) -> Result<(), Stop> {
        let mut next = cursors.to_vec();
        let mut fresh = Vec::with_capacity(events.len());
        for event in events {
            let partition = event.partition as usize;
            let Some(cursor) = next.get_mut(partition) else {
                return Err(Stop::Retry(format!("partition {partition} does not exist")));
            };
            while event.position > cursor.position + 1 {
                let missing = self
                    .source
                    .read(partition, cursor.position)
                    .await
                    .map_err(stop)?;
                if missing.is_empty() {
                    return Err(Stop::Retry(format!(
                        "partition {partition} has a gap that cannot be filled"
                    )));
                }
                for event in missing {
                    take(cursor, event, &mut fresh)?;
                }
            }
            take(cursor, event, &mut fresh)?;
        }
        if fresh.is_empty() {
            return Ok(());
        }
        match self.apply(cursors, &next, &fresh).await {
            Ok(()) => {
                cursors.clone_from_slice(&next);
                self.publish(cursors);
                Ok(())
            }
            Err(ApplyStop::Stop(stop)) => Err(stop),
            Err(ApplyStop::Poison(_)) => self.apply_singly(cursors, fresh).await,
        }
    }

    /// Finds the poisoned event of a batch; the others are applied, it is parked.
    async fn apply_singly(
        &self,
        cursors: &mut [Cursor],
        events: Vec<Envelope>,
    ) -> Result<(), Stop> {
        for event in events {
            let mut next = cursors.to_vec();
            next[event.partition as usize] = place(&event);
            let mut tries = 1;
            loop {
                match self
                    .apply(cursors, &next, std::slice::from_ref(&event))
                    .await
                {
                    Ok(()) => break,
                    Err(ApplyStop::Stop(stop)) => return Err(stop),
                    Err(ApplyStop::Poison(why)) if tries >= TRIES => {
                        self.park(cursors, &next, &event, &why).await?;
                        break;
                    }
                    Err(ApplyStop::Poison(_)) => tries += 1,
                }
            }
            cursors.clone_from_slice(&next);
            self.publish(cursors);
        }
        Ok(())
    }

    async fn apply(
        &self,
        old: &[Cursor],
        new: &[Cursor],
        events: &[Envelope],
    ) -> Result<(), ApplyStop> {
        let mut work = self.log.begin().await?;
        self.swap_cursors(&work, old, new).await?;
        match self.projection.apply(&mut work, events).await {
            Ok(()) => {}
            Err(ApplyError::Store(error)) => return Err(error.into()),
            Err(ApplyError::Poison(why)) => {
                work.rollback().await?;
                return Err(ApplyStop::Poison(why));
            }
        }
        work.commit().await?;
        self.projection.committed(events).await;
        Ok(())
    }

    async fn park(
        &self,
        old: &[Cursor],
        new: &[Cursor],
        event: &Envelope,
        why: &str,
    ) -> Result<(), Stop> {
        tracing::error!(
            source = self.source_name,
            projection = self.projection.name(),
            partition = event.partition,
            position = event.position,
            kind = event.r#type,
            why,
            "event parked"
        );
        let work = self.log.begin().await?;
        self.swap_cursors(&work, old, new)
            .await
            .map_err(|e| match e {
                ApplyStop::Stop(stop) => stop,
                ApplyStop::Poison(why) => Stop::Retry(why),
            })?;
        let tx = work.tx();
        tx.execute_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "insert into consumer_quarantine (projection, source, part, pos, event_id, contact_id, envelope, \
             error, parked_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
            [
                self.projection.name().into(),
                self.source_name.into(),
                (event.partition as i32).into(),
                (event.position as i64).into(),
                event.event_id.clone().into(),
                event.contact_id.clone().into(),
                event.encode_to_vec().into(),
                why.into(),
                micros(self.log.clock().now()).into(),
            ],
        ))
        .await?;
        work.commit().await?;
        Ok(())
    }

    /// The first statements of each transaction: whoever finds a cursor moved gives up.
    async fn swap_cursors(
        &self,
        work: &UnitOfWork,
        old: &[Cursor],
        new: &[Cursor],
    ) -> Result<(), ApplyStop> {
        let tx = work.tx();
        for (old, new) in old.iter().zip(new).filter(|(old, new)| old != new) {
            let done = tx
                .execute_raw(Statement::from_sql_and_values(
                    tx.get_database_backend(),
                    "update consumer_cursor set log_epoch = $1, pos = $2, event_id = $3 \
                     where projection = $4 and source = $5 and part = $6 and pos = $7 and event_id = $8",
                    [
                        new.log_epoch.clone().into(),
                        (new.position as i64).into(),
                        new.event_id.clone().into(),
                        self.projection.name().into(),
                        self.source_name.into(),
                        (old.partition as i32).into(),
                        (old.position as i64).into(),
                        old.event_id.clone().into(),
                    ],
                ))
                .await?;
            if done.rows_affected() == 0 {
                return Err(ApplyStop::Stop(Stop::Lost));
            }
        }
        Ok(())
    }

    async fn load_cursors(&self) -> Result<Vec<Cursor>, DbErr> {
        let tx = self.log.database().begin().await?;
        let backend = tx.get_database_backend();
        for partition in 0..PARTITIONS {
            tx.execute_raw(Statement::from_sql_and_values(
                backend,
                "insert into consumer_cursor (projection, source, part, log_epoch, pos, event_id) \
                 values ($1, $2, $3, $4, 0, $4) on conflict do nothing",
                [
                    self.projection.name().into(),
                    self.source_name.into(),
                    (partition as i32).into(),
                    Vec::<u8>::new().into(),
                ],
            ))
            .await?;
        }
        let rows = tx
            .query_all_raw(Statement::from_sql_and_values(
                backend,
                "select part, log_epoch, pos, event_id from consumer_cursor \
                 where projection = $1 and source = $2 order by part",
                [self.projection.name().into(), self.source_name.into()],
            ))
            .await?;
        tx.commit().await?;
        rows.iter()
            .map(|row| {
                Ok(Cursor {
                    partition: row.try_get::<i32>("", "part")? as u32,
                    position: row.try_get::<i64>("", "pos")? as u64,
                    event_id: row.try_get("", "event_id")?,
                    log_epoch: row.try_get("", "log_epoch")?,
                })
            })
            .collect()
    }

    /// Starts over from a snapshot, in one transaction: readers see the old rows until the new are there.
    ///
    /// # Errors
    /// When the source or the database fails; then nothing changed.
    pub async fn rebuild(&self) -> Result<(), RebuildError> {
        let old = self.load_cursors().await?;
        let mut snapshot = self.source.snapshot().await?;
        let mut cursors = None;
        let mut pages = Vec::new();
        // read before the transaction starts: no transaction waits for a network
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
        let mut work = self.log.begin().await?;
        self.swap_cursors(&work, &old, &cursors)
            .await
            .map_err(|_| RebuildError::Lost)?;
        self.projection.reset(&mut work).await?;
        for events in &pages {
            self.projection.apply(&mut work, events).await?;
        }
        work.commit().await?;
        for events in &pages {
            self.projection.committed(events).await;
        }
        self.publish(&cursors);
        Ok(())
    }

    fn publish(&self, cursors: &[Cursor]) {
        self.progress.applied.send_modify(|applied| {
            for cursor in cursors {
                if let Some(place) = applied.get_mut(cursor.partition as usize) {
                    *place = cursor.position;
                }
            }
        });
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
    /// Another replica moved the cursors meanwhile.
    #[error("another replica moved the cursors")]
    Lost,
}

enum ApplyStop {
    Poison(String),
    Stop(Stop),
}

impl From<DbErr> for ApplyStop {
    fn from(error: DbErr) -> Self {
        Self::Stop(error.into())
    }
}

fn take(cursor: &mut Cursor, event: Envelope, fresh: &mut Vec<Envelope>) -> Result<(), Stop> {
    if event.position <= cursor.position {
        return Ok(());
    }
    if event.position != cursor.position + 1 || event.prev_event_id != cursor.event_id {
        return Err(Stop::Rebuild(SourceError::Diverged {
            partition: event.partition as usize,
        }));
    }
    *cursor = place(&event);
    fresh.push(event);
    Ok(())
}

fn place(event: &Envelope) -> Cursor {
    Cursor {
        partition: event.partition,
        position: event.position,
        event_id: event.event_id.clone(),
        log_epoch: event.log_epoch.clone(),
    }
}

fn stop(error: SourceError) -> Stop {
    match error {
        SourceError::Unavailable(why) => Stop::Retry(why),
        SourceError::OutOfRange { .. } | SourceError::Diverged { .. } => Stop::Rebuild(error),
    }
}
