use jiff::Timestamp;
use prost::Message;
use proto::{
    conversations::v1 as pb,
    events::v1::Envelope,
    tickets::v1::{self as tickets, StateCategory},
};
use runtime::Violations;
use types::{ContactId, WorkspaceId, text};

use crate::{
    domain::{Category, ConversationId, Key, Stamp, State, StateId, TicketId, TicketUpdate, UpTo},
    error::Error,
};

/// Characters of a message or note at the most.
const MAX_BODY: usize = 10_000;
/// Characters of a request id at the most.
const MAX_REQUEST_ID: usize = 64;
/// Ids in a batch at the most.
const MAX_BATCH: usize = 100;
/// The one event of Tickets that concerns this service.
const CONTACT_TICKET_CHANGED: &str = "messenger.tickets.v1.ContactTicketChanged";

/// A request's fields on their way into the domain; what is wrong with any is kept until all are read.
#[derive(Default)]
struct Fields(Violations);

impl Fields {
    fn conversation(&mut self, id: &str) -> Option<ConversationId> {
        self.0.check("conversation_id", ConversationId::parse(id))
    }

    fn contact(&mut self, id: &str) -> Option<ContactId> {
        self.0.check("contact_id", ContactId::parse(id))
    }

    fn request_id(&mut self, id: &str) -> Option<String> {
        self.0
            .check("request_id", text::line(id, 0, MAX_REQUEST_ID))
    }

    fn body(&mut self, body: &str) -> Option<String> {
        self.0.check("body", text::body(body, 1, MAX_BODY))
    }

    fn place(&mut self, field: &str, seq: u64) -> Option<u64> {
        if seq == 0 {
            self.0.add(field, "must be at least 1");
            return None;
        }
        Some(seq)
    }

    fn finish<T>(self, parsed: Option<T>) -> Result<T, Error> {
        match (self.0.finish(), parsed) {
            (Ok(()), Some(parsed)) => Ok(parsed),
            (Ok(()), None) => Err(Error::Invalid(Vec::new())),
            (Err(violations), _) => Err(Error::Invalid(violations)),
        }
    }
}

/// Request id, contact and first message.
///
/// # Errors
/// Every malformed field.
pub fn start_conversation(
    request: &pb::StartConversationRequest,
) -> Result<(String, ContactId, String), Error> {
    let mut fields = Fields::default();
    let request_id = fields.request_id(&request.request_id);
    let contact = fields.contact(&request.contact_id);
    let body = fields.body(&request.body);
    fields.finish(request_id.zip(contact).zip(body).map(flat))
}

/// Conversation and requester.
///
/// # Errors
/// Every malformed field.
pub fn ensure_conversation(
    request: &pb::EnsureConversationRequest,
) -> Result<(ConversationId, ContactId), Error> {
    let mut fields = Fields::default();
    let id = fields.conversation(&request.conversation_id);
    let contact = fields.contact(&request.contact_id);
    fields.finish(id.zip(contact))
}

/// The one conversation that a request names.
///
/// # Errors
/// When its id is malformed.
pub fn conversation(id: &str) -> Result<ConversationId, Error> {
    let mut fields = Fields::default();
    let id = fields.conversation(id);
    fields.finish(id)
}

/// Whose data is asked for.
///
/// # Errors
/// When the id is malformed.
pub fn exported(request: &pb::ExportContactRequest) -> Result<ContactId, Error> {
    let mut fields = Fields::default();
    let contact = fields.contact(&request.contact_id);
    fields.finish(contact)
}

/// Up to 100 conversations, each once, in the order asked for.
///
/// # Errors
/// When there are none or too many, or every malformed id.
pub fn batch(ids: &[String]) -> Result<Vec<ConversationId>, Error> {
    let mut fields = Fields::default();
    if ids.is_empty() || ids.len() > MAX_BATCH {
        fields.0.add(
            "conversation_ids",
            format!("must have 1 to {MAX_BATCH} ids, has {}", ids.len()),
        );
        return fields.finish(None);
    }
    let mut parsed: Vec<ConversationId> = Vec::with_capacity(ids.len());
    for (place, id) in ids.iter().enumerate() {
        let field = format!("conversation_ids[{place}]");
        if let Some(id) = fields.0.check(&field, ConversationId::parse(id))
            && !parsed.contains(&id)
        {
            parsed.push(id);
        }
    }
    fields.finish(Some(parsed))
}

/// State and contact to filter by.
///
/// # Errors
/// Every malformed field.
pub fn list_conversations(
    request: &pb::ListConversationsRequest,
) -> Result<(Option<State>, Option<ContactId>), Error> {
    let mut fields = Fields::default();
    let state = match pb::ConversationState::try_from(request.state) {
        Ok(pb::ConversationState::Unspecified) => None,
        Ok(pb::ConversationState::Open) => Some(State::Open),
        Ok(pb::ConversationState::Closed) => Some(State::Closed),
        Err(_) => {
            fields.0.add("state", "must be OPEN, CLOSED or not set");
            None
        }
    };
    let contact = match request.contact_id.as_str() {
        "" => None,
        id => fields.contact(id),
    };
    fields.finish(Some((state, contact)))
}

