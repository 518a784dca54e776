//! What the terminal says once the demo workspace is there.

use std::{collections::BTreeMap, fmt::Write};

use crate::{Access, Endpoints, Layout};

/// What a newcomer reads after the start.
pub(crate) fn welcome(
    layout: &Layout,
    endpoints: &Endpoints,
    access: &Access,
    shop: Option<std::net::SocketAddr>,
) -> String {
    let program = program();
    let data = match layout.directory().to_string_lossy() {
        shown if shown == ".data" => String::new(),
        shown => format!(" --data {shown}"),
    };
    let mut text = String::new();
    let names = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<Vec<_>>().join(", ");
    let _ = write!(
        text,
        "\nThe ticket centre is running. Data: {}\n\n\
         \x20 BFF            {}\n\
         \x20 Tickets        {}\n\
         \x20 Conversations  {}\n\
         \x20 Settings       {}\n\
         \x20 Notifications  {}\n\n\
         Each speaks gRPC and Connect, the BFF also gRPC-Web, and GET /openapi.json there describes its calls.\n\n\
         Customers: {}. Teammates: {}. Try, in another terminal:\n\n",
        layout.directory().display(),
        endpoints.bff,
        endpoints.tickets,
        endpoints.conversations,
        endpoints.settings,
        endpoints.notifications,
        names(&access.contacts),
        names(&access.teammates),
    );
    if let Some(shop) = shop {
        let _ = write!(
            text,
            "  # In a browser: a shop with the Messenger on its page, as customers see it\n  http://{shop}/\n\n"
        );
    }
    let _ = write!(
        text,
        "  # In a browser: the teammates' console, as Grace (admin), Alan (agent) or Kay (viewer), without a password\n  \
         {}/console/?app={}\n\n",
        endpoints.bff, access.app_id
    );
    let resolved = access.states.get("RESOLVED").cloned().unwrap_or_default();
    let resolve = format!(
        r##"TicketService/ChangeTicketState '{{"ticket_id":"#4","state_id":"{resolved}"}}' --as grace"##
    );
    for (what, call) in [
        (
            "Ada's Home: spaces, badges, the Recent Tickets card",
            r#"MessengerService/GetHome '{"platform":"WEB"}' --as ada"#,
        ),
        (
            "Her tickets, newest activity first",
            "MessengerService/ListTickets --as ada",
        ),
        (
            "One of them, by its number, with its call to action",
            r##"MessengerService/GetTicket '{"ticket_id":"#2"}' --as ada"##,
        ),
        (
            "A new one",
            r#"MessengerService/SubmitTicket '{"title":"Coffee machine leaks"}' --as ada"#,
        ),
        (
            "Her Messenger, live, until Ctrl-C",
            r#"MessengerService/WatchMessenger '{"platform":"WEB"}' --as ada"#,
        ),
        (
            "The teammates' inbox",
            "TicketService/ListTickets --as grace",
        ),
        (
            "Resolve ticket #4 (TicketTypeService/ListTicketStates names the other states)",
            &resolve,
        ),
        (
            "Show Ben the bug report that only the team sees so far; TicketService/UnshareTicket takes it back",
            r##"TicketService/ShareTicket '{"ticket_id":"#6"}' --as grace"##,
        ),
        (
            "Turn the Tickets space off on iOS; later expected_version has to name the version that \
             SettingsService/GetMessengerSettings shows",
            r#"SettingsService/UpdateSpace '{"platform":"IOS","space":"TICKETS","enabled":false,"expected_version":0}' --as grace"#,
        ),
        ("Every method that can be called so", ""),
    ] {
        let _ = writeln!(text, "  # {what}\n  {program} call{data} {call}\n");
    }
    let _ = writeln!(
        text,
        "  # Ada's Home once more, as any HTTP client gets it\n  \
         curl --json '{{\"platform\":\"PLATFORM_WEB\"}}' -H \"authorization: Bearer $({program} token{data} ada)\" \\\n    \
         {}/messenger.bff.v1.MessengerService/GetHome\n",
        endpoints.bff,
    );
    let _ = writeln!(
        text,
        "{} plays the whole story. Ctrl-C stops; the next start finds everything again.",
        layout.make("demo")
    );
    text
}

/// This program as a person would type it.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else {
        return "suite".into();
    };
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here)
        .unwrap_or(&path)
        .display()
        .to_string()
}
