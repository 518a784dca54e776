//! What a contact does, in an order drawn from the seed: submit, write, read, look.

use std::{sync::Arc, time::Duration};

use proto::bff::v1::{
    GetConversationRequest, GetConversationResponse, GetHomeRequest, GetTicketRequest, Home,
    ListTicketsRequest, MarkConversationReadRequest, MarkTicketReadRequest, SendMessageRequest,
    StartConversationRequest, SubmitTicketRequest, TicketSummary,
};
use rand::{Rng, rngs::StdRng, seq::SliceRandom};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::{
    calls::{Outcome, Phone},
    ledger::{Fate, KnownTicket, Ledger, Message, Newest, Reading, Row, ShownRead, Submission},
};
use crate::client::micros;

/// Tickets of one contact at the most: the card is full, the list is one page.
const TICKETS: usize = 8;
/// Conversations without a ticket of one contact at the most.
const CONVERSATIONS: usize = 3;

/// One contact.
pub(super) struct Contact {
    pub phone: Arc<Phone>,
    pub ledger: Arc<Ledger>,
    pub rng: StdRng,
    /// So that no title, text or request id comes twice.
    pub turn: u64,
}

impl Contact {
    /// Acts until it is told to stop; the call under way is finished.
    pub(super) async fn live(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.turn += 1;
            match self.rng.gen_range(0..100) {
                0..12 => self.submit().await,
                12..32 => self.write().await,
                32..35 => self.start().await,
                35..50 => self.read_ticket().await,
                50..56 => self.look_for_shared().await,
                56..74 => self.read_conversation().await,
                _ => self.look().await,
            }
            let pause = self.rng.gen_range(30..300);
            tokio::select! {
                () = sleep(Duration::from_millis(pause)) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    fn name(&self, what: &str) -> String {
        format!("{what}-{}-{}", self.phone.contact, self.turn)
    }

    async fn submit(&mut self) {
        let contact = self.phone.contact;
        let mine = |ticket: &&KnownTicket| ticket.contact == contact;
        if self.ledger.book().tickets.iter().filter(mine).count() >= TICKETS {
            return;
        }
        let title = self.name("ticket");
        let body = SubmitTicketRequest {
            request_id: self.name("submit"),
            title: title.clone(),
            description: format!("{title}, in full"),
            ..Default::default()
        };
        let send = |mut c: super::Bff, r| async move { c.submit_ticket(r).await };
        let made = self.phone.call(&mut self.rng, body, send).await;
        let fate = fate(&made);
        let answer = made.noted(&self.ledger, "submitting a ticket");
        let mut book = self.ledger.book();
        if let Some(fate) = fate {
            book.submissions.push(Submission {
                contact,
                title,
                fate,
            });
        }
        if let Some(ticket) = answer.and_then(|answer| answer.ticket) {
            book.tickets.push(KnownTicket {
                contact,
                ticket_id: ticket.summary.unwrap_or_default().ticket_id,
                conversation_id: ticket.call_to_action.unwrap_or_default().conversation_id,
            });
        }
    }

    async fn start(&mut self) {
        let contact = self.phone.contact;
        let mine = |(of, _): &&(usize, String)| *of == contact;
        if self.ledger.book().conversations.iter().filter(mine).count() >= CONVERSATIONS {
            return;
        }
        let text = self.name("first");
        let body = StartConversationRequest {
            request_id: self.name("start"),
            body: text.clone(),
        };
        let send = |mut c: super::Bff, r| async move { c.start_conversation(r).await };
        let made = self.phone.call(&mut self.rng, body, send).await;
        let fate = fate(&made);
        let answer = made.noted(&self.ledger, "starting a conversation");
        let conversation = answer.and_then(|answer| answer.conversation);
        let conversation_id = conversation.unwrap_or_default().conversation_id;
        let mut book = self.ledger.book();
        if !conversation_id.is_empty() {
            book.conversations.push((contact, conversation_id.clone()));
        }
        if let Some(fate) = fate {
            book.messages.push(Message {
                contact,
                conversation_id,
                body: text,
                seen: 0,
                fate,
            });
        }
    }

    async fn write(&mut self) {
        let Some(conversation_id) = self.conversation() else {
            return;
        };
        // half say what they have seen, and some of them have not seen the newest
        let seen = if self.rng.gen_bool(0.5) {
            let thread = self.thread(&conversation_id).await;
            thread.and_then(|thread| self.place(&thread))
        } else {
            None
        };
        let seen = seen.unwrap_or_default();
        let contact = self.phone.contact;
        let text = self.name("message");
        let body = SendMessageRequest {
            request_id: self.name("send"),
            conversation_id: conversation_id.clone(),
            body: text.clone(),
            seen_up_to_seq: seen,
        };
        let reading = Reading::Conversation(conversation_id.clone(), seen);
        let read = (seen > 0).then(|| self.ledger.start_reading(contact, reading));
        let send = |mut c: super::Bff, r| async move { c.send_message(r).await };
        let sent = self.phone.call(&mut self.rng, body, send).await;
        if let (Some(read), Outcome::Acknowledged(_)) = (read, &sent) {
            self.ledger.acknowledge(read);
        }
        if let Some(fate) = fate(&sent) {
            self.ledger.book().messages.push(Message {
                contact,
                conversation_id,
                body: text,
                seen,
                fate,
            });
        }
        sent.noted(&self.ledger, "writing a message");
    }

    async fn read_ticket(&mut self) {
        let Some(ticket) = self.ticket() else {
            return;
        };
        let body = GetTicketRequest {
            ticket_id: ticket.ticket_id,
            ..Default::default()
        };
        let send = |mut c: super::Bff, r| async move { c.get_ticket(r).await };
        let found = self.phone.call(&mut self.rng, body, send).await;
        let found = found.noted(&self.ledger, "looking at a ticket");
        let Some(shown) = found
            .and_then(|found| found.ticket)
            .and_then(|ticket| ticket.summary)
        else {
            return;
        };
        self.send_read(Reading::Ticket(shown.ticket_id, shown.revision))
            .await;
    }

    async fn read_conversation(&mut self) {
        let Some(conversation_id) = self.conversation() else {
            return;
        };
        let Some(thread) = self.thread(&conversation_id).await else {
            return;
        };
        if let Some(seq) = self.place(&thread) {
            self.send_read(Reading::Conversation(conversation_id, seq))
                .await;
        }
    }

    /// Most people read a page to its end, some only a part of it.
    fn place(&mut self, page: &GetConversationResponse) -> Option<u64> {
        let part = if self.rng.gen_bool(0.7) {
            page.parts.first()
        } else {
            page.parts.choose(&mut self.rng)
        };
        part.map(|part| part.seq)
    }

    /// Tells what was read, until it is heard.
    pub(super) async fn send_read(&mut self, reading: Reading) {
        let read = self
            .ledger
            .start_reading(self.phone.contact, reading.clone());
        let heard = match reading {
            Reading::Ticket(ticket_id, up_to_revision) => {
                let may_be_gone = {
                    let book = self.ledger.book();
                    let mut office = book.office.iter();
                    office.any(|ticket| ticket.ticket_id == ticket_id)
                };
                let body = MarkTicketReadRequest {
                    ticket_id,
                    up_to_revision,
                };
                let send = |mut c: super::Bff, r| async move { c.mark_ticket_read(r).await };
                let heard = self.phone.call(&mut self.rng, body, send).await;
                let heard = if may_be_gone {
                    heard.found(&self.ledger, "reading a shared ticket")
                } else {
                    heard.noted(&self.ledger, "reading a ticket")
                };
                heard.is_some()
            }
            Reading::Conversation(conversation_id, up_to_seq) => {
                let body = MarkConversationReadRequest {
                    conversation_id,
                    up_to_seq,
                };
                let send = |mut c: super::Bff, r| async move { c.mark_conversation_read(r).await };
                let heard = self.phone.call(&mut self.rng, body, send).await;
                let heard = heard.noted(&self.ledger, "reading a conversation");
                heard.is_some()
            }
        };
        if heard {
            self.ledger.acknowledge(read);
        }
    }

    async fn look(&mut self) {
        let replica_platform = self.rng.gen_range(0..3_usize);
        let body = GetHomeRequest {
            platform: super::calls::platform(self.phone.contact, replica_platform).into(),
            ..Default::default()
        };
        let send = |mut c: super::Bff, r| async move { c.get_home(r).await };
        let home = self.phone.call(&mut self.rng, body, send).await;
        let home = home.noted(&self.ledger, "looking at Home");
        if let Some(home) = home.and_then(|home| home.home) {
            note_home(&self.ledger, self.phone.contact, &home);
        }
        let body = ListTicketsRequest {
            page_size: 100,
            ..Default::default()
        };
        let send = |mut c: super::Bff, r| async move { c.list_tickets(r).await };
        let list = self.phone.call(&mut self.rng, body, send).await;
        if let Some(list) = list.noted(&self.ledger, "listing tickets")
            && !list.unread_unavailable
        {
            note_list(&self.ledger, self.phone.contact, &list.tickets);
        }
    }

    async fn thread(&mut self, conversation_id: &str) -> Option<GetConversationResponse> {
        let body = GetConversationRequest {
            conversation_id: conversation_id.to_owned(),
            page_size: 5,
            ..Default::default()
        };
        let send = |mut c: super::Bff, r| async move { c.get_conversation(r).await };
        let thread = self.phone.call_until(&mut self.rng, unheard_of, body, send);
        let thread = thread.await;
        thread.noted(&self.ledger, "opening a conversation")
    }

    fn ticket(&mut self) -> Option<KnownTicket> {
        let contact = self.phone.contact;
        let book = self.ledger.book();
        let mine: Vec<_> = book
            .tickets
            .iter()
            .filter(|ticket| ticket.contact == contact)
            .collect();
        mine.choose(&mut self.rng).map(|ticket| (*ticket).clone())
    }

    fn conversation(&mut self) -> Option<String> {
        let contact = self.phone.contact;
        let book = self.ledger.book();
        let of_tickets = book
            .tickets
            .iter()
            .filter(|ticket| ticket.contact == contact)
            .map(|ticket| &ticket.conversation_id);
        let others = book.conversations.iter();
        let others = others.filter(|(of, _)| *of == contact).map(|(_, id)| id);
        let mine: Vec<_> = of_tickets.chain(others).collect();
        mine.choose(&mut self.rng).map(|id| (*id).clone())
    }
}

/// Right after a submission Conversations may not have heard of a ticket's conversation, and a thread,
/// unlike a message, does not make it.
fn unheard_of(code: Code) -> bool {
    code == Code::NotFound
}

fn fate<A>(outcome: &Outcome<A>) -> Option<Fate> {
    match outcome {
        Outcome::Acknowledged(_) => Some(Fate::Acknowledged),
        Outcome::Never(_) => Some(Fate::Maybe),
        Outcome::Refused(_) => None,
    }
}

/// Notes what a Home shows as read.
pub(super) fn note_home(ledger: &Ledger, contact: usize, home: &Home) {
    let at = ledger.now();
    let mut book = ledger.book();
    for row in home.recent_tickets.iter().flat_map(|card| &card.tickets) {
        book.looked_at += 1;
        if !row.unread {
            let newest = Newest::Time(micros(row.update_time));
            let shown = ShownRead::Ticket(row.ticket_id.clone(), newest);
            book.rows.push(Row { contact, at, shown });
        }
    }
    if let Some(row) = &home.recent_conversation {
        book.looked_at += 1;
        if !row.unread && row.author.as_ref().is_some_and(|author| !author.me) {
            let shown = ShownRead::Conversation(row.conversation_id.clone(), row.preview.clone());
            book.rows.push(Row { contact, at, shown });
        }
    }
}

fn note_list(ledger: &Ledger, contact: usize, rows: &[TicketSummary]) {
    let at = ledger.now();
    let mut book = ledger.book();
    for row in rows {
        book.looked_at += 1;
        if !row.unread {
            let newest = Newest::Revision(row.revision);
            let shown = ShownRead::Ticket(row.ticket_id.clone(), newest);
            book.rows.push(Row { contact, at, shown });
        }
    }
}
