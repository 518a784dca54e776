//! The demo workspace of a first start: people, conversations, and tickets in every state.

mod staff;

use std::{collections::BTreeMap, fmt::Write};

use anyhow::{Context, Result};
use proto::{
    bff::v1::{SendMessageRequest, StartConversationRequest, SubmitTicketRequest},
    conversations::v1::{self as conversations, CloseConversationRequest},
    settings::v1::{
        CreateApiTokenRequest, CreateIdentityKeyRequest, CreateTeammateRequest,
        CreateWorkspaceRequest, Platform, Role, workspace_service_client::WorkspaceServiceClient,
    },
    tickets::v1::{ChangeTicketStateRequest, ListTicketStatesRequest, StateCategory},
};
use runtime::KeyRing;
use types::WorkspaceId;

use crate::{
    Access, Endpoints, KeyAccess, Layout, Messenger, Staff,
    access::short_name,
    client::{explain, patiently, signed},
};
pub(crate) use staff::people;
use staff::{STAFF, TEAMMATES, address, scopes};

/// Creates a workspace with keys for every platform and a token for each teammate: pairs of a short
/// name and a full one, as for contacts, who come into being with their first session.
///
/// # Errors
/// When Settings refuses, or stays away.
pub async fn workspace(
    layout: &Layout,
    endpoints: &Endpoints,
    name: &str,
    teammates: &[(&str, &str)],
    contacts: &[(&str, &str)],
) -> Result<Access> {
    let admins: Vec<_> = teammates
        .iter()
        .map(|(short, name)| (*short, *name, Role::Admin))
        .collect();
    staffed(layout, endpoints, name, &admins, contacts).await
}

/// The same, with a role for each teammate.
async fn staffed(
    layout: &Layout,
    endpoints: &Endpoints,
    name: &str,
    teammates: &[(&str, &str, Role)],
    contacts: &[(&str, &str)],
) -> Result<Access> {
    let operator = KeyRing::load(&layout.keys(), "operator")?;
    let client = WorkspaceServiceClient::new(runtime::client::channel(&endpoints.settings)?);
    let token = operator.sign_self(None, &["workspaces:write"])?.token;
    let body = CreateWorkspaceRequest { name: name.into() };
    let made = patiently(|| async {
        client
            .clone()
            .create_workspace(signed(&token, body.clone())?)
            .await
    })
    .await;
    let workspace = explain("creating the workspace", made)?
        .workspace
        .context("no workspace in the answer")?;
    let id = WorkspaceId::parse(&workspace.workspace_id)?;
    let token = operator.sign_self(Some(id), &STAFF)?.token;
    let mut keys = BTreeMap::new();
    for platform in [Platform::Web, Platform::Ios, Platform::Android] {
        let body = CreateIdentityKeyRequest {
            platform: platform.into(),
        };
        let made = patiently(|| async {
            client
                .clone()
                .create_identity_key(signed(&token, body)?)
                .await
        })
        .await;
        let made = explain("creating an identity key", made)?;
        let kid = made.key.context("no key in the answer")?.key_id;
        keys.insert(
            short_name(platform).to_owned(),
            KeyAccess {
                kid,
                secret: made.secret,
            },
        );
    }
    let mut tokens = BTreeMap::new();
    for (short, name, role) in teammates {
        let body = CreateTeammateRequest {
            name: (*name).into(),
            email: address(short),
            role: (*role).into(),
        };
        let made = patiently(|| async {
            client
                .clone()
                .create_teammate(signed(&token, body.clone())?)
                .await
        })
        .await;
        let teammate = explain("adding a teammate", made)?
            .teammate
            .context("no teammate in the answer")?;
        let body = CreateApiTokenRequest {
            name: format!("{name}'s script"),
            teammate_id: teammate.teammate_id,
            scopes: scopes(*role),
            expire_time: None,
        };
        let made = patiently(|| async {
            client
                .clone()
                .create_api_token(signed(&token, body.clone())?)
                .await
        })
        .await;
        tokens.insert(
            (*short).to_owned(),
            explain("creating an API token", made)?.secret,
        );
    }
    let named = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(id, name)| ((*id).into(), (*name).into()))
            .collect()
    };
    Ok(Access {
        workspace_id: workspace.workspace_id,
        app_id: workspace.app_id,
        keys,
        teammates: tokens,
        contacts: named(contacts),
        states: BTreeMap::new(),
    })
}

