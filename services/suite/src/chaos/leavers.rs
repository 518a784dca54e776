//! Contacts who are erased while they act. From then on nothing is left of them, nothing that was on its way
//! brings anything back, and whoever comes with their user id is somebody new.

use std::{sync::Arc, time::Duration};

use proto::{
    bff::v1::{GetHomeRequest, ListTicketsRequest},
    conversations::v1 as conversations,
    events::v1::ContactStanding,
    notifications::v1 as notifications,
    settings::v1::EraseContactRequest,
    tickets::v1 as tickets,
};
use rand::{Rng, rngs::StdRng};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::{
    calls::{Desk, Outcome, Phone},
    checks::Verdict,
    contacts::Contact,
    oracle,
    truth::Inspector,
};
use crate::client::signed;

/// How long somebody goes on who is erased meanwhile.
const LINGERS: Duration = Duration::from_millis(1_500);

/// What a service exports of a contact: each has a client and messages of its own, of the same names.
macro_rules! exported {
    ($inspector:expr, $contact:expr, $service:ident) => {{
        let channel = channel(&$inspector.endpoints[0].$service)?;
        let mut client =
            $service::contact_data_service_client::ContactDataServiceClient::new(channel);
        let body = $service::ExportContactRequest {
            contact_id: $inspector.contact_ids[$contact].clone(),
            ..Default::default()
        };
        let token = $inspector.desk.at(0).token().await?;
        client
            .export_contact(signed(&token, body)?)
            .await?
            .into_inner()
    }};
}

/// A contact who is erased.
pub(super) struct Leaver {
    pub contact: Contact,
    /// `con_…`.
    pub contact_id: String,
    /// Who erases.
    pub desk: Arc<Desk>,
    pub rng: StdRng,
}

impl Leaver {
    /// Acts as others do, is erased, and goes on for a moment.
    pub(super) async fn live(mut self, stop: CancellationToken) {
        let (who, ledger) = (self.contact.phone.contact, self.contact.ledger.clone());
        let stays = Duration::from_millis(self.rng.gen_range(4_000..16_000));
        let living = CancellationToken::new();
        let life = self.contact.live(living.clone());
        let end = async {
            tokio::select! {
                () = sleep(stays) => {}
                () = stop.cancelled() => {}
            }
            ledger.book().leaving.insert(who);
            ledger.note(&format!("contact {who} is erased"));
            for _ in 0..2 {
                let body = EraseContactRequest {
                    contact_id: self.contact_id.clone(),
                };
                let send = |mut c: super::Contacts, r| async move { c.erase_contact(r).await };
                let pick = |staff: &crate::Staff| staff.contacts.clone();
                let erased = self.desk.call(&mut self.rng, |_| false, pick, body, send);
                let erased = erased.await;
                if matches!(erased, Outcome::Acknowledged(_)) {
                    ledger.book().erasures += 1;
                    break;
                }
                erased.noted(&ledger, "erasing a contact");
            }
            ledger.note(&format!("contact {who} is forgotten by Settings"));
            sleep(LINGERS).await;
            living.cancel();
        };
        tokio::join!(life, end);
    }
}

impl Inspector {
    /// Whether a contact was to be erased.
    pub(super) fn is_leaving(&self, contact: usize) -> bool {
        self.ledger.book().leaving.contains(&contact)
    }

    /// Whether every service says that the contact is erased and that it keeps nothing of them.
    pub(super) async fn forgotten(&self, contact: usize) -> Verdict {
        let mut verdict = Verdict::default();
        for (service, kept) in [
            ("tickets", self.kept_by_tickets(contact).await),
            ("conversations", self.kept_by_conversations(contact).await),
            ("notifications", self.kept_by_notifications(contact).await),
        ] {
            let nothing = matches!(kept, Ok((ContactStanding::Erased, 0)));
            verdict.check(nothing, || {
                format!("{service} says of contact {contact}, who was erased, {kept:?}")
            });
        }
        for replica in 0..self.notifications.len() {
            let inbox = self.inbox(contact, replica).await;
            let empty = match &inbox {
                Ok(inbox) => {
                    let counted = inbox.unread_tickets + inbox.unread_conversations;
                    counted == 0 && inbox.recent_tickets.is_empty() && !inbox.any_ticket_visible
                }
                Err(status) => status.code() == Code::NotFound,
            };
            verdict.check(empty, || {
                format!(
                    "notifications/{replica} shows contact {contact}, who was erased, {inbox:?}"
                )
            });
        }
        verdict
    }

    async fn kept_by_tickets(&self, contact: usize) -> Result<(ContactStanding, u64), Status> {
        let kept = exported!(self, contact, tickets);
        Ok((kept.standing(), kept.tickets.len() as u64))
    }

    async fn kept_by_conversations(
        &self,
        contact: usize,
    ) -> Result<(ContactStanding, u64), Status> {
        let kept = exported!(self, contact, conversations);
        Ok((kept.standing(), kept.conversations.len() as u64))
    }

    async fn kept_by_notifications(
        &self,
        contact: usize,
    ) -> Result<(ContactStanding, u64), Status> {
        let kept = exported!(self, contact, notifications);
        let mirrored = kept.mirrored_tickets + kept.mirrored_conversations;
        Ok((kept.standing(), mirrored + kept.reads.len() as u64))
    }

    /// Whether somebody who comes with the user id of an erased contact finds nothing of theirs.
    pub(super) async fn newcomers(&self, rng: &mut StdRng) -> Verdict {
        let mut verdict = Verdict::default();
        let leaving = self.ledger.book().leaving.clone();
        for contact in leaving {
            let phone = Phone::new(
                contact,
                &super::play::user_id(contact),
                &self.ledger,
                &self.access,
                &self.endpoints,
            );
            let Ok(phone) = phone else { continue };
            let body = GetHomeRequest {
                platform: phone.platform(0).into(),
                ..Default::default()
            };
            let send = |mut c: super::Bff, r| async move { c.get_home(r).await };
            let home = phone.call(rng, body, send).await;
            let body = ListTicketsRequest::default();
            let send = |mut c: super::Bff, r| async move { c.list_tickets(r).await };
            let list = phone.call(rng, body, send).await;
            let (Outcome::Acknowledged(home), Outcome::Acknowledged(list)) = (home, list) else {
                verdict.check(false, || {
                    format!("nobody answers who comes with the user id of contact {contact}")
                });
                continue;
            };
            let shown = oracle::seen(&home.home.unwrap_or_default());
            let nothing = !shown.space
                && shown.ticket_badge.is_none()
                && shown.message_badge.unwrap_or_default() == 0
                && shown.card.is_empty()
                && shown.recent.is_none()
                && list.tickets.is_empty();
            verdict.check(nothing, || {
                format!("who comes with the user id of contact {contact}, who was erased, sees {shown:?}")
            });
        }
        verdict
    }
}

fn channel(address: &str) -> Result<tonic::transport::Channel, Status> {
    runtime::client::channel(address).map_err(crate::client::broken)
}
