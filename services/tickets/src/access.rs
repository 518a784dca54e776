//! Who may call what; a method without a row is refused.

use runtime::{Access, auth::AccessTable};

const READ: Access = Access::Scope("tickets:read");
const WRITE: Access = Access::Scope("tickets:write");
const ADMIN: Access = Access::Scope("settings:write");
const FEED: Access = Access::Scope("events:read");

pub(crate) const ACCESS: AccessTable = &[
    ("/messenger.tickets.v1.TicketService/CreateTicket", WRITE),
    ("/messenger.tickets.v1.TicketService/GetTicket", READ),
    ("/messenger.tickets.v1.TicketService/BatchGetTickets", READ),
    ("/messenger.tickets.v1.TicketService/ListTickets", READ),
    ("/messenger.tickets.v1.TicketService/CountTickets", READ),
    ("/messenger.tickets.v1.TicketService/UpdateTicket", WRITE),
    (
        "/messenger.tickets.v1.TicketService/ChangeTicketState",
        WRITE,
    ),
    (
        "/messenger.tickets.v1.TicketService/LinkConversation",
        WRITE,
    ),
    (
        "/messenger.tickets.v1.TicketService/UnlinkConversation",
        WRITE,
    ),
    (
        "/messenger.tickets.v1.TicketService/EnsureConversation",
        WRITE,
    ),
    ("/messenger.tickets.v1.TicketService/ShareTicket", WRITE),
    ("/messenger.tickets.v1.TicketService/UnshareTicket", WRITE),
    ("/messenger.tickets.v1.TicketService/DeleteTicket", WRITE),
    (
        "/messenger.tickets.v1.TicketService/ListTicketHistory",
        READ,
    ),
    (
        "/messenger.tickets.v1.TicketService/CreateContactTicket",
        Access::Contact,
    ),
    (
        "/messenger.tickets.v1.TicketService/GetContactTicket",
        Access::Contact,
    ),
    (
        "/messenger.tickets.v1.TicketService/BatchGetContactTickets",
        Access::Contact,
    ),
    (
        "/messenger.tickets.v1.TicketService/ListContactTickets",
        Access::Contact,
    ),
    (
        "/messenger.tickets.v1.TicketService/EnsureTicketConversation",
        Access::Contact,
    ),
    (
        "/messenger.tickets.v1.TicketTypeService/CreateTicketType",
        ADMIN,
    ),
    (
        "/messenger.tickets.v1.TicketTypeService/ListTicketTypes",
        READ,
    ),
    (
        "/messenger.tickets.v1.TicketTypeService/ListTicketStates",
        READ,
    ),
    (
        "/messenger.tickets.v1.TicketTypeService/ListContactTicketForms",
        Access::Contact,
    ),
    (
        "/messenger.tickets.v1.ContactDataService/ExportContact",
        ADMIN,
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

    #[test]
    fn every_method_we_serve_has_one_row_and_contacts_reach_those_named_after_them() {
        let set = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
        let mut served = BTreeSet::new();
        for file in &set.file {
            if !["messenger.tickets.v1", "messenger.events.v1"].contains(&file.package()) {
                continue;
            }
            for service in &file.service {
                for method in &service.method {
                    let (package, name) = (file.package(), service.name());
                    served.insert(format!("/{package}.{name}/{}", method.name()));
                }
            }
        }
        let rows: BTreeSet<String> = ACCESS.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(rows, served);
        assert_eq!(rows.len(), ACCESS.len(), "no method has two rows");
        for (path, access) in ACCESS {
            // for whoever answers a contact's questions
            if path.contains("ContactDataService") {
                assert!(matches!(access, Access::Scope("settings:write")), "{path}");
                continue;
            }
            let theirs = path.contains("Contact") || path.ends_with("/EnsureTicketConversation");
            assert_eq!(*access == Access::Contact, theirs, "{path}");
        }
    }
}
