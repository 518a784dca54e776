//! A transaction of the owner.

use proto::events::v1::LogPosition;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use types::micros;

use super::{EventLog, NewEvent, partition_of};
use crate::{MAX_PAYLOAD, PARTITIONS};

/// One transaction of the owner: its statements, then its events, then the commit. Dropped without
/// [`UnitOfWork::commit`], nothing happened.
pub struct UnitOfWork {
    tx: DatabaseTransaction,
    events: Vec<NewEvent>,
    appended: Vec<LogPosition>,
    log: EventLog,
}

impl UnitOfWork {
    pub(super) fn new(tx: DatabaseTransaction, log: EventLog) -> Self {
        Self {
            tx,
            events: Vec::new(),
            appended: Vec::new(),
            log,
        }
    }

    /// The transaction, for the store's statements.
    pub fn tx(&self) -> &DatabaseTransaction {
        &self.tx
    }

    /// Collects an event; it is appended by [`UnitOfWork::commit`].
    pub fn emit(&mut self, event: NewEvent) {
        self.events.push(event);
    }

    /// Appends the events and commits. Returns where they are, in the order they were emitted.
    ///
    /// # Errors
    /// When the database fails or a payload is over [`MAX_PAYLOAD`]; then nothing happened, unless the
    /// answer to the commit itself was lost.
    pub async fn commit(mut self) -> Result<Vec<LogPosition>, DbErr> {
        self.append_emitted().await?;
        let mut heads = [0; PARTITIONS];
        for place in &self.appended {
            let head = &mut heads[place.partition as usize];
            *head = place.position.max(*head);
        }
        self.tx.commit().await?;
        self.log.announce(&heads);
        Ok(self.appended)
    }

    /// Appends the events before the commit and returns where they will be, in the order they were
    /// emitted: for an answer that is kept in the same transaction. Call it once and last but for that,
    /// since the partitions are held from here to the commit.
    ///
    /// # Errors
    /// When the database fails or a payload is over [`MAX_PAYLOAD`].
    pub async fn append_emitted(&mut self) -> Result<&[LogPosition], DbErr> {
        let mut events: Vec<(usize, usize, NewEvent)> = std::mem::take(&mut self.events)
            .into_iter()
            .map(|event| {
                (
                    partition_of(event.contact.as_ref(), &event.workspace),
                    event,
                )
            })
            .enumerate()
            .map(|(turn, (partition, event))| (turn, partition, event))
            .collect();
        // every writer takes partitions in the same order, so that none waits for another in a circle
        events.sort_by_key(|(_, partition, _)| *partition);
        let mut positions = vec![LogPosition::default(); events.len()];
        for (turn, partition, event) in events {
            positions[turn] = LogPosition {
                source: self.log.source.into(),
                partition: partition as u32,
                position: self.append(partition, event).await?,
            };
        }
        self.appended.append(&mut positions);
        Ok(&self.appended)
    }

    /// Undoes everything. Dropping does too, later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rollback(self) -> Result<(), DbErr> {
        self.tx.rollback().await
    }

    /// Marks this place, to go back to with [`UnitOfWork::undo_to`].
    pub(crate) async fn mark(&self) -> Result<Mark, DbErr> {
        self.tx.execute_unprepared("savepoint mark").await?;
        Ok(Mark {
            events: self.events.len(),
        })
    }

    /// Undoes what happened since the mark, and forgets it.
    pub(crate) async fn undo_to(&mut self, mark: Mark) -> Result<(), DbErr> {
        self.events.truncate(mark.events);
        self.tx
            .execute_unprepared("rollback to savepoint mark")
            .await?;
        self.keep(mark).await
    }

    /// Keeps what happened since the mark, and forgets it.
    pub(crate) async fn keep(&self, _: Mark) -> Result<(), DbErr> {
        self.tx.execute_unprepared("release savepoint mark").await?;
        Ok(())
    }

    async fn append(&self, partition: usize, event: NewEvent) -> Result<u64, DbErr> {
        if event.payload.len() > MAX_PAYLOAD {
            return Err(DbErr::Custom(format!(
                "an event of {} bytes is too large",
                event.payload.len()
            )));
        }
        let row = self
            .tx
            .query_one_raw(Statement::from_sql_and_values(
                self.tx.get_database_backend(),
                "insert into evlog (part, pos, event_id, type, aggregate_id, aggregate_version, contact_id, \
                 workspace_id, occurred_at, recorded_at, traceparent, payload) values ($1, \
                 coalesce((select max(pos) from evlog where part = $1), \
                 (select floor_pos from evlog_head where part = $1), 0) + 1, \
                 $2, $3, $4, $5, $6, $7, $8, $9, '', $10) returning pos",
                [
                    (partition as i32).into(),
                    types::id::uuid().as_bytes().to_vec().into(),
                    event.kind.into(),
                    event.aggregate_id.into(),
                    (event.aggregate_version as i64).into(),
                    event.contact.map(String::from).unwrap_or_default().into(),
                    String::from(event.workspace).into(),
                    event.occurred_at.into(),
                    micros(self.log.clock.now()).into(),
                    event.payload.into(),
                ],
            ))
            .await?
            .ok_or_else(|| DbErr::RecordNotInserted)?;
        Ok(row.try_get::<i64>("", "pos")? as u64)
    }
}

/// A place in a unit of work; there is one at a time.
pub(crate) struct Mark {
    events: usize,
}
