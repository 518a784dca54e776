use events::NewEvent;
use jiff::Timestamp;
use prost::Message;
use proto::{
    conversations::v1::{self as conversations, ContactConversationChanged},
    events::v1::Envelope,
    notifications::v1 as nt,
    tickets::v1::{self as tickets, ContactTicketChanged},
};
use types::{ContactId, WorkspaceId, timestamp};

use crate::{
    projection::{
        AuthorKind, Category, Conversation, ConversationChanged, ConversationId, ConversationState,
        Event, Preview, StateId, Ticket, TicketChanged, TicketId, TicketRead, Told,
    },
    store::InboxId,
};

const CONTACT_TICKET_CHANGED: &str = "messenger.tickets.v1.ContactTicketChanged";
const TICKET_READ: &str = "messenger.notifications.v1.TicketRead";
const CONTACT_CONVERSATION_CHANGED: &str = "messenger.conversations.v1.ContactConversationChanged";

/// Whose inbox an event concerns; `None` for those that concern none.
pub fn inbox_id(envelope: &Envelope) -> Option<InboxId> {
    Some(InboxId {
        workspace: WorkspaceId::parse(&envelope.workspace_id).ok()?,
        contact: ContactId::parse(&envelope.contact_id).ok()?,
    })
}

/// What this service's own log says of an explicit read, to its replicas.
pub fn ticket_read(id: &InboxId, read: &TicketRead, at: i64) -> NewEvent {
    let payload = nt::TicketRead {
        ticket_id: read.ticket_id.to_string(),
        read_revision: read.up_to_revision,
    };
    NewEvent {
        kind: TICKET_READ,
        aggregate_id: read.ticket_id.to_string(),
        aggregate_version: read.up_to_revision,
        contact: Some(id.contact.clone()),
        workspace: id.workspace.clone(),
        occurred_at: at,
        payload: payload.encode_to_vec(),
    }
}

/// An event of another service; `None` for types that say nothing of inboxes.
///
/// # Errors
/// What is wrong with an event that cannot be understood but would have to be.
pub fn event(envelope: &Envelope) -> Result<Option<(InboxId, Event)>, String> {
    let parsed = match envelope.r#type.as_str() {
        CONTACT_TICKET_CHANGED => {
            let payload = ContactTicketChanged::decode(envelope.payload.as_slice());
            let payload = payload.map_err(|e| e.to_string())?;
            named(envelope, &payload.contact_id)?;
            Event::TicketChanged(ticket_changed(payload, envelope.aggregate_version)?)
        }
        CONTACT_CONVERSATION_CHANGED => {
            let payload = ContactConversationChanged::decode(envelope.payload.as_slice());
            let payload = payload.map_err(|e| e.to_string())?;
            named(envelope, &payload.contact_id)?;
            Event::ConversationChanged(conversation_changed(payload, envelope.aggregate_version)?)
        }
        other if envelope.must_understand => return Err(format!("{other} is not known here")),
        _ => return Ok(None),
    };
    let id = inbox_id(envelope).ok_or("it names no contact of a workspace")?;
    Ok(Some((id, parsed)))
}

/// The envelope decides whose inbox is changed; it must not contradict what it carries.
fn named(envelope: &Envelope, contact: &str) -> Result<(), String> {
    if envelope.contact_id == contact {
        Ok(())
    } else {
        Err(format!(
            "it is about {contact} but addressed to {}",
            envelope.contact_id
        ))
    }
}

