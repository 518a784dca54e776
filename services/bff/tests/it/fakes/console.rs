use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use proto::settings::v1::*;
use runtime::Kind;
use sha2::{Digest, Sha256};
use tonic::Status;

use super::ours;

/// The app id of the workspace that [`ConsoleBook`] knows.
pub const APP: &str = "app_00000000000000000000000000000001";

/// A teammate that Settings knows.
#[derive(Clone)]
pub struct Staff {
    pub email: &'static str,
    pub name: &'static str,
    pub role: Role,
    pub active: bool,
}

/// What Settings keeps of console logins, in short: its own tests hold it to the rules.
#[derive(Default)]
pub struct ConsoleBook {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    staff: Vec<Staff>,
    logins: HashSet<Vec<u8>>,
    sessions: HashMap<Vec<u8>, ConsoleSession>,
    asked: Vec<OpenConsoleSessionRequest>,
}

impl ConsoleBook {
    pub fn hire(&self, staff: Staff) {
        self.inner.lock().staff.push(staff);
    }

    /// What was asked for so far, the newest last.
    pub fn asked(&self) -> Vec<OpenConsoleSessionRequest> {
        self.inner.lock().asked.clone()
    }

    /// How many sessions are open.
    pub fn open_sessions(&self) -> usize {
        self.inner.lock().sessions.len()
    }

    /// Forgets every session, as when a teammate is deactivated.
    pub fn end_all(&self) {
        self.inner.lock().sessions.clear();
    }

    pub(super) fn open(
        &self,
        request: OpenConsoleSessionRequest,
    ) -> Result<OpenConsoleSessionResponse, Status> {
        let mut inner = self.inner.lock();
        inner.asked.push(request.clone());
        let refused = |kind, reason| Status::from(ours(kind, "settings.messenger", reason));
        if !inner.logins.insert(request.login_sha256) {
            return Err(refused(Kind::Precondition, "LOGIN_USED"));
        }
        let staff = inner
            .staff
            .iter()
            .find(|staff| staff.active && staff.email == request.verified_email);
        let staff = staff.filter(|_| request.app_id == APP).cloned();
        let staff = staff.ok_or_else(|| refused(Kind::Forbidden, "NOT_A_TEAMMATE"))?;
        inner.sessions.remove(&request.replaced_token_sha256);
        let id = types::id::uuid().simple().to_string();
        let token = format!("msgr_con_{id}");
        let session = ConsoleSession {
            session_id: format!("cse_{id}"),
            workspace: Some(Workspace {
                workspace_id: APP.replace("app_", "wsp_"),
                name: "Acme".into(),
                app_id: APP.into(),
                create_time: None,
            }),
            teammate: Some(Teammate {
                teammate_id: types::TeammateId::derive(&[staff.email]).into(),
                name: staff.name.into(),
                email: staff.email.into(),
                role: staff.role.into(),
                active: true,
            }),
            scopes: scopes_of(staff.role),
            expire_time: None,
        };
        let hash = Sha256::digest(&token).to_vec();
        inner.sessions.insert(hash, session.clone());
        Ok(OpenConsoleSessionResponse {
            token,
            session: Some(session),
        })
    }

    /// Gives everybody who is logged in another role, as when an admin changes it under their hands.
    pub fn change_role(&self, role: Role) {
        for session in self.inner.lock().sessions.values_mut() {
            session.scopes = scopes_of(role);
        }
    }

    pub(super) fn find(&self, hash: &[u8]) -> Option<ConsoleSession> {
        self.inner.lock().sessions.get(hash).cloned()
    }

    pub(super) fn end(&self, session_id: &str) {
        let mut inner = self.inner.lock();
        inner
            .sessions
            .retain(|_, session| session.session_id != session_id);
    }
}

/// What a role allows, as Settings says it.
fn scopes_of(role: Role) -> Vec<String> {
    let all = [
        ("tickets", "read"),
        ("tickets", "write"),
        ("conversations", "read"),
        ("conversations", "write"),
        ("contacts", "read"),
        ("contacts", "write"),
        ("settings", "read"),
        ("settings", "write"),
    ];
    let allowed = all.into_iter().filter(|(what, how)| match role {
        Role::Admin => true,
        Role::Agent => *how == "read" || *what != "settings",
        Role::Viewer | Role::Unspecified => *how == "read",
    });
    allowed.map(|(what, how)| format!("{what}:{how}")).collect()
}
