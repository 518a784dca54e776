//! A transaction of the owner.

mod replace;

use std::{collections::HashMap, sync::Arc};

use database::Turn;
use proto::events::v1::{Envelope, LogPosition};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement, Value};
use types::{ContactId, WorkspaceId, micros};

use super::{EventLog, NewEvent, partition_of};
use crate::{MAX_PAYLOAD, departed};

/// The kind of turn that a partition is; replicas of all versions have to agree on it.
const PARTITION: i32 = 7001;

/// Leaves the first event of an aggregate out whose contact is no more: read in the statement that appends, with
/// the contact's partition in hand, so that nobody is marked as such between this and the commit.
const NOTHING_BEGINS: &str = " where fresh.aggregate_version > 1 or not exists \
    (select 1 from departed_contact d where d.workspace_id = fresh.workspace_id \
    and d.contact_id = fresh.contact_id)";

/// One transaction of the owner: its statements, then its events, then the commit. Dropped without
/// [`UnitOfWork::commit`], nothing happened.
pub struct UnitOfWork {
    tx: DatabaseTransaction,
    events: Vec<NewEvent>,
    appended: Vec<LogPosition>,
    written: Vec<Envelope>,
    causes: HashMap<String, Arc<str>>,
    starts_over: bool,
    log: EventLog,
}

impl EventLog {
    /// As [`EventLog::begin`], for what a workspace has alone.
    ///
    /// # Errors
    /// When the database is away or busy for too long.
    pub async fn begin_of(&self, workspace: &WorkspaceId) -> Result<UnitOfWork, DbErr> {
        let tx = self.db.begin_of(workspace).await?;
        Ok(UnitOfWork::new(tx, self.clone()))
    }
}

impl UnitOfWork {
    pub(super) fn new(tx: DatabaseTransaction, log: EventLog) -> Self {
        Self {
            tx,
            events: Vec::new(),
            appended: Vec::new(),
            written: Vec::new(),
            causes: HashMap::new(),
            starts_over: false,
            log,
        }
    }

    /// Everything is told anew in this transaction: it resets a projection first.
    pub fn starts_over(&self) -> bool {
        self.starts_over
    }

    pub(crate) fn start_over(&mut self) {
        self.starts_over = true;
    }

    /// The transaction, for the store's statements.
    pub fn tx(&self) -> &DatabaseTransaction {
        &self.tx
    }

    /// What these events lead to belongs to their traces: in a batch of several, what is told of a contact
    /// belongs to the trace of the newest event about them.
    pub(crate) fn caused_by(&mut self, events: &[Envelope]) {
        for event in events.iter().filter(|event| !event.traceparent.is_empty()) {
            self.causes
                .insert(event.contact_id.clone(), event.traceparent.as_str().into());
        }
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
        self.tx.commit().await?;
        metrics::counter!("log_events_total", "log" => self.log.source)
            .increment(self.written.len() as u64);
        self.log.committed(self.written);
        Ok(self.appended)
    }

    /// Appends the events before the commit and returns where they will be, in the order they were
    /// emitted: for an answer that is kept in the same transaction. Call it once and last but for that,
    /// since the partitions are held from here to the commit.
    ///
    /// # Errors
    /// When the database fails or a payload is over [`MAX_PAYLOAD`].
    pub async fn append_emitted(&mut self) -> Result<&[LogPosition], DbErr> {
        let recorded_at = micros(self.log.clock.now());
        let here = trace::current();
        let mut events = Vec::with_capacity(self.events.len());
        for (turn, event) in std::mem::take(&mut self.events).into_iter().enumerate() {
            if event.payload.len() > MAX_PAYLOAD {
                return Err(DbErr::Custom(format!(
                    "an event of {} bytes is too large",
                    event.payload.len()
                )));
            }
            let contact = event.contact.as_ref().map_or("", ContactId::as_str);
            let cause = self.causes.get(contact).or(here.as_ref());
            let cause = cause.map_or("", |cause| &**cause);
            let event = self.log.sealed(event, recorded_at, cause);
            events.push((turn, event));
        }
        // every writer takes partitions in the same order, so that none waits for another in a circle
        events.sort_by_key(|(_, event)| event.partition);
        self.take_partitions(&events).await?;
        let mut placed = Vec::with_capacity(events.len());
        for chunk in database::chunks(&events) {
            placed.append(&mut self.append(chunk, recorded_at).await?);
        }
        let mut positions = vec![LogPosition::default(); events.len()];
        let mut before: Option<(u32, Vec<u8>)> = None;
        for ((turn, event), place) in events.iter_mut().zip(placed) {
            event.position = place.position;
            event.prev_event_id = match before {
                Some((partition, id)) if partition == event.partition => id,
                _ => place.before,
            };
            before = Some((event.partition, event.event_id.clone()));
            positions[*turn] = LogPosition {
                source: self.log.source.into(),
                partition: event.partition,
                position: place.position,
            };
        }
        self.written
            .extend(events.into_iter().map(|(_, event)| event));
        self.appended.append(&mut positions);
        Ok(&self.appended)
    }

