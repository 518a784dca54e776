//! Types and states at hand: nearly every call needs them and hardly any changes them.

use std::{sync::Arc, time::Duration};

use database::Database;
use moka::future::Cache;
use sea_orm::DbErr;
use types::WorkspaceId;

use crate::{
    domain::{Catalog, TypeId},
    store,
};

/// Workspaces remembered.
const WORKSPACES: u64 = 10_000;
/// For how long: what another replica adds is looked up when it is met, and shows in lists after this.
const REMEMBERED: Duration = Duration::from_secs(30);

/// A workspace's types and states.
pub(crate) struct Known {
    pub(crate) catalog: Catalog,
    /// False while they are the ones that every workspace starts with, and no write has needed them.
    pub(crate) stored: bool,
}

/// The types and states of all workspaces.
pub(crate) struct Catalogs {
    db: Database,
    known: Cache<WorkspaceId, Arc<Known>>,
}

impl Catalogs {
    pub(crate) fn new(db: Database) -> Self {
        let known = Cache::builder()
            .max_capacity(WORKSPACES)
            .time_to_live(REMEMBERED)
            .build();
        Self { db, known }
    }

    /// T2: what the workspace stored, or else what every workspace starts with.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn of(&self, workspace: &WorkspaceId) -> Result<Arc<Known>, DbErr> {
        let load = async {
            let stored = store::catalog::load(&self.db.of(workspace), workspace).await?;
            Ok(Arc::new(match stored {
                Some(catalog) => Known {
                    catalog,
                    stored: true,
                },
                None => Known {
                    catalog: Catalog::defaults(workspace),
                    stored: false,
                },
            }))
        };
        let known = self.known.try_get_with_by_ref(workspace, load).await;
        known.map_err(|error: Arc<DbErr>| (*error).clone())
    }

    /// The same, with types that may be newer than what is remembered: another replica made them.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn with(
        &self,
        workspace: &WorkspaceId,
        types: &[&TypeId],
    ) -> Result<Arc<Known>, DbErr> {
        let known = self.of(workspace).await?;
        let has = |of: &&TypeId| known.catalog.ticket_type(of).is_some();
        if types.iter().all(has) {
            return Ok(known);
        }
        self.forget(workspace).await;
        self.of(workspace).await
    }

    /// To be called once something of them is stored.
    pub(crate) async fn forget(&self, workspace: &WorkspaceId) {
        self.known.invalidate(workspace).await;
    }
}
