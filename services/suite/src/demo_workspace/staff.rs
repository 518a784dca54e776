//! Who works in the demo workspace.

use bff::Person;
use proto::settings::v1::Role;

/// What a token of a teammate may do.
pub(super) const STAFF: [&str; 8] = [
    "tickets:read",
    "tickets:write",
    "conversations:read",
    "conversations:write",
    "settings:read",
    "settings:write",
    "contacts:read",
    "contacts:write",
];

/// Who works in the demo workspace: a short name, a full one, and what they may do.
pub(super) const TEAMMATES: [(&str, &str, Role); 3] = [
    ("grace", "Grace Hopper", Role::Admin),
    ("alan", "Alan Turing", Role::Agent),
    ("kay", "Kay Antonelli", Role::Viewer),
];

/// What a token of a teammate with this role may do.
pub(super) fn scopes(role: Role) -> Vec<String> {
    let allowed = |scope: &&str| match role {
        Role::Admin => true,
        Role::Agent => *scope != "settings:write",
        Role::Viewer | Role::Unspecified => scope.ends_with(":read"),
    };
    STAFF
        .into_iter()
        .filter(allowed)
        .map(str::to_owned)
        .collect()
}

/// Where a teammate is written to.
pub(super) fn address(short: &str) -> String {
    format!("{short}@example.com")
}

/// The same people, as the console's development login proposes them.
pub(crate) fn people() -> Vec<Person> {
    TEAMMATES
        .iter()
        .map(|(short, name, _)| Person {
            name: (*name).into(),
            email: address(short),
        })
        .collect()
}
