//! Events.

use events::NewEvent;
use prost::Message;
use proto::settings::v1 as pb;
use types::{WorkspaceId, micros};

use super::messenger_settings;
use crate::domain::{EndedSession, MessengerSettings};

/// The settings of a workspace as they are after a change, at `changed_at` microseconds since 1970.
pub fn settings_changed(
    workspace: &WorkspaceId,
    settings: &MessengerSettings,
    changed_at: i64,
) -> NewEvent {
    let payload = pb::MessengerSettingsChanged {
        settings: Some(messenger_settings(settings)),
    };
    NewEvent {
        kind: "messenger.settings.v1.MessengerSettingsChanged",
        aggregate_id: workspace.to_string(),
        aggregate_version: settings.version(),
        contact: None,
        workspace: workspace.clone(),
        occurred_at: changed_at,
        payload: payload.encode_to_vec(),
    }
}

/// A session that was ended before its time.
pub fn session_revoked(session: EndedSession) -> NewEvent {
    let payload = pb::SessionRevoked {
        session_id: session.id.to_string(),
    };
    NewEvent {
        kind: "messenger.settings.v1.SessionRevoked",
        aggregate_id: session.id.into(),
        aggregate_version: 1,
        contact: Some(session.contact),
        workspace: session.workspace,
        occurred_at: micros(session.revoked_at),
        payload: payload.encode_to_vec(),
    }
}
