//! What Tickets makes of Conversations' events: who sees a ticket, where it is in their list, and the
//! customer's answer to a ticket that waits for it.

use std::sync::Arc;

use events::{ApplyError, Projection, UnitOfWork};
use proto::events::v1::Envelope;
use sea_orm::DbErr;
use types::Clock;

use crate::{
    NAME,
    catalogs::Catalogs,
    convert,
    domain::By,
    store::{
        self, conversations,
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

    async fn hear(&self, work: &mut UnitOfWork, event: &Envelope) -> Result<(), ApplyError> {
        let news = convert::conversation_news(event).map_err(ApplyError::Poison)?;
        let Some((workspace, news)) = news else {
            return Ok(());
        };
        if !conversations::put(work.tx(), &workspace, &news).await? {
            return Ok(());
        }
        let unanswered = match &news.reply {
            // taken in whether or not a ticket waits: one linked later must not be moved by it
            Some(reply) => {
                let (of, seq) = (&news.conversation, reply.seq);
                conversations::take_reply(work.tx(), &workspace, of, seq).await?
            }
            None => false,
        };
        let linked = tickets::linked_to(work.tx(), &workspace, &news.conversation).await?;
        let Some(ticket) = linked else {
            return Ok(());
        };
        let known = self.catalogs.of(&workspace).await?;
        let by = By {
            actor: NAME,
            at: self.clock.now(),
        };
        let change = ticket
            .hear(&news, unanswered, &known.catalog, &by)
            .map_err(|refusal| ApplyError::Poison(refusal.to_string()))?;
        let Some(change) = change else {
            return Ok(());
        };
        match tickets::save(work.tx(), &change).await? {
            Saved::Done => {}
            // the whole batch is applied again, on what is there then
            Saved::Outrun | Saved::SharedTicketExists => {
                let ticket = change.after.ticket.id;
                return Err(DbErr::Custom(format!("{ticket} was changed meanwhile")).into());
            }
        }
        for told in convert::changed(&change) {
            work.emit(told);
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Projection for Replica {
    fn name(&self) -> &'static str {
        "conversations"
    }

    async fn apply(&self, work: &mut UnitOfWork, events: &[Envelope]) -> Result<(), ApplyError> {
        for event in events {
            self.hear(work, event).await?;
        }
        Ok(())
    }

    async fn reset(&self, work: &mut UnitOfWork) -> Result<(), DbErr> {
        store::conversations::forget(work.tx()).await
    }
}
