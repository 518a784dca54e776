use std::{collections::HashMap, sync::Arc, time::Duration};

use events::{EventLog, FeedServer, NewEvent, SnapshotPage, SnapshotSource};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use prost::Message;
use proto::{
    events::v1::event_feed_service_server::EventFeedServiceServer,
    settings::v1::{
        contact_service_server::ContactServiceServer,
        session_store_service_server::{SessionStoreService, SessionStoreServiceServer},
        settings_service_server::{SettingsService, SettingsServiceServer},
        workspace_service_server::WorkspaceServiceServer,
        *,
    },
};
use runtime::{
    Access, Kind,
    auth::{AccessTable, actor},
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use sha2::{Digest, Sha256};
use testing::{ManualClock, Scratch};
use tonic::{Request, Response, Status, service::Routes};
use types::{Clock, ContactId, WorkspaceId, micros};

use super::{ConsoleBook, Gate, Host, ours, people::People, refused};

const ACCESS: AccessTable = &[
    (
        "/messenger.settings.v1.SettingsService/GetMessengerSettings",
        Access::Scope("settings:read"),
    ),
    (
        "/messenger.settings.v1.SessionStoreService/OpenSession",
        Access::Scope("sessions:write"),
    ),
    (
        "/messenger.settings.v1.SessionStoreService/LookUpSession",
        Access::Scope("sessions:write"),
    ),
    (
        "/messenger.settings.v1.SessionStoreService/LookUpApp",
        Access::Scope("sessions:write"),
    ),
    (
        "/messenger.settings.v1.SessionStoreService/RevokeSession",
        Access::Scope("sessions:write"),
    ),
    (
        "/messenger.settings.v1.SessionStoreService/OpenConsoleSession",
        Access::Scope("sessions:write"),
    ),
    (
        "/messenger.settings.v1.SessionStoreService/LookUpConsoleSession",
        Access::Scope("sessions:write"),
    ),
    (
        "/messenger.settings.v1.SessionStoreService/RevokeConsoleSession",
        Access::Scope("sessions:write"),
    ),
    (
        "/messenger.settings.v1.WorkspaceService/ListTeammates",
        Access::Scope("settings:read"),
    ),
    (
        "/messenger.settings.v1.ContactService/BatchGetContacts",
        Access::Scope("contacts:read"),
    ),
    (
        "/messenger.settings.v1.ContactService/SearchContacts",
        Access::Scope("contacts:read"),
    ),
    (
        "/messenger.events.v1.EventFeedService/Subscribe",
        Access::Scope("events:read"),
    ),
    (
        "/messenger.events.v1.EventFeedService/GetHeads",
        Access::Scope("events:read"),
    ),
];

/// The user token that opens a session, for the contact it names.
pub const USER_JWT: &str = "signed by the customer's server for ";

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(database::migration::Plumbing),
            Box::new(events::migration::LogTables),
        ]
    }
}

struct NoState;

impl SnapshotSource for NoState {
    fn page(
        &self,
        _: Option<String>,
    ) -> BoxFuture<'_, Result<SnapshotPage, sea_orm_migration::sea_orm::DbErr>> {
        Box::pin(async {
            Ok(SnapshotPage {
                events: Vec::new(),
                next: None,
            })
        })
    }
}

/// Settings, with a real log behind its feed.
pub struct State {
    pub gate: Gate,
    pub console: ConsoleBook,
    settings: Mutex<HashMap<WorkspaceId, MessengerSettings>>,
    sessions: Mutex<HashMap<Vec<u8>, Session>>,
    visitors: Mutex<HashMap<String, ContactId>>,
    security: Mutex<HashMap<WorkspaceId, MessengerSecurity>>,
    log: Mutex<EventLog>,
    clock: ManualClock,
}

pub struct FakeSettings {
    pub state: Arc<State>,
    pub host: Host,
}

