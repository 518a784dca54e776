//! A suite with a victim: Ada of the workspace Acme, whose things have a canary in them. Beside her Eve, of the same
//! workspace, and Mallory, whose workspace is another.

use std::{collections::BTreeMap, fs};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use prost_reflect::MethodDescriptor;
use proto::{
    bff::v1::{SendMessageRequest, StartConversationRequest, SubmitTicketRequest},
    conversations::v1::AddNoteRequest,
    settings::v1::{
        CreateTeammateRequest, ListApiTokensRequest, ListIdentityKeysRequest, ListTeammatesRequest,
        LookUpSessionRequest, OpenConsoleSessionRequest, Platform, Role,
        session_store_service_client::SessionStoreServiceClient,
        workspace_service_client::WorkspaceServiceClient,
    },
    tickets::v1::{
        CreateTicketRequest, CreateTicketTypeRequest, ListTicketStatesRequest,
        ListTicketTypesRequest, StateCategory, TypeCategory,
    },
};
use runtime::{Actor, ActorKind, KeyRing};
use serde_json::json;
use suite::{Access, Embedded, Endpoints, Layout, Messenger, Staff};
use testing::{Scratch, eventually};
use tonic::{Code, transport::Channel};
use types::{ContactId, TeammateId, WorkspaceId};

use super::{
    methods::Rpc,
    rows::{self, Answer, Caller, Row},
    wire,
};
use crate::{
    desk::{self, Desk},
    office::detail,
    support::Site,
};

/// In everything of the victim's that has a text.
pub const CANARY: &str = "canary-51d0";
const SIGNERS: [&str; 6] = [
    "bff",
    "tickets",
    "conversations",
    "settings",
    "notifications",
    "operator",
];
/// Every scope that a credential of a teammate can have.
const SCOPES: [&str; 8] = [
    "tickets:read",
    "tickets:write",
    "conversations:read",
    "conversations:write",
    "settings:read",
    "settings:write",
    "contacts:read",
    "contacts:write",
];

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Whom the row lets in, in the victim's workspace; where it is for contacts, the victim.
    Right,
    /// Another contact of the workspace.
    Eve,
    /// The same as `Right`, of another workspace.
    Mallory,
}

/// A workspace with one contact.
pub struct Side {
    pub access: Access,
    pub workspace: WorkspaceId,
    pub contact: ContactId,
    pub session: String,
    /// At the console, as an admin.
    pub desk: Desk,
}

pub struct Stage {
    pub site: Site,
    pub suite: Embedded,
    pub acme: Side,
    pub eve: Side,
    pub mallory: Side,
    pub grace: Staff,
    pub ada: Messenger,
    bff: KeyRing,
    stranger: KeyRing,
    _elsewhere: Scratch,
    channels: BTreeMap<&'static str, Channel>,
    /// A teammate of the victim's who may read everything and change nothing.
    viewer: Desk,
    /// What `$ticket` and the like are.
    names: BTreeMap<&'static str, String>,
}

async fn side(suite: &Embedded, access: &Access, user: &str, desk: Desk) -> (Messenger, Side) {
    let messenger = Messenger::new(suite.endpoints(), access, user, Platform::Web).unwrap();
    let home = crate::office::home(&messenger).await;
    let side = Side {
        access: access.clone(),
        workspace: WorkspaceId::parse(&access.workspace_id).unwrap(),
        contact: ContactId::parse(&home.identity.unwrap().contact_id).unwrap(),
        session: messenger.token().await.unwrap(),
        desk,
    };
    (messenger, side)
}

