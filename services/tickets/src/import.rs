//! Bringing in many tickets at once, for benches and moves from elsewhere.

use database::Database;
use events::EventLog;
use jiff::Timestamp;
use sea_orm::DbErr;
use types::{ContactId, WorkspaceId};

pub use crate::domain::StateCategory;
use crate::{
    NAME, convert,
    domain::{Aggregate, By, Catalog, NewTicket, TicketId},
    store::{self, Migrator, tickets},
};
use std::sync::Arc;

/// Tickets in one transaction: large enough that the commit costs little, small enough that nobody who
/// writes meanwhile waits for long.
const BATCH: usize = 500;

/// A ticket to bring in.
#[derive(Debug, Clone)]
pub struct Import {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Who it is for.
    pub requester: ContactId,
    /// One line, at most 255 characters; not checked.
    pub title: String,
    /// Many lines, at most 10,000 characters; not checked.
    pub description: String,
    /// It gets the first state of this category that the workspace's first type has.
    pub category: StateCategory,
    /// When it was created: its place in the customer's list.
    pub created_at: Timestamp,
    /// False: it badges nobody.
    pub notify: bool,
}

/// Why tickets could not be brought in; the batches before the one that failed are in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The database cannot be opened or brought to this version.
    #[error(transparent)]
    Open(#[from] database::OpenError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] DbErr),
    /// A workspace's first type lacks a category.
    #[error("{0} has no type with a state of the category asked for")]
    Type(WorkspaceId),
}

/// Brings tickets into the service's database as if each had been created: with number, history, its
/// conversation's id, what its requester sees of it, and the event that tells of it. The service may
/// run meanwhile. Tickets of a workspace get their numbers in the order given.
///
/// # Errors
/// See [`ImportError`].
pub async fn import(
    database_url: &str,
    clock: Arc<dyn types::Clock>,
    mut imports: Vec<Import>,
) -> Result<(), ImportError> {
    let db = Database::open::<Migrator>(database_url).await?;
    let log = EventLog::open(db.clone(), NAME, clock).await?;
    imports.sort_by(|a, b| a.workspace.cmp(&b.workspace));
    for of_one in imports.chunk_by(|a, b| a.workspace == b.workspace) {
        for batch in of_one.chunks(BATCH) {
            import_batch(&log, batch).await?;
        }
    }
    db.close().await?;
    Ok(())
}

async fn import_batch(log: &EventLog, batch: &[Import]) -> Result<(), ImportError> {
    let Some(Import { workspace, .. }) = batch.first() else {
        return Ok(());
    };
    let mut work = log.begin().await?;
    let catalog = match store::catalog::load(work.tx(), workspace).await? {
        Some(catalog) => catalog,
        None => {
            let defaults = Catalog::defaults(workspace);
            store::catalog::store(work.tx(), workspace, &defaults).await?;
            defaults
        }
    };
    let lacking = |_| ImportError::Type(workspace.clone());
    let of = catalog.choose_type(None, false).map_err(lacking)?;
    let first = tickets::take_numbers(work.tx(), workspace, batch.len() as u32).await?;
    let by = By {
        actor: NAME,
        at: log.clock().now(),
    };
    let mut changes = Vec::with_capacity(batch.len());
    for (number, import) in (first..).zip(batch) {
        let new = NewTicket {
            workspace: workspace.clone(),
            id: TicketId::generate(),
            number,
            of,
            state: catalog.first_state(of, import.category).map_err(lacking)?,
            requester: import.requester.clone(),
            title: import.title.clone(),
            description: import.description.clone(),
            assignee: None,
            conversation: None,
            notify: import.notify,
            created_at: import.created_at,
        };
        changes.push(Aggregate::create(new, &by).map_err(lacking)?);
    }
    let all: Vec<_> = changes.iter().collect();
    match tickets::insert(work.tx(), &all).await? {
        tickets::Saved::Done => {}
        other => return Err(DbErr::Custom(format!("fresh tickets met others: {other:?}")).into()),
    }
    for event in changes.iter().flat_map(convert::changed) {
        work.emit(event);
    }
    work.commit().await?;
    Ok(())
}
