//! Who may call what.

use runtime::{Access, auth::AccessTable};

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
            .filter(|(_, access)| *access != Access::Contact)
            .collect();
        assert_eq!(
            public,
            [&(
                "/messenger.bff.v1.SessionService/CreateSession",
                Access::Public
            )]
        );
    }
}
