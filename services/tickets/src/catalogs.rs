//! Types and states at hand: nearly every call needs them and hardly any changes them.

use std::{sync::Arc, time::Duration};

use database::Database;
use moka::future::Cache;
use sea_orm::DbErr;
use types::WorkspaceId;

use crate::{domain::Catalog, store};

/// Workspaces remembered.
const WORKSPACES: u64 = 10_000;
/// For how long: nothing edits them yet, and a change by hand shows soon.
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
            let stored = store::catalog::load(self.db.read(), workspace).await?;
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

    /// To be called once they are stored.
    pub(crate) async fn forget(&self, workspace: &WorkspaceId) {
        self.known.invalidate(workspace).await;
    }
}
