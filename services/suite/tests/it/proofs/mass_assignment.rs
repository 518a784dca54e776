//! What a contact sends says what they want, and never who they are, for whom, since when or how it is kept; and
//! nobody's credential is in an address.

use std::collections::{BTreeSet, VecDeque};

use prost_reflect::{Kind, MessageDescriptor};

use super::rows::{Caller, cells};

/// No field that contacts can send has a name with one of these in it.
const FORBIDDEN: [&str; 26] = [
    "actor",
    "admin",
    "assign",
    "author",
    "category",
    "contact_id",
    "create_",
    "created",
    "email",
    "expire",
    "internal",
    "is_note",
    "kind",
    "label",
    "note",
    "notif",
    "owner",
    "private",
    "requester",
    "role",
    "scope",
    "shared",
    "state",
    "teammate",
    "update_",
    "workspace",
];

/// Fields at any depth, with the way to them.
fn fields(message: &MessageDescriptor) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut left = VecDeque::from([(String::new(), message.clone())]);
    while let Some((way, message)) = left.pop_front() {
        if !seen.insert(message.full_name().to_owned()) {
            continue;
        }
        for field in message.fields() {
            let here = format!("{way}{}", field.name());
            found.push((here.clone(), field.name().to_owned()));
            if let Kind::Message(inner) = field.kind()
                && inner.package_name().starts_with("messenger.")
            {
                left.push_back((format!("{here}."), inner));
            }
        }
    }
    found
}

#[test]
fn no_request_that_a_contact_can_send_says_who_for_whom_or_since_when() {
    let mut offences = BTreeSet::new();
    let mut looked_at = 0;
    for (rpc, row) in cells() {
        let theirs = matches!(row.caller, Caller::Session | Caller::Contact)
            || (row.caller == Caller::Public && rpc.process == "bff");
        if !theirs {
            continue;
        }
        looked_at += 1;
        for (way, name) in fields(&rpc.method.input()) {
            let word = FORBIDDEN.into_iter().find(|word| name.contains(word));
            offences.extend(word.map(|word| format!("{} | {way} | {word}", rpc.name())));
        }
    }
    assert!(looked_at > 30, "{looked_at}");
    assert!(offences.is_empty(), "{offences:#?}");
}

/// What is called by GET stands in the address, and addresses stand in histories and in the logs of whatever is in
/// between.
#[test]
fn nothing_that_is_asked_by_get_takes_a_credential() {
    let secret = |name: &str| {
        let place = ["page_token", "consistency_token", "resume_token"].contains(&name);
        ["jwt", "secret", "password", "token", "cookie"]
            .iter()
            .any(|word| name.split('_').any(|part| part == *word))
            && !place
            && !name.ends_with("_sha256")
            && !name.ends_with("token_id")
    };
    let (mut offences, mut posted) = (BTreeSet::new(), BTreeSet::new());
    for rpc in super::methods::all() {
        let options = rpc.method.method_descriptor_proto().options.clone();
        let level = options.unwrap_or_default().idempotency_level();
        let by_get = level == prost_types::method_options::IdempotencyLevel::NoSideEffects;
        for (way, name) in fields(&rpc.method.input()) {
            if secret(&name) {
                let found = if by_get { &mut offences } else { &mut posted };
                found.insert(format!("{} | {way}", rpc.name()));
            }
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
    // the same rule finds those that are in a body
    assert!(posted.len() >= 6, "{posted:#?}");
}

/// The rule does find what it looks for: teammates may say for whom.
#[test]
fn the_same_rule_finds_what_a_teammate_may_say() {
    let (rpc, _) = cells()
        .into_iter()
        .find(|(_, row)| row.rpc.ends_with("TicketService/CreateTicket"))
        .unwrap();
    let names: Vec<String> = fields(&rpc.method.input())
        .into_iter()
        .map(|(_, name)| name)
        .filter(|name| FORBIDDEN.iter().any(|word| name.contains(word)))
        .collect();
    for name in ["requester_contact_id", "assignee_teammate_id", "state_id"] {
        assert!(names.iter().any(|found| found == name), "{names:?}");
    }
}
