//! The log: a table in the owner's database, written in the transaction of the change. It is the only
//! truth; feeds, transports and projections are copies.

use std::sync::Arc;

use database::Database;
use proto::events::v1::{Cursor, Envelope};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use tokio::sync::{Notify, watch};
use types::{Clock, ContactId, WorkspaceId, micros};

use crate::{BATCH_EVENTS, PARTITIONS, time::wire};

mod blank;
mod look;
mod prune;
mod recent;
mod work;

pub(crate) use blank::Erasing;
use look::Looks;
pub(crate) use look::{End, Look};
use recent::Recent;
pub use work::UnitOfWork;

/// The newest position of each partition.
pub type Heads = [u64; PARTITIONS];

/// A fact to append: the resulting state of one aggregate.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Full name of the payload's message.
    pub kind: &'static str,
    /// The aggregate whose state it is.
    pub aggregate_id: String,
    /// Grows with each event of the aggregate.
    pub aggregate_version: u64,
    /// The contact concerned, if one is.
    pub contact: Option<ContactId>,
    /// The workspace concerned.
    pub workspace: WorkspaceId,
    /// When it happened, in microseconds since 1970.
    pub occurred_at: i64,
    /// The encoded message; at most [`crate::MAX_PAYLOAD`] bytes.
    pub payload: Vec<u8>,
}

/// The partition of a contact's facts, or of a workspace's where no contact is concerned: FNV-1a
/// modulo 16, the same in every service, so that one worker sees all that concerns a contact.
pub fn partition_of(contact: Option<&ContactId>, workspace: &WorkspaceId) -> usize {
    let key = contact.map_or(workspace.as_str(), ContactId::as_str);
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash % PARTITIONS as u64) as usize
}

/// A service's log. Cheap to clone.
#[derive(Clone)]
pub struct EventLog {
    db: Database,
    source: &'static str,
    epoch: [u8; 16],
    clock: Arc<dyn Clock>,
    heads: Arc<watch::Sender<Heads>>,
    wrote: Arc<Notify>,
    recent: Arc<Recent>,
    looks: Arc<Looks>,
    guards: bool,
}

