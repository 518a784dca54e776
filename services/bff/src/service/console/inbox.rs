//! The inbox and a ticket's page. Tickets says what there is; who asked for it and how many there are is garnish
//! that an answer can do without.

use std::collections::HashMap;

use proto::{bff::v1 as pb, conversations::v1 as cv, settings::v1 as st, tickets::v1 as tk};
use runtime::Violations;

use super::ConsoleHandler;
use crate::{
    clients::{GARNISH, MAIN},
    console::Teammate,
    error::Error,
};

/// Contacts that Settings tells of at once.
const CONTACTS: usize = 100;
/// The longest page of a history, and the largest that Tickets gives.
const PAGE: usize = 100;
/// Entries of a page whose size is not said.
const USUAL: usize = 20;
/// Pages of a history read at the most: no ticket changes five thousand times.
const PAGES: usize = 50;

impl ConsoleHandler {
    pub(super) async fn inbox(
        &self,
        by: &Teammate,
        request: pb::ListInboxRequest,
    ) -> Result<pb::ListInboxResponse, Error> {
        let counted = tk::CountTicketsRequest {
            requester_contact_id: String::new(),
            assignee_teammate_id: request.assignee_teammate_id.clone(),
            open: request.open,
            text: String::new(),
            shared: request.shared,
        };
        // titles with a text are found by looking at each: listing them stops at a page, counting them does not
        let counted_too = request.page_token.is_empty() && request.text.is_empty();
        let wanted = tk::ListTicketsRequest {
            page_size: request.page_size,
            page_token: request.page_token,
            category: request.category,
            state_id: String::new(),
            requester_contact_id: String::new(),
            assignee_teammate_id: request.assignee_teammate_id,
            open: request.open,
            text: request.text,
            shared: request.shared,
        };
        let counts = async {
            match counted_too {
                true => self
                    .clients
                    .count_tickets(by.speaks(), GARNISH, counted)
                    .await
                    .ok(),
                false => None,
            }
        };
        let page = self.clients.team_tickets(by.speaks(), MAIN, wanted);
        let (page, counts) = tokio::join!(page, counts);
        let page = page?;
        let ids = page.tickets.iter().filter_map(requester).cloned().collect();
        let contacts = self.contacts(by, ids).await;
        let counts = counts.unwrap_or_default();
        Ok(pb::ListInboxResponse {
            tickets: page
                .tickets
                .into_iter()
                .map(|ticket| pb::InboxTicket {
                    requester: requester(&ticket).and_then(|id| contacts.get(id).cloned()),
                    ticket: Some(ticket),
                })
                .collect(),
            next_page_token: page.next_page_token,
            counts: counts.counts,
            count_limit: counts.limit,
        })
    }

    pub(super) async fn ticket(
        &self,
        by: &Teammate,
        request: pb::GetInboxTicketRequest,
    ) -> Result<pb::GetInboxTicketResponse, Error> {
        let ticket = self.read(by, request.ticket_id).await?;
        let linked = async {
            let body = cv::GetConversationRequest {
                conversation_id: ticket.conversation_id.clone(),
            };
            if body.conversation_id.is_empty() {
                return None;
            }
            let found = self
                .clients
                .team_conversation(by.speaks(), GARNISH, body)
                .await;
            found.ok().and_then(|found| found.conversation)
        };
        let ids = ticket.requester_contact_ids.clone();
        let (mut contacts, conversation) = tokio::join!(self.contacts(by, ids), linked);
        let requesters = ticket.requester_contact_ids.iter();
        Ok(pb::GetInboxTicketResponse {
            requesters: requesters.filter_map(|id| contacts.remove(id)).collect(),
            conversation,
            ticket: Some(ticket),
        })
    }

    pub(super) async fn timeline(
        &self,
        by: &Teammate,
        request: pb::ListTimelineRequest,
    ) -> Result<pb::ListTimelineResponse, Error> {
        let body = cv::ListPartsRequest {
            conversation_id: request.conversation_id,
            page_size: request.page_size,
            page_token: request.page_token,
        };
        let page = self.clients.timeline(by.speaks(), MAIN, body).await?;
        Ok(pb::ListTimelineResponse {
            parts: page.parts,
            next_page_token: page.next_page_token,
        })
    }