    /// Lets something begin for a contact that is no event yet: for one who is no more it is refused, as an
    /// append is. Call it last but for the commit, since the contact's partition is held from here on.
    ///
    /// # Errors
    /// [`departed::is_gone`] tells when the contact is no more; else when the database fails.
    pub async fn begin_unheard(
        &self,
        workspace: &WorkspaceId,
        contact: &ContactId,
    ) -> Result<(), DbErr> {
        self.hold_partitions(std::iter::once((contact, workspace)))
            .await?;
        match departed::departure(&self.tx, workspace, contact).await? {
            None => Ok(()),
            Some(_) => Err(departed::gone()),
        }
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

    /// Holds the partitions of these contacts to the commit: whoever began something for one of them has
    /// committed it then, and whoever has not sees what this transaction did.
    pub(crate) async fn hold_partitions<'a>(
        &self,
        contacts: impl Iterator<Item = (&'a ContactId, &'a WorkspaceId)>,
    ) -> Result<(), DbErr> {
        let partitions =
            contacts.map(|(contact, workspace)| partition_of(Some(contact), workspace) as i32);
        database::take_turns(&self.tx, PARTITION, Turn::Alone, partitions).await
    }

    /// Holds the partitions to the commit, in ascending order. A statement of its own, before the one that
    /// looks for the newest position: what the holder before committed is then seen. So positions are
    /// dense, and a reader who sees one sees all before it.
    async fn take_partitions(&self, events: &[(usize, Envelope)]) -> Result<(), DbErr> {
        let partitions = events.iter().map(|(_, event)| event.partition as i32);
        database::take_turns(&self.tx, PARTITION, Turn::Alone, partitions).await
    }

    /// Writes events, sorted by partition, and returns where they are.
    async fn append(
        &self,
        events: &[(usize, Envelope)],
        recorded_at: i64,
    ) -> Result<Vec<Placed>, DbErr> {
        const COLUMNS: usize = 12;
        let mut values: Vec<Value> = Vec::with_capacity(events.len() * COLUMNS);
        let (mut partition, mut nth) = (None, 0_i64);
        for (_, event) in events {
            nth = if partition == Some(event.partition) {
                nth + 1
            } else {
                1
            };
            partition = Some(event.partition);
            values.extend([
                Value::from(event.partition as i32),
                nth.into(),
                event.event_id.clone().into(),
                event.r#type.as_str().into(),
                event.aggregate_id.as_str().into(),
                (event.aggregate_version as i64).into(),
                event.contact_id.as_str().into(),
                event.workspace_id.as_str().into(),
                crate::time::stored(event.occurred_time).into(),
                recorded_at.into(),
                event.traceparent.as_str().into(),
                event.payload.clone().into(),
            ]);
        }
        let sql = format!(
            "with fresh (part, nth, event_id, type, aggregate_id, aggregate_version, contact_id, \
             workspace_id, occurred_at, recorded_at, traceparent, payload) as (values {}) \
             insert into evlog (part, pos, event_id, type, aggregate_id, aggregate_version, contact_id, \
             workspace_id, occurred_at, recorded_at, traceparent, payload) select part, \
             coalesce((select max(pos) from evlog where evlog.part = fresh.part), \
             (select floor_pos from evlog_head where evlog_head.part = fresh.part), 0) + nth, \
             event_id, type, aggregate_id, aggregate_version, contact_id, workspace_id, occurred_at, \
             recorded_at, traceparent, payload from fresh{} returning event_id, pos, \
             (select before.event_id from evlog before where before.part = evlog.part \
             and before.pos = evlog.pos - 1) as before_id",
            database::tuples(events.len(), COLUMNS),
            if self.log.guards { NOTHING_BEGINS } else { "" }
        );
        let rows = self
            .tx
            .query_all_raw(Statement::from_sql_and_values(
                self.tx.get_database_backend(),
                sql,
                values,
            ))
            .await?;
        if rows.len() < events.len() && self.log.guards {
            return Err(departed::gone());
        }
        let mut places = HashMap::with_capacity(rows.len());
        for row in &rows {
            let before: Option<Vec<u8>> = row.try_get("", "before_id")?;
            let place = Placed {
                position: row.try_get::<i64>("", "pos")? as u64,
                before: before.unwrap_or_default(),
            };
            places.insert(row.try_get::<Vec<u8>>("", "event_id")?, place);
        }
        let place = |(_, event): &(usize, Envelope)| {
            let place = places.remove(&event.event_id);
            place.ok_or(DbErr::RecordNotInserted)
        };
        events.iter().map(place).collect()
    }
}

/// Where an event was written.
struct Placed {
    position: u64,
    /// The event that was there before this statement's, by which memory knows that it follows.
    before: Vec<u8>,
}

/// A place in a unit of work; there is one at a time.
pub(crate) struct Mark {
    events: usize,
}
