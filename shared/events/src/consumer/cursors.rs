//! The cursors in the consumer's own database: whoever moves one has the right to apply.

use database::tuples_from;
use proto::events::v1::Cursor;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

use super::{Consumer, apply::ApplyStop, run::Stop};
use crate::{PARTITIONS, UnitOfWork};

/// Postgres locks rows in the order in which an update meets them, and that is any. Two consumers that
/// move the same cursors would wait for each other; so each takes them in the order of the partitions. Who
/// comes second finds them moved: the update looks at a row again that changed while it waited.
const HELD: &str = ", held as (select part from consumer_cursor where projection = $1 and source = $2 \
    and part in (select part from moved) order by part for update)";

impl Consumer {
    /// All sixteen, in order; the first reader makes them.
    pub(super) async fn load_cursors(&self) -> Result<Vec<Cursor>, DbErr> {
        let stored = self.read_cursors(self.log.database().read()).await?;
        if stored.len() == PARTITIONS {
            return Ok(stored);
        }
        let tx = self.log.database().begin().await?;
        let mut values: Vec<Value> = vec![
            self.projection.name().into(),
            self.source_name.into(),
            Vec::<u8>::new().into(),
        ];
        let rows: Vec<String> = (0..PARTITIONS)
            .map(|partition| format!("($1, $2, ${}, $3, 0, $3)", partition + 4))
            .collect();
        values.extend((0..PARTITIONS as i32).map(Value::from));
        // others that make them at the same time make them in the same order
        let sql = format!(
            "insert into consumer_cursor (projection, source, part, log_epoch, pos, event_id) \
             values {} on conflict do nothing",
            rows.join(", ")
        );
        let backend = tx.get_database_backend();
        tx.execute_raw(Statement::from_sql_and_values(backend, sql, values))
            .await?;
        let cursors = self.read_cursors(&tx).await?;
        tx.commit().await?;
        Ok(cursors)
    }

    /// As they are stored now.
    pub(super) async fn read_cursors(
        &self,
        db: &impl ConnectionTrait,
    ) -> Result<Vec<Cursor>, DbErr> {
        let rows = db
            .query_all_raw(Statement::from_sql_and_values(
                db.get_database_backend(),
                "select part, log_epoch, pos, event_id from consumer_cursor \
                 where projection = $1 and source = $2 order by part",
                [self.projection.name().into(), self.source_name.into()],
            ))
            .await?;
        rows.iter().map(cursor).collect()
    }

    /// The first statement of each transaction: whoever finds a cursor moved gives up.
    pub(super) async fn swap_cursors(
        &self,
        work: &UnitOfWork,
        old: &[Cursor],
        new: &[Cursor],
    ) -> Result<(), ApplyStop> {
        let mut values: Vec<Value> = vec![self.projection.name().into(), self.source_name.into()];
        let mut moved = 0;
        for (old, new) in old.iter().zip(new).filter(|(old, new)| old != new) {
            moved += 1;
            values.extend([
                Value::from(old.partition as i32),
                (old.position as i64).into(),
                old.event_id.clone().into(),
                (new.position as i64).into(),
                new.event_id.clone().into(),
                new.log_epoch.clone().into(),
            ]);
        }
        if moved == 0 {
            return Ok(());
        }
        let tx = work.tx();
        let backend = tx.get_database_backend();
        let (held, and_held) = match backend {
            DbBackend::Postgres => (HELD, "and consumer_cursor.part = held.part"),
            _ => ("", ""),
        };
        let from = match held {
            "" => "moved",
            _ => "moved, held",
        };
        let sql = format!(
            "with moved (part, old_pos, old_id, new_pos, new_id, new_epoch) as (values {}){held} \
             update consumer_cursor set log_epoch = moved.new_epoch, pos = moved.new_pos, \
             event_id = moved.new_id from {from} where consumer_cursor.projection = $1 \
             and consumer_cursor.source = $2 and consumer_cursor.part = moved.part {and_held} \
             and consumer_cursor.pos = moved.old_pos and consumer_cursor.event_id = moved.old_id",
            tuples_from(3, moved, 6)
        );
        let done = tx
            .execute_raw(Statement::from_sql_and_values(backend, sql, values))
            .await?;
        if done.rows_affected() == moved as u64 {
            Ok(())
        } else {
            Err(ApplyStop::Stop(Stop::Lost))
        }
    }

    /// Moves every cursor, wherever it is.
    pub(super) async fn set_cursors(
        &self,
        work: &UnitOfWork,
        cursors: &[Cursor],
    ) -> Result<(), DbErr> {
        let tx = work.tx();
        for cursor in cursors {
            tx.execute_raw(Statement::from_sql_and_values(
                tx.get_database_backend(),
                "update consumer_cursor set log_epoch = $1, pos = $2, event_id = $3 \
                 where projection = $4 and source = $5 and part = $6",
                [
                    cursor.log_epoch.clone().into(),
                    (cursor.position as i64).into(),
                    cursor.event_id.clone().into(),
                    self.projection.name().into(),
                    self.source_name.into(),
                    (cursor.partition as i32).into(),
                ],
            ))
            .await?;
        }
        Ok(())
    }
}

pub(super) fn cursor(row: &QueryResult) -> Result<Cursor, DbErr> {
    Ok(Cursor {
        partition: row.try_get::<i32>("", "part")? as u32,
        position: row.try_get::<i64>("", "pos")? as u64,
        event_id: row.try_get("", "event_id")?,
        log_epoch: row.try_get("", "log_epoch")?,
    })
}