    /// Tickets tells a history from its beginning; who works on a ticket asks what happened last.
    pub(super) async fn history(
        &self,
        by: &Teammate,
        request: pb::ListInboxHistoryRequest,
    ) -> Result<pb::ListInboxHistoryResponse, Error> {
        let before = before(&request.page_token)?;
        let size = match request.page_size as usize {
            0 => USUAL,
            asked => asked.min(PAGE),
        };
        let mut entries = Vec::new();
        let mut page_token = String::new();
        for _ in 0..PAGES {
            let body = tk::ListTicketHistoryRequest {
                ticket_id: request.ticket_id.clone(),
                page_size: PAGE as u32,
                page_token,
            };
            let page = self.clients.history(by.speaks(), MAIN, body).await?;
            entries.extend(page.entries);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(newest_first(entries, before, size))
    }

    pub(super) async fn threads(
        &self,
        by: &Teammate,
        request: pb::ListContactThreadsRequest,
    ) -> Result<pb::ListContactThreadsResponse, Error> {
        let mut wrong = Violations::new();
        // an empty one would be everybody's
        wrong.check("contact_id", types::id::check("con", &request.contact_id));
        wrong.finish().map_err(Error::Fields)?;
        let body = cv::ListConversationsRequest {
            page_size: request.page_size,
            page_token: request.page_token,
            contact_id: request.contact_id,
            ..Default::default()
        };
        let page = self
            .clients
            .team_conversations(by.speaks(), MAIN, body)
            .await?;
        Ok(pb::ListContactThreadsResponse {
            conversations: page.conversations,
            next_page_token: page.next_page_token,
        })
    }

    /// A ticket by id or number.
    pub(super) async fn read(&self, by: &Teammate, ticket_id: String) -> Result<tk::Ticket, Error> {
        let body = tk::GetTicketRequest { ticket_id };
        let found = self.clients.team_ticket(by.speaks(), MAIN, body).await?;
        found.ticket.ok_or(Error::Garbage("ticket"))
    }

    /// Contacts by id, without those who were erased; none while Settings is away.
    async fn contacts(
        &self,
        by: &Teammate,
        mut ids: Vec<String>,
    ) -> HashMap<String, pb::ConsoleContact> {
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(CONTACTS);
        if ids.is_empty() {
            return HashMap::new();
        }
        let body = st::BatchGetContactsRequest { contact_ids: ids };
        let found = self.clients.contacts(by.speaks(), GARNISH, body).await;
        let found = found.map(|found| found.contacts).unwrap_or_default();
        let there = found
            .into_iter()
            .filter(|contact| contact.erase_time.is_none());
        there
            .map(|contact| {
                let shown = pb::ConsoleContact {
                    contact_id: contact.contact_id.clone(),
                    name: contact.name,
                    email: contact.email,
                    kind: contact.kind,
                };
                (contact.contact_id, shown)
            })
            .collect()
    }
}

/// Whom a row of the inbox names.
fn requester(ticket: &tk::Ticket) -> Option<&String> {
    ticket.requester_contact_ids.first()
}

/// The version that a page token leads to: all entries of the next page are older.
fn before(page_token: &str) -> Result<u64, Error> {
    if page_token.is_empty() {
        return Ok(u64::MAX);
    }
    page_token.parse().map_err(|_| {
        let mut wrong = Violations::new();
        wrong.add("page_token", "must come from the page before");
        match wrong.finish() {
            Err(wrong) => Error::Fields(wrong),
            Ok(()) => Error::Garbage("a page token"),
        }
    })
}

/// The newest entries older than a version, and how to go on.
fn newest_first(
    mut entries: Vec<tk::HistoryEntry>,
    before: u64,
    size: usize,
) -> pb::ListInboxHistoryResponse {
    entries.retain(|entry| entry.version < before);
    entries.reverse();
    let more = entries.len() > size;
    entries.truncate(size);
    let last = entries.last().filter(|_| more);
    pb::ListInboxHistoryResponse {
        next_page_token: last.map_or_else(String::new, |entry| entry.version.to_string()),
        entries,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_told_from_its_end_page_by_page() {
        let entries: Vec<_> = (1..=5)
            .map(|version| tk::HistoryEntry {
                version,
                ..Default::default()
            })
            .collect();
        let (mut token, mut seen) = (String::new(), Vec::new());
        loop {
            let page = newest_first(entries.clone(), before(&token).unwrap(), 2);
            seen.push(
                page.entries
                    .iter()
                    .map(|entry| entry.version)
                    .collect::<Vec<_>>(),
            );
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, [vec![5, 4], vec![3, 2], vec![1]]);
        assert!(matches!(before("x"), Err(Error::Fields(_))));
    }
}
