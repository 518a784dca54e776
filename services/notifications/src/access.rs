use runtime::{Access, auth::AccessTable};

/// Who may call what.
pub const ACCESS: AccessTable = &[
    (
        "/messenger.notifications.v1.NotificationService/GetInbox",
        Access::Contact,
    ),
    (
        "/messenger.notifications.v1.NotificationService/BatchGetTicketReads",
        Access::Contact,
    ),
    (
        "/messenger.notifications.v1.NotificationService/MarkTicketRead",
        Access::Contact,
    ),
    (
        "/messenger.notifications.v1.NotificationService/WatchInbox",
        Access::Contact,
    ),
    (
        "/messenger.notifications.v1.NotificationService/RebuildProjection",
        Access::Scope("notifications:admin"),
    ),
    (
        "/messenger.notifications.v1.ContactDataService/ExportContact",
        Access::Scope("settings:write"),
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
        let set = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
        let mut rpcs = BTreeSet::new();
        for file in set
            .file
            .iter()
            .filter(|file| file.package() == "messenger.notifications.v1")
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
}
