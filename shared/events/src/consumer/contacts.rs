//! Comparing with the source: what it tells of some contacts, read while the feed goes on.

use std::collections::BTreeSet;

use futures::StreamExt;
use proto::events::v1::{Cursor, Envelope};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};
use tokio::time::timeout;

use super::{Consumer, RebuildError, cursors::cursor, pending::Pending, run::WATCHDOG};
use crate::{
    PARTITIONS, UnitOfWork, partition_of,
    source::{ContactRef, SnapshotPiece},
};

/// What a source tells of some contacts, up to a place in each of their partitions.
pub struct ContactState {
    contacts: BTreeSet<ContactRef>,
    /// The newest state of each aggregate when it was read.
    states: Vec<Envelope>,
    /// What was told since.
    since: Vec<Envelope>,
    /// Of all partitions; those of the contacts are read on.
    ends: Vec<Cursor>,
    /// Where the source stood when the states had been read: no state is newer.
    newest: Vec<Cursor>,
}

impl ContactState {
    /// The contacts' partitions, in order.
    pub fn partitions(&self) -> BTreeSet<usize> {
        let partition = |of: &ContactRef| partition_of(Some(&of.contact), &of.workspace);
        self.contacts.iter().map(partition).collect()
    }

    /// All that is told, in the order of each aggregate.
    pub fn events(&self) -> impl Iterator<Item = &Envelope> {
        self.states.iter().chain(&self.since)
    }

    /// Whether a projection that has come to these cursors, which [`Consumer::hold`] returned, has applied all
    /// that the states tell. One that has not is late; nothing says that it is wrong.
    pub fn is_behind(&self, cursors: &[Cursor]) -> bool {
        cursors.iter().all(|cursor| {
            let newest = self.newest.get(cursor.partition as usize);
            newest.is_none_or(|newest| newest.position <= cursor.position)
        })
    }

    /// What was told after the states, and lies ahead of these cursors.
    pub fn ahead_of(&self, cursors: &[Cursor]) -> impl Iterator<Item = &Envelope> {
        self.since.iter().filter(|event| {
            cursors.iter().any(|cursor| {
                cursor.partition == event.partition && cursor.position < event.position
            })
        })
    }
}

impl Consumer {
    /// Asks the source for the state of some contacts, at most
    /// [`SNAPSHOT_CONTACTS`](crate::feed::SNAPSHOT_CONTACTS).
    ///
    /// # Errors
    /// When the source or the database fails.
    pub async fn read_contacts(
        &self,
        contacts: BTreeSet<ContactRef>,
    ) -> Result<ContactState, RebuildError> {
        let mut states = Vec::new();
        let of = Some(contacts.iter().cloned().collect());
        let ends = self.snapshot(of, |events| states.extend(events)).await?;
        let newest = timeout(WATCHDOG, self.source.heads())
            .await
            .map_err(|_| RebuildError::Silent)??;
        // the rows that are held later
        self.load_cursors().await?;
        let since = Vec::new();
        Ok(ContactState {
            contacts,
            states,
            since,
            ends,
            newest,
        })
    }

    /// Reads on to where the projection has come by now.
    ///
    /// # Errors
    /// When the source or the database fails, or the projection has gone where the source has not been.
    pub async fn read_on(&self, state: &mut ContactState) -> Result<(), RebuildError> {
        let applied = self.read_cursors(self.log.database().read()).await?;
        let mut pending = Pending::after(&state.ends);
        for partition in state.partitions() {
            let goal = applied.get(partition).map_or(0, |cursor| cursor.position);
            while pending.position(partition) < goal {
                let before = pending.position(partition);
                let more = timeout(WATCHDOG, self.source.read(partition, before))
                    .await
                    .map_err(|_| RebuildError::Silent)??;
                for event in more {
                    pending.take(event).map_err(|_| RebuildError::Elsewhere)?;
                }
                if pending.position(partition) == before {
                    return Err(RebuildError::Elsewhere);
                }
            }
        }
        let (events, ends) = pending.flush();
        state.ends = ends.to_vec();
        let concerned = events.into_iter().filter(|event| {
            state.contacts.iter().any(|of| {
                of.contact.as_str() == event.contact_id
                    && of.workspace.as_str() == event.workspace_id
            })
        });
        state.since.extend(concerned);
        Ok(())
    }

    /// The first statement of a transaction that compares: holds the cursors of the state's partitions where
    /// they are, to the commit, and returns them. `None` when the projection has passed the state: undo the
    /// transaction and [`Consumer::read_on`]. Whoever holds several sources' cursors takes them in one order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold(
        &self,
        work: &UnitOfWork,
        state: &ContactState,
    ) -> Result<Option<Vec<Cursor>>, DbErr> {
        let tx = work.tx();
        let backend = tx.get_database_backend();
        let held = match backend {
            DbBackend::Postgres => " for share",
            // whoever writes has the whole database
            _ => "",
        };
        let partitions = state.partitions();
        let mut values: Vec<Value> = vec![self.projection.name().into(), self.source_name.into()];
        values.extend(partitions.iter().map(|p| Value::from(*p as i32)));
        let marks: Vec<_> = (0..partitions.len())
            .map(|n| format!("${}", n + 3))
            .collect();
        let sql = format!(
            "select part, log_epoch, pos, event_id from consumer_cursor where projection = $1 \
             and source = $2 and part in ({}) order by part{held}",
            marks.join(", ")
        );
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let rows = tx.query_all_raw(statement).await?;
        let cursors: Vec<Cursor> = rows.iter().map(cursor).collect::<Result<_, _>>()?;
        let passed = |cursor: &Cursor| {
            let end = state.ends.get(cursor.partition as usize);
            end.is_none_or(|end| end.position < cursor.position)
        };
        Ok((!cursors.iter().any(passed)).then_some(cursors))
    }

    /// Reads a snapshot to its end, and returns from where to follow it.
    pub(super) async fn snapshot(
        &self,
        of: Option<Vec<ContactRef>>,
        mut page: impl FnMut(Vec<Envelope>),
    ) -> Result<Vec<Cursor>, RebuildError> {
        let mut snapshot = timeout(WATCHDOG, self.source.snapshot(of))
            .await
            .map_err(|_| RebuildError::Silent)??;
        let mut cursors = None;
        while let Some(piece) = timeout(WATCHDOG, snapshot.next())
            .await
            .map_err(|_| RebuildError::Silent)?
        {
            match piece? {
                SnapshotPiece::Cursors(found) => cursors = Some(found),
                SnapshotPiece::State(events) => page(events),
            }
        }
        cursors
            .filter(|found: &Vec<Cursor>| found.len() == PARTITIONS)
            .ok_or(RebuildError::Silent)
    }

    /// Everybody of whom the source tells anything.
    ///
    /// # Errors
    /// When the source fails.
    pub async fn contacts(&self) -> Result<BTreeSet<ContactRef>, RebuildError> {
        let mut contacts = BTreeSet::new();
        self.snapshot(None, |events| {
            contacts.extend(events.iter().filter_map(|event| {
                Some(ContactRef {
                    workspace: event.workspace_id.parse().ok()?,
                    contact: event.contact_id.parse().ok()?,
                })
            }));
        })
        .await?;
        Ok(contacts)
    }
}
