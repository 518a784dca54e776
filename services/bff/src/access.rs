//! Who may call what.

use runtime::{Access, auth::AccessTable};

const TICKETS: Access = Access::Scope("tickets:read");
const TICKETS_W: Access = Access::Scope("tickets:write");
const TALK: Access = Access::Scope("conversations:read");
const TALK_W: Access = Access::Scope("conversations:write");
const CONTACTS: Access = Access::Scope("contacts:read");
const SETTINGS: Access = Access::Scope("settings:read");
const SETTINGS_W: Access = Access::Scope("settings:write");

/// One row a method; a method without a row is refused.
pub(crate) const ACCESS: AccessTable = &[
    (
        "/messenger.bff.v1.SessionService/CreateSession",
        Access::Public,
    ),
    (
        "/messenger.bff.v1.SessionService/RevokeSession",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/GetHome",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/ListTickets",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/GetTicket",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/ListTicketForms",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/SubmitTicket",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/OpenTicketConversation",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/ListConversations",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/GetConversation",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/StartConversation",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/SendMessage",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/MarkConversationRead",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/MarkTicketRead",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/WatchMessenger",
        Access::Contact,
    ),
    (
        "/messenger.bff.v1.MessengerService/PollMessenger",
        Access::Contact,
    ),
    // by what a teammate's role allows
    ("/messenger.bff.v1.ConsoleService/GetConsole", TICKETS),
    ("/messenger.bff.v1.ConsoleService/ListInbox", TICKETS),
    ("/messenger.bff.v1.ConsoleService/GetInboxTicket", TICKETS),
    ("/messenger.bff.v1.ConsoleService/ListTimeline", TALK),
    ("/messenger.bff.v1.ConsoleService/ListInboxHistory", TICKETS),
    ("/messenger.bff.v1.ConsoleService/ListContactThreads", TALK),
    ("/messenger.bff.v1.ConsoleService/FindContacts", CONTACTS),
    (
        "/messenger.bff.v1.ConsoleService/CreateInboxTicket",
        TICKETS_W,
    ),
    ("/messenger.bff.v1.ConsoleService/EditTicket", TICKETS_W),
    ("/messenger.bff.v1.ConsoleService/SetTicketState", TICKETS_W),
    ("/messenger.bff.v1.ConsoleService/ReplyToTicket", TALK_W),
    ("/messenger.bff.v1.ConsoleService/AddTicketNote", TALK_W),
    (
        "/messenger.bff.v1.ConsoleService/SetTicketShared",
        TICKETS_W,
    ),
    (
        "/messenger.bff.v1.ConsoleService/SetTicketConversation",
        TICKETS_W,
    ),
    (
        "/messenger.bff.v1.ConsoleService/SetConversationOpen",
        TALK_W,
    ),
    ("/messenger.bff.v1.ConsoleService/GetSpaces", SETTINGS),
    ("/messenger.bff.v1.ConsoleService/SetSpace", SETTINGS_W),
    ("/messenger.bff.v1.ConsoleService/GetSecurity", SETTINGS),
    ("/messenger.bff.v1.ConsoleService/SetIdentity", SETTINGS_W),
    ("/messenger.bff.v1.ConsoleService/SetOrigins", SETTINGS_W),
    ("/messenger.bff.v1.ConsoleService/CreateKey", SETTINGS_W),
    ("/messenger.bff.v1.ConsoleService/RevokeKey", SETTINGS_W),
    ("/messenger.bff.v1.ConsoleService/TestUserToken", SETTINGS_W),
    ("/messenger.bff.v1.ConsoleService/ListChanges", SETTINGS),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;

    use super::*;

    #[test]
    fn every_method_says_who_may_call_it() {
        let descriptors = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
        let methods: BTreeSet<String> = descriptors
            .file
            .iter()
            .filter(|file| file.package() == "messenger.bff.v1")
            .flat_map(|file| &file.service)
            .flat_map(|service| {
                let path = |method: &str| format!("/messenger.bff.v1.{}/{method}", service.name());
                service
                    .method
                    .iter()
                    .map(move |method| path(method.name()))
                    .collect::<Vec<_>>()
            })
            .collect();
        let rows: BTreeSet<String> = ACCESS.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(rows, methods);
        assert_eq!(rows.len(), ACCESS.len());
    }

    #[test]
    fn only_opening_a_session_needs_no_session() {
        let public: Vec<_> = ACCESS
            .iter()
            .filter(|(_, access)| *access == Access::Public)
            .collect();
        assert_eq!(
            public,
            [&(
                "/messenger.bff.v1.SessionService/CreateSession",
                Access::Public
            )]
        );
    }

    /// A customer reaches nothing of the console, and a teammate nothing but it.
    #[test]
    fn the_console_is_for_teammates_and_all_else_for_customers() {
        for (path, access) in ACCESS {
            let of_console = path.starts_with("/messenger.bff.v1.ConsoleService/");
            let by_scope = matches!(access, Access::Scope(_));
            assert_eq!(of_console, by_scope, "{path}");
        }
    }

    /// What the contract says changes something is never let in by a scope that only reads.
    #[test]
    fn what_changes_something_needs_a_scope_that_writes() {
        let pool = runtime::descriptors().unwrap();
        let service = pool.get_service_by_name("messenger.bff.v1.ConsoleService");
        for method in service.unwrap().methods() {
            let options = method.options();
            let level = options.get_field_by_name("idempotency_level");
            let reads = level.is_some_and(|level| level.as_enum_number() == Some(1));
            let path = format!("/messenger.bff.v1.ConsoleService/{}", method.name());
            let row = ACCESS.iter().find(|(known, _)| *known == path);
            let Some((_, Access::Scope(scope))) = row else {
                panic!("{path} has no scope");
            };
            assert_eq!(scope.ends_with(":read"), reads, "{path}");
        }
    }
}
