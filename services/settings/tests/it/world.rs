//! A running service, its clients, and a workspace in it.

use std::sync::Arc;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proto::{
    events::v1::{Envelope, ReadRequest, event_feed_service_client::EventFeedServiceClient},
    settings::v1::{
        contact_service_client::ContactServiceClient,
        session_store_service_client::SessionStoreServiceClient,
        settings_service_client::SettingsServiceClient,
        workspace_service_client::WorkspaceServiceClient, *,
    },
};
use runtime::{Actor, ActorKind, KeyRing, Running, ServerArgs, config::DatabaseArgs};
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement};
use serde_json::{Value, json};
use testing::{ManualClock, Scratch, request};
use tonic::{Code, Request, Status, transport::Channel};
use types::{Clock, WorkspaceId};

/// Sealing keys that are the same in every test, so that databases which are kept open again.
pub const SEALING: &str = "test AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// What an admin may do.
pub const ADMIN: [&str; 4] = [
    "settings:read",
    "settings:write",
    "contacts:read",
    "contacts:write",
];

pub struct World {
    pub scratch: Scratch,
    pub clock: ManualClock,
    pub running: Running,
    pub channel: Channel,
    pub bff: Arc<KeyRing>,
    pub operator: Arc<KeyRing>,
}

impl World {
    pub async fn start() -> Self {
        let scratch = Scratch::new();
        scratch.keys(&["bff", "settings", "operator"]);
        Self::on(scratch, ManualClock::new()).await
    }

    /// On a scratch with keys, and its database as it is.
    pub async fn on(scratch: Scratch, clock: ManualClock) -> Self {
        let file = scratch.path("keys").join(settings::SEALING_FILE);
        if !file.exists() {
            std::fs::write(&file, SEALING).unwrap();
        }
        let config = Self::config(&scratch);
        let running = settings::start_with(config, Arc::new(clock.clone()))
            .await
            .unwrap();
        let channel = runtime::client::channel(&format!("http://{}", running.address())).unwrap();
        Self {
            bff: scratch.ring("bff"),
            operator: scratch.ring("operator"),
            scratch,
            clock,
            running,
            channel,
        }
    }

    pub fn config(scratch: &Scratch) -> settings::Config {
        settings::Config {
            server: ServerArgs::loopback(scratch.path("keys")),
            database: DatabaseArgs::at(scratch.url_with::<settings::Migrator>("settings")),
            sealing_keys: None,
            nats: Default::default(),
            streams: Default::default(),
        }
    }

    /// Stops the service and starts it again on the same data.
    pub async fn restart(self) -> Self {
        let Self {
            scratch,
            clock,
            running,
            channel,
            ..
        } = self;
        drop(channel);
        running.drain().await;
        Self::on(scratch, clock).await
    }

    pub fn settings(&self) -> SettingsServiceClient<Channel> {
        SettingsServiceClient::new(self.channel.clone())
    }

    pub fn workspaces(&self) -> WorkspaceServiceClient<Channel> {
        WorkspaceServiceClient::new(self.channel.clone())
    }

    pub fn contacts(&self) -> ContactServiceClient<Channel> {
        ContactServiceClient::new(self.channel.clone())
    }

    pub fn sessions(&self) -> SessionStoreServiceClient<Channel> {
        SessionStoreServiceClient::new(self.channel.clone())
    }

    pub fn feed(&self) -> EventFeedServiceClient<Channel> {
        EventFeedServiceClient::new(self.channel.clone())
    }

    /// A call by the BFF itself.
    pub fn by_bff<T>(&self, body: T) -> Request<T> {
        request(&self.bff, &service("bff", None), body)
    }

    /// A call by an operator, who works for all workspaces.
    pub fn by_operator<T>(&self, body: T) -> Request<T> {
        request(&self.operator, &service("operator", None), body)
    }

    pub async fn tenant(&self, name: &str) -> Tenant {
        let body = CreateWorkspaceRequest { name: name.into() };
        let made = self
            .workspaces()
            .create_workspace(self.by_operator(body))
            .await
            .unwrap()
            .into_inner()
            .workspace
            .unwrap();
        let id = WorkspaceId::parse(&made.workspace_id).unwrap();
        Tenant {
            admin: testing::teammate(&id, &ADMIN),
            app_id: made.app_id,
            id,
        }
    }

