//! What a service keeps of an erased contact besides its own rows: answers kept for retries, events put aside,
//! the log, and the log's copies.

use database::requests;
use futures::future::BoxFuture;
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use types::ContactId;

use super::{Leaver, Settlement, id, settlement::settled};
use crate::{PARTITIONS, log::Erasing, partition_of};

/// Copies of the log that lie elsewhere.
pub trait LogCopies: Send + Sync + 'static {
    /// Forgets a partition up to a position; readers find it in the log itself. False when the copy has not
    /// come that far yet, or cannot be reached: to be asked again.
    fn forget(&self, partition: usize, up_to: u64) -> BoxFuture<'_, bool>;
}

impl Settlement {
    /// After the last step of an erasure. What cannot be reached now keeps the erasure open.
    pub(super) async fn scrub(&self, leaver: &Leaver) -> Result<(), DbErr> {
        let db = self.log.database();
        let mut all = self.merged_into(leaver).await?;
        all.push(leaver.contact.clone());
        for contact in &all {
            requests::forget_of(db, &leaver.workspace, contact.as_str()).await?;
        }
        let names: Vec<&str> = all.iter().map(ContactId::as_str).collect();
        requests::forget_naming(db, &leaver.workspace, &names).await?;
        self.forget_parked(&all).await?;
        let erasing = Erasing {
            workspace: &leaver.workspace,
            contact: &leaver.contact,
            names: &names,
        };
        for partition in self.partitions(leaver, &all).await? {
            let newest = self.log.blank(partition, &erasing).await?;
            let Some(copies) = self.copies.as_ref().filter(|_| newest > 0) else {
                continue;
            };
            if !copies.forget(partition, newest).await {
                tracing::info!(
                    partition,
                    "a copy of the log is not reached; the erasure stays open"
                );
                return Ok(());
            }
        }
        let tx = db.begin().await?;
        let of: [Value; 2] = [
            leaver.workspace.as_str().into(),
            leaver.contact.as_str().into(),
        ];
        for sql in [
            "delete from departed_trace where workspace_id = $1 and contact_id = $2",
            "update departed_contact set survivor_name = '' where workspace_id = $1 and survivor_id = $2",
        ] {
            execute(&tx, sql, of.to_vec()).await?;
        }
        tx.commit().await?;
        if !db.leave_no_trace().await? {
            tracing::info!("the database's log is in use; the erasure stays open");
            return Ok(());
        }
        let tx = db.begin().await?;
        settled(&tx, leaver).await?;
        tx.commit().await?;
        tracing::info!(workspace = %leaver.workspace, contact = %leaver.contact, "a contact was erased");
        Ok(())
    }

    /// Those who were merged into the contact: the same person.
    async fn merged_into(&self, leaver: &Leaver) -> Result<Vec<ContactId>, DbErr> {
        let db = self.log.database().read();
        let of = [
            leaver.workspace.as_str().into(),
            leaver.contact.as_str().into(),
        ];
        let sql =
            "select contact_id from departed_contact where workspace_id = $1 and survivor_id = $2";
        let backend = db.get_database_backend();
        let rows = db.query_all_raw(Statement::from_sql_and_values(backend, sql, of));
        rows.await?
            .iter()
            .map(|row| id(row, "contact_id"))
            .collect()
    }

    /// Where events about the person are; all, if events about others are among them.
    async fn partitions(&self, leaver: &Leaver, all: &[ContactId]) -> Result<Vec<usize>, DbErr> {
        let db = self.log.database().read();
        let of = [
            leaver.workspace.as_str().into(),
            leaver.contact.as_str().into(),
        ];
        let sql = "select 1 as one from departed_trace where workspace_id = $1 and contact_id = $2 limit 1";
        let backend = db.get_database_backend();
        let traced = db.query_one_raw(Statement::from_sql_and_values(backend, sql, of));
        if traced.await?.is_some() {
            return Ok((0..PARTITIONS).collect());
        }
        let mut partitions: Vec<usize> = all
            .iter()
            .map(|contact| partition_of(Some(contact), &leaver.workspace))
            .collect();
        partitions.sort_unstable();
        partitions.dedup();
        Ok(partitions)
    }

    async fn forget_parked(&self, all: &[ContactId]) -> Result<(), DbErr> {
        let tx = self.log.database().begin().await?;
        for contact in all {
            let sql = "delete from consumer_quarantine where contact_id = $1";
            execute(&tx, sql, vec![contact.as_str().into()]).await?;
        }
        tx.commit().await
    }
}

impl crate::UnitOfWork {
    /// Says that events of an aggregate which were told before this version may hold the words of a contact
    /// who is being erased: they are emptied too. `aggregate_id` as in the events.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn trace(
        &self,
        leaver: &Leaver,
        aggregate_id: &str,
        version: u64,
    ) -> Result<(), DbErr> {
        let values = vec![
            leaver.workspace.as_str().into(),
            leaver.contact.as_str().into(),
            aggregate_id.into(),
            i64::try_from(version).unwrap_or(i64::MAX).into(),
        ];
        let sql = "insert into departed_trace (workspace_id, contact_id, aggregate_id, version) \
                   values ($1, $2, $3, $4) on conflict (workspace_id, contact_id, aggregate_id) \
                   do update set version = excluded.version";
        execute(self.tx(), sql, values).await
    }
}

async fn execute(tx: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    tx.execute_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    Ok(())
}
