//! A projection that writes down every effect, and misbehaves when told to.

use std::{collections::HashSet, sync::Arc, time::Duration};

use database::{Database, migration::Plumbing};
use events::{
    ApplyError, Consumer, EventLog, EventSource, Projection, UnitOfWork,
    migration::{ConsumerTables, LogTables},
};
use parking_lot::Mutex;
use proto::events::v1::{Cursor, Envelope};
use rand::Rng;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use testing::{Scratch, conformance::owner::CHANGED};
use tokio::sync::Semaphore;
use types::SystemClock;

/// The schema of the consuming service.
pub struct Schema;

#[async_trait::async_trait]
impl MigratorTrait for Schema {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Plumbing),
            Box::new(LogTables),
            Box::new(ConsumerTables),
            Box::new(JournalTables),
        ]
    }
}

struct JournalTables;

impl MigrationName for JournalTables {
    fn name(&self) -> &str {
        "m0100_journal"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for JournalTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let n = match manager.get_database_backend() {
            DbBackend::Postgres => "bigserial primary key",
            _ => "integer primary key autoincrement",
        };
        let sql = format!(
            "create table effect (n {n}, part integer not null, \
             pos bigint not null, thing text not null, version bigint not null)"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}

/// What a test makes the projection do, and what it saw.
#[derive(Default)]
pub struct Script {
    /// Things whose events cannot be applied.
    pub poison: Mutex<HashSet<String>>,
    /// Things whose events make it panic.
    pub panics: Mutex<HashSet<String>>,
    /// So many times somebody else is faster with any batch that is larger than this.
    pub outruns: Mutex<Option<(u32, usize)>>,
    /// So many times the database fails it.
    pub failures: Mutex<u32>,
    /// Longest random wait between its statements and the commit, in microseconds.
    pub dawdle: Mutex<u64>,
    /// Where given, each batch needs a permit before it returns.
    pub gate: Mutex<Option<Arc<Semaphore>>>,
    /// The events of each try, in order: (partition, position).
    pub tries: Mutex<Vec<Vec<(u32, u64)>>>,
    /// The events it was told of after a commit.
    pub committed: Mutex<Vec<(u32, u64)>>,
    /// How often it was told that more may have changed.
    pub moved: Mutex<u32>,
    /// After how many tries it was told, each time, that the stored cursors had gone back.
    pub went_back: Mutex<Vec<usize>>,
}

#[derive(Clone, Default)]
pub struct Journal(pub Arc<Script>);

#[async_trait::async_trait]
impl Projection for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    async fn apply(&self, work: &mut UnitOfWork, events: &[Envelope]) -> Result<(), ApplyError> {
        self.0.tries.lock().push(places(events));
        for event in events.iter().filter(|event| event.r#type == CHANGED) {
            let thing = event.aggregate_id.as_str();
            let tx = work.tx();
            tx.execute_raw(Statement::from_sql_and_values(
                tx.get_database_backend(),
                "insert into effect (part, pos, thing, version) values ($1, $2, $3, $4)",
                [
                    (event.partition as i32).into(),
                    (event.position as i64).into(),
                    thing.into(),
                    (event.aggregate_version as i64).into(),
                ],
            ))
            .await?;
            if self.0.poison.lock().contains(thing) {
                return Err(ApplyError::Poison(format!("{thing} is poison")));
            }
            assert!(!self.0.panics.lock().contains(thing), "{thing} is a bug");
        }
        {
            let mut outruns = self.0.outruns.lock();
            if let Some((times, size)) = &mut *outruns
                && events.len() > *size
                && *times > 0
            {
                *times -= 1;
                return Err(ApplyError::Outrun("somebody was faster".into()));
            }
        }
        {
            let mut failures = self.0.failures.lock();
            if *failures > 0 {
                *failures -= 1;
                return Err(DbErr::Custom("the disk is full".into()).into());
            }
        }
        let dawdle = *self.0.dawdle.lock();
        if dawdle > 0 {
            let wait = rand::thread_rng().gen_range(0..dawdle);
            tokio::time::sleep(Duration::from_micros(wait)).await;
        }
        let gate = self.0.gate.lock().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        Ok(())
    }

    async fn reset(&self, work: &mut UnitOfWork) -> Result<(), DbErr> {
        work.tx().execute_unprepared("delete from effect").await?;
        Ok(())
    }

    async fn went_back(&self, _: &mut UnitOfWork) -> Result<(), DbErr> {
        let tries = self.0.tries.lock().len();
        self.0.went_back.lock().push(tries);
        Ok(())
    }

    async fn committed(&self, events: &[Envelope]) {
        self.0.committed.lock().extend(places(events));
    }

    async fn moved(&self) {
        *self.0.moved.lock() += 1;
    }
}

pub fn places(events: &[Envelope]) -> Vec<(u32, u64)> {
    let place = |event: &Envelope| (event.partition, event.position);
    events.iter().map(place).collect()
}

/// The consuming service's side: its database, and consumers over it.
pub struct Reader {
    scratch: Scratch,
    pub log: EventLog,
    pub script: Arc<Script>,
}

impl Reader {
    pub async fn new() -> Self {
        let scratch = Scratch::new();
        let log = open(&scratch).await;
        Self {
            scratch,
            log,
            script: Arc::default(),
        }
    }

