//! What is kept of a workspace while one of its sessions is: its settings, the labels of its ticket
//! states, and the right to speak for this service in it.

use std::sync::Arc;

use runtime::{Actor, ActorKind};
use tokio::sync::{Mutex, watch};
use types::WorkspaceId;

use crate::{
    clients::{Clients, Credential},
    convert,
    error::Error,
    freshness::{Freshness, Learned},
    labels::Labels,
    shared_map::SharedMap,
    spaces::Switches,
};

/// Settings, and since when they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    switches: Switches,
    learned: Learned,
}

/// A workspace, shared by its sessions.
pub(crate) struct Workspace {
    id: WorkspaceId,
    /// Labels of its ticket states.
    pub(crate) labels: Labels,
    /// Speaks for this service where a conversation must exist.
    pub(crate) ensures: Credential,
    reads_settings: Credential,
    freshness: Arc<Freshness>,
    known: watch::Sender<Option<Known>>,
    asking: Mutex<()>,
}

impl Workspace {
    fn new(id: &WorkspaceId, freshness: Arc<Freshness>) -> Self {
        let speaks = |scope: &str| {
            Credential::new(Actor {
                workspace: Some(id.clone()),
                kind: ActorKind::Service,
                id: crate::NAME.into(),
                name: String::new(),
                scopes: vec![scope.into()],
            })
        };
        Self {
            id: id.clone(),
            labels: Labels::new(freshness.clone()),
            ensures: speaks("conversations:ensure"),
            reads_settings: speaks("settings:read"),
            freshness,
            known: watch::Sender::new(None),
            asking: Mutex::new(()),
        }
    }

    /// Which it is.
    pub(crate) fn id(&self) -> &WorkspaceId {
        &self.id
    }

    /// The switches, as last known if that still counts, else as Settings says now. However many ask,
    /// Settings is asked once at a time.
    ///
    /// # Errors
    /// When Settings is away and what was known is too old (D3).
    pub(crate) async fn switches(&self, clients: &Clients) -> Result<Switches, Error> {
        if let Some(switches) = self.known() {
            return Ok(switches);
        }
        let _one = self.asking.lock().await;
        if let Some(switches) = self.known() {
            return Ok(switches);
        }
        let learned = self.freshness.learning();
        let settings = clients.messenger_settings(&self.reads_settings).await?;
        let switches = convert::switches(&settings);
        self.learn(switches, learned);
        // the feed may have told of a newer version meanwhile
        Ok(self.known().unwrap_or(switches))
    }

    /// Tells when the settings change.
    pub(crate) fn changes(&self) -> Changes {
        Changes(self.known.subscribe())
    }

    /// The feed told of new settings.
    fn told(&self, switches: Switches) {
        self.learn(switches, self.freshness.learning());
    }

    fn known(&self) -> Option<Switches> {
        let known = (*self.known.borrow())?;
        self.freshness
            .holds(known.learned, self.freshness.now())
            .then_some(known.switches)
    }

    /// Keeps the newest: by generation, since after a hole another history may count its versions anew,
    /// then by version, since an answer and an event overtake each other.
    fn learn(&self, switches: Switches, learned: Learned) {
        self.known.send_if_modified(|known| {
            let newer = known.is_none_or(|known| {
                (learned.generation, switches.version)
                    >= (known.learned.generation, known.switches.version)
            });
            let changed = newer && known.map(|known| known.switches) != Some(switches);
            if newer {
                *known = Some(Known { switches, learned });
            }
            changed
        });
    }
}

/// Changes of a workspace's settings.
pub(crate) struct Changes(watch::Receiver<Option<Known>>);

impl Changes {
    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // the workspace is held by whoever waits here, so this does not happen
            std::future::pending::<()>().await;
        }
    }
}

/// Every workspace of which a session is kept.
pub(crate) struct Workspaces {
    map: SharedMap<WorkspaceId, Workspace>,
    freshness: Arc<Freshness>,
}

impl Workspaces {
    pub(crate) fn new(freshness: Arc<Freshness>) -> Self {
        Self {
            map: SharedMap::new(),
            freshness,
        }
    }

    /// The one of this id.
    pub(crate) fn get(&self, id: &WorkspaceId) -> Arc<Workspace> {
        self.map
            .get_or(id.clone(), || Workspace::new(id, self.freshness.clone()))
    }

    /// The feed told of new settings; they concern nobody if no session is kept.
    pub(crate) fn told(&self, id: &WorkspaceId, switches: Switches) {
        if let Some(workspace) = self.map.get(id) {
            workspace.told(switches);
        }
    }
}

#[cfg(test)]
mod tests {
    use testing::ManualClock;

    use super::*;
    use crate::spaces::{Platform, Space};

    fn workspace() -> (Arc<Freshness>, Workspace) {
        let freshness = Arc::new(Freshness::new(Arc::new(ManualClock::new())));
        let workspace = Workspace::new(&WorkspaceId::generate(), freshness.clone());
        (freshness, workspace)
    }

    #[test]
    fn an_answer_that_a_newer_event_overtook_changes_nothing() {
        let (freshness, workspace) = workspace();
        let asked = freshness.learning();
        let newer = Switches::all_on(6).with(Platform::Web, Space::Tickets, false);
        workspace.told(newer);
        workspace.learn(Switches::all_on(5), asked);
        assert_eq!(workspace.known(), Some(newer));
    }

    #[test]
    fn after_a_hole_in_the_feed_a_lower_version_may_be_the_newer() {
        let (freshness, workspace) = workspace();
        workspace.told(Switches::all_on(6));
        let stale = freshness.learning();
        freshness.gap();
        assert_eq!(workspace.known(), None);
        workspace.told(Switches::all_on(2));
        workspace.learn(Switches::all_on(7), stale);
        assert_eq!(workspace.known(), Some(Switches::all_on(2)));
    }

    #[tokio::test]
    async fn a_change_wakes_who_watches_and_the_same_again_does_not() {
        let (_, workspace) = workspace();
        let mut changes = workspace.changes();
        workspace.told(Switches::all_on(1));
        changes.next().await;
        workspace.told(Switches::all_on(1));
        assert!(!changes.0.has_changed().unwrap());
    }
}
