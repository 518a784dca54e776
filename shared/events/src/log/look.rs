//! Where a log stands, read in one statement, however many readers of this process ask.

use std::sync::Arc;

use proto::events::v1::Cursor;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use tokio::{sync::Mutex, time::Instant};

use super::{EventLog, Heads};
use crate::PARTITIONS;

/// An event of a partition that a log stands at; no event at position 0.
#[derive(Debug, Clone, Default)]
pub(crate) struct End {
    pub(crate) position: u64,
    pub(crate) event_id: Vec<u8>,
}

/// Where a log stood at a moment.
#[derive(Debug)]
pub(crate) struct Look {
    /// What was committed before is in it.
    pub(crate) began: Instant,
    /// The newest events.
    pub(crate) heads: [End; PARTITIONS],
    /// The newest of those that were pruned.
    pub(crate) floors: [End; PARTITIONS],
}

/// The last look of this process, for all who need none newer.
#[derive(Default)]
pub(super) struct Looks {
    last: Mutex<Option<Last>>,
}

struct Last {
    began: Instant,
    ended: Instant,
    look: Result<Arc<Look>, Arc<DbErr>>,
}

impl Look {
    pub(crate) fn positions(&self) -> Heads {
        self.heads.each_ref().map(|head| head.position)
    }
}

impl EventLog {
    /// Reads the newest positions from the database, where other replicas write too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_heads(&self) -> Result<Heads, DbErr> {
        Ok(self.look_now().await?.positions())
    }

    /// Sixteen cursors at the newest positions, event ids included.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn head_cursors(&self) -> Result<Vec<Cursor>, DbErr> {
        Ok(self.cursors_at(&self.look_now().await?))
    }

    pub(crate) fn cursors_at(&self, look: &Look) -> Vec<Cursor> {
        let heads = look.heads.iter().enumerate();
        heads
            .map(|(partition, head)| self.cursor(partition, head.position, head.event_id.clone()))
            .collect()
    }

    /// A look that began after a moment: somebody else's if there is one, so that many readers cost what one does.
    /// Who waits for one that fails has failed too, so that nobody waits for a database once for each before them.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn look_after(&self, moment: Instant) -> Result<Arc<Look>, Arc<DbErr>> {
        let asked = Instant::now();
        let mut last = self.looks.last.lock().await;
        if let Some(last) = &*last
            && (last.began > moment || last.look.is_err() && last.ended > asked)
        {
            return last.look.clone();
        }
        let began = Instant::now();
        let look = self.look_now().await.map(Arc::new).map_err(Arc::new);
        *last = Some(Last {
            began,
            ended: Instant::now(),
            look: look.clone(),
        });
        look
    }

    async fn look_now(&self) -> Result<Look, DbErr> {
        let began = Instant::now();
        let newest: Vec<String> = (0..PARTITIONS)
            .map(|part| {
                format!(
                    "select part, pos, event_id from (select part, pos, event_id from evlog \
                     where part = {part} order by pos desc limit 1) as newest_{part}"
                )
            })
            .collect();
        let sql = format!(
            "{} union all select part + {PARTITIONS}, floor_pos, floor_event_id from evlog_head",
            newest.join(" union all ")
        );
        let db = self.db.read();
        let rows = db
            .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
            .await?;
        let mut ends: [[End; PARTITIONS]; 2] = Default::default();
        for row in &rows {
            let part = row.try_get::<i32>("", "part")? as usize;
            let end = End {
                position: row.try_get::<i64>("", "pos")? as u64,
                event_id: row.try_get("", "event_id")?,
            };
            if let Some(place) = ends.as_flattened_mut().get_mut(part) {
                *place = end;
            }
        }
        let [mut heads, floors] = ends;
        for (head, floor) in heads.iter_mut().zip(&floors) {
            if head.position < floor.position {
                head.clone_from(floor);
            }
        }
        let look = Look {
            began,
            heads,
            floors,
        };
        self.recent.keep(&look.heads);
        self.announce(&look.positions());
        Ok(look)
    }
}