impl FakeSettings {
    pub async fn start(scratch: &Scratch, clock: &ManualClock) -> Self {
        let state = Arc::new(State {
            gate: Gate::default(),
            console: ConsoleBook::default(),
            settings: Mutex::default(),
            sessions: Mutex::default(),
            visitors: Mutex::default(),
            security: Mutex::default(),
            log: Mutex::new(log(scratch, clock, "settings").await),
            clock: clock.clone(),
        });
        let routes = {
            let state = state.clone();
            move |tasks: &runtime::Tasks| {
                let feed = FeedServer::new(
                    state.log.lock().clone(),
                    Arc::new(NoState),
                    tasks.stopping(),
                );
                Routes::new(SettingsServiceServer::new(Handler(state.clone())))
                    .add_service(SessionStoreServiceServer::new(Handler(state.clone())))
                    .add_service(WorkspaceServiceServer::new(People(state.clone())))
                    .add_service(ContactServiceServer::new(People(state.clone())))
                    .add_service(EventFeedServiceServer::new(feed))
            }
        };
        let services = &["messenger.settings.v1.SettingsService"];
        let host = Host::start("settings", services, ACCESS, &scratch.path("keys"), routes).await;
        Self { state, host }
    }

    /// Opens a session for `lasts`; answers its access token and id.
    pub fn open(
        &self,
        workspace: &WorkspaceId,
        contact: &ContactId,
        lasts: Duration,
    ) -> (String, String) {
        self.state
            .open(workspace, contact, ContactKind::User, lasts)
    }

    /// Says which origins may embed the workspace's Messenger, and tells the feed.
    pub async fn allow(&self, workspace: &WorkspaceId, origins: &[&str]) {
        let security = self.state.allow(workspace, origins);
        let version = security.version;
        let payload = MessengerSecurityChanged {
            security: Some(security),
        };
        let kind = "messenger.settings.v1.MessengerSecurityChanged";
        let id = workspace.as_str();
        self.emit(kind, id, version, workspace, payload.encode_to_vec())
            .await;
    }

    /// Tells that a visitor is a user, as Settings does after an answer that says so.
    pub async fn merge(&self, workspace: &WorkspaceId, from: &ContactId, into: &ContactId) {
        let payload = ContactMerged {
            from_contact_id: from.to_string(),
            into_contact_id: into.to_string(),
            into_contact_name: "Ada".into(),
        };
        let kind = "messenger.settings.v1.ContactMerged";
        let id = from.as_str();
        self.emit(kind, id, 1, workspace, payload.encode_to_vec())
            .await;
    }

    /// Ends a session, by somebody else than the BFF.
    pub async fn revoke(&self, workspace: &WorkspaceId, session_id: &str) {
        self.state.forget(session_id);
        let payload = SessionRevoked {
            session_id: session_id.into(),
        };
        let kind = "messenger.settings.v1.SessionRevoked";
        self.emit(kind, session_id, 1, workspace, payload.encode_to_vec())
            .await;
    }

    /// Turns the Tickets space on one platform.
    pub async fn turn(&self, workspace: &WorkspaceId, platform: Platform, enabled: bool) {
        let settings = {
            let mut all = self.state.settings.lock();
            let settings = all.entry(workspace.clone()).or_default();
            settings.version += 1;
            settings.spaces.retain(|row| row.platform() != platform);
            settings.spaces.push(SpaceSetting {
                platform: platform.into(),
                space: Space::Tickets.into(),
                enabled,
            });
            settings.clone()
        };
        let (kind, version) = (
            "messenger.settings.v1.MessengerSettingsChanged",
            settings.version,
        );
        let payload = MessengerSettingsChanged {
            settings: Some(settings),
        };
        self.emit(
            kind,
            workspace.as_str(),
            version,
            workspace,
            payload.encode_to_vec(),
        )
        .await;
    }

    /// Appends to the log.
    pub async fn emit(
        &self,
        kind: &'static str,
        aggregate_id: &str,
        aggregate_version: u64,
        workspace: &WorkspaceId,
        payload: Vec<u8>,
    ) {
        let log = self.state.log.lock().clone();
        let mut work = log.begin().await.unwrap();
        work.emit(NewEvent {
            kind,
            aggregate_id: aggregate_id.into(),
            aggregate_version,
            contact: None,
            workspace: workspace.clone(),
            occurred_at: micros(self.state.clock.now()),
            payload,
        });
        work.commit().await.unwrap();
    }

    /// Goes on with another history, as after a restore from an old backup: sessions that were revoked
    /// and settings that were changed since are as the test says, and nothing tells of it.
    pub async fn restore(&self, scratch: &Scratch, what: impl FnOnce(&State)) {
        self.host.go_down().await;
        what(&self.state);
        let restored = log(scratch, &self.state.clock, "restored").await;
        *self.state.log.lock() = restored;
        self.host.come_back().await;
    }
}

