//! Replies and notes, which are written into a ticket's conversation; and a reply that moves the ticket.

use proto::{bff::v1 as pb, conversations::v1 as cv, tickets::v1 as tk};
use tonic::Code;

use super::{ConsoleHandler, refusal};
use crate::{clients::GARNISH, console::Teammate, convert, error::Error};

/// What is added to the request id of a reply for the conversation, the message and the change of state: each is an
/// effect of its own that a retry finds done or does.
const CONVERSATION: &str = ":cnv";
const MESSAGE: &str = ":msg";
const STATE: &str = ":set";
/// The message's in a conversation that took the place of one that was deleted before the reply came there.
const OTHER_MESSAGE: &str = ":ms2";

impl ConsoleHandler {
    /// First the message, then the state: a customer may see what was written before the state says so, and never
    /// a state whose reason is missing.
    pub(super) async fn reply(
        &self,
        by: &Teammate,
        request: pb::ReplyToTicketRequest,
    ) -> Result<pb::ReplyToTicketResponse, Error> {
        convert::reply(&request)?;
        let id = &request.request_id;
        let first = (half(id, CONVERSATION), half(id, MESSAGE));
        let (ticket, said) = match self.say(by, &request, first).await? {
            (ticket, Some(said)) => (ticket, said),
            // it was deleted: Tickets gives the ticket another, as soon as it has heard
            (_, None) => {
                let second = (String::new(), half(id, OTHER_MESSAGE));
                match self.say(by, &request, second).await? {
                    (ticket, Some(said)) => (ticket, said),
                    (_, None) => return Err(Error::Away("tickets")),
                }
            }
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
        let added = match self.write_down(by, &request, &request.request_id).await? {
            Some(added) => added,
            // it was deleted: the ticket may have another
            None => {
                let second = self.write_down(by, &request, "").await?;
                second.ok_or(Error::NoConversation)?
            }
        };
        Ok(pb::AddTicketNoteResponse {
            part: Some(added.part.ok_or(Error::Garbage("the note"))?),
        })
    }

    /// Writes a note into the conversation that the ticket has; `None` when that was deleted. Under the id by which
    /// the conversation is asked for a retry is told that of the first time, so that it finds its note there.
    async fn write_down(
        &self,
        by: &Teammate,
        request: &pb::AddTicketNoteRequest,
        asked: &str,
    ) -> Result<Option<cv::AddNoteResponse>, Error> {
        let body = tk::EnsureConversationRequest {
            request_id: asked.to_owned(),
            ticket_id: request.ticket_id.clone(),
            existing_only: true,
        };
        let ticket = self.written_in(by, body).await?;
        let note = cv::AddNoteRequest {
            request_id: request.request_id.clone(),
            conversation_id: ticket.conversation_id.clone(),
            body: request.body.clone(),
        };
        match self.clients.note(by.speaks(), note.clone()).await {
            Err(error) if error.code() == Some(Code::NotFound) => {
                match self.is_there_now(by, &ticket).await? {
                    true => self.clients.note(by.speaks(), note).await.map(Some),
                    false => Ok(None),
                }
            }
            added => added.map(Some),
        }
    }

    /// The ticket, with the conversation that is written in.
    async fn written_in(
        &self,
        by: &Teammate,
        body: tk::EnsureConversationRequest,
    ) -> Result<tk::Ticket, Error> {
        let linked = self.clients.ensure_team_conversation(by.speaks(), body);
        linked.await?.ticket.ok_or(Error::Garbage("ticket"))
    }

    /// Whether a conversation that was not found is there now, for Conversations had only not heard of it yet; false
    /// when it was deleted.
    async fn is_there_now(&self, by: &Teammate, ticket: &tk::Ticket) -> Result<bool, Error> {
        match self.ensure(by, ticket, true).await {
            Ok(()) => Ok(true),
            Err(why) if why.code() == Some(Code::FailedPrecondition) => Ok(false),
            Err(why) => Err(why),
        }
    }

    /// Writes into the ticket's conversation, one that Tickets made for it a moment ago included; `None` when it was
    /// deleted. With a request id a retry is told the conversation of the first time, so that it finds its message
    /// there.
    async fn say(
        &self,
        by: &Teammate,
        request: &pb::ReplyToTicketRequest,
        (asked, sent): (String, String),
    ) -> Result<(tk::Ticket, Option<cv::SendMessageResponse>), Error> {
        let body = tk::EnsureConversationRequest {
            request_id: asked,
            ticket_id: request.ticket_id.clone(),
            existing_only: false,
        };
        let ticket = self.written_in(by, body).await?;
        let message = cv::SendMessageRequest {
            request_id: sent,
            conversation_id: ticket.conversation_id.clone(),
            body: request.body.clone(),
        };
        let said = match self.clients.say(by.speaks(), message.clone()).await {
            Err(error) if error.code() == Some(Code::NotFound) => {
                match self.is_there_now(by, &ticket).await? {
                    true => self.clients.say(by.speaks(), message).await?,
                    false => return Ok((ticket, None)),
                }
            }
            said => said?,
        };
        Ok((ticket, Some(said)))
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

/// The request id of one effect of a reply; none where the reply has none.
fn half(request_id: &str, which: &str) -> String {
    match request_id {
        "" => String::new(),
        id => format!("{id}{which}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_effects_of_a_reply_have_request_ids_of_their_own_that_no_service_finds_too_long() {
        let longest = "x".repeat(60);
        let all = [CONVERSATION, MESSAGE, STATE, OTHER_MESSAGE];
        let halves: BTreeSet<String> = all.map(|which| half(&longest, which)).into();
        assert_eq!(halves.len(), all.len());
        assert!(halves.iter().all(|id| id.len() == 64));
        assert_eq!(half("", STATE), "");
    }
}