impl Stage {
    pub async fn set() -> Self {
        let site = Site::new();
        fs::create_dir_all(site.data()).unwrap();
        let layout = site.layout().with_people(desk::somebody());
        runtime::auth::generate_keys(&layout.keys(), &SIGNERS).unwrap();
        settings::generate_sealing_keys(&layout.keys()).unwrap();
        let suite = Embedded::start(&layout, site.port).await.unwrap();
        let at = suite.endpoints().clone();
        let name = format!("Ada {CANARY}");
        let contacts = [("ada", name.as_str())];
        let acme = suite::workspace(&layout, &at, "Acme", &[("grace", "Grace")], &contacts);
        let acme = acme.await.unwrap();
        let other = suite::workspace(&layout, &at, "Other", &[("oscar", "Oscar")], &[]);
        let other = other.await.unwrap();
        let grace = Staff::new(&at, &acme.teammates["grace"]).unwrap();
        let (app, others) = (acme.app_id.as_str(), other.app_id.as_str());
        let graces = Desk::open(&layout, &at, app, "grace@example.com").await;
        let oscars = Desk::open(&layout, &at, others, "oscar@example.com").await;
        let (ada, adas) = side(&suite, &acme, "ada", graces.clone()).await;
        let (_, eve) = side(&suite, &acme, "eve", graces).await;
        let (_, mallory) = side(&suite, &other, "mallory", oscars).await;
        let channel = |at: &str| runtime::client::channel(at).unwrap();
        let elsewhere = Scratch::new();
        elsewhere.keys(&["bff"]);
        let mut stage = Self {
            bff: KeyRing::load(&layout.keys(), "bff").unwrap(),
            stranger: KeyRing::load(&elsewhere.path("keys"), "bff").unwrap(),
            _elsewhere: elsewhere,
            channels: BTreeMap::from([
                ("bff", channel(&at.bff)),
                ("tickets", channel(&at.tickets)),
                ("conversations", channel(&at.conversations)),
                ("settings", channel(&at.settings)),
                ("notifications", channel(&at.notifications)),
            ]),
            viewer: hire_viewer(&layout, &at, &acme, &grace).await,
            names: BTreeMap::new(),
            acme: adas,
            eve,
            mallory,
            grace,
            ada,
            site,
            suite,
        };
        stage.fill().await;
        stage
    }

    /// Gives the victim something of everything.
    async fn fill(&mut self) {
        let (ada, grace) = (&self.ada, &self.grace);
        let body = SubmitTicketRequest {
            title: format!("Title {CANARY}"),
            description: format!("Description {CANARY}"),
            ..Default::default()
        };
        let ticket = ada
            .call(body, |mut c, r| async move { c.submit_ticket(r).await })
            .await
            .unwrap()
            .ticket
            .unwrap();
        let conversation = ticket.call_to_action.clone().unwrap().conversation_id;
        let mut chats = Vec::new();
        for _ in 0..2 {
            let body = StartConversationRequest {
                body: format!("Chat {CANARY}"),
                ..Default::default()
            };
            let started = ada
                .call(
                    body,
                    |mut c, r| async move { c.start_conversation(r).await },
                )
                .await;
            let started = started.unwrap().conversation.unwrap();
            chats.push(started.conversation_id);
        }
        let body = SendMessageRequest {
            conversation_id: conversation.clone(),
            body: format!("Message {CANARY}"),
            ..Default::default()
        };
        ada.call(body, |mut c, r| async move { c.send_message(r).await })
            .await
            .unwrap();
        let body = AddNoteRequest {
            conversation_id: conversation.clone(),
            body: format!("Note {CANARY}"),
            ..Default::default()
        };
        grace
            .call(&grace.conversations, body, |mut c, r| async move {
                c.add_note(r).await
            })
            .await
            .unwrap();
        let types = grace
            .call(
                &grace.types,
                ListTicketTypesRequest {},
                |mut c, r| async move { c.list_ticket_types(r).await },
            )
            .await
            .unwrap()
            .types;
        let states = grace
            .call(
                &grace.types,
                ListTicketStatesRequest {},
                |mut c, r| async move { c.list_ticket_states(r).await },
            )
            .await
            .unwrap()
            .states;
        let state = |category| {
            let state = states.iter().find(|state| state.category() == category);
            state.unwrap().state_id.clone()
        };
        let report = self.report().await;
        let session = self.acme.session.clone();
        let hash = <sha2::Sha256 as sha2::Digest>::digest(session.as_bytes());
        self.names = BTreeMap::from([
            ("app", self.acme.access.app_id.clone()),
            ("chat", chats[0].clone()),
            ("contact", self.acme.contact.to_string()),
            ("conversation", conversation),
            ("hash", base64(&hash)),
            ("secret", self.acme.access.teammates["grace"].clone()),
            ("spare", chats[1].clone()),
            ("report", report),
            ("state", state(StateCategory::InProgress)),
            ("submitted", state(StateCategory::Submitted)),
            ("waiting", state(StateCategory::WaitingOnCustomer)),
            ("resolved", state(StateCategory::Resolved)),
            ("ticket", crate::office::id(&ticket)),
            ("type", types[0].type_id.clone()),
        ]);
        let jwt = self.acme.access.user_token("ada", Platform::Web).unwrap();
        self.names.insert("jwt", jwt);
        self.look_up(hash.to_vec()).await;
        self.settle().await;
    }

