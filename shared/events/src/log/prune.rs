//! What the log no longer keeps.

use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::EventLog;

impl EventLog {
    /// Deletes what is at or below a position, in steps; the floor is written first, so that no reader
    /// mistakes a pruned stretch for an empty one. Never removes the newest event.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prune(&self, partition: usize, up_to: u64) -> Result<(), DbErr> {
        let head = self.refresh_heads().await?[partition];
        let up_to = up_to.min(head.saturating_sub(1));
        let Some(event_id) = self.event_id_at(partition, up_to).await? else {
            return Ok(());
        };
        let tx = self.db.begin().await?;
        let backend = tx.get_database_backend();
        tx.execute_raw(Statement::from_sql_and_values(
            backend,
            "insert into evlog_head (part, floor_pos, floor_event_id) values ($1, $2, $3) \
             on conflict (part) do update set floor_pos = excluded.floor_pos, \
             floor_event_id = excluded.floor_event_id where evlog_head.floor_pos < excluded.floor_pos",
            [(partition as i32).into(), (up_to as i64).into(), event_id.into()],
        ))
        .await?;
        tx.commit().await?;
        self.recent.forget(partition, up_to);
        loop {
            let tx = self.db.begin().await?;
            let done = tx
                .execute_raw(Statement::from_sql_and_values(
                    backend,
                    // a stretch of the key, in its order: replicas that prune at once do not wait in a circle
                    "delete from evlog where part = $1 and pos <= (select max(pos) from \
                     (select pos from evlog where part = $1 and pos <= $2 order by pos limit 1000) as oldest)",
                    [(partition as i32).into(), (up_to as i64).into()],
                ))
                .await?;
            tx.commit().await?;
            if done.rows_affected() == 0 {
                return Ok(());
            }
        }
    }

    /// Prunes what was recorded before a time, in microseconds since 1970.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prune_before(&self, recorded_at: i64) -> Result<(), DbErr> {
        // read first: what is written from here on is young, and above these
        let heads = self.refresh_heads().await?;
        for (partition, head) in heads.into_iter().enumerate() {
            let row = self
                .db
                .read()
                .query_one_raw(Statement::from_sql_and_values(
                    self.db.read().get_database_backend(),
                    // from the tail up: stops at the first row that is young enough
                    "select pos from evlog where part = $1 and recorded_at >= $2 order by pos limit 1",
                    [(partition as i32).into(), recorded_at.into()],
                ))
                .await?;
            let first_kept: Option<i64> = row.map(|row| row.try_get("", "pos")).transpose()?;
            let last_old = first_kept.map_or(head, |pos| pos as u64).saturating_sub(1);
            if last_old > 0 {
                self.prune(partition, last_old).await?;
            }
        }
        Ok(())
    }
}
