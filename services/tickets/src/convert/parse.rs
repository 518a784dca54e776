//! Requests, parsed once: everything that is wrong with one is told together.

use std::str::FromStr;

use jiff::Timestamp;
use proto::tickets::v1 as pb;
use runtime::Violations;
use types::{ContactId, InvalidId, TeammateId, micros, text, timestamp};

use crate::{
    domain::{ConversationId, Edit, StateId, TicketId, TicketRef, TypeId},
    error::Error,
};

const MAX_REQUEST_ID: usize = 64;
const MAX_TITLE: usize = 255;
const MAX_DESCRIPTION: usize = 10_000;
const MAX_BATCH: usize = 100;

/// A ticket to create, by whomever.
#[derive(Debug, Clone)]
pub(crate) struct Create {
    pub request_id: String,
    pub requester: ContactId,
    pub type_id: Option<TypeId>,
    pub state: Option<StateId>,
    pub title: String,
    pub description: String,
    pub conversation: Option<ConversationId>,
    pub notify: bool,
    pub assignee: Option<TeammateId>,
    pub created_at: Option<Timestamp>,
    pub by_contact: bool,
}

/// Which ticket to change, and how safely.
#[derive(Debug)]
pub(crate) struct Target {
    pub request_id: String,
    pub ticket: TicketRef,
    pub expected_version: u64,
}

pub(crate) fn create(request: &pb::CreateTicketRequest, now: Timestamp) -> Result<Create, Error> {
    let mut v = Violations::new();
    let request_id = request_id(&mut v, &request.request_id);
    let requester = v.check(
        "requester_contact_id",
        request.requester_contact_id.parse::<ContactId>(),
    );
    let type_id = optional(&mut v, "type_id", &request.type_id);
    let title = title(&mut v, &request.title);
    let description = description(&mut v, &request.description);
    let state = optional(&mut v, "state_id", &request.state_id);
    let conversation = optional(&mut v, "conversation_id", &request.conversation_id);
    let assignee = optional(
        &mut v,
        "assignee_teammate_id",
        &request.assignee_teammate_id,
    );
    let created_at = v.check("create_time_micros", past(request.create_time_micros, now));
    let parsed = || {
        Some(Create {
            request_id: request_id?,
            requester: requester?,
            type_id: type_id?,
            state: state?,
            title: title?,
            description: description?,
            conversation: conversation?,
            notify: !request.skip_notifications,
            assignee: assignee?,
            created_at: created_at?,
            by_contact: false,
        })
    };
    done(parsed(), v)
}

pub(crate) fn create_by_contact(
    request: &pb::CreateContactTicketRequest,
    requester: ContactId,
) -> Result<Create, Error> {
    let mut v = Violations::new();
    let request_id = request_id(&mut v, &request.request_id);
    let type_id = optional(&mut v, "type_id", &request.type_id);
    let title = title(&mut v, &request.title);
    let description = description(&mut v, &request.description);
    let parsed = || {
        Some(Create {
            request_id: request_id?,
            requester,
            type_id: type_id?,
            state: None,
            title: title?,
            description: description?,
            conversation: None,
            notify: true,
            assignee: None,
            created_at: None,
            by_contact: true,
        })
    };
    done(parsed(), v)
}

pub(crate) fn edit(request: &pb::UpdateTicketRequest) -> Result<(Target, Edit), Error> {
    let mut v = Violations::new();
    let target = target(
        &mut v,
        &request.request_id,
        &request.ticket_id,
        request.expected_version,
    );
    let edit = Edit {
        title: request.title.as_ref().and_then(|text| title(&mut v, text)),
        description: request
            .description
            .as_ref()
            .and_then(|text| description(&mut v, text)),
        assignee: request
            .assignee_teammate_id
            .as_ref()
            .and_then(|id| optional(&mut v, "assignee_teammate_id", id)),
        open: request.open,
    };
    done(target.map(|target| (target, edit)), v)
}