    /// A back-office ticket about the victim, which nobody has shared with them.
    async fn report(&self) -> String {
        let grace = &self.grace;
        let body = CreateTicketTypeRequest {
            name: format!("Type {CANARY}"),
            category: TypeCategory::BackOffice.into(),
            shareable: true,
            ..Default::default()
        };
        let made = grace
            .call(&grace.types, body, |mut c, r| async move {
                c.create_ticket_type(r).await
            })
            .await;
        let body = CreateTicketRequest {
            requester_contact_id: self.acme.contact.to_string(),
            type_id: made.unwrap().r#type.unwrap().type_id,
            title: format!("Report {CANARY}"),
            ..Default::default()
        };
        let made = grace
            .call(&grace.tickets, body, |mut c, r| async move {
                c.create_ticket(r).await
            })
            .await;
        made.unwrap().ticket.unwrap().ticket_id
    }

    /// What Settings calls the victim's things.
    async fn look_up(&mut self, hash: Vec<u8>) {
        let channel = self.channels["settings"].clone();
        let signed = |actor: &Actor| self.bff.sign(actor).unwrap().token;
        let mut sessions = SessionStoreServiceClient::new(channel.clone());
        let service = self.actor(Caller::Service("sessions:write"), Who::Right);
        let body = LookUpSessionRequest {
            access_token_sha256: hash,
        };
        let request = suite::signed(&signed(&service), body).unwrap();
        let session = sessions.look_up_session(request).await.unwrap();
        let session = session.into_inner().session.unwrap().session_id;
        let admin = signed(&self.actor(Caller::Teammate("settings:read"), Who::Right));
        let mut settings = WorkspaceServiceClient::new(channel);
        let ask = suite::signed(&admin, ListApiTokensRequest {}).unwrap();
        let tokens = settings.list_api_tokens(ask).await.unwrap().into_inner();
        let ask = suite::signed(&admin, ListTeammatesRequest {}).unwrap();
        let teammates = settings.list_teammates(ask).await.unwrap().into_inner();
        let ask = suite::signed(&admin, ListIdentityKeysRequest {}).unwrap();
        let keys = settings.list_identity_keys(ask).await.unwrap().into_inner();
        let ios = keys
            .keys
            .iter()
            .find(|key| key.platform() == Platform::Ios)
            .unwrap();
        let teammate = &teammates.teammates[0];
        let body = OpenConsoleSessionRequest {
            app_id: self.acme.access.app_id.clone(),
            issuer: "https://login.example.com".into(),
            subject: "grace".into(),
            verified_email: teammate.email.clone(),
            login_sha256: vec![1; 32],
            ..Default::default()
        };
        let request = suite::signed(&signed(&service), body).unwrap();
        let opened = sessions.open_console_session(request).await.unwrap();
        let opened = opened.into_inner();
        let desk = <sha2::Sha256 as sha2::Digest>::digest(opened.token.as_bytes());
        self.names.insert("desk", base64(&desk));
        self.names.insert("login", base64(&[2; 32]));
        self.names.insert("email", teammate.email.clone());
        self.names
            .insert("console", opened.session.unwrap().session_id);
        self.names.insert("session", session);
        self.names
            .insert("token", tokens.tokens[0].token_id.clone());
        self.names
            .insert("teammate", teammates.teammates[0].teammate_id.clone());
        self.names.insert("key", ios.key_id.clone());
    }

    /// Until what services tell each other has arrived.
    async fn settle(&self) {
        eventually("everything to be told everywhere", || async {
            let ticket = detail(&self.ada, &self.names["ticket"]).await.ok()?;
            let home = crate::office::home(&self.ada).await;
            let told = ticket.conversation.is_some()
                && home.recent_tickets?.tickets.len() == 1
                && home.recent_conversation.is_some();
            let once = self.state().await;
            (told && once.contains("PART_KIND_TICKET_EVENT") && once == self.state().await)
                .then_some(())
        })
        .await;
    }

    /// One of the victim's ids.
    pub fn name(&self, name: &str) -> String {
        self.names[name].clone()
    }

    pub fn channel(&self, rpc: &Rpc) -> &Channel {
        &self.channels[rpc.process]
    }

