//! A suite in this process with one workspace, its teammate, and what customers do there.

use proto::{
    bff::v1::{GetHomeRequest, GetTicketRequest, Home, SubmitTicketRequest, TicketDetail},
    settings::v1::Platform,
    tickets::v1::{ChangeTicketStateRequest, StateCategory},
};
use suite::{Access, Embedded, Messenger, Staff};
use testing::eventually;
use tonic::Status;

use crate::support::Site;

pub struct Office {
    pub site: Site,
    pub suite: Embedded,
    pub access: Access,
    pub grace: Staff,
}

impl Office {
    pub async fn open() -> Self {
        let site = Site::new();
        std::fs::create_dir_all(site.data()).unwrap();
        let layout = site.layout().with_people(crate::desk::somebody());
        testing_keys(&layout);
        let suite = Embedded::start(&layout, site.port).await.unwrap();
        let access = suite::workspace(
            &layout,
            suite.endpoints(),
            "Office",
            &[("grace", "Grace Hopper")],
            &[],
        )
        .await
        .unwrap();
        let grace = Staff::new(suite.endpoints(), &access.teammates["grace"]).unwrap();
        Self {
            site,
            suite,
            access,
            grace,
        }
    }

    pub fn messenger(&self, user: &str, platform: Platform) -> Messenger {
        Messenger::new(self.suite.endpoints(), &self.access, user, platform).unwrap()
    }

    pub async fn state(&self, ticket: &TicketDetail, category: StateCategory) {
        let states = self
            .grace
            .call(
                &self.grace.types,
                Default::default(),
                |mut c, r| async move { c.list_ticket_states(r).await },
            )
            .await
            .unwrap()
            .states;
        let state = states
            .into_iter()
            .find(|state| state.category() == category)
            .unwrap();
        let body = ChangeTicketStateRequest {
            ticket_id: id(ticket),
            state_id: state.state_id,
            ..Default::default()
        };
        self.grace
            .call(&self.grace.tickets, body, |mut c, r| async move {
                c.change_ticket_state(r).await
            })
            .await
            .unwrap();
    }
}

fn testing_keys(layout: &suite::Layout) {
    let names = [
        "bff",
        "tickets",
        "conversations",
        "settings",
        "notifications",
        "operator",
    ];
    runtime::auth::generate_keys(&layout.keys(), &names).unwrap();
    settings::generate_sealing_keys(&layout.keys()).unwrap();
}

pub fn id(ticket: &TicketDetail) -> String {
    ticket.summary.as_ref().unwrap().ticket_id.clone()
}

pub async fn submit(messenger: &Messenger, title: &str) -> TicketDetail {
    let body = SubmitTicketRequest {
        title: title.into(),
        ..Default::default()
    };
    messenger
        .call(body, |mut c, r| async move { c.submit_ticket(r).await })
        .await
        .unwrap()
        .ticket
        .unwrap()
}

pub async fn home(messenger: &Messenger) -> Home {
    let body = GetHomeRequest {
        platform: messenger.platform().into(),
        ..Default::default()
    };
    messenger
        .call(body, |mut c, r| async move { c.get_home(r).await })
        .await
        .unwrap()
        .home
        .unwrap()
}

pub async fn badges(messenger: &Messenger) -> (Option<u32>, Option<u32>) {
    let badges = home(messenger).await.badges.unwrap_or_default();
    (badges.tickets, badges.messages)
}

/// Waits for badges of Tickets and Messages.
pub async fn shows(messenger: &Messenger, tickets: Option<u32>, messages: Option<u32>) {
    eventually(&format!("badges {tickets:?} and {messages:?}"), || async {
        (badges(messenger).await == (tickets, messages)).then_some(())
    })
    .await;
}

pub async fn detail(messenger: &Messenger, ticket_id: &str) -> Result<TicketDetail, Status> {
    let body = GetTicketRequest {
        ticket_id: ticket_id.into(),
        ..Default::default()
    };
    Ok(messenger
        .call(body, |mut c, r| async move { c.get_ticket(r).await })
        .await?
        .ticket
        .unwrap())
}
