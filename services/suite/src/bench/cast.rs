//! The people a benchmark calls as: contacts with open sessions and tickets, a teammate, and two
//! workspaces of different sizes.

mod frames;
mod people;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use proto::{
    bff::v1::{
        GetHomeRequest, ListTicketsRequest, SubmitTicketRequest,
        messenger_service_client::MessengerServiceClient,
    },
    settings::v1::Platform,
    tickets::v1::{
        ChangeTicketStateRequest, ListTicketStatesRequest, StateCategory,
        ticket_service_client::TicketServiceClient,
    },
};
use tonic::transport::Channel;

use super::CONNECTIONS;
use crate::{
    Access, Endpoints, Layout, Messenger, Staff,
    client::{explain, micros, signed},
};

/// Contacts who look at Home and watch.
const CONTACTS: usize = 50;
/// Tickets of each: as many as the card shows, so that each change is seen on it.
const TICKETS: usize = 3;
/// Contacts who list in each of the two workspaces.
const LISTERS: usize = 20;
/// Tickets of each of them, whatever the size of the workspace.
const LISTED: u32 = 25;

/// Which of the two workspaces.
#[derive(Clone, Copy)]
pub(super) enum Size {
    Small,
    Large,
}

/// A contact at a connection of several; a backlog may take longer than a session lives.
struct Session {
    client: MessengerServiceClient<Channel>,
    messenger: Messenger,
}

impl Session {
    async fn token(&self) -> Result<String> {
        explain("opening a session", self.messenger.token().await)
    }
}

/// Tickets to move, and the replicas to move them at, in turn.
struct Movers {
    clients: Vec<TicketServiceClient<Channel>>,
    tickets: Vec<(String, AtomicUsize)>,
    next: AtomicUsize,
}

impl Movers {
    fn new<'a>(addresses: impl IntoIterator<Item = &'a str>, tickets: Vec<String>) -> Result<Self> {
        let clients = addresses.into_iter().map(|address| {
            anyhow::Ok(TicketServiceClient::new(runtime::client::channel(address)?))
        });
        Ok(Self {
            clients: clients.collect::<Result<_>>()?,
            tickets: tickets
                .into_iter()
                .map(|id| (id, AtomicUsize::new(0)))
                .collect(),
            next: AtomicUsize::new(0),
        })
    }

    /// A ticket, how often it was moved, and where to move it: each in turn, so that no two changes meet on one.
    fn next(&self) -> (&str, usize, TicketServiceClient<Channel>) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let (id, moves) = &self.tickets[turn % self.tickets.len()];
        let client = self.clients[turn % self.clients.len()].clone();
        (id, moves.fetch_add(1, Ordering::Relaxed), client)
    }
}

/// Who follows a change.
#[derive(Clone, Copy)]
pub(super) enum Followed {
    Nobody,
    Everybody,
}

/// Where they live.
pub(super) struct Place<'a> {
    /// The services' keys.
    pub layout: &'a Layout,
    /// Of each replica; people are spread over them.
    pub replicas: &'a [Endpoints],
    /// A Tickets service that nobody follows.
    pub alone: &'a str,
    /// The database of Tickets.
    pub tickets: String,
    /// Tickets of the small workspace.
    pub small: u32,
    /// Tickets of the large one.
    pub large: u32,
}

/// Everybody, ready to call.
pub(super) struct Cast {
    contacts: Vec<Session>,
    /// In the suite, with everybody following each change.
    followed: Movers,
    /// At a Tickets service that nobody follows.
    alone: Movers,
    access: Access,
    staff: Staff,
    states: [String; 2],
    small: Vec<Session>,
    large: Vec<Session>,
}