    /// A row's example with the victim's ids, or with such that nobody has.
    pub fn example(&self, row: &Row, unknown: bool) -> String {
        let mut text = row.example.to_owned();
        for (number, (name, value)) in self.names.iter().enumerate() {
            let value = match value.split_once('_') {
                Some((prefix, hex)) if unknown && hex.len() == 32 => {
                    format!("{prefix}_{number:032x}")
                }
                _ => value.clone(),
            };
            // the longest first: no name may begin with another
            text = text.replace(&format!("\"${name}\""), &format!("\"{value}\""));
        }
        assert!(!text.contains("\"$"), "{text}");
        text
    }

    /// Whom a row lets in.
    pub fn actor(&self, caller: Caller, who: Who) -> Actor {
        let side = match who {
            Who::Right => &self.acme,
            Who::Eve => &self.eve,
            Who::Mallory => &self.mallory,
        };
        let workspace = Some(side.workspace.clone());
        let service = || "bff".to_owned();
        let (kind, id, workspace, scope) = match caller {
            Caller::Teammate(scope) | Caller::Console(scope) => {
                let id = TeammateId::derive(&["proof", side.workspace.as_str()]).to_string();
                (ActorKind::Teammate, id, workspace, Some(scope))
            }
            Caller::ServiceIn(scope) => (ActorKind::Service, service(), workspace, Some(scope)),
            Caller::Service(scope) => (ActorKind::Service, service(), None, Some(scope)),
            Caller::Contact | Caller::Session | Caller::Public => (
                ActorKind::Contact,
                side.contact.to_string(),
                workspace,
                None,
            ),
        };
        // whoever gives an API token a scope holds it, and a token with that scope needs one
        let scopes = scope.into_iter().flat_map(|scope| {
            let more = (scope == "settings:write").then_some("settings:read");
            std::iter::once(scope).chain(more)
        });
        Actor {
            workspace,
            kind,
            id,
            name: "Proof".into(),
            scopes: scopes.map(str::to_owned).collect(),
        }
    }

    /// The credential of one whom a row lets in.
    pub fn token(&self, caller: Caller, who: Who) -> Option<String> {
        match (caller, who) {
            (Caller::Public, _) => None,
            (Caller::Session, Who::Right) => Some(self.acme.session.clone()),
            (Caller::Session, Who::Eve) => Some(self.eve.session.clone()),
            (Caller::Session, Who::Mallory) => Some(self.mallory.session.clone()),
            (Caller::Console(_), Who::Mallory) => Some(page(&self.mallory.desk)),
            (Caller::Console(_), _) => Some(page(&self.acme.desk)),
            _ => Some(self.sign(&self.actor(caller, who))),
        }
    }

    pub fn sign(&self, actor: &Actor) -> String {
        self.bff.sign(actor).unwrap().token
    }

    /// Credentials that let nobody in, by what is wrong with them.
    pub fn bad_tokens(&self, caller: Caller) -> Vec<(&'static str, Option<String>)> {
        let right = self.actor(caller, Who::Right);
        if let Caller::Console(_) = caller {
            let origin = &self.acme.desk.origin;
            let sends = |token: &str| Some(format!("{origin} {token}"));
            return vec![
                ("no cookie's value", sends("")),
                (
                    "a session of nobody",
                    sends(&mangled(&self.acme.desk.token)),
                ),
                ("a customer's session", sends(&self.acme.session)),
                ("an assertion", sends(&self.sign(&right))),
                ("an API token", sends(&self.names["secret"])),
            ];
        }
        let mut bad = vec![
            ("no credential", None),
            ("no token", Some("x.y.z".to_owned())),
            ("over 8 KiB", Some("x".repeat(9 * 1024))),
            (
                "signed by a key that nobody trusts",
                Some(self.stranger.sign(&right).unwrap().token),
            ),
            ("an assertion that has expired", Some(self.expired(&right))),
        ];
        if caller == Caller::Session {
            bad.push(("an assertion at the BFF", Some(self.sign(&right))));
            bad.push(("a session of nobody", Some(mangled(&self.acme.session))));
            bad.push(("an identity token", Some(self.names["jwt"].clone())));
        } else {
            bad.push(("a session at a service", Some(self.acme.session.clone())));
            bad.push(("an API token", Some(self.names["secret"].clone())));
        }
        bad
    }

