//! A sample owner: a table of things with a version each, and an event for every change of one.

use std::collections::BTreeMap;

use database::Database;
use events::{
    ContactRef, EventLog, NewEvent, SnapshotPage, SnapshotSource, UnitOfWork, log::partition_of,
    migration::LogTables,
};
use futures::future::BoxFuture;
use proto::events::v1::{Envelope, LogPosition};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use types::{ContactId, WorkspaceId, micros};

/// The type of the events.
pub const CHANGED: &str = "sample.v1.ThingChanged";
/// Things on a page of a snapshot.
const PAGE: u64 = 150;

/// The schema of a sample owner: a log, and the things.
pub struct SampleOwner;

#[async_trait::async_trait]
impl MigratorTrait for SampleOwner {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(LogTables), Box::new(SampleTables)]
    }
}

/// The things.
pub struct SampleTables;

impl MigrationName for SampleTables {
    fn name(&self) -> &str {
        "m0100_sample"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SampleTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "create table thing (id text not null primary key, contact_id text not null, \
                   version bigint not null, bytes bigint not null)";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}

/// The workspace of every sample.
pub fn workspace() -> WorkspaceId {
    WorkspaceId::derive(&["sample"])
}

/// The `n`-th contact whose events are in a partition.
pub fn contact_in(partition: usize, n: usize) -> ContactId {
    (0..)
        .map(|i: u32| ContactId::derive(&["sample", &i.to_string()]))
        .filter(|contact| partition_of(Some(contact), &workspace()) == partition)
        .nth(n)
        .unwrap()
}

/// Changes a thing of a contact, or makes it, and emits its state in `bytes` bytes. Returns its version.
///
/// # Errors
/// When the database fails.
pub async fn change(
    work: &mut UnitOfWork,
    contact: &ContactId,
    thing: &str,
    bytes: usize,
) -> Result<u64, DbErr> {
    let tx = work.tx();
    let row = tx
        .query_one_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "insert into thing (id, contact_id, version, bytes) values ($1, $2, 1, $3) \
             on conflict (id) do update set version = thing.version + 1, bytes = excluded.bytes returning version",
            [thing.into(), contact.as_str().into(), (bytes as i64).into()],
        ))
        .await?
        .ok_or(DbErr::RecordNotInserted)?;
    let version = row.try_get::<i64>("", "version")? as u64;
    let event = state(thing, contact.clone(), version, bytes);
    work.emit(event);
    Ok(version)
}

/// A change alone in its transaction.
///
/// # Panics
/// When the database fails.
pub async fn write(log: &EventLog, contact: &ContactId, thing: &str) -> LogPosition {
    let mut work = log.begin().await.unwrap();
    change(&mut work, contact, thing, 32).await.unwrap();
    work.commit().await.unwrap().remove(0)
}

/// So many changes of as many new things of one contact in one transaction. Returns the last position.
///
/// # Panics
/// When the database fails.
pub async fn write_many(log: &EventLog, contact: &ContactId, count: usize, bytes: usize) -> u64 {
    let mut work = log.begin().await.unwrap();
    for _ in 0..count {
        let thing = types::id::uuid().to_string();
        change(&mut work, contact, &thing, bytes).await.unwrap();
    }
    work.commit().await.unwrap().last().unwrap().position
}

/// The version of every thing, as the owner's table has it.
///
/// # Panics
/// When the database fails.
pub async fn things(db: &Database) -> BTreeMap<String, u64> {
    let sql = "select id, version from thing";
    let rows = db
        .read()
        .query_all_raw(Statement::from_string(
            db.read().get_database_backend(),
            sql,
        ))
        .await
        .unwrap();
    rows.iter()
        .map(|row| {
            let version: i64 = row.try_get("", "version").unwrap();
            (row.try_get("", "id").unwrap(), version as u64)
        })
        .collect()
}

/// Keeps the newest version of each thing, as a projection would.
pub fn apply(things: &mut BTreeMap<String, u64>, event: &Envelope) {
    let version = things.entry(event.aggregate_id.clone()).or_default();
    *version = (*version).max(event.aggregate_version);
}

fn state(thing: &str, contact: ContactId, version: u64, bytes: usize) -> NewEvent {
    NewEvent {
        kind: CHANGED,
        aggregate_id: thing.to_owned(),
        aggregate_version: version,
        contact: Some(contact),
        workspace: workspace(),
        occurred_at: micros(types::timestamp(1_767_268_800_000_000)),
        payload: vec![7; bytes],
    }
}

/// Tells of every thing.
pub struct Things(pub Database);

impl SnapshotSource for Things {
    fn page(&self, after: Option<String>) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        Box::pin(self.things(None, after))
    }

    fn page_of(
        &self,
        of: &ContactRef,
        after: Option<String>,
    ) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        Box::pin(self.things(Some(of.clone()), after))
    }
}

impl Things {
    async fn things(
        &self,
        of: Option<ContactRef>,
        after: Option<String>,
    ) -> Result<SnapshotPage, DbErr> {
        let contact = of.map_or(String::new(), |of| of.contact.into());
        let rows = self
            .0
            .read()
            .query_all_raw(Statement::from_sql_and_values(
                self.0.read().get_database_backend(),
                "select id, contact_id, version, bytes from thing where id > $1 \
                 and ($3 = '' or contact_id = $3) order by id limit $2",
                [
                    after.unwrap_or_default().into(),
                    PAGE.into(),
                    contact.into(),
                ],
            ))
            .await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: String = row.try_get("", "id")?;
            let contact: String = row.try_get("", "contact_id")?;
            let contact = ContactId::parse(&contact).map_err(|e| DbErr::Custom(e.to_string()))?;
            let version: i64 = row.try_get("", "version")?;
            let bytes: i64 = row.try_get("", "bytes")?;
            events.push(state(&id, contact, version as u64, bytes as usize));
        }
        let next = (events.len() as u64 == PAGE)
            .then(|| events.last().map(|event| event.aggregate_id.clone()))
            .flatten();
        Ok(SnapshotPage { events, next })
    }
}
