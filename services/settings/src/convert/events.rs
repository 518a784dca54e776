//! Events.

use events::NewEvent;
use prost::Message;
use proto::settings::v1 as pb;
use types::{WorkspaceId, micros};

use super::{messenger_security, messenger_settings};
use crate::domain::{EndedSession, Erasure, Merge, MessengerSecurity, MessengerSettings};

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

/// Identity modes and allowed origins of a workspace as they are after a change, at `changed_at`
/// microseconds since 1970.
pub fn security_changed(
    workspace: &WorkspaceId,
    security: &MessengerSecurity,
    changed_at: i64,
) -> NewEvent {
    let payload = pb::MessengerSecurityChanged {
        security: Some(messenger_security(security)),
    };
    NewEvent {
        kind: "messenger.settings.v1.MessengerSecurityChanged",
        aggregate_id: workspace.to_string(),
        aggregate_version: security.version(),
        contact: None,
        workspace: workspace.clone(),
        occurred_at: changed_at,
        payload: payload.encode_to_vec(),
    }
}

/// A visitor who turned out to be a user.
pub fn contact_merged(merge: Merge) -> NewEvent {
    let payload = pb::ContactMerged {
        from_contact_id: merge.from.to_string(),
        into_contact_id: merge.into.into(),
        into_contact_name: merge.into_name,
    };
    NewEvent {
        kind: "messenger.settings.v1.ContactMerged",
        aggregate_id: merge.from.to_string(),
        aggregate_version: 1,
        contact: Some(merge.from),
        workspace: merge.workspace,
        occurred_at: micros(merge.at),
        payload: payload.encode_to_vec(),
    }
}

/// A contact of whom nothing personal is left.
pub fn contact_erased(erasure: Erasure) -> NewEvent {
    let payload = pb::ContactErased {
        contact_id: erasure.contact.to_string(),
    };
    NewEvent {
        kind: "messenger.settings.v1.ContactErased",
        aggregate_id: erasure.contact.to_string(),
        aggregate_version: 1,
        contact: Some(erasure.contact),
        workspace: erasure.workspace,
        occurred_at: micros(erasure.at),
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
    use crate::domain::{Origin, Platform, SessionId, Switch, SwitchableSpace};

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
    fn what_was_told_of_security_is_read_and_told_the_same_for_ever() {
        let origins = ["https://example.com", "https://*.example.com:8443"];
        let origins = origins.map(|origin| Origin::parse(origin).unwrap()).into();
        let security = MessengerSecurity::new(vec![Platform::Ios], origins, 4);
        let event = security_changed(&WorkspaceId::derive(&["golden"]), &security, AT);
        let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
        golden.event::<pb::MessengerSecurityChanged>(&event);
    }

    #[test]
    fn what_was_told_of_a_merge_and_an_erasure_is_read_and_told_the_same_for_ever() {
        let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
        let merged = contact_merged(Merge {
            workspace: WorkspaceId::derive(&["golden"]),
            from: ContactId::derive(&["golden"]),
            into: ContactId::derive(&["golden user"]),
            into_name: "Ada Lovelace".into(),
            at: timestamp(AT),
        });
        golden.event::<pb::ContactMerged>(&merged);
        let erased = contact_erased(Erasure {
            workspace: WorkspaceId::derive(&["golden"]),
            contact: ContactId::derive(&["golden"]),
            at: timestamp(AT),
        });
        golden.event::<pb::ContactErased>(&erased);
    }

    #[test]
    fn every_event_of_settings_has_a_golden_file() {
        Golden::of(env!("CARGO_MANIFEST_DIR")).covers_events_of("messenger.settings.v1");
    }
}
