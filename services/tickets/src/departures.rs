//! What Tickets does about contacts who are no more.

use std::sync::Arc;

use events::{
    UnitOfWork,
    departed::{Departing, Leaver, Survivor},
};
use sea_orm::DbErr;
use types::{Clock, micros, timestamp};

use crate::{
    convert,
    domain::{Parting, View},
    store::departures,
};

/// Gives a visitor's tickets to the user they are, and deletes an erased contact's.
pub(crate) struct Tickets {
    clock: Arc<dyn Clock>,
}

impl Tickets {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    /// Tells whoever something changed for, the leaver first.
    fn tell(&self, work: &mut UnitOfWork, parting: &Parting) {
        let ticket = &parting.after.ticket;
        for viewer in parting.left.iter().chain(parting.viewers()) {
            let view = View::new(ticket, viewer);
            let now = micros(self.clock.now());
            work.emit(convert::contact_ticket_changed(&view, viewer.version, now));
        }
    }
}

#[async_trait::async_trait]
impl Departing for Tickets {
    async fn merge(
        &self,
        work: &mut UnitOfWork,
        visitor: &Leaver,
        user: &Survivor,
    ) -> Result<bool, DbErr> {
        let Leaver {
            workspace, contact, ..
        } = visitor;
        let (tickets, all) = departures::hold_some(work.tx(), workspace, contact).await?;
        let merged_at = timestamp(visitor.departed_at);
        for ticket in tickets {
            if let Some(parting) = ticket.hand_over(contact, &user.contact, merged_at) {
                departures::save(work.tx(), contact, Some(&user.contact), &parting).await?;
                self.tell(work, &parting);
            }
        }
        Ok(all)
    }

    async fn erase(&self, work: &mut UnitOfWork, contact: &Leaver) -> Result<bool, DbErr> {
        let Leaver {
            workspace,
            contact: id,
            ..
        } = contact;
        let (tickets, all) = departures::hold_some(work.tx(), workspace, id).await?;
        for ticket in tickets {
            let Some(parting) = ticket.forget(id) else {
                continue;
            };
            departures::save(work.tx(), id, None, &parting).await?;
            for viewer in parting.viewers() {
                let aggregate = format!("{}/{}", viewer.contact, ticket.ticket.id);
                work.trace(contact, &aggregate, viewer.version).await?;
            }
            self.tell(work, &parting);
        }
        Ok(departures::forget_member(work.tx(), workspace, id).await? && all)
    }
}
