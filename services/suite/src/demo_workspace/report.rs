//! What the team keeps to itself until somebody shares it.

use anyhow::{Context, Result};
use proto::{
    bff::v1::GetHomeRequest,
    settings::v1::Platform,
    tickets::v1::{CreateTicketRequest, CreateTicketTypeRequest, TypeCategory},
};

use crate::{Access, Endpoints, Messenger, Staff, client::explain};

/// A back-office type, and a ticket of it on Ben's conversation, which Ben does not see.
pub(super) async fn file(
    access: &Access,
    endpoints: &Endpoints,
    grace: &Staff,
    conversation_id: &str,
) -> Result<()> {
    let body = CreateTicketTypeRequest {
        name: "Bug report".into(),
        category: TypeCategory::BackOffice.into(),
        shareable: true,
        ..Default::default()
    };
    let made = grace
        .call(&grace.types, body, |mut c, r| async move {
            c.create_ticket_type(r).await
        })
        .await;
    let of = explain("making a ticket type", made)?
        .r#type
        .context("no type in the answer")?;
    let ben = Messenger::new(endpoints, access, "ben", Platform::Ios)?;
    let body = GetHomeRequest {
        platform: Platform::Ios.into(),
        ..Default::default()
    };
    let home = ben
        .call(body, |mut c, r| async move { c.get_home(r).await })
        .await;
    let who = explain("reading Ben's Home", home)?
        .home
        .and_then(|home| home.identity)
        .context("nobody in the answer")?;
    let body = CreateTicketRequest {
        request_id: "demo bug report".into(),
        requester_contact_id: who.contact_id,
        type_id: of.type_id,
        title: "The shipping page leaves Iceland out".into(),
        description: "Asked for in the chat. Tell Ben once it is on the page.".into(),
        conversation_id: conversation_id.into(),
        ..Default::default()
    };
    // Tickets hears of the conversation a moment after it was begun: the call waits for that
    let made = grace
        .call(&grace.tickets, body, |mut c, r| async move {
            c.create_ticket(r).await
        })
        .await;
    explain("creating a back-office ticket", made)?;
    Ok(())
}