pub(crate) fn change_state(
    request: &pb::ChangeTicketStateRequest,
) -> Result<(Target, StateId), Error> {
    let mut v = Violations::new();
    let target = target(
        &mut v,
        &request.request_id,
        &request.ticket_id,
        request.expected_version,
    );
    let state = v.check("state_id", request.state_id.parse());
    done(target.zip(state), v)
}

pub(crate) fn link(
    request: &pb::LinkConversationRequest,
) -> Result<(Target, ConversationId), Error> {
    let mut v = Violations::new();
    let target = target(
        &mut v,
        &request.request_id,
        &request.ticket_id,
        request.expected_version,
    );
    let conversation = v.check("conversation_id", request.conversation_id.parse());
    done(target.zip(conversation), v)
}

pub(crate) fn unlink(request: &pb::UnlinkConversationRequest) -> Result<Target, Error> {
    let mut v = Violations::new();
    let target = target(
        &mut v,
        &request.request_id,
        &request.ticket_id,
        request.expected_version,
    );
    done(target, v)
}

pub(crate) fn ensure(request: &pb::EnsureConversationRequest) -> Result<Target, Error> {
    let mut v = Violations::new();
    let target = target(&mut v, &request.request_id, &request.ticket_id, 0);
    done(target, v)
}

pub(crate) fn delete(request: &pb::DeleteTicketRequest) -> Result<Target, Error> {
    let mut v = Violations::new();
    let target = target(
        &mut v,
        &request.request_id,
        &request.ticket_id,
        request.expected_version,
    );
    done(target, v)
}

/// T8: `tkt_…`, `123` or `#123`.
pub(crate) fn ticket_ref(ticket_id: &str) -> Result<TicketRef, Error> {
    let mut v = Violations::new();
    let ticket = v.check("ticket_id", named(ticket_id));
    done(ticket, v)
}

/// Whose data is asked for.
pub(crate) fn exported(request: &pb::ExportContactRequest) -> Result<ContactId, Error> {
    let mut v = Violations::new();
    let contact = v.check("contact_id", request.contact_id.parse::<ContactId>());
    done(contact, v)
}

pub(crate) fn batch(request: &pb::BatchGetTicketsRequest) -> Result<Vec<TicketId>, Error> {
    let mut v = Violations::new();
    let asked = &request.ticket_ids;
    if asked.is_empty() || asked.len() > MAX_BATCH {
        v.add("ticket_ids", format!("must hold 1 to {MAX_BATCH} ids"));
    }
    let tickets = ids(&mut v, "ticket_ids", asked);
    done(Some(tickets), v)
}

pub(crate) fn contact_batch(
    request: &pb::BatchGetContactTicketsRequest,
) -> Result<(Vec<TicketId>, Vec<ConversationId>), Error> {
    let mut v = Violations::new();
    let asked = request.ticket_ids.len() + request.conversation_ids.len();
    if asked == 0 || asked > MAX_BATCH {
        let both = format!("and conversation_ids must together hold 1 to {MAX_BATCH} ids");
        v.add("ticket_ids", both);
    }
    let tickets = ids(&mut v, "ticket_ids", &request.ticket_ids);
    let conversations = ids(&mut v, "conversation_ids", &request.conversation_ids);
    done(Some((tickets, conversations)), v)
}

pub(crate) fn share(request: &pb::ShareTicketRequest) -> Result<Target, Error> {
    let mut v = Violations::new();
    let target = target(
        &mut v,
        &request.request_id,
        &request.ticket_id,
        request.expected_version,
    );
    done(target, v)
}

pub(crate) fn unshare(request: &pb::UnshareTicketRequest) -> Result<Target, Error> {
    let mut v = Violations::new();
    let target = target(
        &mut v,
        &request.request_id,
        &request.ticket_id,
        request.expected_version,
    );
    done(target, v)
}

/// What was parsed, if nothing was noted against it.
pub(super) fn done<T>(parsed: Option<T>, violations: Violations) -> Result<T, Error> {
    violations.finish().map_err(Error::Invalid)?;
    parsed.ok_or_else(|| Error::Invalid(Vec::new()))
}

