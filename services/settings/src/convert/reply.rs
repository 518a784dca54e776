//! Answers.

use jiff::Timestamp;
use proto::settings::v1 as pb;
use runtime::auth::Assertion;
use secrecy::{ExposeSecret, SecretString};

use super::people::kind;
use crate::domain::{
    ApiToken, Entry, IdentityKey, MessengerSettings, Platform, Session, SwitchableSpace, Workspace,
};

/// The settings, every switch of every platform named.
pub fn messenger_settings(settings: &MessengerSettings) -> pb::MessengerSettings {
    pb::MessengerSettings {
        spaces: settings
            .switches()
            .map(|(on, space, enabled)| pb::SpaceSetting {
                platform: platform(on).into(),
                space: match space {
                    SwitchableSpace::Tickets => pb::Space::Tickets.into(),
                },
                enabled,
            })
            .collect(),
        version: settings.version(),
    }
}

/// A line of the audit.
pub fn audit_entry(entry: Entry) -> pb::AuditEntry {
    pb::AuditEntry {
        entry_id: entry.id.into(),
        action: entry.action,
        actor_id: entry.actor,
        subject: entry.subject,
        before: entry.before,
        after: entry.after,
        time: Some(timestamp(entry.at)),
    }
}

/// A workspace.
pub fn workspace(workspace: Workspace) -> pb::Workspace {
    pb::Workspace {
        workspace_id: workspace.id.into(),
        name: workspace.name,
        app_id: workspace.app_id.into(),
        create_time: Some(timestamp(workspace.created_at)),
    }
}

/// A key, without its secret.
pub fn identity_key(key: IdentityKey) -> pb::IdentityKey {
    pb::IdentityKey {
        key_id: key.id.into(),
        platform: platform(key.platform).into(),
        create_time: Some(timestamp(key.created_at)),
        revoke_time: key.revoked_at.map(timestamp),
        last_used_time: key.last_used_at.map(timestamp),
    }
}

/// A token, without its text.
pub fn api_token(token: ApiToken) -> pb::ApiToken {
    pb::ApiToken {
        token_id: token.id.into(),
        name: token.name,
        teammate_id: token.teammate.map(String::from).unwrap_or_default(),
        scopes: token
            .scopes
            .into_iter()
            .map(|scope| scope.as_str().to_owned())
            .collect(),
        expire_time: Some(timestamp(token.expires_at)),
        revoke_time: token.revoked_at.map(timestamp),
        create_time: Some(timestamp(token.created_at)),
        last_used_time: token.last_used_at.map(timestamp),
    }
}

/// An assertion and its end.
pub fn assertion(assertion: Assertion) -> pb::ExchangeTokenResponse {
    pb::ExchangeTokenResponse {
        assertion: assertion.token,
        expire_time: Some(prost_types::Timestamp {
            seconds: assertion.expires_at,
            nanos: 0,
        }),
    }
}

/// A session with its access token and, if it was made for it, the visitor's secret: both told this once.
pub fn opened_session(
    opened: Session,
    access_token: &SecretString,
    visitor_secret: Option<&SecretString>,
    merged: bool,
) -> pb::OpenSessionResponse {
    let told = |secret: &SecretString| secret.expose_secret().to_owned();
    pb::OpenSessionResponse {
        access_token: told(access_token),
        session: Some(session(opened)),
        visitor_secret: visitor_secret.map(told).unwrap_or_default(),
        merged,
    }
}

/// A session.
pub fn session(session: Session) -> pb::Session {
    pb::Session {
        session_id: session.id.into(),
        workspace_id: session.workspace.into(),
        contact_id: session.contact.into(),
        contact_name: session.contact_name,
        platform: platform(session.platform).into(),
        expire_time: Some(timestamp(session.expires_at)),
        contact_kind: kind(session.contact_kind).into(),
    }
}

pub(super) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let micros = types::micros(time);
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: (micros.rem_euclid(1_000_000) * 1_000) as i32,
    }
}

pub(super) fn platform(platform: Platform) -> pb::Platform {
    match platform {
        Platform::Web => pb::Platform::Web,
        Platform::Ios => pb::Platform::Ios,
        Platform::Android => pb::Platform::Android,
    }
}
