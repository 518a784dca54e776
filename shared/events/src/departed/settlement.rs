//! What follows from a departure: step by step, each a transaction of its own, until nothing is left.

use std::{sync::Arc, time::Duration};

use database::{Turn, is_passing, number_of, retried, take_turns};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;
use types::{ContactId, WorkspaceId};

use super::{Departures, LogCopies, id, parsed};
use crate::{EventLog, UnitOfWork};

/// The kind of turn in which a contact is settled; replicas of all versions have to agree on it.
const SETTLING: i32 = 7004;
/// How often it is looked whether something is left to do, besides when it is told.
const LOOK: Duration = Duration::from_secs(5);
/// Departures looked for at once.
const AT_ONCE: u64 = 100;

/// A contact whose departure is not settled yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaver {
    /// Their workspace.
    pub workspace: WorkspaceId,
    /// Themselves.
    pub contact: ContactId,
    /// Who they are from now on; nobody when they are erased.
    pub survivor: Option<Survivor>,
    /// When it was decided, in microseconds since 1970.
    pub departed_at: i64,
}

/// Who a contact was merged into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// Themselves.
    pub contact: ContactId,
    /// Their name; may be empty.
    pub name: String,
}

/// A service's own part. Each step is a transaction of a bounded size that may be done again, by any replica.
#[async_trait::async_trait]
pub trait Departing: Send + Sync + 'static {
    /// Gives some of what is the visitor's to the user, and tells of it; true when nothing is left.
    ///
    /// # Errors
    /// When the database fails, or others were faster: the step is done again.
    async fn merge(
        &self,
        work: &mut UnitOfWork,
        visitor: &Leaver,
        user: &Survivor,
    ) -> Result<bool, DbErr>;

    /// Removes or empties some of what is the contact's, and tells whoever else sees it; true when nothing is
    /// left. Aggregates of others whose earlier events may hold the contact's words are to be named with
    /// [`UnitOfWork::trace`].
    ///
    /// # Errors
    /// As [`Departing::merge`].
    async fn erase(&self, work: &mut UnitOfWork, contact: &Leaver) -> Result<bool, DbErr>;

    /// Called after each step: to wake readers and drop caches.
    async fn stepped(&self, leaver: &Leaver) {
        let _ = leaver;
    }
}

/// Settles departures for as long as the process runs. Any number of replicas may.
pub struct Settlement {
    pub(super) log: EventLog,
    service: Arc<dyn Departing>,
    pub(super) copies: Option<Arc<dyn LogCopies>>,
    marked: Arc<Notify>,
}

impl Settlement {
    /// `log` is the service's own; `copies` are those of it that lie elsewhere, if there are any.
    pub fn new(
        log: EventLog,
        departures: &Departures,
        service: Arc<dyn Departing>,
        copies: Option<Arc<dyn LogCopies>>,
    ) -> Self {
        Self {
            log,
            service,
            copies,
            marked: departures.marked(),
        }
    }

    /// Runs until told to stop. What fails is logged and tried again.
    pub async fn run(self, stop: CancellationToken) {
        let settling = async {
            loop {
                if let Err(error) = self.settle_all().await {
                    tracing::warn!(%error, "departed contacts are settled later");
                }
                // told, or after a while
                let _ = timeout(LOOK, self.marked.notified()).await;
            }
        };
        stop.run_until_cancelled_owned(settling).await;
    }

