//! Tickets of the team: made for a contact, shown to them, taken back. A contact who looks for one finds it
//! or does not; when all is quiet nobody is shown what is not shared.

use std::collections::BTreeSet;

use proto::{
    bff::v1::{GetConversationRequest, GetTicketRequest},
    tickets::v1::{
        CreateTicketRequest, HistoryKind, ShareTicketRequest, Ticket, UnshareTicketRequest,
    },
};
use rand::{Rng, seq::SliceRandom};
use tonic::{Code, Status};

use super::{
    calls::Outcome,
    checks::Verdict,
    contacts::Contact,
    ledger::{Book, Fate, KnownTicket, Reading, Sharing, Submission},
    office::Teammate,
    truth::{Inspector, TicketTruth, Truth},
};

/// Tickets of the team for one contact at the most.
const TICKETS: usize = 3;

/// The type that they are made of, which may be shared ticket by ticket.
pub(super) struct Office {
    /// `tty_…`.
    pub type_id: String,
    /// `con_…` of each contact.
    pub contact_ids: Vec<String>,
}

impl Teammate {
    /// Makes one that nobody sees yet.
    pub(super) async fn open_for_the_team(&mut self) {
        let contact = self.rng.gen_range(0..self.office.contact_ids.len());
        let theirs = |ticket: &&KnownTicket| ticket.contact == contact;
        if self.ledger.book().office.iter().filter(theirs).count() >= TICKETS {
            return;
        }
        let title = format!("office-{}", self.turn);
        let body = CreateTicketRequest {
            request_id: title.clone(),
            requester_contact_id: self.office.contact_ids[contact].clone(),
            type_id: self.office.type_id.clone(),
            title: title.clone(),
            ..Default::default()
        };
        let send = |mut c: super::Tickets, r| async move { c.create_ticket(r).await };
        let pick = |staff: &crate::Staff| staff.tickets.clone();
        let made = self.desk.call(&mut self.rng, |_| false, pick, body, send);
        let (fate, ticket) = match made.await.excused(&self.ledger, contact) {
            Outcome::Acknowledged(answer) => (Fate::Acknowledged, answer.ticket),
            Outcome::Never(_) => (Fate::Maybe, None),
            refused => {
                refused.noted(&self.ledger, "making a ticket for the team");
                return;
            }
        };
        let mut book = self.ledger.book();
        book.submissions.push(Submission {
            contact,
            title,
            fate,
        });
        book.office.extend(ticket.map(|ticket| KnownTicket {
            contact,
            ticket_id: ticket.ticket_id,
            conversation_id: String::new(),
        }));
    }

    /// Shows one to its contact, or takes it back.
    pub(super) async fn turn_over(&mut self) {
        let known = self.ledger.book().office.choose(&mut self.rng).cloned();
        let Some(ticket) = known else { return };
        let shared = self.rng.gen_bool(0.6);
        let started = self.ledger.now();
        let (request_id, ticket_id) = (format!("share-{}", self.turn), ticket.ticket_id);
        let aborted = |code| code == Code::Aborted;
        let pick = |staff: &crate::Staff| staff.tickets.clone();
        // the ticket, if it was not so already
        let changed = |ticket: Option<Ticket>, positions: usize| ticket.filter(|_| positions > 0);
        let turned = if shared {
            let body = ShareTicketRequest {
                request_id,
                ticket_id: ticket_id.clone(),
                ..Default::default()
            };
            let send = |mut c: super::Tickets, r| async move { c.share_ticket(r).await };
            let turned = self.desk.call(&mut self.rng, aborted, pick, body, send);
            turned.await.map(|a| changed(a.ticket, a.positions.len()))
        } else {
            let body = UnshareTicketRequest {
                request_id,
                ticket_id: ticket_id.clone(),
                ..Default::default()
            };
            let send = |mut c: super::Tickets, r| async move { c.unshare_ticket(r).await };
            let turned = self.desk.call(&mut self.rng, aborted, pick, body, send);
            turned.await.map(|a| changed(a.ticket, a.positions.len()))
        };
        let (version, fate) = match turned.excused(&self.ledger, ticket.contact) {
            Outcome::Acknowledged(ticket) => {
                let version = ticket.map_or(0, |ticket| ticket.version);
                (version, Fate::Acknowledged)
            }
            Outcome::Never(_) => (0, Fate::Maybe),
            refused => {
                refused.noted(&self.ledger, "sharing a ticket");
                return;
            }
        };
        self.ledger.book().sharings.push(Sharing {
            contact: ticket.contact,
            ticket_id,
            shared,
            started,
            version,
            fate,
        });
    }
}