impl EventLog {
    /// Opens the log of `source`; the first opening gives it its epoch.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(
        db: Database,
        source: &'static str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DbErr> {
        let tx = db.begin().await?;
        let backend = tx.get_database_backend();
        tx.execute_raw(Statement::from_sql_and_values(
            backend,
            "insert into evlog_meta (id, log_epoch) values (1, $1) on conflict do nothing",
            [types::id::uuid().as_bytes().to_vec().into()],
        ))
        .await?;
        let row = tx
            .query_one_raw(Statement::from_string(
                backend,
                "select log_epoch from evlog_meta",
            ))
            .await?
            .ok_or_else(|| DbErr::RecordNotFound("evlog_meta".into()))?;
        tx.commit().await?;
        let epoch: Vec<u8> = row.try_get("", "log_epoch")?;
        let epoch = epoch
            .try_into()
            .map_err(|_| DbErr::Custom("log_epoch must have 16 bytes".into()))?;
        let log = Self {
            db,
            source,
            epoch,
            clock,
            heads: Arc::new(watch::Sender::new([0; PARTITIONS])),
            wrote: Arc::default(),
            recent: Arc::default(),
            looks: Arc::default(),
            guards: false,
        };
        log.refresh_heads().await?;
        Ok(log)
    }

    /// The service whose log this is.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// Identity of this history.
    pub fn epoch(&self) -> [u8; 16] {
        self.epoch
    }

    /// The database the log lives in.
    pub fn database(&self) -> &Database {
        &self.db
    }

    /// The clock that dates its rows.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Starts a unit of work for all workspaces: one transaction, its events appended last.
    ///
    /// # Errors
    /// When the database is away or busy for too long.
    pub async fn begin(&self) -> Result<UnitOfWork, DbErr> {
        Ok(UnitOfWork::new(self.db.begin().await?, self.clone()))
    }

    /// Tells of new positions as this process commits them. A hint: always poll behind it.
    pub fn watch_heads(&self) -> watch::Receiver<Heads> {
        self.heads.subscribe()
    }

    /// Up to `limit` events of a partition after a position, in order, from the database. The first has the id of
    /// the event at that position, and none when it is not there: it was pruned, or never was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(
        &self,
        partition: usize,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Envelope>, DbErr> {
        let Ok(after) = i64::try_from(after) else {
            return Ok(Vec::new());
        };
        let rows = self
            .db
            .read()
            .query_all_raw(Statement::from_sql_and_values(
                self.db.read().get_database_backend(),
                "select pos, event_id, type, aggregate_id, aggregate_version, contact_id, workspace_id, \
                 occurred_at, recorded_at, traceparent, payload, (select at.event_id from evlog at \
                 where at.part = $1 and at.pos = $2) as prev_event_id from evlog \
                 where part = $1 and pos > $2 order by pos limit $3",
                [
                    (partition as i32).into(),
                    after.into(),
                    (limit.min(BATCH_EVENTS) as i64).into(),
                ],
            ))
            .await?;
        let mut events: Vec<Envelope> = rows
            .iter()
            .map(|row| self.envelope(partition, row))
            .collect::<Result<_, _>>()?;
        for i in 1..events.len() {
            events[i].prev_event_id = events[i - 1].event_id.clone();
        }
        Ok(events)
    }

    /// As [`EventLog::read`], or from memory where it holds what follows just this event.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn follow(
        &self,
        partition: usize,
        after: u64,
        event_id: &[u8],
        limit: usize,
    ) -> Result<Vec<Envelope>, DbErr> {
        let limit = limit.min(BATCH_EVENTS);
        match self.recent.after(partition, after, event_id, limit) {
            Some(events) => Ok(events),
            None => self.read(partition, after, limit).await,
        }
    }

    /// The id of the event at a position; `None` when there is none, or it was pruned.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn event_id_at(
        &self,
        partition: usize,
        position: u64,
    ) -> Result<Option<Vec<u8>>, DbErr> {
        let Ok(position) = i64::try_from(position) else {
            return Ok(None);
        };
        let row = self
            .db
            .read()
            .query_one_raw(Statement::from_sql_and_values(
                self.db.read().get_database_backend(),
                "select event_id from evlog where part = $1 and pos = $2",
                [(partition as i32).into(), position.into()],
            ))
            .await?;
        row.map(|row| row.try_get("", "event_id")).transpose()
    }

    /// What was pruned of a partition: its last position and that event's id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn floor(&self, partition: usize) -> Result<(u64, Vec<u8>), DbErr> {
        let row = self
            .db
            .read()
            .query_one_raw(Statement::from_sql_and_values(
                self.db.read().get_database_backend(),
                "select floor_pos, floor_event_id from evlog_head where part = $1",
                [(partition as i32).into()],
            ))
            .await?;
        match row {
            None => Ok((0, Vec::new())),
            Some(row) => Ok((
                row.try_get::<i64>("", "floor_pos")? as u64,
                row.try_get("", "floor_event_id")?,
            )),
        }
    }

    pub(crate) fn cursor(&self, partition: usize, position: u64, event_id: Vec<u8>) -> Cursor {
        let log_epoch = if position == 0 {
            Vec::new()
        } else {
            self.epoch.to_vec()
        };
        Cursor {
            partition: partition as u32,
            position,
            event_id,
            log_epoch,
        }
    }

    /// An event as a snapshot tells it: the newest state, at no position.
    pub(crate) fn state(&self, event: NewEvent) -> Envelope {
        self.sealed(event, micros(self.clock.now()), "")
    }

    /// An event on its way into the log, at no position yet.
    fn sealed(&self, event: NewEvent, recorded_at: i64, cause: &str) -> Envelope {
        Envelope {
            event_id: types::id::uuid().as_bytes().to_vec(),
            source: self.source.into(),
            log_epoch: self.epoch.to_vec(),
            partition: partition_of(event.contact.as_ref(), &event.workspace) as u32,
            r#type: event.kind.into(),
            aggregate_id: event.aggregate_id,
            aggregate_version: event.aggregate_version,
            contact_id: event.contact.map(String::from).unwrap_or_default(),
            workspace_id: event.workspace.into(),
            occurred_time: Some(wire(event.occurred_at)),
            recorded_time: Some(wire(recorded_at)),
            payload: event.payload,
            traceparent: cause.to_owned(),
            ..Default::default()
        }
    }

    /// To be called after the commit of events: readers find them in memory.
    fn committed(&self, events: Vec<Envelope>) {
        let mut heads = [0; PARTITIONS];
        for event in &events {
            let head = &mut heads[event.partition as usize];
            *head = event.position.max(*head);
        }
        self.recent.add(events);
        self.announce(&heads);
        if heads != [0; PARTITIONS] {
            self.wrote.notify_one();
        }
    }

    /// Waits until this process has committed events since the last wait.
    pub(crate) async fn wrote(&self) {
        self.wrote.notified().await;
    }

    fn announce(&self, positions: &Heads) {
        self.heads.send_if_modified(|heads| {
            let mut grew = false;
            for (head, position) in heads.iter_mut().zip(positions) {
                grew |= position > head;
                *head = (*head).max(*position);
            }
            grew
        });
    }

    fn envelope(&self, partition: usize, row: &QueryResult) -> Result<Envelope, DbErr> {
        let prev: Option<Vec<u8>> = row.try_get("", "prev_event_id")?;
        Ok(Envelope {
            event_id: row.try_get("", "event_id")?,
            source: self.source.into(),
            log_epoch: self.epoch.to_vec(),
            partition: partition as u32,
            position: row.try_get::<i64>("", "pos")? as u64,
            prev_event_id: prev.unwrap_or_default(),
            r#type: row.try_get("", "type")?,
            aggregate_id: row.try_get("", "aggregate_id")?,
            aggregate_version: row.try_get::<i64>("", "aggregate_version")? as u64,
            contact_id: row.try_get("", "contact_id")?,
            workspace_id: row.try_get("", "workspace_id")?,
            occurred_time: Some(wire(row.try_get("", "occurred_at")?)),
            recorded_time: Some(wire(row.try_get("", "recorded_at")?)),
            traceparent: row.try_get("", "traceparent")?,
            must_understand: false,
            payload: row.try_get("", "payload")?,
        })
    }
}