/// The demo workspace with something to see in it.
pub(crate) async fn create(layout: &Layout, endpoints: &Endpoints) -> Result<Access> {
    let contacts = [
        ("ada", "Ada Lovelace"),
        ("ben", "Ben Carter"),
        ("chen", "Chen Wei"),
    ];
    let mut access = staffed(layout, endpoints, "Demo", &TEAMMATES, &contacts).await?;
    let grace = Staff::new(endpoints, &access.teammates["grace"])?;
    let ada = Messenger::new(endpoints, &access, "ada", Platform::Web)?;
    let states = explain(
        "reading the states",
        grace
            .call(
                &grace.types,
                ListTicketStatesRequest {},
                |mut c, r| async move { c.list_ticket_states(r).await },
            )
            .await,
    )?
    .states;
    access.states = states
        .iter()
        .map(|state| {
            let category = state.category().as_str_name();
            let category = category.trim_start_matches("STATE_CATEGORY_");
            (category.to_owned(), state.state_id.clone())
        })
        .collect();
    let tickets = [
        ("The invoice of May is missing", StateCategory::Resolved),
        (
            "Change the delivery address",
            StateCategory::WaitingOnCustomer,
        ),
        ("The export stops at 80 %", StateCategory::InProgress),
        (
            "Printer on the third floor is on fire",
            StateCategory::Submitted,
        ),
    ];
    for (title, category) in tickets {
        let ticket = submit(&ada, title).await?;
        let state = states
            .iter()
            .find(|state| state.category() == category)
            .context("a category has no state")?;
        if category != StateCategory::Submitted {
            let body = ChangeTicketStateRequest {
                ticket_id: ticket.0.clone(),
                state_id: state.state_id.clone(),
                ..Default::default()
            };
            let moved = grace
                .call(&grace.tickets, body, |mut c, r| async move {
                    c.change_ticket_state(r).await
                })
                .await;
            explain("moving a ticket", moved)?;
        }
        if category == StateCategory::WaitingOnCustomer {
            let body = conversations::SendMessageRequest {
                conversation_id: ticket.1,
                body: "Which street number should it be?".into(),
                ..Default::default()
            };
            let sent = grace
                .call(&grace.conversations, body, |mut c, r| async move {
                    c.send_message(r).await
                })
                .await;
            explain("writing to a customer", sent)?;
        }
    }
    chat(&access, endpoints, &grace).await?;
    Ok(access)
}

/// Submits a ticket; returns its id and its conversation's.
async fn submit(contact: &Messenger, title: &str) -> Result<(String, String)> {
    let body = SubmitTicketRequest {
        title: title.into(),
        description: format!("{title}."),
        ..Default::default()
    };
    let made = contact
        .call(body, |mut c, r| async move { c.submit_ticket(r).await })
        .await;
    let ticket = explain("submitting a ticket", made)?
        .ticket
        .context("no ticket in the answer")?;
    let id = ticket
        .summary
        .map(|summary| summary.ticket_id)
        .unwrap_or_default();
    Ok((
        id,
        ticket
            .call_to_action
            .map(|action| action.conversation_id)
            .unwrap_or_default(),
    ))
}

/// Ben has a closed conversation and no ticket; Chen has one ticket and talks about it.
async fn chat(access: &Access, endpoints: &Endpoints, grace: &Staff) -> Result<()> {
    let ben = Messenger::new(endpoints, access, "ben", Platform::Ios)?;
    let body = StartConversationRequest {
        body: "Do you ship to Iceland?".into(),
        ..Default::default()
    };
    let started = ben
        .call(
            body,
            |mut c, r| async move { c.start_conversation(r).await },
        )
        .await;
    let conversation = explain("starting a conversation", started)?
        .conversation
        .context("no conversation")?;
    let body = conversations::SendMessageRequest {
        conversation_id: conversation.conversation_id.clone(),
        body: "We do, within five days.".into(),
        ..Default::default()
    };
    let sent = grace
        .call(&grace.conversations, body, |mut c, r| async move {
            c.send_message(r).await
        })
        .await;
    explain("writing to a customer", sent)?;
    let body = CloseConversationRequest {
        conversation_id: conversation.conversation_id,
        ..Default::default()
    };
    let closed = grace
        .call(&grace.conversations, body, |mut c, r| async move {
            c.close_conversation(r).await
        })
        .await;
    explain("closing a conversation", closed)?;

    let chen = Messenger::new(endpoints, access, "chen", Platform::Android)?;
    let (_, conversation_id) = submit(&chen, "Two factor codes arrive late").await?;
    let body = SendMessageRequest {
        conversation_id,
        body: "It started this morning.".into(),
        ..Default::default()
    };
    let sent = chen
        .call(body, |mut c, r| async move { c.send_message(r).await })
        .await;
    explain("writing a message", sent)?;
    Ok(())
}

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
