//! What the log has to forget before its time.

use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::super::{EventLog, NewEvent, partition_of};
use super::UnitOfWork;

impl UnitOfWork {
    /// Puts this payload in the place of what the log still holds of this kind about the aggregate: for what
    /// must be forgotten. Places and ids stay, so readers' chains do. After the commit, [`EventLog::read_anew`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replace(&self, event: &NewEvent) -> Result<(), DbErr> {
        let partition = partition_of(event.contact.as_ref(), &event.workspace);
        self.tx
            .execute_raw(Statement::from_sql_and_values(
                self.tx.get_database_backend(),
                "update evlog set payload = $1 where part = $2 and workspace_id = $3 \
                 and aggregate_id = $4 and type = $5",
                [
                    event.payload.clone().into(),
                    (partition as i32).into(),
                    event.workspace.as_str().into(),
                    event.aggregate_id.as_str().into(),
                    event.kind.into(),
                ],
            ))
            .await?;
        Ok(())
    }
}

impl EventLog {
    /// Forgets what this process remembers of the partition of an event that was replaced: who reads it next
    /// reads the database.
    pub fn read_anew(&self, event: &NewEvent) {
        let partition = partition_of(event.contact.as_ref(), &event.workspace);
        self.recent.forget(partition, u64::MAX);
    }
}
