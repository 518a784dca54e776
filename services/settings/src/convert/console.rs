//! Console sessions.

use proto::settings::v1 as pb;
use runtime::Violations;
use types::text;

use super::{parse, people, reply};
use crate::{
    Error,
    domain::{self, AppId, ConsoleHash, ConsoleSessionId, ProviderIdentity},
};

/// Characters of a provider's name, and of its id for a person, at the most.
const MAX_ID: usize = 255;
/// Characters of an e-mail address at the most.
const MAX_EMAIL: usize = 254;

/// A console session to open.
pub struct OpenConsole {
    /// Of which workspace.
    pub app: AppId,
    /// On whose word, and for whom.
    pub identity: ProviderIdentity,
    /// Their verified address; may be empty.
    pub email: String,
    /// By which login.
    pub login: ConsoleHash,
    /// Instead of which session.
    pub replaced: Option<ConsoleHash>,
}

/// # Errors
/// All malformed fields.
pub fn open_console(request: pb::OpenConsoleSessionRequest) -> Result<OpenConsole, Error> {
    let mut violations = Violations::new();
    let app = violations.check("app_id", AppId::parse(&request.app_id));
    let issuer = violations.check("issuer", text::line(&request.issuer, 1, MAX_ID));
    let subject = violations.check("subject", text::line(&request.subject, 1, MAX_ID));
    let email = violations.check(
        "verified_email",
        text::line(&request.verified_email, 0, MAX_EMAIL),
    );
    let login = hash(&mut violations, "login_sha256", &request.login_sha256);
    let replaced = match request.replaced_token_sha256.as_slice() {
        [] => Some(None),
        bytes => hash(&mut violations, "replaced_token_sha256", bytes).map(Some),
    };
    let identity = issuer
        .zip(subject)
        .map(|(issuer, subject)| ProviderIdentity { issuer, subject });
    let parsed = app.zip(identity).zip(email.zip(login.zip(replaced)));
    parse::finish(violations, parsed).map(|((app, identity), (email, (login, replaced)))| {
        OpenConsole {
            app,
            identity,
            email,
            login,
            replaced,
        }
    })
}

/// # Errors
/// When it does not have 32 bytes.
pub fn console_token_hash(request: &pb::LookUpConsoleSessionRequest) -> Result<ConsoleHash, Error> {
    let mut violations = Violations::new();
    let hash = hash(&mut violations, "token_sha256", &request.token_sha256);
    parse::finish(violations, hash)
}

/// # Errors
/// When it is no console session's id.
pub fn console_session_id(
    request: &pb::RevokeConsoleSessionRequest,
) -> Result<ConsoleSessionId, Error> {
    let mut violations = Violations::new();
    let id = violations.check("session_id", ConsoleSessionId::parse(&request.session_id));
    parse::finish(violations, id)
}

/// A console session, with whom and what it is for.
pub fn console_session(open: domain::OpenConsole) -> pb::ConsoleSession {
    pb::ConsoleSession {
        session_id: open.session.id.into(),
        scopes: domain::scopes_of(open.session.role),
        expire_time: Some(reply::timestamp(open.session.expires_at)),
        workspace: Some(reply::workspace(open.workspace)),
        teammate: Some(people::teammate(open.teammate)),
    }
}

fn hash(violations: &mut Violations, field: &str, bytes: &[u8]) -> Option<ConsoleHash> {
    let hash = ConsoleHash::try_from(bytes).map_err(|_| "must have 32 bytes");
    violations.check(field, hash)
}
