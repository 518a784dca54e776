//! What the log no longer keeps.

use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::EventLog;
use crate::PARTITIONS;

/// Events looked at, or deleted, at once: a statement has 5 s.
const STEP: u64 = 1_000;

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
                    format!(
                        "delete from evlog where part = $1 and pos <= (select max(pos) from (select pos \
                         from evlog where part = $1 and pos <= $2 order by pos limit {STEP}) as oldest)"
                    ),
                    [(partition as i32).into(), (up_to as i64).into()],
                ))
                .await?;
            tx.commit().await?;
            if done.rows_affected() == 0 {
                return Ok(());
            }
        }
    }

    /// Prunes what was recorded before a time, in microseconds since 1970; stops at the first event that is young
    /// enough. In steps from the floor up, so that a log that was not pruned for long is, too.
    ///
    /// # Errors
    /// When the database fails; what was pruned until then stays pruned.
    pub async fn prune_before(&self, recorded_at: i64) -> Result<(), DbErr> {
        for partition in 0..PARTITIONS {
            let (mut floor, _) = self.floor(partition).await?;
            loop {
                let oldest = self.oldest(partition, floor, recorded_at).await?;
                let up_to = oldest.first_young.map_or(oldest.last, |young| young - 1);
                if up_to > floor {
                    self.prune(partition, up_to).await?;
                }
                let (pruned, _) = self.floor(partition).await?;
                // the newest event stays, however old: then the floor does not move
                if oldest.first_young.is_some() || pruned == floor {
                    break;
                }
                floor = pruned;
            }
        }
        Ok(())
    }

    /// Looks at the [`STEP`] events behind the floor.
    async fn oldest(
        &self,
        partition: usize,
        floor: u64,
        recorded_at: i64,
    ) -> Result<Oldest, DbErr> {
        let db = self.db.read();
        let row = db
            .query_one_raw(Statement::from_sql_and_values(
                db.get_database_backend(),
                format!(
                    "select max(pos) as last, min(case when recorded_at >= $3 then pos end) as first_young \
                     from (select pos, recorded_at from evlog where part = $1 and pos > $2 \
                     order by pos limit {STEP}) as oldest"
                ),
                [
                    (partition as i32).into(),
                    (floor as i64).into(),
                    recorded_at.into(),
                ],
            ))
            .await?
            .ok_or_else(|| DbErr::RecordNotFound("evlog".into()))?;
        let position = |column| {
            let found: Option<i64> = row.try_get("", column)?;
            Ok::<_, DbErr>(found.map(|position| position as u64))
        };
        Ok(Oldest {
            last: position("last")?.unwrap_or(floor),
            first_young: position("first_young")?,
        })
    }
}

/// The next events that may go.
struct Oldest {
    /// The last of them; the floor where there is none.
    last: u64,
    /// The first that has to stay.
    first_young: Option<u64>,
}