fn ticket_changed(payload: ContactTicketChanged, version: u64) -> Result<TicketChanged, String> {
    let visible = payload.visible && !payload.deleted;
    let category = match payload.category() {
        tickets::StateCategory::Submitted => Category::Submitted,
        tickets::StateCategory::InProgress => Category::InProgress,
        tickets::StateCategory::WaitingOnCustomer => Category::WaitingOnCustomer,
        tickets::StateCategory::Resolved => Category::Resolved,
        tickets::StateCategory::Unspecified if visible => {
            return Err(format!(
                "the category {} is not known here",
                payload.category
            ));
        }
        // it is not shown, and must go whatever it is
        tickets::StateCategory::Unspecified => Category::Submitted,
    };
    let conversation_id = match payload.conversation_id.as_str() {
        "" => None,
        id => Some(ConversationId::parse(id).map_err(|e| format!("conversation_id {e}"))?),
    };
    Ok(TicketChanged {
        ticket_id: ticket_id(&payload.ticket_id)?,
        told: Told {
            version: number(version)?,
            state: Ticket {
                visible,
                revision: number(payload.revision)?,
                notify_revision: number(payload.notify_revision)?,
                state_id: StateId::parse(&payload.state_id).map_err(|e| format!("state_id {e}"))?,
                category,
                number: number(payload.number)?,
                title: payload.title,
                conversation_id,
                create_time: time(payload.create_time),
                ticket_update_time: time(payload.ticket_update_time),
                activity_time: time(payload.activity_time),
            },
        },
    })
}

fn conversation_changed(
    payload: ContactConversationChanged,
    version: u64,
) -> Result<ConversationChanged, String> {
    let readable = payload.participant && !payload.deleted;
    let state = match payload.state() {
        conversations::ConversationState::Open => ConversationState::Open,
        conversations::ConversationState::Closed => ConversationState::Closed,
        conversations::ConversationState::Unspecified if readable => {
            return Err(format!("the state {} is not known here", payload.state));
        }
        conversations::ConversationState::Unspecified => ConversationState::Closed,
    };
    let frontier = payload
        .frontier
        .iter()
        .map(|entry| Ok((ticket_id(&entry.ticket_id)?, number(entry.revision)?)))
        .collect::<Result<_, String>>()?;
    let conversation_id = ConversationId::parse(&payload.conversation_id)
        .map_err(|e| format!("conversation_id {e}"))?;
    Ok(ConversationChanged {
        conversation_id,
        told: Told {
            version: number(version)?,
            state: Conversation {
                participant: payload.participant,
                deleted: payload.deleted,
                state,
                has_messages: payload.has_messages,
                preview: payload.preview.map(preview),
                head_seq: number(payload.head_seq)?,
                last_foreign_message_seq: number(payload.last_foreign_message_seq)?,
                read_seq: number(payload.read_seq)?,
                last_message_time: payload.last_message_time.map(|at| time(Some(at))),
            },
        },
        frontier,
    })
}

fn preview(preview: conversations::MessagePreview) -> Preview {
    Preview {
        author_kind: match preview.author_kind() {
            conversations::AuthorKind::Contact => AuthorKind::Contact,
            conversations::AuthorKind::Teammate => AuthorKind::Teammate,
            conversations::AuthorKind::Bot => AuthorKind::Bot,
            // whoever it is, it is not a person we know of
            conversations::AuthorKind::System | conversations::AuthorKind::Unspecified => {
                AuthorKind::System
            }
        },
        text: preview.text,
        author_name: preview.author_name,
        mine: preview.mine,
        time: time(preview.time),
    }
}

fn ticket_id(text: &str) -> Result<TicketId, String> {
    TicketId::parse(text).map_err(|e| format!("ticket_id {e}"))
}

/// Numbers are stored signed; one that does not fit was never counted up to.
fn number(number: u64) -> Result<u64, String> {
    match i64::try_from(number) {
        Ok(_) => Ok(number),
        Err(_) => Err(format!("{number} is no place or version")),
    }
}

/// What is not said happened at the beginning of time, which no order puts first.
fn time(at: Option<prost_types::Timestamp>) -> Timestamp {
    let at = at.unwrap_or_default();
    timestamp(
        at.seconds
            .saturating_mul(1_000_000)
            .saturating_add(i64::from(at.nanos) / 1_000),
    )
}
