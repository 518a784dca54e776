//! A type to make.

use std::collections::BTreeSet;

use proto::tickets::v1 as pb;
use runtime::Violations;
use types::text;

use super::parse::{done, ids, request_id};
use crate::{
    domain::{NewType, StateId, TypeCategory},
    error::Error,
};

const MAX_NAME: usize = 80;
/// States of a type at the most.
const MAX_STATES: usize = 100;

/// The request's id, and the type.
pub(crate) fn new_type(request: &pb::CreateTicketTypeRequest) -> Result<(String, NewType), Error> {
    let mut v = Violations::new();
    let request_id = request_id(&mut v, &request.request_id);
    let name = v.check("name", text::line(&request.name, 1, MAX_NAME));
    let category = v.check("category", category(request));
    if request.shareable && request.category() == pb::TypeCategory::Customer {
        v.add(
            "shareable",
            "is for back-office types: a customer sees every ticket of a customer type",
        );
    }
    if request.offered_to_contacts && request.category() == pb::TypeCategory::BackOffice {
        v.add(
            "offered_to_contacts",
            "is for customer types: contacts submit nothing that they may not see",
        );
    }
    if request.state_ids.len() > MAX_STATES {
        v.add("state_ids", format!("must hold at most {MAX_STATES} ids"));
    }
    let states: Vec<StateId> = ids(&mut v, "state_ids", &request.state_ids);
    if states
        .iter()
        .map(StateId::as_str)
        .collect::<BTreeSet<_>>()
        .len()
        < states.len()
    {
        v.add("state_ids", "must name each state once");
    }
    let parsed = || {
        let new = NewType {
            name: name?,
            category: category?,
            states,
            offered_to_contacts: request.offered_to_contacts,
        };
        Some((request_id?, new))
    };
    done(parsed(), v)
}

fn category(request: &pb::CreateTicketTypeRequest) -> Result<TypeCategory, &'static str> {
    match request.category() {
        pb::TypeCategory::Customer => Ok(TypeCategory::Customer),
        pb::TypeCategory::BackOffice => Ok(TypeCategory::BackOffice {
            shareable: request.shareable,
        }),
        pb::TypeCategory::Unspecified => Err("must be CUSTOMER or BACK_OFFICE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(request: &pb::CreateTicketTypeRequest) -> Vec<String> {
        match new_type(request) {
            Ok(_) => Vec::new(),
            Err(Error::Invalid(violations)) => violations.into_iter().map(|v| v.field).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn everything_that_is_wrong_with_a_type_is_told_at_once() {
        let state = StateId::generate().to_string();
        let request = pb::CreateTicketTypeRequest {
            request_id: "x".repeat(65),
            name: "x".repeat(81),
            category: 9,
            shareable: true,
            state_ids: vec!["open".into(), state.clone(), state],
            offered_to_contacts: true,
        };
        let wrong = [
            "request_id",
            "name",
            "category",
            "state_ids[0]",
            "state_ids",
        ];
        assert_eq!(fields(&request), wrong);
    }

    /// T1
    #[test]
    fn only_back_office_types_are_shareable_and_only_customer_types_are_offered() {
        let of = |category: pb::TypeCategory, shareable, offered_to_contacts| {
            fields(&pb::CreateTicketTypeRequest {
                name: "Bug report".into(),
                category: category.into(),
                shareable,
                offered_to_contacts,
                ..Default::default()
            })
        };
        let (customer, back_office) = (pb::TypeCategory::Customer, pb::TypeCategory::BackOffice);
        assert_eq!(of(customer, false, true), [""; 0]);
        assert_eq!(of(back_office, true, false), [""; 0]);
        assert_eq!(of(customer, true, false), ["shareable"]);
        assert_eq!(of(back_office, false, true), ["offered_to_contacts"]);
    }
}
