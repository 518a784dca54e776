//! Replies and notes, which are written into a ticket's conversation; and a reply that moves the ticket.

use std::time::Duration;

use proto::{bff::v1 as pb, conversations::v1 as cv, tickets::v1 as tk};
use tonic::Code;

use super::{ConsoleHandler, refusal};
use crate::{
    clients::{Clients, GARNISH},
    console::Teammate,
    convert,
    error::Error,
};

types::id!(
    /// A conversation that a reply begins.
    ConversationId,
    "cnv"
);

/// What is added to the request id of a reply for the message, the link and the change of state: each is an
/// effect of its own that a retry finds done or does.
const MESSAGE: &str = ":msg";
const LINK: &str = ":lnk";
const STATE: &str = ":set";
/// What Tickets says of a conversation that it has not heard of.
const NOT_KNOWN_YET: &str = "CONVERSATION_NOT_KNOWN_YET";
/// Tickets hears of a new conversation by its feed: so often, and so far apart, it is asked whether it has.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(100);

impl ConsoleHandler {
    /// First the message, then the state: a customer may see what was written before the state says so, and never
    /// a state whose reason is missing.
    pub(super) async fn reply(
        &self,
        by: &Teammate,
        request: pb::ReplyToTicketRequest,
    ) -> Result<pb::ReplyToTicketResponse, Error> {
        convert::reply(&request)?;
        let ticket = self.read(by, request.ticket_id).await?;
        let ticket = self
            .with_conversation(by, ticket, &request.request_id)
            .await?;
        let message = cv::SendMessageRequest {
            request_id: half(&request.request_id, MESSAGE),
            conversation_id: ticket.conversation_id.clone(),
            body: request.body,
        };
        let said = self.clients.say(by.speaks(), message.clone()).await;
        let said = match self.ensured(by, &ticket, said).await? {
            Some(said) => said,
            None => self.clients.say(by.speaks(), message).await?,
        };
        let part = said.part.ok_or(Error::Garbage("the reply"))?;
        let (ticket, state_problem) = match request.state_id {
            none if none.is_empty() => (self.after(by, ticket).await, String::new()),
            state_id => {
                let body = tk::ChangeTicketStateRequest {
                    request_id: half(&request.request_id, STATE),
                    ticket_id: ticket.ticket_id.clone(),
                    state_id,
                    expected_version: 0,
                    skip_notifications: false,
                };
                match self.clients.change_state(by.speaks(), body).await {
                    Ok(moved) => (moved.ticket, String::new()),
                    Err(error) => {
                        let problem = refusal(error).message().to_owned();
                        (self.after(by, ticket).await, problem)
                    }
                }
            }
        };
        Ok(pb::ReplyToTicketResponse {
            part: Some(part),
            ticket,
            state_problem,
        })
    }

    pub(super) async fn note(
        &self,
        by: &Teammate,
        request: pb::AddTicketNoteRequest,
    ) -> Result<pb::AddTicketNoteResponse, Error> {
        let ticket = self.read(by, request.ticket_id).await?;
        if ticket.conversation_id.is_empty() {
            return Err(Error::NoConversation);
        }
        let note = cv::AddNoteRequest {
            request_id: request.request_id,
            conversation_id: ticket.conversation_id.clone(),
            body: request.body,
        };
        let added = self.clients.note(by.speaks(), note.clone()).await;
        let added = match self.ensured(by, &ticket, added).await? {
            Some(added) => added,
            None => self.clients.note(by.speaks(), note).await?,
        };
        Ok(pb::AddTicketNoteResponse {
            part: Some(added.part.ok_or(Error::Garbage("the note"))?),
        })
    }

    /// What was answered; `None` when it is to be asked again, for Conversations had not heard of the ticket's
    /// conversation yet and now has.
    async fn ensured<T>(
        &self,
        by: &Teammate,
        ticket: &tk::Ticket,
        answer: Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.code() == Some(Code::NotFound) => {
                match self.ensure(by, ticket, true).await {
                    Ok(()) => Ok(None),
                    // it was deleted
                    Err(why) if why.code() == Some(Code::FailedPrecondition) => Err(error),
                    Err(why) => Err(why),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The ticket with a conversation to reply in: its own, or a new one with its requester. One that the customer
    /// does not see gets none by a reply, for nobody has chosen to tell them of it.
    async fn with_conversation(
        &self,
        by: &Teammate,
        ticket: tk::Ticket,
        request_id: &str,
    ) -> Result<tk::Ticket, Error> {
        if !ticket.conversation_id.is_empty() {
            return Ok(ticket);
        }
        if !ticket.shared || ticket.requester_contact_ids.is_empty() {
            return Err(Error::NoConversation);
        }
        // two who reply at once to what both have read make the same one
        let version = ticket.version.to_string();
        let id = ConversationId::derive(&["reply", &ticket.ticket_id, &version]);
        let wanted = tk::Ticket {
            conversation_id: id.as_str().to_owned(),
            ..ticket
        };
        self.ensure(by, &wanted, true).await?;
        let body = tk::LinkConversationRequest {
            request_id: half(request_id, LINK),
            ticket_id: wanted.ticket_id,
            conversation_id: wanted.conversation_id,
            expected_version: 0,
        };
        let linked = link(&self.clients, by, body).await?;
        linked.ticket.ok_or(Error::Garbage("ticket"))
    }

    /// The ticket as it is now.
    async fn after(&self, by: &Teammate, ticket: tk::Ticket) -> Option<tk::Ticket> {
        let body = tk::GetTicketRequest {
            ticket_id: ticket.ticket_id,
        };
        let found = self.clients.team_ticket(by.speaks(), GARNISH, body).await;
        found.ok().and_then(|found| found.ticket)
    }
}

/// Links to a conversation that was made a moment ago.
async fn link(
    clients: &Clients,
    by: &Teammate,
    body: tk::LinkConversationRequest,
) -> Result<tk::LinkConversationResponse, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match clients.link(by.speaks(), body.clone()).await {
            Err(error) if error.reason().as_deref() == Some(NOT_KNOWN_YET) && tries < TRIES => {
                tokio::time::sleep(BETWEEN).await;
            }
            outcome => return outcome,
        }
    }
}

/// The request id of one effect of a reply; none where the reply has none.
fn half(request_id: &str, which: &str) -> String {
    match request_id {
        "" => String::new(),
        id => format!("{id}{which}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effects_of_a_reply_have_request_ids_of_their_own_that_no_service_finds_too_long() {
        let longest = "x".repeat(60);
        let halves = [MESSAGE, LINK, STATE].map(|which| half(&longest, which));
        assert!(halves.iter().all(|id| id.len() == 64));
        assert!(halves[0] != halves[1] && halves[1] != halves[2] && halves[0] != halves[2]);
        assert_eq!(half("", STATE), "");
    }
}
