//! The people of the story and what they can do.

mod detail;
mod ending;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use proto::{
    bff::v1::{
        GetConversationRequest, ListConversationsRequest, MarkConversationReadRequest, Part,
        PartKind, SendMessageRequest, SubmitTicketRequest,
    },
    conversations::v1::{self as conversations, CloseConversationRequest},
    settings::v1::{GetMessengerSettingsRequest, Platform, Space, UpdateSpaceRequest},
    tickets::v1::{
        ChangeTicketStateRequest, CreateTicketRequest, ListTicketStatesRequest, StateCategory,
    },
};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

use super::{expect::Promise, paper::Paper, seen::Seen};
use crate::{Endpoints, Layout, Messenger, Staff, client::explain, demo_workspace};

/// A promise must be kept within this time; a service may restart meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);
/// The customer of the story.
const CUSTOMER: &str = "maria";

/// A ticket of the story.
#[derive(Clone)]
pub(super) struct Ticket {
    pub id: String,
    pub conversation_id: String,
}

/// The people and their programs.
pub(super) struct Stage {
    pub paper: Paper,
    pub tickets: BTreeMap<&'static str, Ticket>,
    messengers: Vec<Messenger>,
    grace: Staff,
    contact_id: String,
    states: BTreeMap<i32, String>,
    run: String,
    step: u32,
    /// What the last promise showed.
    last: Option<Seen>,
}

impl Stage {
    /// A workspace with one teammate and one customer, who has a Messenger on every platform.
    pub(super) async fn open(layout: &Layout, endpoints: &Endpoints) -> Result<Self> {
        let teammates = [("grace", "Grace Hopper")];
        let contacts = [(CUSTOMER, "Maria Santos")];
        let access =
            demo_workspace::workspace(layout, endpoints, "Story", &teammates, &contacts).await?;
        let grace = Staff::new(endpoints, &access.teammates["grace"])?;
        let body = proto::settings::v1::IdentifyContactRequest {
            user_id: CUSTOMER.into(),
            name: "Maria Santos".into(),
            ..Default::default()
        };
        let found = grace
            .call(&grace.contacts, body, |mut c, r| async move {
                c.identify_contact(r).await
            })
            .await;
        let contact = explain("identifying the customer", found)?
            .contact
            .context("no contact in the answer")?;
        let found = grace
            .call(
                &grace.types,
                ListTicketStatesRequest {},
                |mut c, r| async move { c.list_ticket_states(r).await },
            )
            .await;
        let states = explain("reading the states", found)?.states;
        let messengers = [Platform::Web, Platform::Ios, Platform::Android]
            .into_iter()
            .map(|platform| Messenger::new(endpoints, &access, CUSTOMER, platform))
            .collect::<Result<_>>()?;
        Ok(Self {
            paper: Paper::default(),
            tickets: BTreeMap::new(),
            messengers,
            grace,
            contact_id: contact.contact_id,
            states: states
                .into_iter()
                .map(|state| (state.category, state.state_id))
                .collect(),
            run: types::id::uuid().simple().to_string(),
            step: 0,
            last: None,
        })
    }

    /// The same id when a call is made again, another for the next call.
    fn request_id(&mut self) -> String {
        self.step += 1;
        format!("{}-{}", self.run, self.step)
    }

    fn web(&self) -> &Messenger {
        &self.messengers[0]
    }

    pub(super) fn ticket(&self, title: &str) -> Result<Ticket> {
        self.tickets
            .get(title)
            .cloned()
            .with_context(|| format!("{title:?} is not in the story yet"))
    }

