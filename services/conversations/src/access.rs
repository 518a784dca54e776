use runtime::{Access, auth::AccessTable};

const READ: Access = Access::Scope("conversations:read");
const WRITE: Access = Access::Scope("conversations:write");
const FEED: Access = Access::Scope("events:read");

/// Who may call what: one row an RPC.
pub const ACCESS: AccessTable = &[
    (
        "/messenger.conversations.v1.ConversationService/StartConversation",
        WRITE,
    ),
    (
        "/messenger.conversations.v1.ConversationService/EnsureConversation",
        Access::Scope("conversations:ensure"),
    ),
    (
        "/messenger.conversations.v1.ConversationService/GetConversation",
        READ,
    ),
    (
        "/messenger.conversations.v1.ConversationService/BatchGetConversations",
        READ,
    ),
    (
        "/messenger.conversations.v1.ConversationService/ListConversations",
        READ,
    ),
    (
        "/messenger.conversations.v1.ConversationService/ListParts",
        READ,
    ),
    (
        "/messenger.conversations.v1.ConversationService/SendMessage",
        WRITE,
    ),
    (
        "/messenger.conversations.v1.ConversationService/AddNote",
        WRITE,
    ),
    (
        "/messenger.conversations.v1.ConversationService/CloseConversation",
        WRITE,
    ),
    (
        "/messenger.conversations.v1.ConversationService/ReopenConversation",
        WRITE,
    ),
    (
        "/messenger.conversations.v1.ConversationService/MarkRead",
        WRITE,
    ),
    (
        "/messenger.conversations.v1.ConversationService/DeleteConversation",
        WRITE,
    ),
    (
        "/messenger.conversations.v1.ConversationService/StartContactConversation",
        Access::Contact,
    ),
    (
        "/messenger.conversations.v1.ConversationService/BatchGetContactConversations",
        Access::Contact,
    ),
    (
        "/messenger.conversations.v1.ConversationService/ListContactConversations",
        Access::Contact,
    ),
    (
        "/messenger.conversations.v1.ConversationService/ListContactParts",
        Access::Contact,
    ),
    (
        "/messenger.conversations.v1.ConversationService/SendContactMessage",
        Access::Contact,
    ),
    (
        "/messenger.conversations.v1.ConversationService/MarkContactRead",
        Access::Contact,
    ),
    (
        "/messenger.conversations.v1.ContactDataService/ExportContact",
        Access::Scope("settings:write"),
    ),
    ("/messenger.events.v1.EventFeedService/Subscribe", FEED),
    ("/messenger.events.v1.EventFeedService/Read", FEED),
    ("/messenger.events.v1.EventFeedService/GetHeads", FEED),
    ("/messenger.events.v1.EventFeedService/Snapshot", FEED),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    /// Full paths of the RPCs this process serves, as the contract has them.
    fn served() -> BTreeSet<String> {
        let set = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
        let packages = ["messenger.conversations.v1", "messenger.events.v1"];
        let files = set.file.iter().filter(|f| packages.contains(&f.package()));
        let mut paths = BTreeSet::new();
        for file in files {
            for service in &file.service {
                for method in &service.method {
                    let (package, service) = (file.package(), service.name());
                    paths.insert(format!("/{package}.{service}/{}", method.name()));
                }
            }
        }
        paths
    }

    #[test]
    fn every_rpc_has_exactly_one_row() {
        let rows: BTreeSet<String> = ACCESS.iter().map(|(path, _)| (*path).into()).collect();
        assert_eq!(rows.len(), ACCESS.len(), "a row is there twice");
        assert_eq!(rows, served());
    }

    #[test]
    fn contacts_reach_the_rpcs_named_after_them_and_no_other() {
        for (path, access) in ACCESS {
            let (service, method) = path.rsplit_once('/').unwrap();
            // for whoever answers a contact's questions
            if service.ends_with(".ContactDataService") {
                assert!(matches!(access, Access::Scope("settings:write")), "{path}");
                continue;
            }
            assert_eq!(
                *access == Access::Contact,
                method.contains("Contact"),
                "{path}"
            );
        }
    }
}