    pub fn consumer(&self, source: Arc<dyn EventSource>) -> Consumer {
        Consumer::new(
            self.log.clone(),
            "sample",
            source,
            Arc::new(Journal(self.script.clone())),
        )
    }

    /// A consumer with connections of its own, as in another process.
    pub async fn other_process(&self, source: Arc<dyn EventSource>) -> Consumer {
        let journal = Arc::new(Journal(self.script.clone()));
        Consumer::new(open(&self.scratch).await, "sample", source, journal)
    }

    /// The effects in the order they happened: (partition, position).
    pub async fn effects(&self) -> Vec<(u32, u64)> {
        self.query("select part, pos from effect order by n", |row| {
            (number(row, "part") as u32, number(row, "pos") as u64)
        })
        .await
    }

    /// The things whose effects there are, each once.
    pub async fn things(&self) -> Vec<String> {
        let sql = "select distinct thing from effect order by thing";
        self.query(sql, |row| row.try_get("", "thing").unwrap())
            .await
    }

    /// The cursors as stored; none before a consumer ran.
    pub async fn cursors(&self) -> Vec<Cursor> {
        let sql = "select part, log_epoch, pos, event_id from consumer_cursor order by part";
        self.query(sql, |row| Cursor {
            partition: number(row, "part") as u32,
            position: number(row, "pos") as u64,
            event_id: row.try_get("", "event_id").unwrap(),
            log_epoch: row.try_get("", "log_epoch").unwrap(),
        })
        .await
    }

    pub async fn query<T>(&self, sql: &str, read: impl Fn(&QueryResult) -> T) -> Vec<T> {
        let db = self.log.database().read();
        let statement = Statement::from_string(db.get_database_backend(), sql);
        let rows = db.query_all_raw(statement).await.unwrap();
        rows.iter().map(read).collect()
    }

    /// Its own database fails over to a server that had heard of nothing after these cursors.
    pub async fn loses_what_followed(&self, cursors: &[Cursor]) {
        let tx = self.log.database().begin().await.unwrap();
        for cursor in cursors {
            for (sql, values) in [
                (
                    "update consumer_cursor set pos = $2, event_id = $3, log_epoch = $4 where part = $1",
                    vec![
                        cursor.event_id.clone().into(),
                        cursor.log_epoch.clone().into(),
                    ],
                ),
                (
                    "delete from effect where part = $1 and pos > $2",
                    Vec::new(),
                ),
            ] {
                let mut all = vec![
                    (cursor.partition as i32).into(),
                    (cursor.position as i64).into(),
                ];
                all.extend(values);
                let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, all);
                tx.execute_raw(statement).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
    }

    /// Waits until the stored cursors are these.
    pub async fn reaches(&self, heads: &[Cursor]) {
        testing::eventually("the cursors at the heads", || async {
            (self.cursors().await == heads).then_some(())
        })
        .await;
    }

    /// Every event up to these places has had its effect once, in the order of its partition.
    pub async fn assert_each_once(&self, heads: &[Cursor]) {
        let effects = self.effects().await;
        for head in heads {
            let of_it = effects.iter().filter(|(p, _)| *p == head.partition);
            let positions: Vec<u64> = of_it.map(|(_, position)| *position).collect();
            let expected: Vec<u64> = (1..=head.position).collect();
            assert_eq!(positions, expected, "partition {}", head.partition);
        }
    }
}

async fn open(scratch: &Scratch) -> EventLog {
    let db: Database = scratch.database::<Schema>("reader").await;
    let clock = Arc::new(SystemClock);
    EventLog::open(db, "reader", clock).await.unwrap()
}

/// Of either width.
pub fn number(row: &QueryResult, column: &str) -> i64 {
    row.try_get::<i64>("", column)
        .unwrap_or_else(|_| i64::from(row.try_get::<i32>("", column).unwrap()))
}
