//! Requests.

use jiff::Timestamp;
use proto::settings::v1 as pb;
use runtime::Violations;
use types::{TeammateId, text};

use crate::{
    Error,
    domain::{
        AccessTokenHash, ApiTokenId, AppId, IdentityKeyId, InvalidExpiry, Platform, Scope,
        SecretHash, SessionId, SwitchableSpace, TurnSpace, UserId, expiry, hash_visitor_secret,
    },
};

/// Characters of a name at the most.
pub(super) const MAX_NAME: usize = 80;

/// An API token to create.
pub struct NewApiToken {
    /// 1 to 80 characters.
    pub name: String,
    /// The teammate it acts as.
    pub teammate: Option<TeammateId>,
    /// Sorted, each once, at least one.
    pub scopes: Vec<Scope>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A session to open.
pub struct OpenSession {
    /// Of which workspace.
    pub app: AppId,
    /// Where.
    pub platform: Platform,
    /// Who they say they are.
    pub said: Said,
    /// What is kept of the secret they brought along, whatever text that was; `None`: they brought none.
    pub secret: Option<SecretHash>,
}

/// Who somebody says they are, and on whose word.
pub enum Said {
    /// On the word of the workspace's own server: a user token, not looked at yet.
    Token(String),
    /// On their own.
    Claim(UserId),
    /// They do not say.
    Nothing,
}

/// S5: a platform or space that is not set or not known is refused, never taken for all.
///
/// # Errors
/// All malformed fields, or that Messages is always on.
pub fn turn_space(request: &pb::UpdateSpaceRequest) -> Result<TurnSpace, Error> {
    let mut violations = Violations::new();
    let platform = platform(&mut violations, request.platform);
    let mut messages = false;
    let space = match pb::Space::try_from(request.space) {
        Ok(pb::Space::Tickets) => Some(SwitchableSpace::Tickets),
        Ok(pb::Space::Messages) => {
            messages = true;
            None
        }
        Ok(pb::Space::Home) => {
            violations.add("space", "cannot be HOME, which is always on");
            None
        }
        Ok(pb::Space::Unspecified) | Err(_) => {
            violations.add("space", "must be TICKETS");
            None
        }
    };
    violations.finish()?;
    match (platform, space) {
        (Some(platform), Some(space)) => Ok(TurnSpace {
            platform,
            space,
            enabled: request.enabled,
            expected_version: request.expected_version,
        }),
        _ if messages => Err(Error::MessagesAlwaysOn),
        _ => Err(missing()),
    }
}

/// # Errors
/// When the name is malformed.
pub fn workspace_name(request: &pb::CreateWorkspaceRequest) -> Result<String, Error> {
    let mut violations = Violations::new();
    let name = violations.check("name", text::line(&request.name, 1, MAX_NAME));
    finish(violations, name)
}

/// # Errors
/// When the platform is not set or unknown.
pub fn new_identity_key(request: pb::CreateIdentityKeyRequest) -> Result<Platform, Error> {
    let mut violations = Violations::new();
    let platform = platform(&mut violations, request.platform);
    finish(violations, platform)
}

/// # Errors
/// When it is no key's id.
pub fn identity_key_id(request: &pb::RevokeIdentityKeyRequest) -> Result<IdentityKeyId, Error> {
    let mut violations = Violations::new();
    let id = violations.check("key_id", IdentityKeyId::parse(&request.key_id));
    finish(violations, id)
}

/// # Errors
/// All malformed fields.
pub fn new_api_token(
    request: &pb::CreateApiTokenRequest,
    now: Timestamp,
) -> Result<NewApiToken, Error> {
    let mut violations = Violations::new();
    let name = violations.check("name", text::line(&request.name, 1, MAX_NAME));
    let teammate = match request.teammate_id.as_str() {
        "" => Some(None),
        id => violations
            .check("teammate_id", TeammateId::parse(id))
            .map(Some),
    };
    let scopes = scopes(&mut violations, &request.scopes);
    let asked = request.expire_time.map(instant).transpose();
    let ends = asked.and_then(|asked| expiry(asked, now));
    let expires_at = violations.check("expire_time", ends);
    let parsed = name.zip(teammate).zip(scopes.zip(expires_at));
    finish(violations, parsed).map(|((name, teammate), (scopes, expires_at))| NewApiToken {
        name,
        teammate,
        scopes,
        expires_at,
    })
}

/// # Errors
/// When it is no token's id.
pub fn api_token_id(request: &pb::RevokeApiTokenRequest) -> Result<ApiTokenId, Error> {
    let mut violations = Violations::new();
    let id = violations.check("token_id", ApiTokenId::parse(&request.token_id));
    finish(violations, id)
}

/// # Errors
/// All malformed fields; whatever is wrong with the user token or the secret is not among them.
pub fn open_session(request: pb::OpenSessionRequest) -> Result<OpenSession, Error> {
    let mut violations = Violations::new();
    let app = violations.check("app_id", AppId::parse(&request.app_id));
    let platform = platform(&mut violations, request.platform);
    let said = match (request.user_jwt, request.claimed_user_id.as_str()) {
        (token, "") if token.is_empty() => Some(Said::Nothing),
        (token, "") => Some(Said::Token(token)),
        (token, claim) => {
            if !token.is_empty() {
                violations.add("claimed_user_id", "must be empty beside user_jwt");
            }
            let claim = violations.check("claimed_user_id", UserId::parse(claim));
            claim.map(Said::Claim)
        }
    };
    let secret = &request.visitor_secret;
    let secret = (!secret.is_empty()).then(|| hash_visitor_secret(secret));
    finish(violations, app.zip(platform).zip(said)).map(|((app, platform), said)| OpenSession {
        app,
        platform,
        said,
        secret,
    })
}

/// # Errors
/// When it does not have 32 bytes.
pub fn access_token_hash(request: &pb::LookUpSessionRequest) -> Result<AccessTokenHash, Error> {
    let mut violations = Violations::new();
    let hash = AccessTokenHash::try_from(request.access_token_sha256.as_slice());
    let hash = violations.check(
        "access_token_sha256",
        hash.map_err(|_| "must have 32 bytes"),
    );
    finish(violations, hash)
}

/// # Errors
/// When it is no session's id.
pub fn session_id(request: &pb::RevokeSessionRequest) -> Result<SessionId, Error> {
    let mut violations = Violations::new();
    let id = violations.check("session_id", SessionId::parse(&request.session_id));
    finish(violations, id)
}

pub(super) fn platform(violations: &mut Violations, platform: i32) -> Option<Platform> {
    match pb::Platform::try_from(platform) {
        Ok(pb::Platform::Web) => Some(Platform::Web),
        Ok(pb::Platform::Ios) => Some(Platform::Ios),
        Ok(pb::Platform::Android) => Some(Platform::Android),
        Ok(pb::Platform::Unspecified) | Err(_) => {
            violations.add(
                "platform",
                "must be PLATFORM_WEB, PLATFORM_IOS or PLATFORM_ANDROID",
            );
            None
        }
    }
}

fn scopes(violations: &mut Violations, asked: &[String]) -> Option<Vec<Scope>> {
    if asked.is_empty() {
        violations.add("scopes", "must have at least one scope");
        return None;
    }
    if asked.len() > crate::domain::SCOPES.len() {
        violations.add("scopes", "must name each scope once");
        return None;
    }
    let mut scopes = Vec::with_capacity(asked.len());
    for (at, scope) in asked.iter().enumerate() {
        scopes.extend(violations.check(&format!("scopes[{at}]"), Scope::parse(scope)));
    }
    scopes.sort_unstable();
    scopes.dedup();
    Some(scopes)
}

/// A time that no calendar has is as wrong as one that is past.
fn instant(time: prost_types::Timestamp) -> Result<Timestamp, InvalidExpiry> {
    Timestamp::new(time.seconds, time.nanos)
        .ok()
        .filter(|_| time.nanos >= 0)
        .map(|time| types::timestamp(types::micros(time)))
        .ok_or(InvalidExpiry)
}

pub(super) fn finish<T>(violations: Violations, parsed: Option<T>) -> Result<T, Error> {
    violations.finish()?;
    parsed.ok_or_else(missing)
}

/// A field that did not parse has left a violation, so this is never reached; if it were, the request
/// must not pass.
fn missing() -> Error {
    Error::Fields(Vec::new())
}
