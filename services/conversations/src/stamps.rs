//! What this service makes of Tickets' events: stamps in timelines, and the conversation of a new
//! ticket.

use std::{collections::BTreeSet, sync::Arc};

use events::{
    ApplyError, Projection, UnitOfWork,
    departed::{self, Departure},
};
use proto::events::v1::Envelope;
use sea_orm::DbErr;
use types::Clock;

use crate::{
    convert,
    domain::{self, Key, Known, PartId, TicketUpdate},
    service::tell,
    store::{self, Whose},
};

/// Stamps ticket updates (A1) and makes the conversation of a new ticket (C2), in the transaction that
/// takes the events in.
pub struct Stamps {
    clock: Arc<dyn Clock>,
}

impl Stamps {
    /// With the clock that no update may be ahead of.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

#[async_trait::async_trait]
impl Projection for Stamps {
    fn name(&self) -> &'static str {
        "stamps"
    }

    async fn apply(&self, work: &mut UnitOfWork, events: &[Envelope]) -> Result<(), ApplyError> {
        let now = self.clock.now();
        let mut updates = Vec::with_capacity(events.len());
        for event in events {
            updates.extend(convert::ticket_update(event, now).map_err(ApplyError::Poison)?);
        }
        settle_requesters(work, &mut updates).await?;
        let keys: BTreeSet<Key> = updates.iter().map(|update| update.key.clone()).collect();
        let keys: Vec<Key> = keys.into_iter().collect();
        let known = Known {
            conversations: store::of_keys(work.tx(), &keys)
                .await
                .map_err(DbErr::from)?,
            stamped: store::newest_stamps(work.tx(), &keys)
                .await
                .map_err(DbErr::from)?,
        };
        let decisions = domain::stamp(known, &updates, PartId::generate);
        store::save(work.tx(), &decisions.iter().collect::<Vec<_>>())
            .await
            .map_err(outrun)?;
        let changed: Vec<Key> = decisions
            .into_iter()
            .map(|decision| decision.conversation.key)
            .collect();
        tell(work, Whose::All(&changed), now)
            .await
            .map_err(DbErr::from)?;
        Ok(())
    }

    /// Stamps are part of timelines that customers read: a replay adds those that are missing.
    async fn reset(&self, _: &mut UnitOfWork) -> Result<(), DbErr> {
        Ok(())
    }
}

/// Somebody wrote in one of the conversations meanwhile: decided on anew, on what is there then.
fn outrun(error: store::Error) -> ApplyError {
    match error {
        store::Error::Conflict => ApplyError::Outrun("a conversation was changed meanwhile".into()),
        error => DbErr::from(error).into(),
    }
}

/// C2: a ticket of a contact who was merged makes the user's conversation, and one of an erased contact makes none.
async fn settle_requesters(work: &UnitOfWork, updates: &mut [TicketUpdate]) -> Result<(), DbErr> {
    let who = |update: &TicketUpdate| (update.key.workspace.clone(), update.contact.clone());
    let asked = updates.iter().filter(|update| update.requester);
    let gone = departed::among(work.tx(), &asked.map(who).collect()).await?;
    for update in updates {
        match gone.get(&who(update)) {
            None => {}
            Some(Departure::Merged(user)) => update.contact = user.contact.clone(),
            Some(Departure::Erased) => update.requester = false,
        }
    }
    Ok(())
}