/// Request id, conversation and text of a message or note.
///
/// # Errors
/// Every malformed field.
pub fn text_to(
    request_id: &str,
    conversation_id: &str,
    body: &str,
) -> Result<(String, ConversationId, String), Error> {
    let mut fields = Fields::default();
    let request_id = fields.request_id(request_id);
    let id = fields.conversation(conversation_id);
    let body = fields.body(body);
    fields.finish(request_id.zip(id).zip(body).map(flat))
}

/// Request id and conversation.
///
/// # Errors
/// Every malformed field.
pub fn transition(
    request_id: &str,
    conversation_id: &str,
) -> Result<(String, ConversationId), Error> {
    let mut fields = Fields::default();
    let request_id = fields.request_id(request_id);
    let id = fields.conversation(conversation_id);
    fields.finish(request_id.zip(id))
}

/// Conversation, contact and how far.
///
/// # Errors
/// Every malformed field.
pub fn mark_read(
    request: &pb::MarkReadRequest,
) -> Result<(ConversationId, ContactId, UpTo), Error> {
    use pb::mark_read_request::UpTo as Wire;

    let mut fields = Fields::default();
    let id = fields.conversation(&request.conversation_id);
    let contact = fields.contact(&request.contact_id);
    let up_to = match request.up_to {
        Some(Wire::Seq(seq)) => fields.place("seq", seq).map(UpTo::Seq),
        Some(Wire::Head(true)) => Some(UpTo::Head),
        Some(Wire::Head(false)) => {
            fields.0.add("head", "must be true or not set");
            None
        }
        None => {
            fields.0.add("up_to", "must be seq or head");
            None
        }
    };
    fields.finish(id.zip(contact).zip(up_to).map(flat))
}

/// Request id and first message.
///
/// # Errors
/// Every malformed field.
pub fn start_contact_conversation(
    request: &pb::StartContactConversationRequest,
) -> Result<(String, String), Error> {
    let mut fields = Fields::default();
    let request_id = fields.request_id(&request.request_id);
    let body = fields.body(&request.body);
    fields.finish(request_id.zip(body))
}

/// Request id, conversation, text, and the place the contact had been shown, if said.
///
/// # Errors
/// Every malformed field.
pub fn send_contact_message(
    request: &pb::SendContactMessageRequest,
) -> Result<(String, ConversationId, String, Option<u64>), Error> {
    let (request_id, id, body) =
        text_to(&request.request_id, &request.conversation_id, &request.body)?;
    let seen = (request.seen_up_to_seq > 0).then_some(request.seen_up_to_seq);
    Ok((request_id, id, body, seen))
}

/// Conversation and place.
///
/// # Errors
/// Every malformed field.
pub fn mark_contact_read(
    request: &pb::MarkContactReadRequest,
) -> Result<(ConversationId, UpTo), Error> {
    let mut fields = Fields::default();
    let id = fields.conversation(&request.conversation_id);
    let seq = fields.place("up_to_seq", request.up_to_seq);
    fields.finish(id.zip(seq.map(UpTo::Seq)))
}

/// What a ticket's event means to conversations; `None` when nothing: another type of event, a ticket
/// that is not linked, or one that this contact does not see.
///
/// # Errors
/// A sentence about what is malformed; such an event never gets better.
pub fn ticket_update(event: &Envelope, now: Timestamp) -> Result<Option<TicketUpdate>, String> {
    if event.r#type != CONTACT_TICKET_CHANGED {
        return Ok(None);
    }
    let ticket = tickets::ContactTicketChanged::decode(event.payload.as_slice())
        .map_err(|error| error.to_string())?;
    if ticket.conversation_id.is_empty()
        || ticket.stamp_revision == 0
        || ticket.deleted
        || !ticket.visible
    {
        return Ok(None);
    }
    let malformed = |error: types::InvalidId| error.to_string();
    let category = match ticket.category() {
        StateCategory::Submitted => Category::Submitted,
        StateCategory::InProgress => Category::InProgress,
        StateCategory::WaitingOnCustomer => Category::WaitingOnCustomer,
        StateCategory::Resolved => Category::Resolved,
        StateCategory::Unspecified => return Err("the state has no category".into()),
    };
    if i64::try_from(ticket.stamp_revision).is_err() {
        return Err("the revision is out of range".into());
    }
    Ok(Some(TicketUpdate {
        key: Key {
            workspace: WorkspaceId::parse(&event.workspace_id).map_err(malformed)?,
            conversation: ConversationId::parse(&ticket.conversation_id).map_err(malformed)?,
        },
        contact: ContactId::parse(&ticket.contact_id).map_err(malformed)?,
        requester: ticket.requester,
        stamp: Stamp {
            ticket: TicketId::parse(&ticket.ticket_id).map_err(malformed)?,
            revision: ticket.stamp_revision,
            state: StateId::parse(&ticket.state_id).map_err(malformed)?,
            category,
        },
        // another machine's clock may be ahead
        at: event
            .occurred_time
            .map_or(now, |time| instant(&time).min(now)),
    }))
}

fn instant(time: &prost_types::Timestamp) -> Timestamp {
    types::timestamp(
        time.seconds
            .saturating_mul(1_000_000)
            .saturating_add(i64::from(time.nanos) / 1_000),
    )
}

fn flat<A, B, C>(((a, b), c): ((A, B), C)) -> (A, B, C) {
    (a, b, c)
}

#[cfg(test)]
mod tests;
