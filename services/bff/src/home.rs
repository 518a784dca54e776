//! Home, from an inbox and the switches: the same for one answer and for each frame of a watch.

use proto::{bff::v1 as pb, notifications::v1::Inbox};

use crate::{
    clients::Clients,
    labels::LabelSet,
    sessions::Session,
    spaces::{Platform, Switches},
    view,
};

/// What a session's Messenger shows first. Asks Tickets only for labels that are not known.
pub(crate) async fn compose(
    clients: &Clients,
    session: &Session,
    platform: Platform,
    switches: Switches,
    inbox: Option<Inbox>,
) -> pb::Home {
    let who = view::Who {
        contact_id: session.contact.as_str(),
        name: &session.name,
        kind: session.kind,
    };
    match inbox {
        None => view::home(who, platform, switches, None, &LabelSet::default()),
        Some(inbox) => {
            let states = view::inbox_states(&inbox);
            let labels = session
                .workspace
                .labels
                .with(states, clients, &session.speaks)
                .await;
            view::home(who, platform, switches, Some(inbox), &labels)
        }
    }
}