impl Cast {
    pub(super) async fn open(place: &Place<'_>) -> Result<Self> {
        let Place {
            layout, replicas, ..
        } = *place;
        let at = |turn: usize| &replicas[turn % replicas.len()];
        let channels: Vec<Channel> = (0..CONNECTIONS.max(replicas.len()))
            .map(|turn| runtime::client::channel(&at(turn).bff))
            .collect::<Result<_, _>>()?;
        let access = people::workspace(layout, at(0), "Bench").await?;
        let staff = Staff::new(at(0), &access.teammates["grace"])?;
        let found = staff
            .call(
                &staff.types,
                ListTicketStatesRequest {},
                |mut c, r| async move { c.list_ticket_states(r).await },
            )
            .await;
        let states = explain("reading the states", found)?.states;
        let state = |category: StateCategory| {
            states
                .iter()
                .find(|state| state.category() == category)
                .map(|state| state.state_id.clone())
                .context("a category has no state")
        };
        let states = [
            state(StateCategory::InProgress)?,
            state(StateCategory::Submitted)?,
        ];
        let mut contacts = Vec::new();
        let mut tickets = Vec::new();
        for index in 0..CONTACTS {
            let user_id = format!("contact-{index}");
            let messenger = Messenger::new(at(index), &access, &user_id, Platform::Web)?;
            for ticket in 0..TICKETS {
                let body = SubmitTicketRequest {
                    title: format!("Ticket {ticket}"),
                    ..Default::default()
                };
                let made = messenger
                    .call(body, |mut c, r| async move { c.submit_ticket(r).await })
                    .await;
                let summary = explain("submitting", made)?
                    .ticket
                    .and_then(|ticket| ticket.summary);
                tickets.push(summary.context("no ticket in the answer")?.ticket_id);
            }
            contacts.push(people::session(messenger, &channels[index % channels.len()]).await?);
        }
        let addresses = replicas.iter().map(|replica| replica.tickets.as_str());
        let followed = Movers::new(addresses, tickets)?;
        let alone = Movers::new([place.alone], people::create(&staff, place.alone).await?)?;
        let small = people::listers(place, &channels, "Small", place.small).await?;
        let large = people::listers(place, &channels, "Large", place.large).await?;
        Ok(Self {
            contacts,
            followed,
            alone,
            access,
            staff,
            states,
            small,
            large,
        })
    }

    /// Credentials of the workspace where everybody is followed.
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// One contact's Home.
    pub(super) async fn home(self: Arc<Self>, turn: usize) -> Result<()> {
        let contact = &self.contacts[turn % self.contacts.len()];
        let body = GetHomeRequest {
            platform: Platform::Web.into(),
            ..Default::default()
        };
        let answer = contact
            .client
            .clone()
            .get_home(signed(&contact.token().await?, body)?)
            .await?
            .into_inner();
        let home = answer.home.context("no Home in the answer")?;
        ensure!(
            !home.inbox_unavailable && home.recent_tickets.is_some(),
            "Home came without its card"
        );
        Ok(())
    }

    /// One change that a customer sees.
    pub(super) async fn change(self: Arc<Self>, followed: Followed) -> Result<()> {
        self.changed(followed).await.map(drop)
    }

    /// The same; of which ticket, and its own time in microseconds since 1970.
    async fn changed(self: Arc<Self>, followed: Followed) -> Result<(String, i64)> {
        let movers = match followed {
            Followed::Nobody => &self.alone,
            Followed::Everybody => &self.followed,
        };
        let (ticket_id, moves, mut client) = movers.next();
        let body = ChangeTicketStateRequest {
            request_id: types::id::uuid().simple().to_string(),
            ticket_id: ticket_id.to_owned(),
            state_id: self.states[moves % 2].clone(),
            ..Default::default()
        };
        let token = self.staff.token().await?;
        let answer = client.change_ticket_state(signed(&token, body)?).await?;
        let ticket = answer
            .into_inner()
            .ticket
            .context("no ticket in the answer")?;
        let time = micros(ticket.update_time);
        Ok((ticket.ticket_id, time))
    }

    /// Waits until a contact's Home shows the newest change of each ticket on it: nothing is under way.
    pub(super) async fn settled(&self) -> Result<()> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        for contact in &self.contacts {
            loop {
                let body = ListTicketsRequest::default();
                let list = contact
                    .client
                    .clone()
                    .list_tickets(signed(&contact.token().await?, body)?)
                    .await?
                    .into_inner();
                let body = GetHomeRequest {
                    platform: Platform::Web.into(),
                    ..Default::default()
                };
                let home = contact
                    .client
                    .clone()
                    .get_home(signed(&contact.token().await?, body)?)
                    .await?
                    .into_inner();
                let card = home
                    .home
                    .and_then(|home| home.recent_tickets)
                    .unwrap_or_default();
                let label = |id: &str| {
                    let row = list.tickets.iter().find(|row| row.ticket_id == id)?;
                    Some((row.state.as_ref()?.label.clone(), row.activity_time))
                };
                let shown = card.tickets.iter().all(|ticket| {
                    let state = ticket.state.clone().unwrap_or_default().label;
                    label(&ticket.ticket_id) == Some((state, ticket.update_time))
                });
                if shown {
                    break;
                }
                ensure!(
                    tokio::time::Instant::now() < deadline,
                    "Home never caught up with the changes"
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(())
    }

    /// One page of a contact's list.
    pub(super) async fn list(&self, size: Size, turn: usize) -> Result<()> {
        let listers = match size {
            Size::Small => &self.small,
            Size::Large => &self.large,
        };
        let contact = &listers[turn % listers.len()];
        let answer = contact
            .client
            .clone()
            .list_tickets(signed(
                &contact.token().await?,
                ListTicketsRequest::default(),
            )?)
            .await?;
        ensure!(
            answer.get_ref().tickets.len() == 20,
            "a page has {} tickets",
            answer.get_ref().tickets.len()
        );
        Ok(())
    }
}
