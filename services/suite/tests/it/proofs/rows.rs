//! One line an RPC: who may call it, an example that names things of the victim's, and what somebody else is
//! answered who sends the same. `$ticket` and the like stand for the victim's ids (see `stage`).

use super::methods::{self, Rpc};

/// Whose credential lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Nobody's: the request itself proves who sends it.
    Public,
    /// A session of a contact, at the BFF.
    Session,
    /// A session of a teammate at the console, whose role has this scope.
    Console(&'static str),
    /// An assertion for a contact.
    Contact,
    /// An assertion for a teammate with this scope.
    Teammate(&'static str),
    /// An assertion for a service that speaks for one workspace.
    ServiceIn(&'static str),
    /// An assertion for a service that works for all workspaces.
    Service(&'static str),
}

/// What somebody is answered who names what is not theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// NOT_FOUND, word for word as if it did not exist.
    Hidden,
    /// It succeeds with what is their own, without anything of the victim's.
    Own,
    /// Another refusal, word for word as if it did not exist.
    Refused(tonic::Code),
    /// It belongs to no workspace: only services get in.
    Nobodys,
}

/// One line.
pub struct Row {
    pub rpc: &'static str,
    pub caller: Caller,
    pub example: &'static str,
    pub answer: Answer,
}

use Answer::{Hidden, Nobodys, Own, Refused};
use Caller::{Console, Contact, Public, Service, ServiceIn, Session, Teammate};

const fn row(rpc: &'static str, caller: Caller, answer: Answer, example: &'static str) -> Row {
    Row {
        rpc,
        caller,
        example,
        answer,
    }
}

const FEED: Caller = Service("events:read");
const SESSIONS: Caller = Service("sessions:write");
const TICKETS: Caller = Teammate("tickets:read");
const TICKETS_W: Caller = Teammate("tickets:write");
const TALK: Caller = Teammate("conversations:read");
const TALK_W: Caller = Teammate("conversations:write");
const SETTINGS: Caller = Teammate("settings:read");
const SETTINGS_W: Caller = Teammate("settings:write");
const DESK: Caller = Console("tickets:read");
const DESK_W: Caller = Console("tickets:write");
const DESK_TALK: Caller = Console("conversations:read");
const DESK_TALK_W: Caller = Console("conversations:write");
const OFFICE: Caller = Console("settings:read");
const OFFICE_W: Caller = Console("settings:write");

/// In the order in which the victim does all of it: what takes something away comes last.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    // the feeds
    row("messenger.events.v1.EventFeedService/Subscribe", FEED, Nobodys, "{}"),
    row("messenger.events.v1.EventFeedService/Read", FEED, Nobodys, r#"{"partition":0,"limit":10}"#),
    row("messenger.events.v1.EventFeedService/GetHeads", FEED, Nobodys, "{}"),
    row("messenger.events.v1.EventFeedService/Snapshot", FEED, Nobodys, "{}"),
    // Tickets, for the team
    row("messenger.tickets.v1.TicketService/GetTicket", TICKETS, Hidden, r#"{"ticketId":"$ticket"}"#),
    row("messenger.tickets.v1.TicketService/BatchGetTickets", TICKETS, Own, r#"{"ticketIds":["$ticket"]}"#),
    row("messenger.tickets.v1.TicketService/ListTickets", TICKETS, Own, r#"{"requesterContactId":"$contact"}"#),
    row("messenger.tickets.v1.TicketService/ListTickets", TICKETS, Own, r#"{"text":"canary"}"#),
    row("messenger.tickets.v1.TicketService/CountTickets", TICKETS, Own, r#"{"requesterContactId":"$contact"}"#),
    row("messenger.tickets.v1.TicketService/ListTicketHistory", TICKETS, Hidden, r#"{"ticketId":"$ticket"}"#),
    row("messenger.tickets.v1.TicketTypeService/ListTicketTypes", TICKETS, Own, "{}"),
    row("messenger.tickets.v1.TicketTypeService/ListTicketStates", TICKETS, Own, "{}"),
    row("messenger.tickets.v1.TicketTypeService/CreateTicketType", SETTINGS_W, Own, r#"{"name":"More","category":"TYPE_CATEGORY_BACK_OFFICE"}"#),
    row("messenger.tickets.v1.TicketService/CreateTicket", TICKETS_W, Own, r#"{"requesterContactId":"$contact","title":"More"}"#),
    row("messenger.tickets.v1.TicketService/UpdateTicket", TICKETS_W, Hidden, r#"{"ticketId":"$ticket","title":"Changed"}"#),
    row("messenger.tickets.v1.TicketService/ChangeTicketState", TICKETS_W, Hidden, r#"{"ticketId":"$ticket","stateId":"$state"}"#),
    row("messenger.tickets.v1.TicketService/EnsureConversation", TICKETS_W, Hidden, r#"{"ticketId":"$ticket"}"#),
    row("messenger.tickets.v1.TicketService/ShareTicket", TICKETS_W, Hidden, r#"{"ticketId":"$report"}"#),
    // Tickets, for contacts
    row("messenger.tickets.v1.TicketService/GetContactTicket", Contact, Hidden, r#"{"ticketId":"$ticket"}"#),
    row("messenger.tickets.v1.TicketService/BatchGetContactTickets", Contact, Own, r#"{"ticketIds":["$ticket"],"conversationIds":["$conversation"]}"#),
    row("messenger.tickets.v1.TicketService/ListContactTickets", Contact, Own, "{}"),
    row("messenger.tickets.v1.TicketTypeService/ListContactTicketForms", Contact, Own, "{}"),
    row("messenger.tickets.v1.TicketService/CreateContactTicket", Contact, Own, r#"{"title":"More"}"#),
    row("messenger.tickets.v1.TicketService/EnsureTicketConversation", Contact, Hidden, r#"{"ticketId":"$ticket"}"#),
    // Conversations, for the team
    row("messenger.conversations.v1.ConversationService/GetConversation", TALK, Hidden, r#"{"conversationId":"$conversation"}"#),
    row("messenger.conversations.v1.ConversationService/BatchGetConversations", TALK, Own, r#"{"conversationIds":["$conversation"]}"#),
    row("messenger.conversations.v1.ConversationService/ListConversations", TALK, Own, r#"{"contactId":"$contact"}"#),
    row("messenger.conversations.v1.ConversationService/ListParts", TALK, Hidden, r#"{"conversationId":"$conversation"}"#),
    row("messenger.conversations.v1.ConversationService/StartConversation", TALK_W, Own, r#"{"contactId":"$contact","body":"Hello"}"#),
    row("messenger.conversations.v1.ConversationService/SendMessage", TALK_W, Hidden, r#"{"conversationId":"$conversation","body":"Hello"}"#),
    row("messenger.conversations.v1.ConversationService/AddNote", TALK_W, Hidden, r#"{"conversationId":"$conversation","body":"Hello"}"#),
    row("messenger.conversations.v1.ConversationService/MarkRead", TALK_W, Hidden, r#"{"conversationId":"$conversation","contactId":"$contact","seq":"1"}"#),
    row("messenger.conversations.v1.ConversationService/CloseConversation", TALK_W, Hidden, r#"{"conversationId":"$conversation"}"#),
    row("messenger.conversations.v1.ConversationService/ReopenConversation", TALK_W, Hidden, r#"{"conversationId":"$conversation"}"#),
    // Conversations, for contacts
    row("messenger.conversations.v1.ConversationService/BatchGetContactConversations", Contact, Own, r#"{"conversationIds":["$conversation"]}"#),
    row("messenger.conversations.v1.ConversationService/ListContactConversations", Contact, Own, "{}"),
    row("messenger.conversations.v1.ConversationService/ListContactParts", Contact, Hidden, r#"{"conversationId":"$conversation"}"#),
    row("messenger.conversations.v1.ConversationService/StartContactConversation", Contact, Own, r#"{"body":"Hello"}"#),
    row("messenger.conversations.v1.ConversationService/SendContactMessage", Contact, Hidden, r#"{"conversationId":"$conversation","body":"Hello"}"#),
    row("messenger.conversations.v1.ConversationService/MarkContactRead", Contact, Hidden, r#"{"conversationId":"$conversation","upToSeq":"1"}"#),
    // Notifications
    row("messenger.notifications.v1.NotificationService/GetInbox", Contact, Own, "{}"),
    row("messenger.notifications.v1.NotificationService/BatchGetTicketReads", Contact, Own, r#"{"ticketIds":["$ticket"]}"#),
    row("messenger.notifications.v1.NotificationService/MarkTicketRead", Contact, Own, r#"{"ticketId":"$ticket","upToRevision":"1"}"#),
    row("messenger.notifications.v1.NotificationService/WatchInbox", Contact, Own, "{}"),
    row("messenger.notifications.v1.NotificationService/RebuildProjection", Service("notifications:admin"), Nobodys, "{}"),
    // Settings
    row("messenger.settings.v1.SettingsService/GetMessengerSettings", SETTINGS, Own, "{}"),
    row("messenger.settings.v1.SettingsService/ListAuditEntries", SETTINGS, Own, "{}"),
    row("messenger.settings.v1.SettingsService/UpdateSpace", SETTINGS_W, Own, r#"{"platform":"PLATFORM_IOS","space":"SPACE_TICKETS","enabled":false}"#),
    row("messenger.settings.v1.WorkspaceService/GetWorkspace", SETTINGS, Own, "{}"),
    row("messenger.settings.v1.WorkspaceService/ListIdentityKeys", SETTINGS, Own, "{}"),
    row("messenger.settings.v1.WorkspaceService/ListTeammates", SETTINGS, Own, "{}"),
    row("messenger.settings.v1.WorkspaceService/ListApiTokens", SETTINGS, Own, "{}"),
    row("messenger.settings.v1.WorkspaceService/CreateWorkspace", Service("workspaces:write"), Nobodys, r#"{"name":"Third"}"#),
    row("messenger.settings.v1.WorkspaceService/CreateIdentityKey", SETTINGS_W, Own, r#"{"platform":"PLATFORM_ANDROID"}"#),
    row("messenger.settings.v1.WorkspaceService/CreateTeammate", SETTINGS_W, Own, r#"{"name":"Alan","email":"alan@example.com"}"#),
    row("messenger.settings.v1.WorkspaceService/CreateApiToken", SETTINGS_W, Hidden, r#"{"name":"A script","teammateId":"$teammate","scopes":["settings:write"]}"#),
    row("messenger.settings.v1.WorkspaceService/ExchangeToken", Public, Nobodys, r#"{"token":"$secret"}"#),
    row("messenger.settings.v1.ContactService/GetContact", Teammate("contacts:read"), Hidden, r#"{"contactId":"$contact"}"#),
    row("messenger.settings.v1.ContactService/BatchGetContacts", Teammate("contacts:read"), Own, r#"{"contactIds":["$contact"]}"#),
    row("messenger.settings.v1.ContactService/SearchContacts", Teammate("contacts:read"), Own, r#"{"text":"$contact"}"#),
    row("messenger.settings.v1.ContactService/IdentifyContact", Teammate("contacts:write"), Own, r#"{"userId":"someone"}"#),
    row("messenger.settings.v1.SessionStoreService/OpenSession", SESSIONS, Nobodys, r#"{"appId":"$app","platform":"PLATFORM_WEB","userJwt":"$jwt"}"#),
    row("messenger.settings.v1.SessionStoreService/LookUpSession", SESSIONS, Nobodys, r#"{"accessTokenSha256":"$hash"}"#),
    row("messenger.settings.v1.SessionStoreService/LookUpApp", SESSIONS, Nobodys, r#"{"appId":"$app"}"#),
    row("messenger.settings.v1.SessionStoreService/OpenConsoleSession", SESSIONS, Nobodys, r#"{"appId":"$app","issuer":"https://login.example.com","subject":"grace","verifiedEmail":"$email","loginSha256":"$login"}"#),
    row("messenger.settings.v1.SessionStoreService/LookUpConsoleSession", SESSIONS, Nobodys, r#"{"tokenSha256":"$desk"}"#),
    // one that is over while the proofs go on would change the answer; the console's line has a real one
    row("messenger.settings.v1.WorkspaceService/TestUserToken", SETTINGS_W, Own, r#"{"platform":"PLATFORM_WEB","userJwt":"x.y.z"}"#),
    row("messenger.settings.v1.WorkspaceService/GetMessengerSecurity", SETTINGS, Own, "{}"),
    row("messenger.settings.v1.WorkspaceService/SetIdentityMode", SETTINGS_W, Own, r#"{"platform":"PLATFORM_IOS","mode":"IDENTITY_MODE_OPTIONAL"}"#),
    row("messenger.settings.v1.WorkspaceService/SetAllowedOrigins", SETTINGS_W, Own, r#"{"origins":["https://shop.example.com"],"expectedVersion":"1"}"#),
    // all that is kept of somebody
    row("messenger.settings.v1.ContactService/ExportContact", SETTINGS_W, Hidden, r#"{"contactId":"$contact"}"#),
    row("messenger.tickets.v1.ContactDataService/ExportContact", SETTINGS_W, Own, r#"{"contactId":"$contact"}"#),
    row("messenger.conversations.v1.ContactDataService/ExportContact", SETTINGS_W, Own, r#"{"contactId":"$contact"}"#),
    row("messenger.notifications.v1.ContactDataService/ExportContact", SETTINGS_W, Own, r#"{"contactId":"$contact"}"#),
    // the BFF
    row("messenger.bff.v1.SessionService/CreateSession", Public, Nobodys, r#"{"appId":"$app","platform":"PLATFORM_WEB","userJwt":"$jwt"}"#),
    row("messenger.bff.v1.MessengerService/GetHome", Session, Own, r#"{"platform":"PLATFORM_WEB"}"#),
    row("messenger.bff.v1.MessengerService/ListTickets", Session, Own, "{}"),
    row("messenger.bff.v1.MessengerService/GetTicket", Session, Hidden, r#"{"ticketId":"$ticket"}"#),
    row("messenger.bff.v1.MessengerService/ListTicketForms", Session, Own, "{}"),
    row("messenger.bff.v1.MessengerService/SubmitTicket", Session, Own, r#"{"title":"More"}"#),
    row("messenger.bff.v1.MessengerService/OpenTicketConversation", Session, Hidden, r#"{"ticketId":"$ticket"}"#),
    row("messenger.bff.v1.MessengerService/ListConversations", Session, Own, "{}"),
    row("messenger.bff.v1.MessengerService/GetConversation", Session, Hidden, r#"{"conversationId":"$conversation"}"#),
    row("messenger.bff.v1.MessengerService/StartConversation", Session, Own, r#"{"body":"Hello"}"#),
    row("messenger.bff.v1.MessengerService/SendMessage", Session, Hidden, r#"{"conversationId":"$conversation","body":"Hello"}"#),
    row("messenger.bff.v1.MessengerService/MarkConversationRead", Session, Hidden, r#"{"conversationId":"$conversation","upToSeq":"1"}"#),
    row("messenger.bff.v1.MessengerService/MarkTicketRead", Session, Hidden, r#"{"ticketId":"$ticket","upToRevision":"1"}"#),
    row("messenger.bff.v1.MessengerService/WatchMessenger", Session, Own, r#"{"platform":"PLATFORM_WEB"}"#),
    row("messenger.bff.v1.MessengerService/PollMessenger", Session, Own, r#"{"platform":"PLATFORM_WEB"}"#),
    // the console
    row("messenger.bff.v1.ConsoleService/GetConsole", DESK, Own, "{}"),
    row("messenger.bff.v1.ConsoleService/ListInbox", DESK, Own, r#"{"text":"canary"}"#),
    row("messenger.bff.v1.ConsoleService/GetInboxTicket", DESK, Hidden, r#"{"ticketId":"$ticket"}"#),
    row("messenger.bff.v1.ConsoleService/ListTimeline", DESK_TALK, Hidden, r#"{"conversationId":"$conversation"}"#),
    row("messenger.bff.v1.ConsoleService/ListInboxHistory", DESK, Hidden, r#"{"ticketId":"$ticket"}"#),
    row("messenger.bff.v1.ConsoleService/ListContactThreads", DESK_TALK, Own, r#"{"contactId":"$contact"}"#),
    row("messenger.bff.v1.ConsoleService/FindContacts", Console("contacts:read"), Own, r#"{"text":"$contact"}"#),
    row("messenger.bff.v1.ConsoleService/CreateInboxTicket", DESK_W, Refused(tonic::Code::InvalidArgument), r#"{"requesterContactId":"$contact","title":"More"}"#),
    row("messenger.bff.v1.ConsoleService/EditTicket", DESK_W, Hidden, r#"{"ticketId":"$ticket","title":"Changed"}"#),
    row("messenger.bff.v1.ConsoleService/SetTicketState", DESK_W, Hidden, r#"{"ticketId":"$ticket","stateId":"$state"}"#),
    row("messenger.bff.v1.ConsoleService/ReplyToTicket", DESK_TALK_W, Hidden, r#"{"ticketId":"$ticket","body":"Hello","stateId":"$state"}"#),
    row("messenger.bff.v1.ConsoleService/AddTicketNote", DESK_TALK_W, Hidden, r#"{"ticketId":"$ticket","body":"Hello"}"#),
    row("messenger.bff.v1.ConsoleService/SetTicketShared", DESK_W, Hidden, r#"{"ticketId":"$report","shared":true}"#),
    row("messenger.bff.v1.ConsoleService/SetConversationOpen", DESK_TALK_W, Hidden, r#"{"conversationId":"$conversation","open":true}"#),
    row("messenger.bff.v1.ConsoleService/GetSpaces", OFFICE, Own, "{}"),
    row("messenger.bff.v1.ConsoleService/SetSpace", OFFICE_W, Own, r#"{"platform":"PLATFORM_ANDROID","space":"SPACE_TICKETS","enabled":false,"expectedVersion":"1"}"#),
    row("messenger.bff.v1.ConsoleService/GetSecurity", OFFICE, Own, "{}"),
    row("messenger.bff.v1.ConsoleService/SetIdentity", OFFICE_W, Own, r#"{"platform":"PLATFORM_ANDROID","mode":"IDENTITY_MODE_OPTIONAL","expectedVersion":"2"}"#),
    row("messenger.bff.v1.ConsoleService/SetOrigins", OFFICE_W, Own, r#"{"origins":["https://desk.example.com"],"expectedVersion":"3"}"#),
    row("messenger.bff.v1.ConsoleService/CreateKey", OFFICE_W, Own, r#"{"platform":"PLATFORM_WEB"}"#),
    row("messenger.bff.v1.ConsoleService/TestUserToken", OFFICE_W, Own, r#"{"platform":"PLATFORM_WEB","userJwt":"$jwt"}"#),
    row("messenger.bff.v1.ConsoleService/ListChanges", OFFICE, Own, "{}"),
    // what takes something away
    row("messenger.bff.v1.ConsoleService/SetTicketConversation", DESK_W, Hidden, r#"{"ticketId":"$ticket"}"#),
    row("messenger.tickets.v1.TicketService/UnlinkConversation", TICKETS_W, Hidden, r#"{"ticketId":"$ticket"}"#),
    row("messenger.tickets.v1.TicketService/LinkConversation", TICKETS_W, Hidden, r#"{"ticketId":"$ticket","conversationId":"$chat"}"#),
    row("messenger.tickets.v1.TicketService/UnshareTicket", TICKETS_W, Hidden, r#"{"ticketId":"$report"}"#),
    row("messenger.tickets.v1.TicketService/DeleteTicket", TICKETS_W, Hidden, r#"{"ticketId":"$ticket"}"#),
    row("messenger.conversations.v1.ConversationService/DeleteConversation", TALK_W, Hidden, r#"{"conversationId":"$conversation"}"#),
    row("messenger.settings.v1.WorkspaceService/RevokeApiToken", SETTINGS_W, Hidden, r#"{"tokenId":"$token"}"#),
    row("messenger.bff.v1.SessionService/RevokeSession", Session, Own, "{}"),
    row("messenger.settings.v1.SessionStoreService/RevokeSession", SESSIONS, Nobodys, r#"{"sessionId":"$session"}"#),
    row("messenger.bff.v1.ConsoleService/RevokeKey", OFFICE_W, Hidden, r#"{"keyId":"$key"}"#),
    row("messenger.settings.v1.WorkspaceService/RevokeIdentityKey", SETTINGS_W, Hidden, r#"{"keyId":"$key"}"#),
    row("messenger.settings.v1.SessionStoreService/RevokeConsoleSession", SESSIONS, Nobodys, r#"{"sessionId":"$console"}"#),
    row("messenger.settings.v1.WorkspaceService/UnbindTeammate", SETTINGS_W, Hidden, r#"{"teammateId":"$teammate"}"#),
    row("messenger.settings.v1.WorkspaceService/UpdateTeammate", SETTINGS_W, Hidden, r#"{"teammateId":"$teammate","role":"ROLE_ADMIN"}"#),
    // further examples: ids beside the one that the RPC is about
    row("messenger.tickets.v1.TicketService/CreateTicket", TICKETS_W, Refused(tonic::Code::FailedPrecondition), r#"{"requesterContactId":"$contact","typeId":"$type","title":"More"}"#),
    row("messenger.tickets.v1.TicketService/CreateTicket", TICKETS_W, Refused(tonic::Code::Unavailable), r#"{"requesterContactId":"$contact","conversationId":"$spare","title":"More"}"#),
    row("messenger.tickets.v1.TicketTypeService/CreateTicketType", SETTINGS_W, Refused(tonic::Code::FailedPrecondition), r#"{"name":"More","category":"TYPE_CATEGORY_BACK_OFFICE","stateIds":["$submitted","$state","$waiting","$resolved"]}"#),
    // makes one of the same name in another workspace: whoever comes later would find it
    row("messenger.conversations.v1.ConversationService/EnsureConversation", ServiceIn("conversations:ensure"), Own, r#"{"conversationId":"$chat","contactId":"$contact"}"#),
    // and nothing is the victim's any more
    row("messenger.settings.v1.ContactService/EraseContact", SETTINGS_W, Hidden, r#"{"contactId":"$contact"}"#),
];

/// An RPC where it is served, with a line of its.
pub fn cells() -> Vec<(Rpc, &'static Row)> {
    let all = methods::all();
    let of = |row: &'static Row| {
        let served = all.iter().filter(move |rpc| rpc.name() == row.rpc);
        served.map(move |rpc| (rpc.clone(), row))
    };
    ROWS.iter().flat_map(of).collect()
}

/// A new RPC gets its line with it: nobody has to remember.
#[test]
fn every_rpc_has_a_line_and_every_line_an_rpc() {
    use std::collections::BTreeSet;
    let contract: BTreeSet<String> = methods::all().iter().map(Rpc::name).collect();
    let lines: BTreeSet<String> = ROWS.iter().map(|row| row.rpc.to_owned()).collect();
    let missing: Vec<_> = contract.difference(&lines).collect();
    let unknown: Vec<_> = lines.difference(&contract).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "without a line in services/suite/tests/it/proofs/rows.rs: {missing:#?}\nof no RPC: {unknown:#?}"
    );
}