fn target(v: &mut Violations, id: &str, ticket: &str, expected_version: u64) -> Option<Target> {
    let request_id = request_id(v, id);
    let ticket = v.check("ticket_id", named(ticket));
    Some(Target {
        request_id: request_id?,
        ticket: ticket?,
        expected_version,
    })
}

pub(super) fn request_id(v: &mut Violations, id: &str) -> Option<String> {
    v.check("request_id", text::line(id, 0, MAX_REQUEST_ID))
}

fn title(v: &mut Violations, title: &str) -> Option<String> {
    v.check("title", text::line(title, 1, MAX_TITLE))
}

fn description(v: &mut Violations, description: &str) -> Option<String> {
    v.check("description", text::body(description, 0, MAX_DESCRIPTION))
}

/// An id that may be left empty; the outer `None` says that it is malformed.
pub(super) fn optional<T>(v: &mut Violations, field: &str, id: &str) -> Option<Option<T>>
where
    T: FromStr<Err = InvalidId>,
{
    if id.is_empty() {
        return Some(None);
    }
    v.check(field, id.parse()).map(Some)
}

pub(super) fn ids<T>(v: &mut Violations, field: &str, ids: &[String]) -> Vec<T>
where
    T: FromStr<Err = InvalidId>,
{
    // of very many, the first malformed ones say enough
    let places = ids.iter().enumerate().take(MAX_BATCH);
    let parsed = places.filter_map(|(place, id)| v.check(&format!("{field}[{place}]"), id.parse()));
    parsed.collect()
}

fn named(said: &str) -> Result<TicketRef, &'static str> {
    let wrong =
        "must be tkt_ followed by 32 lowercase hexadecimal digits, or a number such as #123";
    if let Ok(id) = TicketId::parse(said) {
        return Ok(TicketRef::Id(id));
    }
    let digits = said.strip_prefix('#').unwrap_or(said);
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong);
    }
    digits.parse().map(TicketRef::Number).map_err(|_| wrong)
}

/// L3: an import's time; a future one is refused.
fn past(micros_since_1970: Option<i64>, now: Timestamp) -> Result<Option<Timestamp>, &'static str> {
    match micros_since_1970 {
        None => Ok(None),
        Some(time) if time < 0 => Err("must not be before 1970"),
        Some(time) if time > micros(now) => Err("must not be in the future"),
        Some(time) => Ok(Some(timestamp(time))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t8_a_ticket_is_named_by_its_id_or_by_its_number() {
        let id = TicketId::generate();
        assert_eq!(ticket_ref(id.as_str()).unwrap(), TicketRef::Id(id.clone()));
        assert_eq!(ticket_ref("123").unwrap(), TicketRef::Number(123));
        assert_eq!(ticket_ref("#123").unwrap(), TicketRef::Number(123));
        let upper = id.as_str().to_uppercase();
        for bad in [
            "",
            "#",
            "##1",
            "-1",
            "1.5",
            "tkt_",
            "con_1",
            "18446744073709551616",
            &upper,
        ] {
            assert!(ticket_ref(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn everything_that_is_wrong_with_a_request_is_told_at_once() {
        let now = timestamp(1_000_000);
        let request = pb::CreateTicketRequest {
            request_id: "x".repeat(65),
            requester_contact_id: "ada".into(),
            type_id: "support".into(),
            title: " ".into(),
            description: "a\0b".into(),
            state_id: "open".into(),
            conversation_id: "here".into(),
            skip_notifications: false,
            assignee_teammate_id: "grace".into(),
            create_time_micros: Some(1_000_001),
        };
        let Err(Error::Invalid(violations)) = create(&request, now) else {
            panic!("accepted");
        };
        let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "request_id",
                "requester_contact_id",
                "type_id",
                "title",
                "description",
                "state_id",
                "conversation_id",
                "assignee_teammate_id",
                "create_time_micros"
            ]
        );
    }
}
