//! Who may call what.

use runtime::Access;

/// Readers of the feed.
const EVENTS: Access = Access::Scope("events:read");
/// The BFF, which opens and looks up sessions.
const SESSIONS: Access = Access::Scope("sessions:write");
/// Whoever may see a workspace's configuration.
const READ: Access = Access::Scope("settings:read");
/// Whoever may change a workspace's configuration.
const WRITE: Access = Access::Scope("settings:write");
/// Operators.
const OPERATE: Access = Access::Scope("workspaces:write");

/// One row an RPC; a method without a row is refused.
pub const ACCESS: runtime::auth::AccessTable = &[
    ("/messenger.events.v1.EventFeedService/Subscribe", EVENTS),
    ("/messenger.events.v1.EventFeedService/Read", EVENTS),
    ("/messenger.events.v1.EventFeedService/GetHeads", EVENTS),
    ("/messenger.events.v1.EventFeedService/Snapshot", EVENTS),
    (
        "/messenger.settings.v1.SettingsService/GetMessengerSettings",
        READ,
    ),
    ("/messenger.settings.v1.SettingsService/UpdateSpace", WRITE),
    (
        "/messenger.settings.v1.SettingsService/ListAuditEntries",
        READ,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/CreateWorkspace",
        OPERATE,
    ),
    ("/messenger.settings.v1.WorkspaceService/GetWorkspace", READ),
    (
        "/messenger.settings.v1.WorkspaceService/CreateIdentityKey",
        WRITE,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/ListIdentityKeys",
        READ,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/RevokeIdentityKey",
        WRITE,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/TestUserToken",
        WRITE,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/GetMessengerSecurity",
        READ,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/SetIdentityMode",
        WRITE,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/SetAllowedOrigins",
        WRITE,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/CreateTeammate",
        WRITE,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/ListTeammates",
        READ,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/UpdateTeammate",
        WRITE,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/UnbindTeammate",
        WRITE,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/CreateApiToken",
        WRITE,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/ListApiTokens",
        READ,
    ),
    (
        "/messenger.settings.v1.WorkspaceService/RevokeApiToken",
        WRITE,
    ),
    // the API token in the request is the credential
    (
        "/messenger.settings.v1.WorkspaceService/ExchangeToken",
        Access::Public,
    ),
    (
        "/messenger.settings.v1.ContactService/IdentifyContact",
        Access::Scope("contacts:write"),
    ),
    (
        "/messenger.settings.v1.ContactService/GetContact",
        Access::Scope("contacts:read"),
    ),
    (
        "/messenger.settings.v1.ContactService/BatchGetContacts",
        Access::Scope("contacts:read"),
    ),
    (
        "/messenger.settings.v1.ContactService/SearchContacts",
        Access::Scope("contacts:read"),
    ),
    // an admin's: it cannot be undone, and tells all that is known
    ("/messenger.settings.v1.ContactService/EraseContact", WRITE),
    ("/messenger.settings.v1.ContactService/ExportContact", WRITE),
    (
        "/messenger.settings.v1.SessionStoreService/OpenSession",
        SESSIONS,
    ),
    (
        "/messenger.settings.v1.SessionStoreService/LookUpSession",
        SESSIONS,
    ),
    (
        "/messenger.settings.v1.SessionStoreService/LookUpApp",
        SESSIONS,
    ),
    (
        "/messenger.settings.v1.SessionStoreService/RevokeSession",
        SESSIONS,
    ),
    (
        "/messenger.settings.v1.SessionStoreService/OpenConsoleSession",
        SESSIONS,
    ),
    (
        "/messenger.settings.v1.SessionStoreService/LookUpConsoleSession",
        SESSIONS,
    ),
    (
        "/messenger.settings.v1.SessionStoreService/RevokeConsoleSession",
        SESSIONS,
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_rpc_says_who_may_call_it() {
        let served = ["messenger.settings.v1", "messenger.events.v1"];
        let set = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
        let mut rpcs = BTreeSet::new();
        for file in set
            .file
            .iter()
            .filter(|file| served.contains(&file.package()))
        {
            for service in &file.service {
                for method in &service.method {
                    rpcs.insert(format!(
                        "/{}.{}/{}",
                        file.package(),
                        service.name(),
                        method.name()
                    ));
                }
            }
        }
        let rows: BTreeSet<String> = ACCESS.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(rows.len(), ACCESS.len(), "a method has two rows");
        assert_eq!(rows, rpcs);
    }

    #[test]
    fn only_the_exchange_of_tokens_is_public_and_nothing_is_for_contacts() {
        let public: Vec<&str> = ACCESS
            .iter()
            .filter(|(_, access)| !matches!(access, Access::Scope(_)))
            .map(|(path, _)| *path)
            .collect();
        assert_eq!(
            public,
            ["/messenger.settings.v1.WorkspaceService/ExchangeToken"]
        );
    }
}
