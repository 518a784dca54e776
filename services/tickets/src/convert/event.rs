//! Events: what is told of tickets, and what is heard of conversations.

use events::NewEvent;
use prost::Message;
use proto::{conversations::v1 as conversations, events::v1::Envelope, tickets::v1 as pb};
use types::{WorkspaceId, micros, timestamp};

use super::answer::{category, said, time};
use crate::domain::{Change, Member, News, Reply, View};

const TOLD: &str = "messenger.tickets.v1.ContactTicketChanged";
/// The state of a ticket for those who do not see it.
const UNSEEN: &str = "tst_00000000000000000000000000000000";
const HEARD: &str = "messenger.conversations.v1.ContactConversationChanged";

/// One event for each contact for whom a change changed something.
pub(crate) fn changed(change: &Change) -> impl Iterator<Item = NewEvent> {
    change
        .views()
        .map(|(view, version)| contact_ticket_changed(&view, version, micros(change.at)))
}

/// A6: the absolute state of one ticket for one contact.
pub(crate) fn contact_ticket_changed(view: &View<'_>, version: u64, occurred_at: i64) -> NewEvent {
    let (contact_id, ticket_id) = (view.contact.to_string(), view.ticket.to_string());
    let payload = match &view.seen {
        Some(seen) => pb::ContactTicketChanged {
            contact_id,
            ticket_id,
            visible: true,
            revision: seen.revision,
            notify_revision: seen.notify_revision,
            stamp_revision: seen.stamp_revision,
            state_id: seen.state.to_string(),
            category: category(seen.category).into(),
            number: seen.number,
            title: seen.title.into(),
            conversation_id: said(seen.conversation),
            requester: seen.requester,
            create_time: Some(time(seen.created_at)),
            ticket_update_time: Some(time(seen.ticket_update_at)),
            activity_time: Some(time(seen.activity_at)),
            deleted: view.deleted,
        },
        None => pb::ContactTicketChanged {
            contact_id,
            ticket_id,
            // readers hold every event to a state
            state_id: UNSEEN.into(),
            deleted: view.deleted,
            ..Default::default()
        },
    };
    NewEvent {
        kind: TOLD,
        aggregate_id: format!("{}/{}", view.contact, view.ticket),
        aggregate_version: version,
        contact: Some(view.contact.clone()),
        workspace: view.workspace.clone(),
        occurred_at,
        payload: payload.encode_to_vec(),
    }
}

/// What an event tells of a conversation; `None` when it is of another type.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn conversation_news(
    envelope: &Envelope,
) -> Result<Option<(WorkspaceId, News)>, String> {
    if envelope.r#type != HEARD {
        return Ok(None);
    }
    let malformed = |error: &dyn std::fmt::Display| format!("{HEARD}: {error}");
    let told = conversations::ContactConversationChanged::decode(envelope.payload.as_slice())
        .map_err(|e| malformed(&e))?;
    let workspace = WorkspaceId::parse(&envelope.workspace_id).map_err(|e| malformed(&e))?;
    let member = Member {
        contact: told.contact_id.parse().map_err(|e| malformed(&e))?,
        participant: told.participant,
        deleted: told.deleted,
        last_message_at: told.last_message_time.map(|at| {
            let whole = at.seconds.saturating_mul(1_000_000);
            timestamp(whole.saturating_add(i64::from(at.nanos) / 1_000))
        }),
    };
    let reply = told.last_contact_message.map(|message| {
        let seen = message.frontier.into_iter();
        let seen = seen.map(|entry| Ok((entry.ticket_id.parse()?, entry.revision)));
        seen.collect::<Result<_, types::InvalidId>>()
            .map(|seen| Reply {
                seq: message.seq,
                seen,
            })
    });
    let news = News {
        conversation: told.conversation_id.parse().map_err(|e| malformed(&e))?,
        version: envelope.aggregate_version,
        member,
        reply: reply.transpose().map_err(|e| malformed(&e))?,
    };
    Ok(Some((workspace, news)))
}

#[cfg(test)]
mod tests {
    use testing::Golden;
    use types::ContactId;

    use super::*;
    use crate::domain::{ConversationId, Sight, StateCategory, StateId, TicketId};

    #[test]
    fn what_was_told_of_a_ticket_is_read_and_told_the_same_for_ever() {
        let workspace = WorkspaceId::derive(&["golden"]);
        let contact = ContactId::derive(&["golden"]);
        let ticket = TicketId::derive(&["golden"]);
        let state = StateId::derive(&["golden"]);
        let conversation = ConversationId::derive(&["golden"]);
        let view = View {
            workspace: &workspace,
            contact: &contact,
            ticket: &ticket,
            deleted: true,
            seen: Some(Sight {
                revision: 5,
                notify_revision: 4,
                stamp_revision: 3,
                state: &state,
                category: StateCategory::WaitingOnCustomer,
                number: 7,
                title: "The app crashes",
                conversation: Some(&conversation),
                requester: true,
                created_at: timestamp(1_767_268_800_000_001),
                ticket_update_at: timestamp(1_767_268_800_000_002),
                activity_at: timestamp(1_767_268_800_000_003),
            }),
        };
        let event = contact_ticket_changed(&view, 9, 1_767_268_800_000_004);
        let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
        golden.event::<pb::ContactTicketChanged>(&event);
    }

    /// V4
    #[test]
    fn who_does_not_see_a_ticket_is_told_of_nothing_but_that() {
        let (workspace, contact) = (WorkspaceId::generate(), ContactId::generate());
        let ticket = TicketId::generate();
        let view = View {
            workspace: &workspace,
            contact: &contact,
            ticket: &ticket,
            deleted: false,
            seen: None,
        };
        let event = contact_ticket_changed(&view, 2, 0);
        let told = pb::ContactTicketChanged::decode(event.payload.as_slice()).unwrap();
        let nothing_else = pb::ContactTicketChanged {
            contact_id: contact.to_string(),
            ticket_id: ticket.to_string(),
            state_id: UNSEEN.into(),
            ..Default::default()
        };
        assert_eq!(told, nothing_else);
        StateId::parse(UNSEEN).unwrap();
    }

    #[test]
    fn every_event_of_tickets_has_a_golden_file() {
        Golden::of(env!("CARGO_MANIFEST_DIR")).covers_events_of("messenger.tickets.v1");
    }
}
