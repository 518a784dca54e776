//! Who may embed the Messenger of a workspace: asked of Settings by app id, kept for a minute, and corrected at once
//! by the settings feed.

use std::{sync::Arc, time::Duration};

use moka::{future, sync};
use proto::settings::v1 as st;
use tonic::Code;
use types::WorkspaceId;

use crate::{
    clients::Clients,
    error::Error,
    freshness::{Freshness, Learned},
    limits::Limits,
    proxies::Address,
    web::Embedder,
};

/// Apps kept at the most.
const KEPT: u64 = 10_000;
/// What was learned of one is asked for anew after this long.
const FRESH: Duration = Duration::from_secs(60);
/// It counts this long while Settings is away: longer than anything from Settings does (D3).
const LAST: Duration = Duration::from_secs(6 * 60);
/// A change outlives every answer that was given before it.
const TOLD: Duration = Duration::from_secs(10 * 60);
/// An app id that is not there may be there a moment later.
const UNKNOWN: Duration = Duration::from_secs(5);

/// The origins that may embed one workspace's Messenger.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Embedders {
    /// With blanks between them, as a policy for browsers and the page say it.
    pub(crate) origins: String,
    version: u64,
}

#[derive(Clone)]
struct Known {
    workspace: WorkspaceId,
    embedders: Arc<Embedders>,
    learned: Learned,
}

/// The apps whose pages are asked for.
pub(crate) struct Apps {
    fresh: future::Cache<String, Known>,
    last: sync::Cache<String, Known>,
    unknown: sync::Cache<String, ()>,
    told: sync::Cache<WorkspaceId, (Learned, Arc<Embedders>)>,
    clients: Arc<Clients>,
    freshness: Arc<Freshness>,
    limits: Arc<Limits>,
    /// Who may embed where a workspace has named nobody.
    unnamed: Vec<Embedder>,
}

impl Apps {
    pub(crate) fn new(
        clients: Arc<Clients>,
        freshness: Arc<Freshness>,
        limits: Arc<Limits>,
        unnamed: Vec<Embedder>,
    ) -> Self {
        let kept = |lives| {
            sync::Cache::builder()
                .max_capacity(KEPT)
                .time_to_live(lives)
        };
        Self {
            fresh: future::Cache::builder()
                .max_capacity(KEPT)
                .time_to_live(FRESH)
                .build(),
            last: kept(LAST).build(),
            unknown: sync::Cache::builder()
                .max_capacity(KEPT)
                .time_to_live(UNKNOWN)
                .build(),
            told: sync::Cache::builder()
                .max_capacity(KEPT)
                .time_to_live(TOLD)
                .build(),
            clients,
            freshness,
            limits,
            unnamed,
        }
    }

    /// Who may embed the Messenger of this app.
    ///
    /// # Errors
    /// [`Error::NoSuchApp`], alike for every id that is not there; when Settings is away and nothing is known that
    /// still counts; [`Error::TooOften`] when somebody has asked for too much that is not there.
    pub(crate) async fn embedders(
        &self,
        app: &str,
        from: Address,
    ) -> Result<Arc<Embedders>, Error> {
        let known = self.known(app, from).await?;
        let told = self.told.get(&known.workspace);
        let newer = told.filter(|(learned, told)| {
            (learned.generation, told.version) > (known.learned.generation, known.embedders.version)
        });
        Ok(newer.map_or(known.embedders, |(_, told)| told))
    }

    async fn known(&self, app: &str, from: Address) -> Result<Known, Error> {
        let holds = |known: &Known| self.freshness.holds(known.learned, self.freshness.now());
        if let Some(known) = self.fresh.get(app).await {
            if holds(&known) {
                return Ok(known);
            }
            // a hole in the feed may have hidden a change
            self.fresh.invalidate(app).await;
        }
        self.limits.lookup(from)?;
        if self.unknown.contains_key(app) {
            self.limits.missed(from);
            return Err(Error::NoSuchApp);
        }
        // however many ask, Settings is asked once
        let asked = self.fresh.try_get_with(app.to_owned(), self.ask(app)).await;
        asked.or_else(|error| match &*error {
            Error::NoSuchApp => {
                self.limits.missed(from);
                self.unknown.insert(app.to_owned(), ());
                Err(Error::NoSuchApp)
            }
            error => self.last.get(app).filter(holds).ok_or(error.clone()),
        })
    }

    async fn ask(&self, app: &str) -> Result<Known, Error> {
        let learned = self.freshness.learning();
        let found = match self.clients.look_up_app(app.to_owned()).await {
            Ok(found) => found,
            Err(error) if error.code() == Some(Code::NotFound) => return Err(Error::NoSuchApp),
            Err(error) => return Err(error),
        };
        let workspace = WorkspaceId::parse(&found.workspace_id)
            .map_err(|_| Error::Garbage("the app's workspace"))?;
        let known = Known {
            workspace,
            embedders: self.read(&found.security.unwrap_or_default()),
            learned,
        };
        self.last.insert(app.to_owned(), known.clone());
        Ok(known)
    }

    /// The feed told of a change.
    pub(crate) fn told(&self, workspace: WorkspaceId, security: &st::MessengerSecurity) {
        let told = (self.freshness.learning(), self.read(security));
        self.told.insert(workspace, told);
    }

    fn read(&self, security: &st::MessengerSecurity) -> Arc<Embedders> {
        let named: Vec<Embedder> = security
            .allowed_origins
            .iter()
            // they become a part of a header and of a page: what is no origin must not
            .filter_map(|origin| origin.parse().ok())
            .collect();
        let embedders = match security.allowed_origins.is_empty() {
            true => &self.unnamed,
            false => &named,
        };
        let origins: Vec<&str> = embedders.iter().map(Embedder::as_str).collect();
        Arc::new(Embedders {
            origins: origins.join(" "),
            version: security.version,
        })
    }
}