impl State {
    pub fn open(
        &self,
        workspace: &WorkspaceId,
        contact: &ContactId,
        kind: ContactKind,
        lasts: Duration,
    ) -> (String, String) {
        let id = types::id::uuid().simple().to_string();
        let (token, session_id) = (format!("token-{id}"), format!("ses_{id}"));
        let ends = micros(self.clock.now()) + lasts.as_micros() as i64;
        let session = Session {
            session_id: session_id.clone(),
            workspace_id: workspace.to_string(),
            contact_id: contact.to_string(),
            contact_name: "Ada".into(),
            platform: Platform::Web.into(),
            contact_kind: kind.into(),
            expire_time: Some(prost_types::Timestamp {
                seconds: ends.div_euclid(1_000_000),
                nanos: (ends.rem_euclid(1_000_000) * 1_000) as i32,
            }),
        };
        let hash = Sha256::digest(&token).to_vec();
        self.sessions.lock().insert(hash, session);
        (token, session_id)
    }

    /// Says which origins may embed the workspace's Messenger, and tells nobody.
    pub fn allow(&self, workspace: &WorkspaceId, origins: &[&str]) -> MessengerSecurity {
        let mut all = self.security.lock();
        let security = all.entry(workspace.clone()).or_default();
        security.version += 1;
        security.allowed_origins = origins.iter().map(|origin| (*origin).into()).collect();
        security.clone()
    }

    /// Whom an identity is, with a new visitor's secret, and whether a visitor is merged.
    fn identify(
        &self,
        request: &OpenSessionRequest,
    ) -> Option<(ContactId, ContactKind, String, bool)> {
        let mut visitors = self.visitors.lock();
        if !request.user_jwt.is_empty() {
            let contact = request.user_jwt.strip_prefix(USER_JWT)?;
            let contact = ContactId::parse(contact).ok()?;
            let visitor = visitors.remove(&request.visitor_secret);
            if let Some(visitor) = &visitor {
                let mut sessions = self.sessions.lock();
                sessions.retain(|_, session| session.contact_id != visitor.as_str());
            }
            return Some((contact, ContactKind::User, String::new(), visitor.is_some()));
        }
        let kind = match request.claimed_user_id.as_str() {
            "" => ContactKind::Visitor,
            _ => ContactKind::Unverified,
        };
        if request.visitor_secret.is_empty() {
            let contact = ContactId::generate();
            let secret = format!("msgr_vis_{}", types::id::uuid().simple());
            visitors.insert(secret.clone(), contact.clone());
            return Some((contact, kind, secret, false));
        }
        let contact = visitors.get(&request.visitor_secret)?;
        Some((contact.clone(), kind, String::new(), false))
    }

    /// Forgets a session without telling anybody.
    pub fn forget(&self, session_id: &str) {
        let mut sessions = self.sessions.lock();
        sessions.retain(|_, session| session.session_id != session_id);
    }
}

async fn log(scratch: &Scratch, clock: &ManualClock, name: &str) -> EventLog {
    let database = scratch.database::<Migrator>(name).await;
    EventLog::open(database, "settings", Arc::new(clock.clone()))
        .await
        .unwrap()
}

fn unauthenticated() -> Status {
    ours(
        Kind::Unauthenticated,
        "settings.messenger",
        "UNAUTHENTICATED",
    )
    .into()
}

struct Handler(Arc<State>);

#[tonic::async_trait]
impl SettingsService for Handler {
    async fn get_messenger_settings(
        &self,
        request: Request<GetMessengerSettingsRequest>,
    ) -> Result<Response<GetMessengerSettingsResponse>, Status> {
        // read first, answered later: what happens in between is not in the answer
        let asks = actor(&request)?;
        let settings = self.0.settings.lock().get(asks.workspace()?).cloned();
        let (_, empty) = self.0.gate.pass("GetMessengerSettings", &request).await?;
        Ok(Response::new(GetMessengerSettingsResponse {
            settings: (!empty).then(|| settings.unwrap_or_default()),
        }))
    }

    refused! {
        update_space(UpdateSpaceRequest) -> UpdateSpaceResponse;
        list_audit_entries(ListAuditEntriesRequest) -> ListAuditEntriesResponse;
    }
}

