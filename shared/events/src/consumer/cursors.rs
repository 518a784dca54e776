//! The cursors in the consumer's own database: whoever moves one has the right to apply.

use proto::events::v1::Cursor;
use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::{Consumer, apply::ApplyStop, run::Stop};
use crate::{PARTITIONS, UnitOfWork};

impl Consumer {
    /// All sixteen, in order; the first reader makes them.
    pub(super) async fn load_cursors(&self) -> Result<Vec<Cursor>, DbErr> {
        let tx = self.log.database().begin().await?;
        let backend = tx.get_database_backend();
        for partition in 0..PARTITIONS {
            tx.execute_raw(Statement::from_sql_and_values(
                backend,
                "insert into consumer_cursor (projection, source, part, log_epoch, pos, event_id) \
                 values ($1, $2, $3, $4, 0, $4) on conflict do nothing",
                [
                    self.projection.name().into(),
                    self.source_name.into(),
                    (partition as i32).into(),
                    Vec::<u8>::new().into(),
                ],
            ))
            .await?;
        }
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
        rows.iter()
            .map(|row| {
                Ok(Cursor {
                    partition: row.try_get::<i32>("", "part")? as u32,
                    position: row.try_get::<i64>("", "pos")? as u64,
                    event_id: row.try_get("", "event_id")?,
                    log_epoch: row.try_get("", "log_epoch")?,
                })
            })
            .collect()
    }

    /// The first statements of each transaction: whoever finds a cursor moved gives up.
    pub(super) async fn swap_cursors(
        &self,
        work: &UnitOfWork,
        old: &[Cursor],
        new: &[Cursor],
    ) -> Result<(), ApplyStop> {
        let tx = work.tx();
        for (old, new) in old.iter().zip(new).filter(|(old, new)| old != new) {
            let done = tx
                .execute_raw(Statement::from_sql_and_values(
                    tx.get_database_backend(),
                    "update consumer_cursor set log_epoch = $1, pos = $2, event_id = $3 \
                     where projection = $4 and source = $5 and part = $6 and pos = $7 and event_id = $8",
                    [
                        new.log_epoch.clone().into(),
                        (new.position as i64).into(),
                        new.event_id.clone().into(),
                        self.projection.name().into(),
                        self.source_name.into(),
                        (old.partition as i32).into(),
                        (old.position as i64).into(),
                        old.event_id.clone().into(),
                    ],
                ))
                .await?;
            if done.rows_affected() == 0 {
                return Err(ApplyStop::Stop(Stop::Lost));
            }
        }
        Ok(())
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