    /// A call by the tenant's admin.
    pub fn by<T>(&self, tenant: &Tenant, body: T) -> Request<T> {
        request(&self.bff, &tenant.admin, body)
    }

    pub async fn key(&self, tenant: &Tenant, platform: Platform) -> Key {
        let body = CreateIdentityKeyRequest {
            platform: platform.into(),
        };
        let made = self
            .workspaces()
            .create_identity_key(self.by(tenant, body))
            .await
            .unwrap()
            .into_inner();
        Key {
            kid: made.key.unwrap().key_id,
            secret: made.secret,
        }
    }

    /// Claims that are good now.
    pub fn claims(&self, tenant: &Tenant, user_id: &str) -> Value {
        let now = self.clock.now().as_second();
        json!({ "user_id": user_id, "name": "Ada", "aud": tenant.app_id, "iat": now, "exp": now + 300 })
    }

    pub async fn open(
        &self,
        tenant: &Tenant,
        platform: Platform,
        user_jwt: String,
    ) -> Result<OpenSessionResponse, Status> {
        self.open_as(tenant, platform, user_jwt, "", "").await
    }

    /// Whatever they bring along; empty: they do not.
    pub async fn open_as(
        &self,
        tenant: &Tenant,
        platform: Platform,
        user_jwt: String,
        visitor_secret: &str,
        claimed_user_id: &str,
    ) -> Result<OpenSessionResponse, Status> {
        let body = OpenSessionRequest {
            app_id: tenant.app_id.clone(),
            platform: platform.into(),
            user_jwt,
            visitor_secret: visitor_secret.into(),
            claimed_user_id: claimed_user_id.into(),
        };
        let opened = self.sessions().open_session(self.by_bff(body)).await?;
        Ok(opened.into_inner())
    }

    /// A session of a visitor on the web: a new one, or the one of a secret.
    pub async fn visit(
        &self,
        tenant: &Tenant,
        secret: &str,
    ) -> Result<OpenSessionResponse, Status> {
        self.open_as(tenant, Platform::Web, String::new(), secret, "")
            .await
    }

    pub async fn contact(&self, tenant: &Tenant, contact_id: &str) -> Result<Contact, Status> {
        let body = GetContactRequest {
            contact_id: contact_id.into(),
        };
        let found = self.contacts().get_contact(self.by(tenant, body)).await?;
        Ok(found.into_inner().contact.unwrap())
    }

    pub async fn erase(&self, tenant: &Tenant, contact_id: &str) -> Result<(), Status> {
        let body = EraseContactRequest {
            contact_id: contact_id.into(),
        };
        let done = self.contacts().erase_contact(self.by(tenant, body)).await;
        done.map(|_| ())
    }

    pub async fn set_mode(
        &self,
        tenant: &Tenant,
        platform: Platform,
        mode: IdentityMode,
        expected_version: u64,
    ) -> Result<MessengerSecurity, Status> {
        let body = SetIdentityModeRequest {
            platform: platform.into(),
            mode: mode.into(),
            expected_version,
        };
        let set = self
            .workspaces()
            .set_identity_mode(self.by(tenant, body))
            .await?;
        Ok(set.into_inner().security.unwrap())
    }

    pub async fn teammate(&self, tenant: &Tenant, name: &str, role: Role) -> Teammate {
        let body = CreateTeammateRequest {
            name: name.into(),
            email: "grace@example.com".into(),
            role: role.into(),
        };
        let made = self
            .workspaces()
            .create_teammate(self.by(tenant, body))
            .await;
        made.unwrap().into_inner().teammate.unwrap()
    }

    /// A session of a user on the web.
    pub async fn session(&self, tenant: &Tenant, key: &Key, user_id: &str) -> OpenSessionResponse {
        let token = key.sign(&self.claims(tenant, user_id));
        self.open(tenant, Platform::Web, token).await.unwrap()
    }

    pub async fn look_up(&self, access_token: &str) -> Result<Session, Status> {
        use sha2::Digest;
        let body = LookUpSessionRequest {
            access_token_sha256: sha2::Sha256::digest(access_token).to_vec(),
        };
        let found = self.sessions().look_up_session(self.by_bff(body)).await?;
        Ok(found.into_inner().session.unwrap())
    }

