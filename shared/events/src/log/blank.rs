//! What a log forgets before its time: what events told of an erased contact. Their places stay, and with them
//! the chain.

use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use types::{ContactId, WorkspaceId};

use super::EventLog;
use crate::ERASED;

/// Places that one transaction looks at.
const STRETCH: u64 = 1_000;

/// Whose events are emptied.
pub(crate) struct Erasing<'a> {
    pub(crate) workspace: &'a WorkspaceId,
    /// Whose erasure it is: traces are kept under this id.
    pub(crate) contact: &'a ContactId,
    /// Every id the person had.
    pub(crate) names: &'a [&'a str],
}

impl EventLog {
    /// Refuses to begin anything for contacts who are no more; needs
    /// [`DepartedContacts`](crate::migration::DepartedContacts).
    #[must_use]
    pub fn guarding_departed(mut self) -> Self {
        self.guards = true;
        self
    }

    /// Empties what was told of a person in a partition, in steps, and returns the newest place there that was
    /// ever emptied; 0 when none was. Whoever reads it finds the type [`ERASED`], and the state of what is still
    /// there in later events.
    pub(crate) async fn blank(
        &self,
        partition: usize,
        erasing: &Erasing<'_>,
    ) -> Result<u64, DbErr> {
        let head = self.refresh_heads().await?[partition];
        let (mut after, _) = self.floor(partition).await?;
        let named: Vec<String> = (0..erasing.names.len())
            .map(|n| format!("${}", n + 8))
            .collect();
        let sql = format!(
            "update evlog set type = $1, payload = $2 where part = $3 and pos > $4 and pos <= $5 \
             and workspace_id = $6 and type <> $1 and (contact_id in ({}) or exists \
             (select 1 from departed_trace t where t.workspace_id = $6 and t.contact_id = $7 \
             and t.aggregate_id = evlog.aggregate_id and evlog.aggregate_version < t.version))",
            named.join(", ")
        );
        while after < head {
            let to = after.saturating_add(STRETCH).min(head);
            let mut values: Vec<Value> = vec![
                ERASED.into(),
                Vec::<u8>::new().into(),
                (partition as i32).into(),
                (after as i64).into(),
                (to as i64).into(),
                erasing.workspace.as_str().into(),
                erasing.contact.as_str().into(),
            ];
            values.extend(erasing.names.iter().map(|name| Value::from(*name)));
            let tx = self.db.begin().await?;
            let backend = tx.get_database_backend();
            tx.execute_raw(Statement::from_sql_and_values(backend, &sql, values))
                .await?;
            tx.commit().await?;
            after = to;
        }
        self.recent.forget(partition, head);
        let db = self.db.read();
        let newest = "select pos from evlog where part = $1 and pos <= $2 and type = $3 \
                      order by pos desc limit 1";
        let values = [
            (partition as i32).into(),
            (head as i64).into(),
            ERASED.into(),
        ];
        let row = db
            .query_one_raw(Statement::from_sql_and_values(
                db.get_database_backend(),
                newest,
                values,
            ))
            .await?;
        row.map_or(Ok(0), |row| Ok(row.try_get::<i64>("", "pos")? as u64))
    }
}
