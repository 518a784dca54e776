//! What Notifications does about contacts who are no more: a visitor's explicit reads become the user's, by maximum,
//! and nothing else of a visitor or of an erased contact is kept: its owners tell of the user what was the visitor's.

use std::sync::Arc;

use events::{
    EventLog, UnitOfWork,
    departed::{Departing, Leaver, Survivor},
};
use jetstream::Hints;
use sea_orm::DbErr;
use types::micros;

use crate::{
    convert,
    inboxes::Inboxes,
    store::{InboxId, departures},
};

/// Moves and removes rows, and wakes whoever watches them.
pub struct Departures {
    log: EventLog,
    inboxes: Arc<Inboxes>,
    hints: Hints,
}

impl Departures {
    /// `log` is this service's own; `hints` tell other replicas.
    pub fn new(log: EventLog, inboxes: Arc<Inboxes>, hints: Hints) -> Self {
        Self {
            log,
            inboxes,
            hints,
        }
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
        let user = InboxId {
            workspace: visitor.workspace.clone(),
            contact: user.contact.clone(),
        };
        let (reads, all) = departures::hand_over(work.tx(), &id(visitor), &user).await?;
        if self.inboxes.are_shared() {
            let now = micros(self.log.clock().now());
            for read in &reads {
                work.emit(convert::ticket_read(&user, read, now));
            }
        }
        // what its owners told of the visitor is the user's story by now: kept, it would outlive the user
        Ok(all && departures::forget(work.tx(), &id(visitor)).await?)
    }

    async fn erase(&self, work: &mut UnitOfWork, contact: &Leaver) -> Result<bool, DbErr> {
        departures::forget(work.tx(), &id(contact)).await
    }

    async fn stepped(&self, leaver: &Leaver) {
        let user = leaver.survivor.as_ref().map(|user| &user.contact);
        for contact in user.into_iter().chain([&leaver.contact]) {
            let workspace = &leaver.workspace;
            self.inboxes.changed(&InboxId {
                workspace: workspace.clone(),
                contact: contact.clone(),
            });
            self.hints.publish(workspace, contact).await;
        }
    }
}

fn id(leaver: &Leaver) -> InboxId {
    InboxId {
        workspace: leaver.workspace.clone(),
        contact: leaver.contact.clone(),
    }
}
