//! What Tickets makes of Conversations' events: who sees a ticket, where it is in their list, and the
//! customer's answer to a ticket that waits for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use events::{ApplyError, Projection, UnitOfWork, departed};
use proto::events::v1::Envelope;
use sea_orm::DbErr;
use types::{Clock, WorkspaceId};

use crate::{
    NAME,
    catalogs::Catalogs,
    convert,
    domain::{Aggregate, By, News},
    store::{
        self,
        conversations::{self, Place},
        tickets::{self, Saved},
    },
};

/// The replica of Conversations, and what follows from it.
pub(crate) struct Replica {
    catalogs: Arc<Catalogs>,
    clock: Arc<dyn Clock>,
}

impl Replica {
    pub(crate) fn new(catalogs: Arc<Catalogs>, clock: Arc<dyn Clock>) -> Self {
        Self { catalogs, clock }
    }

    /// Takes in what is new, in the order it was told.
    async fn hear(
        &self,
        work: &mut UnitOfWork,
        mut told: Vec<(WorkspaceId, News)>,
    ) -> Result<(), ApplyError> {
        // what is late about somebody who is no more brings them not back; their survivor is told of too
        let who = |(workspace, news): &(WorkspaceId, News)| {
            (workspace.clone(), news.member.contact.clone())
        };
        let gone = departed::among(work.tx(), &told.iter().map(who).collect()).await?;
        told.retain(|told| !gone.contains_key(&who(told)));
        let place = |(workspace, news): &(WorkspaceId, News)| {
            (workspace.clone(), news.conversation.clone())
        };
        if !work.starts_over() {
            conversations::take_turns(work.tx(), &told.iter().map(place).collect()).await?;
        }
        let newer = conversations::put(work.tx(), &told).await?;
        let news: Vec<_> = told
            .into_iter()
            .filter(|(workspace, news)| newer.contains(&conversations::seat(workspace, news)))
            .collect();
        let mut taken = self.take_replies(work, &news, place).await?;
        let places: BTreeSet<Place> = news.iter().map(place).collect();
        let linked = tickets::linked_to(work.tx(), &places).await?;
        let mut linked: BTreeMap<Place, Aggregate> = linked
            .into_iter()
            .filter_map(|ticket| {
                let conversation = ticket.ticket.conversation.clone()?;
                Some(((ticket.ticket.workspace.clone(), conversation), ticket))
            })
            .collect();
        for told in &news {
            let place = place(told);
            let (workspace, news) = told;
            let seq = news.reply.as_ref().map_or(0, |reply| reply.seq);
            let taken = taken.entry(place.clone()).or_default();
            let unanswered = *taken < seq;
            *taken = seq.max(*taken);
            let Some(ticket) = linked.get_mut(&place) else {
                continue;
            };
            let after = self.move_ticket(work, workspace, ticket, news, unanswered);
            if let Some(after) = after.await? {
                *ticket = after;
            }
        }
        Ok(())
    }

    /// Takes in contacts' messages, whether or not a ticket waits for them: one linked later must not be
    /// moved by them. Returns the newest that was taken in before, of each conversation.
    async fn take_replies(
        &self,
        work: &UnitOfWork,
        news: &[(WorkspaceId, News)],
        place: impl Fn(&(WorkspaceId, News)) -> Place,
    ) -> Result<BTreeMap<Place, u64>, DbErr> {
        let mut newest: BTreeMap<Place, u64> = BTreeMap::new();
        for told in news {
            if let Some(reply) = &told.1.reply {
                let seq = newest.entry(place(told)).or_default();
                *seq = reply.seq.max(*seq);
            }
        }
        let places = newest.keys().cloned().collect();
        let taken = conversations::replies(work.tx(), &places).await?;
        newest.retain(|place, seq| taken.get(place).is_none_or(|taken| taken < seq));
        conversations::take_replies(work.tx(), &newest).await?;
        Ok(taken)
    }

    async fn move_ticket(
        &self,
        work: &mut UnitOfWork,
        workspace: &WorkspaceId,
        ticket: &Aggregate,
        news: &News,
        unanswered: bool,
    ) -> Result<Option<Aggregate>, ApplyError> {
        let known = self
            .catalogs
            .with(workspace, &[&ticket.ticket.type_id])
            .await?;
        let by = By {
            actor: NAME,
            at: self.clock.now(),
        };
        let change = ticket
            .hear(news, unanswered, &known.catalog, &by)
            .map_err(|refusal| ApplyError::Poison(refusal.to_string()))?;
        let Some(change) = change else {
            return Ok(None);
        };
        match tickets::save(work.tx(), &change).await? {
            Saved::Done => {}
            // applied again, on what is there then
            Saved::Outrun | Saved::SharedTicketExists => {
                let ticket = change.after.ticket.id;
                return Err(ApplyError::Outrun(format!(
                    "{ticket} was changed meanwhile"
                )));
            }
        }
        for told in convert::changed(&change) {
            work.emit(told);
        }
        Ok(Some(change.after))
    }
}

#[async_trait::async_trait]
impl Projection for Replica {
    fn name(&self) -> &'static str {
        "conversations"
    }

    async fn apply(&self, work: &mut UnitOfWork, events: &[Envelope]) -> Result<(), ApplyError> {
        let mut told = Vec::with_capacity(events.len());
        for event in events {
            told.extend(convert::conversation_news(event).map_err(ApplyError::Poison)?);
        }
        self.hear(work, told).await?;
        Ok(())
    }

    async fn reset(&self, work: &mut UnitOfWork) -> Result<(), DbErr> {
        store::conversations::forget(work.tx()).await
    }
}

#[cfg(test)]
mod tests;
