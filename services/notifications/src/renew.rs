//! Comparing inboxes with their owners while everything goes on: repairing, rebuilding and scrubbing are
//! the same plain re-read.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use events::{Consumer, ContactRef, ContactState, EventLog, UnitOfWork};
use proto::events::v1::{Cursor, Envelope};
use tokio::time::{Instant, sleep};

use crate::{
    convert,
    error::Error,
    inboxes::Inboxes,
    projection::Event,
    store::{self, InboxId},
};

/// What is logged of an inbox that differed from what its owners tell.
pub const DRIFTED: &str = "an inbox was not what its owners tell; it was put right";
/// Inboxes compared in one transaction.
pub(crate) const AT_ONCE: usize = 25;
/// Tries to read on faster than the feeds are applied; each takes milliseconds.
const TRIES: usize = 50;
/// Longest wait for the feeds to bring what the owners told: what is not here yet is no damage.
const LATE: Duration = Duration::from_secs(2);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(10);

/// Makes inboxes what their owners tell.
pub(crate) struct Renewer {
    log: EventLog,
    tickets: Consumer,
    conversations: Consumer,
    inboxes: Arc<Inboxes>,
}

impl Renewer {
    /// `log` is this service's own; the consumers may be running.
    pub(crate) fn new(
        log: EventLog,
        tickets: Consumer,
        conversations: Consumer,
        inboxes: Arc<Inboxes>,
    ) -> Self {
        Self {
            log,
            tickets,
            conversations,
            inboxes,
        }
    }

    /// Everybody whom an owner tells of, or of whom something is stored here.
    pub(crate) async fn contacts(&self) -> Result<Vec<ContactRef>, Error> {
        let (mut contacts, others) =
            futures::try_join!(self.tickets.contacts(), self.conversations.contacts())?;
        contacts.extend(others);
        let stored = self.inboxes.store().inboxes().await?;
        contacts.extend(stored.into_iter().map(|id| ContactRef {
            workspace: id.workspace,
            contact: id.contact,
        }));
        Ok(contacts.into_iter().collect())
    }

    /// Puts the inboxes of some contacts right, [`AT_ONCE`] at the most, and returns which were not. Readers
    /// see each inbox as it was until it is right, and never an older one: what the feeds brought meanwhile
    /// is read too before anything is written. Where the feeds stay behind, what they owe is left to them, and
    /// only what they could not have brought counts as wrong.
    ///
    /// # Errors
    /// When an owner is away, the feeds cannot be overtaken, or the database fails; then nothing changed.
    pub(crate) async fn renew(&self, contacts: &[ContactRef]) -> Result<BTreeSet<InboxId>, Error> {
        let of: BTreeSet<ContactRef> = contacts.iter().cloned().collect();
        let (mut tickets, mut conversations) = futures::try_join!(
            self.tickets.read_contacts(of.clone()),
            self.conversations.read_contacts(of)
        )?;
        let deadline = Instant::now() + LATE;
        let mut tries = 0;
        while tries < TRIES {
            futures::try_join!(
                self.tickets.read_on(&mut tickets),
                self.conversations.read_on(&mut conversations)
            )?;
            let work = self.log.begin().await?;
            let Some(held) = self.hold(&work, &tickets, &conversations).await? else {
                work.rollback().await?;
                tries += 1;
                continue;
            };
            let is_late = !tickets.is_behind(&held[0]) || !conversations.is_behind(&held[1]);
            if is_late && Instant::now() < deadline {
                work.rollback().await?;
                sleep(LOOK).await;
                continue;
            }
            let inboxes = contacts.iter().map(inbox_id).collect();
            let told = parsed(tickets.events().chain(conversations.events()));
            let ahead = (!is_late).then(|| {
                let ahead = tickets.ahead_of(&held[0]);
                parsed(ahead.chain(conversations.ahead_of(&held[1])))
            });
            let differed = store::renew(work.tx(), &inboxes, told, ahead).await?;
            work.commit().await?;
            metrics::counter!("inboxes_compared_total").increment(contacts.len() as u64);
            metrics::counter!("inboxes_differed_total").increment(differed.len() as u64);
            for id in &differed {
                tracing::error!(
                    workspace = %id.workspace,
                    contact = %id.contact,
                    "{DRIFTED}"
                );
                self.inboxes.changed(id);
            }
            return Ok(differed);
        }
        Err(Error::Outrun)
    }

    async fn hold(
        &self,
        work: &UnitOfWork,
        tickets: &ContactState,
        conversations: &ContactState,
    ) -> Result<Option<[Vec<Cursor>; 2]>, Error> {
        let Some(of_tickets) = self.tickets.hold(work, tickets).await? else {
            return Ok(None);
        };
        let of_conversations = self.conversations.hold(work, conversations).await?;
        Ok(of_conversations.map(|held| [of_tickets, held]))
    }
}

fn inbox_id(of: &ContactRef) -> InboxId {
    InboxId {
        workspace: of.workspace.clone(),
        contact: of.contact.clone(),
    }
}

/// What cannot be read is passed over, as in the feed, where it was parked.
fn parsed<'a>(events: impl Iterator<Item = &'a Envelope>) -> Vec<(InboxId, Event)> {
    let known = |envelope: &Envelope| {
        convert::event(envelope).unwrap_or_else(|why| {
            tracing::warn!(kind = envelope.r#type, why, "a state cannot be read");
            Default::default()
        })
    };
    events.flat_map(known).collect()
}