    /// Waits until the customer sees what was promised, and shows it.
    pub(super) async fn promise(&mut self, promise: Promise) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = Seen::look(&self.messengers).await?;
            match promise.broken(&seen) {
                None => {
                    self.paper.show(&seen);
                    self.last = Some(seen);
                    return Ok(());
                }
                Some(difference) if Instant::now() >= deadline => {
                    bail!("the promise was not kept: {difference}")
                }
                Some(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    pub(super) async fn submit(&mut self, title: &'static str) -> Result<()> {
        self.paper.act(&format!("Maria submits “{title}”."));
        let body = SubmitTicketRequest {
            request_id: self.request_id(),
            title: title.into(),
            description: format!("{title}. Please help."),
            ..Default::default()
        };
        let made = self
            .web()
            .call(body, |mut c, r| async move { c.submit_ticket(r).await })
            .await;
        let ticket = explain("submitting", made)?
            .ticket
            .context("no ticket in the answer")?;
        let summary = ticket.summary.context("no summary in the answer")?;
        let conversation_id = ticket.call_to_action.unwrap_or_default().conversation_id;
        let ticket = Ticket {
            id: summary.ticket_id,
            conversation_id,
        };
        self.tickets.insert(title, ticket);
        Ok(())
    }

    pub(super) async fn move_to(
        &mut self,
        title: &'static str,
        category: StateCategory,
    ) -> Result<()> {
        let state_id = self
            .states
            .get(&category.into())
            .cloned()
            .context("a category has no state")?;
        let body = ChangeTicketStateRequest {
            request_id: self.request_id(),
            ticket_id: self.ticket(title)?.id,
            state_id,
            ..Default::default()
        };
        let grace = &self.grace;
        let moved = grace
            .call(&grace.tickets, body, |mut c, r| async move {
                c.change_ticket_state(r).await
            })
            .await;
        explain("moving a ticket", moved)?;
        Ok(())
    }

    pub(super) async fn maria_writes(&mut self, title: &str, text: &str) -> Result<()> {
        self.paper.act(&format!("Maria writes: “{text}”"));
        let body = SendMessageRequest {
            request_id: self.request_id(),
            conversation_id: self.ticket(title)?.conversation_id,
            body: text.into(),
            ..Default::default()
        };
        let sent = self
            .web()
            .call(body, |mut c, r| async move { c.send_message(r).await })
            .await;
        explain("writing", sent)?;
        Ok(())
    }

    pub(super) async fn grace_writes(&mut self, title: &str, text: &str) -> Result<()> {
        self.paper.act(&format!("Grace writes: “{text}”"));
        let body = conversations::SendMessageRequest {
            request_id: self.request_id(),
            conversation_id: self.ticket(title)?.conversation_id,
            body: text.into(),
        };
        let grace = &self.grace;
        let sent = grace
            .call(&grace.conversations, body, |mut c, r| async move {
                c.send_message(r).await
            })
            .await;
        explain("writing", sent)?;
        Ok(())
    }

    pub(super) async fn close(&mut self, title: &str) -> Result<()> {
        let body = CloseConversationRequest {
            request_id: self.request_id(),
            conversation_id: self.ticket(title)?.conversation_id,
        };
        let grace = &self.grace;
        let closed = grace
            .call(&grace.conversations, body, |mut c, r| async move {
                c.close_conversation(r).await
            })
            .await;
        explain("closing", closed)?;
        Ok(())
    }

    /// The conversation's parts, newest first.
    async fn parts(&self, conversation_id: &str) -> Result<Vec<Part>> {
        let body = GetConversationRequest {
            conversation_id: conversation_id.into(),
            page_size: 100,
            ..Default::default()
        };
        let found = self
            .web()
            .call(body, |mut c, r| async move { c.get_conversation(r).await })
            .await;
        Ok(explain("reading the thread", found)?.parts)
    }

    /// Waits until the thread shows so many ticket updates: a customer reads what they are shown.
    pub(super) async fn updates_shown(&self, title: &str, count: usize) -> Result<()> {
        let conversation_id = self.ticket(title)?.conversation_id;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let parts = self.parts(&conversation_id).await?;
            let updates = parts
                .iter()
                .filter(|part| part.kind() == PartKind::TicketEvent)
                .count();
            if updates >= count {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!(
                    "the thread of {title:?} shows {updates} ticket updates, should show {count}"
                );
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Reads a thread to its end, on one platform.
    pub(super) async fn read_thread(&mut self, title: &str, on: usize) -> Result<()> {
        let conversation_id = self.ticket(title)?.conversation_id;
        let up_to_seq = self
            .parts(&conversation_id)
            .await?
            .first()
            .map_or(0, |part| part.seq);
        let body = MarkConversationReadRequest {
            conversation_id,
            up_to_seq,
        };
        let read = self.messengers[on]
            .call(
                body,
                |mut c, r| async move { c.mark_conversation_read(r).await },
            )
            .await;
        explain("reading the thread", read)?;
        Ok(())
    }

    /// Tries to link a second shared ticket to a conversation; returns the refusal's reason.
    pub(super) async fn second_ticket(&mut self, title: &str) -> Result<String> {
        let body = CreateTicketRequest {
            request_id: self.request_id(),
            requester_contact_id: self.contact_id.clone(),
            title: "A second ticket on the same conversation".into(),
            conversation_id: self.ticket(title)?.conversation_id,
            ..Default::default()
        };
        let grace = &self.grace;
        match grace
            .call(&grace.tickets, body, |mut c, r| async move {
                c.create_ticket(r).await
            })
            .await
        {
            Ok(_) => Err(anyhow!("a conversation took a second shared ticket")),
            Err(status) if status.code() == Code::FailedPrecondition => {
                Ok(runtime::error::reason_of(&status))
            }
            Err(status) => {
                explain("creating a ticket", Err::<(), Status>(status)).map(|()| String::new())
            }
        }
    }

    pub(super) async fn switch(&mut self, platform: Platform, enabled: bool) -> Result<()> {
        let grace = &self.grace;
        let read = grace
            .call(
                &grace.settings,
                GetMessengerSettingsRequest {},
                |mut c, r| async move { c.get_messenger_settings(r).await },
            )
            .await;
        let settings = explain("reading the settings", read)?
            .settings
            .context("no settings")?;
        let body = UpdateSpaceRequest {
            platform: platform.into(),
            space: Space::Tickets.into(),
            enabled,
            expected_version: settings.version,
        };
        let turned = grace
            .call(&grace.settings, body, |mut c, r| async move {
                c.update_space(r).await
            })
            .await;
        explain("turning the space", turned)?;
        Ok(())
    }

    /// The Messages space's rows: each with its ticket pill.
    pub(super) async fn pills(&self) -> Result<Vec<String>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let body = ListConversationsRequest {
                page_size: 100,
                ..Default::default()
            };
            let found = self
                .web()
                .call(
                    body,
                    |mut c, r| async move { c.list_conversations(r).await },
                )
                .await;
            let found = explain("the conversations", found)?;
            if !found.tickets_unavailable {
                return Ok(found
                    .conversations
                    .into_iter()
                    .filter_map(|row| row.ticket)
                    .map(|pill| {
                        format!(
                            "#{} {} · {}",
                            pill.number,
                            pill.title,
                            pill.state.unwrap_or_default().label
                        )
                    })
                    .collect());
            }
            if Instant::now() >= deadline {
                bail!("Messages shows no ticket pills");
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}