impl Contact {
    /// Looks for a ticket of the team: sees it, and reads it, or is told that there is none. Its conversation,
    /// once it is there, stays.
    pub(super) async fn look_for_shared(&mut self) {
        let contact = self.phone.contact;
        let known = {
            let book = self.ledger.book();
            let theirs = book
                .office
                .iter()
                .filter(|ticket| ticket.contact == contact);
            let theirs: Vec<_> = theirs.collect();
            theirs.choose(&mut self.rng).map(|t| t.ticket_id.clone())
        };
        let Some(ticket_id) = known else { return };
        let body = GetTicketRequest {
            ticket_id,
            ..Default::default()
        };
        let send = |mut c: super::Bff, r| async move { c.get_ticket(r).await };
        let found = self.phone.call(&mut self.rng, body, send).await;
        let found = found.found(&self.ledger, "looking for a shared ticket");
        let Some(ticket) = found.and_then(|found| found.ticket) else {
            return;
        };
        let shown = ticket.summary.unwrap_or_default();
        self.send_read(Reading::Ticket(shown.ticket_id, shown.revision))
            .await;
        let conversation_id = ticket.call_to_action.unwrap_or_default().conversation_id;
        let known = (contact, conversation_id.clone());
        if conversation_id.is_empty() || self.ledger.book().conversations.contains(&known) {
            return;
        }
        let body = GetConversationRequest {
            conversation_id,
            page_size: 1,
            ..Default::default()
        };
        let send = |mut c: super::Bff, r| async move { c.get_conversation(r).await };
        let thread = self.phone.call(&mut self.rng, body, send).await;
        let thread = thread.found(&self.ledger, "opening a shared ticket's conversation");
        if thread.is_some() {
            self.ledger.book().conversations.push(known);
        }
    }
}

impl Inspector {
    /// What a replica of the BFF shows a contact of tickets that they must not see (V2, V3).
    pub(super) async fn peeks(&self, truth: &Truth, contact: usize, replica: usize) -> Verdict {
        let mut verdict = Verdict::default();
        let held = &truth.contacts[contact];
        for ticket in held.tickets.iter().filter(|t| !t.ticket.shared) {
            let id = &ticket.ticket.ticket_id;
            let body = GetTicketRequest {
                ticket_id: id.clone(),
                ..Default::default()
            };
            let send = |mut c: super::Bff, r| async move { c.get_ticket(r).await };
            let shown = self.phones[contact].once(replica, body, send).await;
            let shown = shown.err().as_ref().map(Status::code);
            verdict.check(shown == Some(Code::NotFound), || {
                format!("bff/{replica} answers contact {contact} {shown:?} for {id}, which is not shared")
            });
        }
        verdict
    }
}

/// V3, T10: of the times a ticket was shared or taken back, each is in its history once.
pub(super) fn turned_once(ticket: &TicketTruth, book: &Book) -> Verdict {
    let mut verdict = Verdict::default();
    let id = &ticket.ticket.ticket_id;
    let asked: Vec<_> = book
        .sharings
        .iter()
        .filter(|s| s.ticket_id == *id)
        .collect();
    let turns = |kind: HistoryKind| {
        let entries = ticket.history.iter();
        entries.filter(move |entry| entry.kind() == kind)
    };
    for (kind, shared) in [(HistoryKind::Shared, true), (HistoryKind::Unshared, false)] {
        let asked = || asked.iter().filter(|asked| asked.shared == shared);
        let mut found = BTreeSet::new();
        for version in asked().map(|asked| asked.version).filter(|v| *v > 0) {
            let there = turns(kind).any(|entry| entry.version == version);
            verdict.check(found.insert(version) && there, || {
                format!("{id} was answered as {kind:?} with version {version}, which is not in its history")
            });
        }
        let maybe = asked().filter(|asked| asked.fate == Fate::Maybe).count();
        let count = turns(kind).count();
        verdict.check(count <= found.len() + maybe, || {
            format!(
                "{id} was {kind:?} {count} times; {} were answered and {maybe} not",
                found.len()
            )
        });
    }
    verdict
}
