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

#[cfg(test)]
mod tests {
    use testing::Golden;
    use types::{ContactId, timestamp};

    use super::*;
    use crate::domain::{Platform, SessionId, Switch, SwitchableSpace};

    const AT: i64 = 1_767_268_800_000_001;

    #[test]
    fn what_was_told_of_settings_is_read_and_told_the_same_for_ever() {
        let switch = |platform, enabled, version| Switch {
            platform,
            space: SwitchableSpace::Tickets,
            enabled,
            version,
        };
        let turned = vec![
            switch(Platform::Web, false, 3),
            switch(Platform::Ios, true, 2),
        ];
        let settings = MessengerSettings::new(3, turned);
        let event = settings_changed(&WorkspaceId::derive(&["golden"]), &settings, AT);
        let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
        golden.event::<pb::MessengerSettingsChanged>(&event);
    }

    #[test]
    fn what_was_told_of_a_session_is_read_and_told_the_same_for_ever() {
        let event = session_revoked(EndedSession {
            id: SessionId::derive(&["golden"]),
            workspace: WorkspaceId::derive(&["golden"]),
            contact: ContactId::derive(&["golden"]),
            revoked_at: timestamp(AT),
        });
        let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
        golden.event::<pb::SessionRevoked>(&event);
    }

    #[test]
    fn every_event_of_settings_has_a_golden_file() {
        Golden::of(env!("CARGO_MANIFEST_DIR")).covers_events_of("messenger.settings.v1");
    }
}
