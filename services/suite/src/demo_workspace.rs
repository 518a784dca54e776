//! The demo workspace of a first start: people, conversations, and tickets in every state.

mod report;
mod staff;
mod welcome;

use std::collections::BTreeMap;

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
pub(crate) use welcome::welcome;

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
            // what is asked there is asked after the ticket was made and moved, and is read so
            told_of_twice(&grace, &ticket.1).await;
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
    let about_iceland = chat(&access, endpoints, &grace).await?;
    report::file(&access, endpoints, &grace, &about_iceland).await?;
    Ok(access)
}

/// Waits until the conversation has been told of its ticket and of its state; not for ever, for it is only the order of
/// a demo.
async fn told_of_twice(grace: &Staff, conversation: &str) {
    for _ in 0..250 {
        let body = conversations::ListPartsRequest {
            conversation_id: conversation.to_owned(),
            ..Default::default()
        };
        let parts = grace
            .call(&grace.conversations, body, |mut c, r| async move {
                c.list_parts(r).await
            })
            .await;
        let events = parts.map_or(0, |told| {
            let kinds = told.parts.iter().map(conversations::Part::kind);
            kinds
                .filter(|kind| *kind == conversations::PartKind::TicketEvent)
                .count()
        });
        if events >= 2 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
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

/// Ben has a closed conversation, whose id is returned, and no ticket; Chen has one ticket and talks about it.
async fn chat(access: &Access, endpoints: &Endpoints, grace: &Staff) -> Result<String> {
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
        conversation_id: conversation.conversation_id.clone(),
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
    Ok(conversation.conversation_id)
}