    pub async fn turn(
        &self,
        tenant: &Tenant,
        platform: Platform,
        enabled: bool,
        expected_version: u64,
    ) -> Result<MessengerSettings, Status> {
        let body = UpdateSpaceRequest {
            platform: platform.into(),
            space: Space::Tickets.into(),
            enabled,
            expected_version,
        };
        let turned = self.settings().update_space(self.by(tenant, body)).await?;
        Ok(turned.into_inner().settings.unwrap())
    }

    /// The newest lines of the audit, oldest first, as "action subject: before → after".
    pub async fn audit(&self, tenant: &Tenant) -> Vec<AuditEntry> {
        let body = ListAuditEntriesRequest {
            page_size: 100,
            ..Default::default()
        };
        let listed = self
            .settings()
            .list_audit_entries(self.by(tenant, body))
            .await;
        let mut entries = listed.unwrap().into_inner().entries;
        entries.reverse();
        entries
    }

    /// Every event of a type in the log.
    pub async fn events(&self, kind: &str) -> Vec<Envelope> {
        let mut found = Vec::new();
        for partition in 0..16 {
            let mut after_position = 0;
            loop {
                let body = ReadRequest {
                    partition,
                    after_position,
                    limit: 0,
                };
                let stretch = self.feed().read(self.by_bff(body)).await.unwrap();
                let events = stretch.into_inner().events;
                let Some(last) = events.last() else { break };
                after_position = last.position;
                found.extend(events.into_iter().filter(|e| e.r#type.ends_with(kind)));
            }
        }
        found
    }

    /// A look into the tables, past the service.
    pub async fn database(&self) -> DatabaseConnection {
        let mut options = sea_orm::ConnectOptions::new(self.scratch.database_url("settings"));
        // statements of one look belong together
        options.max_connections(1);
        sea_orm::Database::connect(options).await.unwrap()
    }

    pub async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let db = self.database().await;
        let backend = db.get_database_backend();
        db.query_all_raw(Statement::from_string(backend, sql))
            .await
            .unwrap()
    }

    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("select count(*) as n from {table}");
        self.rows(&sql).await[0].try_get("", "n").unwrap()
    }
}

pub struct Tenant {
    pub id: WorkspaceId,
    pub app_id: String,
    pub admin: Actor,
}

pub struct Key {
    pub kid: String,
    pub secret: String,
}

impl Key {
    /// A user token as the workspace's own server makes it.
    pub fn sign(&self, claims: &Value) -> String {
        let header = Header {
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        let secret = EncodingKey::from_secret(self.secret.as_bytes());
        jsonwebtoken::encode(&header, claims, &secret).unwrap()
    }
}

/// A service that may do all that services may.
pub fn service(name: &str, workspace: Option<&WorkspaceId>) -> Actor {
    Actor {
        workspace: workspace.cloned(),
        kind: ActorKind::Service,
        id: name.into(),
        name: String::new(),
        scopes: ["sessions:write", "events:read", "workspaces:write"]
            .map(String::from)
            .into(),
    }
}

/// Code, reason and sentence of a refusal: all that a caller can tell refusals apart by.
pub fn told(status: &Status) -> (Code, String, String) {
    (
        status.code(),
        runtime::error::reason_of(status),
        status.message().to_owned(),
    )
}

/// The fields that a refusal names.
pub fn fields(status: &Status) -> Vec<String> {
    use tonic_types::StatusExt;
    assert_eq!(
        (status.code(), runtime::error::reason_of(status).as_str()),
        (Code::InvalidArgument, "INVALID_FIELDS"),
        "{status:?}"
    );
    let mut fields: Vec<String> = status
        .get_details_bad_request()
        .unwrap()
        .field_violations
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    fields.sort();
    fields
}

pub fn instant(time: Option<prost_types::Timestamp>) -> Timestamp {
    let time = time.unwrap();
    Timestamp::new(time.seconds, time.nanos).unwrap()
}

pub fn refused<T: std::fmt::Debug>(outcome: Result<T, Status>, code: Code, reason: &str) -> Status {
    let status = outcome.expect_err("it was let through");
    assert_eq!(
        (status.code(), runtime::error::reason_of(&status).as_str()),
        (code, reason),
        "{}",
        status.message()
    );
    status
}

/// A number as 32 bytes, in the words of the database.
pub fn bytes(n: usize) -> String {
    match testing::on_postgres() {
        true => format!("'\\x{n:064x}'"),
        false => format!("x'{n:064x}'"),
    }
}