    /// Good credentials that the row does not let in.
    pub fn powerless(&self, caller: Caller) -> Vec<(&'static str, String)> {
        let teammate = |scopes: &[&str]| {
            let mut actor = self.actor(Caller::Teammate("x:read"), Who::Right);
            actor.scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
            self.sign(&actor)
        };
        let mut contact = self.actor(Caller::Contact, Who::Right);
        match caller {
            Caller::Public | Caller::Session => Vec::new(),
            Caller::Console(needed) => {
                let token = &self.acme.desk.token;
                let mut powerless = vec![
                    ("a page elsewhere", format!("https://evil.example {token}")),
                    ("no page at all", token.clone()),
                    ("an assertion and no page", teammate(&SCOPES)),
                ];
                if !needed.ends_with(":read") {
                    powerless.push(("a viewer", page(&self.viewer)));
                }
                powerless
            }
            Caller::Contact => vec![("a teammate with every scope", teammate(&SCOPES))],
            Caller::Teammate(needed) | Caller::ServiceIn(needed) | Caller::Service(needed) => {
                let others: Vec<&str> = SCOPES.into_iter().filter(|s| *s != needed).collect();
                contact.scopes = SCOPES.map(str::to_owned).to_vec();
                contact.scopes.push(needed.to_owned());
                vec![
                    ("a teammate without a scope", teammate(&[])),
                    ("a teammate with every other scope", teammate(&others)),
                    (
                        "a contact who was given the scope by mistake",
                        self.sign(&contact),
                    ),
                ]
            }
        }
    }

    fn expired(&self, actor: &Actor) -> String {
        let now = types::Clock::now(&types::SystemClock).as_second();
        let claims = json!({
            "aud": "messenger.services", "iss": "bff", "sub": actor.id, "kind": actor.kind,
            "ws": actor.workspace.as_ref().map(ToString::to_string), "scopes": actor.scopes,
            "iat": now - 120, "exp": now - 60,
        });
        let header = Header {
            kid: Some("bff".into()),
            ..Header::new(Algorithm::EdDSA)
        };
        let pem = fs::read(self.site.layout().keys().join("bff.key")).unwrap();
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_pem(&pem).unwrap()).unwrap()
    }

    /// All that can be read of the victim's workspace at the services, by the victim and by the team.
    pub async fn state(&self) -> String {
        let mut state = String::new();
        for process in ["tickets", "conversations", "settings", "notifications"] {
            state.push_str(&self.state_at(process).await);
        }
        state
    }

    /// The same of one service. It reads with every RPC that changes nothing, so that a new one is read, too.
    pub async fn state_at(&self, process: &str) -> String {
        let mut state = String::new();
        for (rpc, row) in rows::cells() {
            let owned = !matches!(row.answer, Answer::Nobodys);
            if rpc.process != process || !reads(&rpc.method) || !owned {
                continue;
            }
            if rpc.method.is_server_streaming() {
                continue;
            }
            let body = wire::encode(&rpc.method.input(), &self.example(row, false));
            let token = self.token(row.caller, Who::Right);
            let answer = wire::call(self.channel(&rpc), &rpc.method, token.as_deref(), body).await;
            let answer = answer.map(|bytes| wire::decode(&rpc.method.output(), bytes));
            let told = match answer {
                Ok(json) => wire::lasting(&json),
                Err(status) if status.code() == Code::NotFound => "none".into(),
                Err(status) => panic!("{}: {status}", rpc.name()),
            };
            state.push_str(&format!("{} {told}\n", rpc.name()));
        }
        state
    }
}

/// Whether the contract says that an RPC changes nothing.
pub fn reads(method: &MethodDescriptor) -> bool {
    let options = method.options();
    let level = options.get_field_by_name("idempotency_level");
    level.is_some_and(|level| level.as_enum_number() == Some(1))
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// What a page of the console sends.
fn page(desk: &Desk) -> String {
    format!("{} {}", desk.origin, desk.token)
}

async fn hire_viewer(layout: &Layout, at: &Endpoints, access: &Access, by: &Staff) -> Desk {
    let body = CreateTeammateRequest {
        name: "Vera".into(),
        email: "vera@example.com".into(),
        role: Role::Viewer.into(),
    };
    let token = by.token().await.unwrap();
    let channel = runtime::client::channel(&at.settings).unwrap();
    WorkspaceServiceClient::new(channel)
        .create_teammate(suite::signed(&token, body).unwrap())
        .await
        .unwrap();
    Desk::open(layout, at, &access.app_id, "vera@example.com").await
}

fn mangled(token: &str) -> String {
    let (head, last) = token.split_at(token.len() - 1);
    format!("{head}{}", if last == "A" { "B" } else { "A" })
}
