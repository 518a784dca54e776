//! What Conversations does about contacts who are no more.

use std::sync::Arc;

use events::{
    UnitOfWork,
    departed::{Departing, Leaver, Survivor},
};
use sea_orm::DbErr;
use types::Clock;

use crate::{
    convert,
    store::{self, Whose, departures},
};

/// Puts a user in the place of the visitor they were, and takes an erased contact's words away.
pub struct Departures {
    clock: Arc<dyn Clock>,
}

impl Departures {
    /// With the clock that dates what is told.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

#[async_trait::async_trait]
impl Departing for Departures {
    async fn merge(
        &self,
        work: &mut UnitOfWork,
        visitor: &Leaver,
        user: &Survivor,
    ) -> Result<bool, DbErr> {
        let Leaver {
            workspace, contact, ..
        } = visitor;
        let now = self.clock.now();
        let (keys, all) =
            departures::hold_some(work.tx(), workspace, contact, Some(&user.contact)).await?;
        for key in &keys {
            let (tx, user) = (work.tx(), &user);
            departures::hand_over(tx, key, contact, &user.contact, &user.name, now).await?;
            let copies = store::views(tx, Whose::All(std::slice::from_ref(key))).await?;
            departures::remove(tx, key, contact).await?;
            for mut copy in copies {
                if copy.view.participant.contact == *contact {
                    // they have left: what was said there is not theirs to hear
                    copy.view.conversation.last_message = None;
                }
                work.emit(convert::changed(&copy, now));
            }
        }
        Ok(all)
    }

    async fn erase(&self, work: &mut UnitOfWork, contact: &Leaver) -> Result<bool, DbErr> {
        let now = self.clock.now();
        let (workspace, id) = (&contact.workspace, &contact.contact);
        let (keys, all) = departures::hold_some(work.tx(), workspace, id, None).await?;
        for key in &keys {
            departures::forget(work.tx(), key, id, now).await?;
            for copy in store::views(work.tx(), Whose::All(std::slice::from_ref(key))).await? {
                let event = convert::changed(&copy, now);
                work.trace(contact, &event.aggregate_id, event.aggregate_version)
                    .await?;
                work.emit(event);
            }
        }
        Ok(all)
    }
}
