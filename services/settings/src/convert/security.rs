//! Identity modes and allowed origins, both ways.

use proto::settings::v1 as pb;
use runtime::Violations;

use super::{
    parse::{finish, platform},
    reply,
};
use crate::{
    Error,
    domain::{AppId, IdentityMode, MAX_ORIGINS, MessengerSecurity, Origin, Platform},
};

/// # Errors
/// All malformed fields.
pub fn identity_mode(
    request: &pb::SetIdentityModeRequest,
) -> Result<(Platform, IdentityMode), Error> {
    let mut violations = Violations::new();
    let platform = platform(&mut violations, request.platform);
    let mode = match pb::IdentityMode::try_from(request.mode) {
        Ok(pb::IdentityMode::Enforced) => Some(IdentityMode::Enforced),
        Ok(pb::IdentityMode::Optional) => Some(IdentityMode::Optional),
        Ok(pb::IdentityMode::Unspecified) | Err(_) => {
            violations.add(
                "mode",
                "must be IDENTITY_MODE_ENFORCED or IDENTITY_MODE_OPTIONAL",
            );
            None
        }
    };
    finish(violations, platform.zip(mode))
}

/// # Errors
/// When there are too many, with all that are malformed.
pub fn origins(request: &pb::SetAllowedOriginsRequest) -> Result<Vec<Origin>, Error> {
    let mut violations = Violations::new();
    let asked = &request.origins;
    if asked.len() > MAX_ORIGINS {
        violations.add(
            "origins",
            format!("must have at most {MAX_ORIGINS}, has {}", asked.len()),
        );
    }
    let mut origins = Vec::with_capacity(asked.len().min(MAX_ORIGINS));
    for (at, origin) in asked.iter().take(MAX_ORIGINS).enumerate() {
        origins.extend(violations.check(&format!("origins[{at}]"), Origin::parse(origin)));
    }
    finish(violations, Some(origins))
}

/// # Errors
/// That there is no such app, whatever the text is: nobody learns how an id looks.
pub fn app_id(request: &pb::LookUpAppRequest) -> Result<AppId, Error> {
    AppId::parse(&request.app_id).map_err(|_| Error::NotFound("app"))
}

/// Modes of every platform, and the origins.
pub fn messenger_security(security: &MessengerSecurity) -> pb::MessengerSecurity {
    let mode = |platform| match security.mode(platform) {
        IdentityMode::Enforced => pb::IdentityMode::Enforced,
        IdentityMode::Optional => pb::IdentityMode::Optional,
    };
    pb::MessengerSecurity {
        platforms: Platform::ALL
            .into_iter()
            .map(|platform| pb::PlatformIdentity {
                platform: reply::platform(platform).into(),
                mode: mode(platform).into(),
            })
            .collect(),
        allowed_origins: security
            .origins()
            .iter()
            .map(|origin| origin.as_str().to_owned())
            .collect(),
        version: security.version(),
    }
}
