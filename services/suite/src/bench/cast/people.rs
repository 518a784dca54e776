//! Who is there before anything is measured.

use anyhow::{Context, Result};
use proto::{
    bff::v1::messenger_service_client::MessengerServiceClient,
    settings::v1::{IdentifyContactRequest, Platform},
    tickets::v1::{CreateTicketRequest, ticket_service_client::TicketServiceClient},
};
use tonic::transport::Channel;
use types::{ContactId, WorkspaceId};

use super::{CONTACTS, LISTED, LISTERS, Place, Session, TICKETS};
use crate::{
    Access, Endpoints, Layout, Messenger, Staff, bench::bare, client::explain, demo_workspace,
};

pub(super) async fn workspace(
    layout: &Layout,
    endpoints: &Endpoints,
    name: &str,
) -> Result<Access> {
    demo_workspace::workspace(layout, endpoints, name, &[("grace", "Grace Hopper")], &[]).await
}

/// Tickets at a service of its own, each of another contact.
pub(super) async fn create(staff: &Staff, address: &str) -> Result<Vec<String>> {
    let client = TicketServiceClient::new(runtime::client::channel(address)?);
    let mut tickets = Vec::new();
    for _ in 0..CONTACTS * TICKETS {
        let body = CreateTicketRequest {
            requester_contact_id: ContactId::generate().into(),
            title: "Ticket".into(),
            ..Default::default()
        };
        let made = staff
            .call(
                &client,
                body,
                |mut c, r| async move { c.create_ticket(r).await },
            )
            .await;
        tickets.push(
            explain("creating a ticket", made)?
                .ticket
                .context("no ticket in the answer")?
                .ticket_id,
        );
    }
    Ok(tickets)
}

pub(super) async fn session(messenger: Messenger, channel: &Channel) -> Result<Session> {
    let session = Session {
        client: MessengerServiceClient::new(channel.clone()),
        messenger,
    };
    session.token().await?;
    Ok(session)
}

/// A workspace of so many tickets, a few of its contacts ready to list theirs.
pub(super) async fn listers(
    place: &Place<'_>,
    channels: &[Channel],
    name: &str,
    total: u32,
) -> Result<Vec<Session>> {
    let endpoints = &place.replicas[0];
    let access = workspace(place.layout, endpoints, name).await?;
    let staff = Staff::new(endpoints, &access.teammates["grace"])?;
    let mut sessions = Vec::new();
    let mut owners = Vec::new();
    for index in 0..LISTERS {
        let user_id = format!("lister-{index}");
        let body = IdentifyContactRequest {
            user_id: user_id.clone(),
            ..Default::default()
        };
        let found = staff
            .call(&staff.contacts, body, |mut c, r| async move {
                c.identify_contact(r).await
            })
            .await;
        let contact = explain("identifying a contact", found)?
            .contact
            .context("no contact in the answer")?;
        owners.push(ContactId::parse(&contact.contact_id)?);
        let messenger = Messenger::new(endpoints, &access, &user_id, Platform::Web)?;
        sessions.push(session(messenger, &channels[index % channels.len()]).await?);
    }
    // the rest belongs to contacts who never come
    let others = (total / LISTED).saturating_sub(LISTERS as u32);
    owners.extend((0..others).map(|_| ContactId::generate()));
    let workspace = WorkspaceId::parse(&access.workspace_id)?;
    bare::seed(&place.tickets, &workspace, &owners, LISTED).await?;
    Ok(sessions)
}
