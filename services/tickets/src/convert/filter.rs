//! Which tickets of the inbox are meant.

use proto::tickets::v1 as pb;
use runtime::Violations;
use types::text;

use super::parse::{done, optional};
use crate::{
    domain::{InboxFilter, StateCategory},
    error::Error,
};

const MAX_SEARCH: usize = 100;

pub(crate) fn inbox(request: &pb::ListTicketsRequest) -> Result<InboxFilter, Error> {
    let mut v = Violations::new();
    let category = v.check("category", category(request.category));
    let state = optional(&mut v, "state_id", &request.state_id);
    let people = people(
        &mut v,
        &request.requester_contact_id,
        &request.assignee_teammate_id,
    );
    let text = v.check("text", text::line(&request.text, 0, MAX_SEARCH));
    let parsed = || {
        Some(InboxFilter {
            category: category?,
            state: state?,
            open: request.open,
            shared: request.shared,
            text: text.filter(|text| !text.is_empty()),
            ..people?
        })
    };
    done(parsed(), v)
}

pub(crate) fn counted(request: &pb::CountTicketsRequest) -> Result<InboxFilter, Error> {
    let mut v = Violations::new();
    let people = people(
        &mut v,
        &request.requester_contact_id,
        &request.assignee_teammate_id,
    );
    let parsed = people.map(|people| InboxFilter {
        open: request.open,
        shared: request.shared,
        ..people
    });
    done(parsed, v)
}

fn people(v: &mut Violations, requester: &str, assignee: &str) -> Option<InboxFilter> {
    let requester = optional(v, "requester_contact_id", requester);
    let assignee = optional(v, "assignee_teammate_id", assignee);
    Some(InboxFilter {
        requester: requester?,
        assignee: assignee?,
        ..InboxFilter::default()
    })
}

fn category(number: i32) -> Result<Option<StateCategory>, &'static str> {
    match pb::StateCategory::try_from(number) {
        Ok(pb::StateCategory::Unspecified) => Ok(None),
        Ok(pb::StateCategory::Submitted) => Ok(Some(StateCategory::Submitted)),
        Ok(pb::StateCategory::InProgress) => Ok(Some(StateCategory::InProgress)),
        Ok(pb::StateCategory::WaitingOnCustomer) => Ok(Some(StateCategory::WaitingOnCustomer)),
        Ok(pb::StateCategory::Resolved) => Ok(Some(StateCategory::Resolved)),
        Err(_) => Err("must be a category of this contract"),
    }
}
