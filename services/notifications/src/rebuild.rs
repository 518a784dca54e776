//! Starting over from what the other services can tell.

use std::sync::Arc;

use events::{Consumer, EventLog, WholeState};
use tokio::sync::Mutex;

use crate::{
    error::Error,
    inboxes::Inboxes,
    store::{self, Source},
};

/// Drops the projection and replays it. One at a time.
pub struct Rebuilder {
    log: EventLog,
    tickets: Consumer,
    conversations: Consumer,
    inboxes: Arc<Inboxes>,
    running: Mutex<()>,
}

/// What a rebuild made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// The epoch it began.
    pub epoch: u64,
    /// Contacts with rows.
    pub contacts: u64,
}

impl Rebuilder {
    /// `log` is this service's own; the consumers may be running.
    pub fn new(
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
            running: Mutex::default(),
        }
    }

    /// Replays both services in one transaction: until it commits everybody reads the old rows, and then
    /// the new ones, under a new epoch. Explicit reads stay; they are told by nobody else.
    ///
    /// # Errors
    /// When one is running already, a service is away, or the database fails; then nothing changed.
    pub async fn run(&self) -> Result<Rebuilt, Error> {
        let _running = self.running.try_lock().map_err(|_| Error::RebuildRunning)?;
        let (tickets, conversations) = futures::try_join!(
            self.tickets.read_snapshot(),
            self.conversations.read_snapshot()
        )?;
        let epoch = self.replay(&tickets, &conversations).await?;
        self.inboxes.all_changed();
        self.tickets.rebuilt(&tickets);
        self.conversations.rebuilt(&conversations);
        let contacts = self.inboxes.store().contacts().await?;
        tracing::info!(epoch, contacts, "the projection was rebuilt");
        Ok(Rebuilt { epoch, contacts })
    }

    async fn replay(&self, tickets: &WholeState, conversations: &WholeState) -> Result<u64, Error> {
        let mut work = self.log.begin().await?;
        self.tickets.continue_after(&work, tickets).await?;
        self.conversations
            .continue_after(&work, conversations)
            .await?;
        store::blank(work.tx(), Source::Tickets).await?;
        store::blank(work.tx(), Source::Conversations).await?;
        let epoch = store::begin_epoch(work.tx()).await?;
        self.tickets.replay(&mut work, tickets).await?;
        self.conversations.replay(&mut work, conversations).await?;
        work.commit().await?;
        Ok(epoch)
    }
}