    /// Goes once through all that is left, however much of it cannot be settled.
    async fn settle_all(&self) -> Result<(), DbErr> {
        let mut after = None;
        loop {
            let leavers = left(self.log.database().read(), after.as_ref()).await?;
            for leaver in &leavers {
                // one that cannot be settled holds up nobody else
                if let Err(error) = self.settle(leaver).await {
                    let Leaver {
                        workspace, contact, ..
                    } = leaver;
                    tracing::warn!(%workspace, %contact, %error, "a departed contact is settled later");
                }
            }
            let whole = leavers.len() as u64 == AT_ONCE;
            after = leavers.into_iter().next_back().filter(|_| whole);
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn settle(&self, leaver: &Leaver) -> Result<(), DbErr> {
        // others who write the same rows win now and then
        let again = |error: &DbErr| is_passing(error) || matches!(error, DbErr::Custom(_));
        while !retried(again, || self.step(leaver)).await? {}
        let left = pending(self.log.database().read(), leaver).await?;
        match left {
            Some(leaver) if leaver.survivor.is_none() => self.scrub(&leaver).await,
            _ => Ok(()),
        }
    }

    /// True when no step is left.
    async fn step(&self, leaver: &Leaver) -> Result<bool, DbErr> {
        let mut work = self.log.begin().await?;
        let turn = number_of(&[leaver.workspace.as_str(), leaver.contact.as_str()]);
        take_turns(work.tx(), SETTLING, Turn::Alone, [turn]).await?;
        // as it is in one's turn: another replica may have been first, or the survivor be gone by now
        let Some(leaver) = pending(work.tx(), leaver).await? else {
            return Ok(true);
        };
        let done = match &leaver.survivor {
            Some(user) => self.service.merge(&mut work, &leaver, user).await?,
            None => self.service.erase(&mut work, &leaver).await?,
        };
        if done && leaver.survivor.is_some() {
            settled(work.tx(), &leaver).await?;
        }
        work.commit().await?;
        self.service.stepped(&leaver).await;
        Ok(done)
    }
}

const LEAVERS: &str = "select d.workspace_id, d.contact_id, \
    case when s.contact_id is null then d.survivor_id end as survivor_id, d.survivor_name, d.departed_at \
    from departed_contact d left join departed_contact s \
    on s.workspace_id = d.workspace_id and s.contact_id = d.survivor_id";

/// Some of the departures that are not settled, oldest first, from the one after this on.
async fn left(db: &impl ConnectionTrait, after: Option<&Leaver>) -> Result<Vec<Leaver>, DbErr> {
    let (place, values) = match after {
        None => ("", Vec::new()),
        Some(last) => (
            "and (d.departed_at, d.workspace_id, d.contact_id) > ($1, $2, $3)",
            vec![
                last.departed_at.into(),
                last.workspace.as_str().into(),
                last.contact.as_str().into(),
            ],
        ),
    };
    let sql = format!(
        "{LEAVERS} where not d.settled {place} \
         order by d.departed_at, d.workspace_id, d.contact_id limit {AT_ONCE}"
    );
    let asked = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = db.query_all_raw(asked).await?;
    rows.iter().map(leaver).collect()
}

/// A departure that is not settled; `None` when it is.
async fn pending(db: &impl ConnectionTrait, leaver: &Leaver) -> Result<Option<Leaver>, DbErr> {
    let sql =
        format!("{LEAVERS} where d.workspace_id = $1 and d.contact_id = $2 and not d.settled");
    let values = [
        leaver.workspace.as_str().into(),
        leaver.contact.as_str().into(),
    ];
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            sql,
            values,
        ))
        .await?;
    row.as_ref().map(self::leaver).transpose()
}

/// Nothing is left to do.
pub(super) async fn settled(tx: &impl ConnectionTrait, leaver: &Leaver) -> Result<(), DbErr> {
    let values = [
        leaver.workspace.as_str().into(),
        leaver.contact.as_str().into(),
    ];
    tx.execute_raw(Statement::from_sql_and_values(
        tx.get_database_backend(),
        "update departed_contact set settled = true where workspace_id = $1 and contact_id = $2",
        values,
    ))
    .await?;
    Ok(())
}

fn leaver(row: &QueryResult) -> Result<Leaver, DbErr> {
    let survivor: Option<String> = row.try_get("", "survivor_id")?;
    let survivor = match survivor {
        Some(survivor) => Some(Survivor {
            contact: parsed(&survivor)?,
            name: row.try_get("", "survivor_name")?,
        }),
        None => None,
    };
    Ok(Leaver {
        workspace: id(row, "workspace_id")?,
        contact: id(row, "contact_id")?,
        survivor,
        departed_at: row.try_get("", "departed_at")?,
    })
}
