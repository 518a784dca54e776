//! What a customer sees at one moment, read through the BFF as their Messengers would.

use anyhow::{Context, Result};
use proto::{
    bff::v1::{
        CallToActionKind, GetHomeRequest, GetTicketRequest, Home, ListTicketsRequest, TicketSummary,
    },
    settings::v1::{Platform, Space},
};

use crate::{Messenger, access::short_name, client::explain};

/// One platform's Home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HomeSeen {
    pub platform: &'static str,
    pub tickets_space: bool,
    pub tickets_badge: Option<u32>,
    pub messages_badge: Option<u32>,
    /// Titles, top first; empty when there is no card.
    pub card: Vec<String>,
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowSeen {
    pub ticket_id: String,
    pub number: u64,
    pub title: String,
    pub state: String,
    pub unread: bool,
    pub action: CallToActionKind,
    pub action_label: String,
}

/// Everything at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub homes: Vec<HomeSeen>,
    pub list: Vec<RowSeen>,
}

impl Seen {
    /// Looks at Home on every platform and at the list with each ticket's call to action.
    pub(super) async fn look(messengers: &[Messenger]) -> Result<Self> {
        let mut homes = Vec::new();
        for messenger in messengers {
            let platform = messenger.platform();
            let body = GetHomeRequest {
                platform: platform.into(),
                ..Default::default()
            };
            let answer = messenger
                .call(body, |mut c, r| async move { c.get_home(r).await })
                .await;
            homes.push(home(
                platform,
                &explain("Home", answer)?
                    .home
                    .context("no Home in the answer")?,
            ));
        }
        let messenger = messengers.first().context("no Messenger")?;
        let body = ListTicketsRequest {
            page_size: 100,
            ..Default::default()
        };
        let answer = messenger
            .call(body, |mut c, r| async move { c.list_tickets(r).await })
            .await;
        let mut list = Vec::new();
        for summary in explain("the list", answer)?.tickets {
            list.push(row(messenger, summary).await?);
        }
        Ok(Self { homes, list })
    }
}

fn home(platform: Platform, home: &Home) -> HomeSeen {
    let badges = home.badges.unwrap_or_default();
    HomeSeen {
        platform: short_name(platform),
        tickets_space: home
            .spaces
            .iter()
            .any(|space| space.space() == Space::Tickets && space.visible),
        tickets_badge: badges.tickets,
        messages_badge: badges.messages,
        card: home
            .recent_tickets
            .iter()
            .flat_map(|card| &card.tickets)
            .map(|ticket| ticket.title.clone())
            .collect(),
    }
}

async fn row(messenger: &Messenger, summary: TicketSummary) -> Result<RowSeen> {
    let body = GetTicketRequest {
        ticket_id: summary.ticket_id.clone(),
        ..Default::default()
    };
    let answer = messenger
        .call(body, |mut c, r| async move { c.get_ticket(r).await })
        .await;
    let detail = explain("a ticket", answer)?
        .ticket
        .context("no ticket in the answer")?;
    let action = detail.call_to_action.unwrap_or_default();
    Ok(RowSeen {
        ticket_id: summary.ticket_id,
        number: summary.number,
        title: summary.title,
        state: summary.state.unwrap_or_default().label,
        unread: summary.unread,
        action: action.kind(),
        action_label: action.label,
    })
}
