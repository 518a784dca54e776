//! The people a benchmark calls as: contacts with open sessions and tickets, a teammate, and two
//! workspaces of different sizes.

mod frames;

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
    settings::v1::{IdentifyContactRequest, Platform},
    tickets::v1::{
        ChangeTicketStateRequest, CreateTicketRequest, ListTicketStatesRequest, StateCategory,
        ticket_service_client::TicketServiceClient,
    },
};
use tonic::transport::Channel;
use types::{ContactId, WorkspaceId};

use super::CONNECTIONS;
use crate::{
    Access, Endpoints, Layout, Messenger, Staff,
    client::{explain, signed},
    demo_workspace,
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

struct Session {
    client: MessengerServiceClient<Channel>,
    token: String,
}

/// Tickets to move, and the service to move them at.
struct Movers {
    client: TicketServiceClient<Channel>,
    tickets: Vec<(String, AtomicUsize)>,
    next: AtomicUsize,
}

impl Movers {
    fn new(address: &str, tickets: Vec<String>) -> Result<Self> {
        Ok(Self {
            client: TicketServiceClient::new(runtime::client::channel(address)?),
            tickets: tickets
                .into_iter()
                .map(|id| (id, AtomicUsize::new(0)))
                .collect(),
            next: AtomicUsize::new(0),
        })
    }

    /// A ticket and how often it was moved: each in turn, so that no two changes meet on one.
    fn next(&self) -> (&str, usize) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let (id, moves) = &self.tickets[turn % self.tickets.len()];
        (id, moves.fetch_add(1, Ordering::Relaxed))
    }
}

/// Who follows a change.
#[derive(Clone, Copy)]
pub(super) enum Followed {
    Nobody,
    Everybody,
}

/// Everybody, ready to call.
pub(super) struct Cast {
    contacts: Vec<Session>,
    /// In the suite, with everybody following each change.
    followed: Movers,
    /// At a Tickets service that nobody follows.
    alone: Movers,
    staff: Staff,
    states: [String; 2],
    small: Vec<Session>,
    large: Vec<Session>,
}

impl Cast {
    /// `alone` is the address of a Tickets service of its own.
    pub(super) async fn open(
        layout: &Layout,
        endpoints: &Endpoints,
        alone: &str,
        small: u32,
        large: u32,
    ) -> Result<Self> {
        let channels: Vec<Channel> = (0..CONNECTIONS)
            .map(|_| runtime::client::channel(&endpoints.bff))
            .collect::<Result<_, _>>()?;
        let access = workspace(layout, endpoints, "Bench").await?;
        let staff = Staff::new(endpoints, &access.teammates["grace"])?;
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
            let messenger = Messenger::new(
                endpoints,
                &access,
                &format!("contact-{index}"),
                Platform::Web,
            )?;
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
            contacts.push(session(&messenger, &channels[index % CONNECTIONS]).await?);
        }
        let followed = Movers::new(&endpoints.tickets, tickets)?;
        let alone = Movers::new(alone, create(&staff, alone).await?)?;
        let small = listers(layout, endpoints, &channels, "Small", small).await?;
        let large = listers(layout, endpoints, &channels, "Large", large).await?;
        Ok(Self {
            contacts,
            followed,
            alone,
            staff,
            states,
            small,
            large,
        })
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
            .get_home(signed(&contact.token, body)?)
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
        let movers = match followed {
            Followed::Nobody => &self.alone,
            Followed::Everybody => &self.followed,
        };
        let (ticket_id, moves) = movers.next();
        let body = ChangeTicketStateRequest {
            request_id: types::id::uuid().simple().to_string(),
            ticket_id: ticket_id.to_owned(),
            state_id: self.states[moves % 2].clone(),
            ..Default::default()
        };
        let token = self.staff.token().await?;
        movers
            .client
            .clone()
            .change_ticket_state(signed(&token, body)?)
            .await?;
        Ok(())
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
                    .list_tickets(signed(&contact.token, body)?)
                    .await?
                    .into_inner();
                let body = GetHomeRequest {
                    platform: Platform::Web.into(),
                    ..Default::default()
                };
                let home = contact
                    .client
                    .clone()
                    .get_home(signed(&contact.token, body)?)
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
            .list_tickets(signed(&contact.token, ListTicketsRequest::default())?)
            .await?;
        ensure!(
            answer.get_ref().tickets.len() == 20,
            "a page has {} tickets",
            answer.get_ref().tickets.len()
        );
        Ok(())
    }
}

async fn workspace(layout: &Layout, endpoints: &Endpoints, name: &str) -> Result<Access> {
    demo_workspace::workspace(layout, endpoints, name, &[("grace", "Grace Hopper")], &[]).await
}

/// Tickets at a service of its own, each of another contact.
async fn create(staff: &Staff, address: &str) -> Result<Vec<String>> {
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

async fn session(messenger: &Messenger, channel: &Channel) -> Result<Session> {
    let token = explain("opening a session", messenger.token().await)?;
    Ok(Session {
        client: MessengerServiceClient::new(channel.clone()),
        token,
    })
}

/// A workspace of so many tickets, a few of its contacts ready to list theirs.
async fn listers(
    layout: &Layout,
    endpoints: &Endpoints,
    channels: &[Channel],
    name: &str,
    total: u32,
) -> Result<Vec<Session>> {
    let access = workspace(layout, endpoints, name).await?;
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
        sessions.push(session(&messenger, &channels[index % CONNECTIONS]).await?);
    }
    // the rest belongs to contacts who never come
    let others = (total / LISTED).saturating_sub(LISTERS as u32);
    owners.extend((0..others).map(|_| ContactId::generate()));
    let workspace = WorkspaceId::parse(&access.workspace_id)?;
    super::bare::seed(layout, &workspace, &owners, LISTED).await?;
    Ok(sessions)
}
