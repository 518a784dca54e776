//! A user token that an admin tries, and what is wrong with it, in sentences.

use proto::settings::v1 as pb;
use runtime::Violations;

use super::{
    parse::{finish, platform},
    reply::timestamp,
};
use crate::{
    Error,
    domain::{AppId, Platform, Refusal, Trial},
};

/// Bytes of a token at the most.
const MAX_TOKEN: usize = 8 * 1024;

/// # Errors
/// All malformed fields.
pub fn token_to_test(request: pb::TestUserTokenRequest) -> Result<(Platform, String), Error> {
    let mut violations = Violations::new();
    let platform = platform(&mut violations, request.platform);
    let token = match request.user_jwt.len() {
        1..=MAX_TOKEN => Some(request.user_jwt),
        _ => {
            violations.add("user_jwt", format!("must have 1 to {MAX_TOKEN} bytes"));
            None
        }
    };
    finish(violations, platform.zip(token))
}

/// What came of it, for the admins of the workspace of this app.
pub fn tested_token(trial: Trial, app: &AppId) -> pb::TestUserTokenResponse {
    let refused = |problem: String| pb::TestUserTokenResponse {
        problem,
        ..Default::default()
    };
    match trial {
        Trial::Accepted(proven, key) => pb::TestUserTokenResponse {
            accepted: true,
            problem: String::new(),
            key_id: key.into(),
            user_id: proven.profile.user_id.as_str().to_owned(),
            expire_time: Some(timestamp(proven.expires_at)),
        },
        Trial::UnknownKey(key) => refused(format!(
            "The header's `kid` is {key}, and no key of this workspace has this id."
        )),
        Trial::RevokedKey(key) => refused(format!(
            "The key {key} was revoked; sign with one that is active."
        )),
        Trial::KeyOf(platform, key) => refused(format!(
            "The key {key} is for {}; each platform has keys of its own.",
            shown(platform)
        )),
        Trial::Refused(why, key) => pb::TestUserTokenResponse {
            key_id: key.map(Into::into).unwrap_or_default(),
            ..refused(problem(why, app))
        },
    }
}

fn shown(platform: Platform) -> &'static str {
    match platform {
        Platform::Web => "the web",
        Platform::Ios => "iOS",
        Platform::Android => "Android",
    }
}

fn problem(why: Refusal, app: &AppId) -> String {
    let sentence = match why {
        Refusal::TooLong => "The token is longer than 8 KiB.",
        Refusal::Malformed => {
            "The token cannot be read: it must have three base64url parts of JSON in which no name is there twice, \
             `exp` and `iat` as numbers of seconds, and `aud`."
        }
        Refusal::NoKey => {
            "No key of this workspace for this platform is the one of the header: its `kid` must be such a key's id."
        }
        Refusal::Header => "The header must say `alg` HS256, and no `crit`.",
        Refusal::Signature => {
            "The signature is wrong: the token was signed with another secret than that of the key in its header, \
             or changed afterwards."
        }
        Refusal::Audience => {
            return format!("The token is for another audience: its `aud` must be {app}.");
        }
        Refusal::Expired => "The token has expired: its `exp` is past.",
        Refusal::Early => {
            "The token is from the future: its `iat` or `nbf` is still to come; look at the clock of the server that \
             signs."
        }
        Refusal::Lifetime => {
            "The token's life is wrong: `exp` must be after `iat`, and at most 24 hours after it."
        }
        Refusal::User => {
            "The token names no user, or two: `user_id` or `sub` must be your own id of the user, with 1 to 255 \
             characters."
        }
        Refusal::Attributes => {
            "The token says too much of its user: at most 50 attributes, each a text of at most 255 characters, a \
             number or a truth value."
        }
        Refusal::Jti => "The `jti` must have 1 to 255 characters.",
        Refusal::Replayed => {
            "The token was used before: one with a `jti` opens one session, so make a fresh one each time."
        }
    };
    sentence.to_owned()
}