#[tonic::async_trait]
impl SessionStoreService for Handler {
    async fn open_session(
        &self,
        request: Request<OpenSessionRequest>,
    ) -> Result<Response<OpenSessionResponse>, Status> {
        let (_, empty) = self.0.gate.pass("OpenSession", &request).await?;
        if empty {
            return Ok(Response::new(Default::default()));
        }
        let request = request.into_inner();
        let (contact, kind, visitor_secret, merged) =
            self.0.identify(&request).ok_or_else(unauthenticated)?;
        // the app's id stands for its workspace
        let workspace = WorkspaceId::parse(&request.app_id.replace("app_", "wsp_"));
        let workspace = workspace.map_err(|_| unauthenticated())?;
        let (access_token, session_id) =
            self.0
                .open(&workspace, &contact, kind, Duration::from_secs(900));
        let sessions = self.0.sessions.lock();
        let session = sessions
            .values()
            .find(|session| session.session_id == session_id);
        Ok(Response::new(OpenSessionResponse {
            access_token,
            session: session.cloned(),
            visitor_secret,
            merged,
        }))
    }

    /// There is an app for each workspace that has said who may embed it.
    async fn look_up_app(
        &self,
        request: Request<LookUpAppRequest>,
    ) -> Result<Response<LookUpAppResponse>, Status> {
        // read first, answered later: what happens in between is not in the answer
        let workspace = WorkspaceId::parse(&request.get_ref().app_id.replace("app_", "wsp_"));
        let found = workspace.ok().and_then(|workspace| {
            let security = self.0.security.lock().get(&workspace).cloned();
            security.map(|security| (workspace, security))
        });
        self.0.gate.pass("LookUpApp", &request).await?;
        let missing = || ours(Kind::NotFound, "settings.messenger", "NOT_FOUND");
        let (workspace, security) = found.ok_or_else(missing)?;
        Ok(Response::new(LookUpAppResponse {
            workspace_id: workspace.to_string(),
            security: Some(security),
        }))
    }

    async fn look_up_session(
        &self,
        request: Request<LookUpSessionRequest>,
    ) -> Result<Response<LookUpSessionResponse>, Status> {
        // read first, answered later: what happens in between is not in the answer
        let found = {
            let sessions = self.0.sessions.lock();
            sessions
                .get(&request.get_ref().access_token_sha256)
                .cloned()
        };
        let (_, empty) = self.0.gate.pass("LookUpSession", &request).await?;
        if empty {
            return Ok(Response::new(Default::default()));
        }
        let session = found.ok_or_else(unauthenticated)?;
        Ok(Response::new(LookUpSessionResponse {
            session: Some(session),
        }))
    }

    async fn revoke_session(
        &self,
        request: Request<RevokeSessionRequest>,
    ) -> Result<Response<RevokeSessionResponse>, Status> {
        self.0.gate.pass("RevokeSession", &request).await?;
        self.0.forget(&request.into_inner().session_id);
        Ok(Response::new(RevokeSessionResponse {}))
    }

    async fn open_console_session(
        &self,
        request: Request<OpenConsoleSessionRequest>,
    ) -> Result<Response<OpenConsoleSessionResponse>, Status> {
        self.0.gate.pass("OpenConsoleSession", &request).await?;
        self.0.console.open(request.into_inner()).map(Response::new)
    }

    async fn look_up_console_session(
        &self,
        request: Request<LookUpConsoleSessionRequest>,
    ) -> Result<Response<LookUpConsoleSessionResponse>, Status> {
        self.0.gate.pass("LookUpConsoleSession", &request).await?;
        let session = self.0.console.find(&request.get_ref().token_sha256);
        Ok(Response::new(LookUpConsoleSessionResponse {
            session: Some(session.ok_or_else(unauthenticated)?),
        }))
    }

    async fn revoke_console_session(
        &self,
        request: Request<RevokeConsoleSessionRequest>,
    ) -> Result<Response<RevokeConsoleSessionResponse>, Status> {
        self.0.gate.pass("RevokeConsoleSession", &request).await?;
        self.0.console.end(&request.get_ref().session_id);
        Ok(Response::new(RevokeConsoleSessionResponse {}))
    }
}
