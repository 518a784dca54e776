//! Every inbox compared with what the other services tell: at once when asked, and slowly all the time.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use events::EventLog;
use rand::Rng;
use runtime::error::chain;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Error,
    inboxes::Inboxes,
    renew::{AT_ONCE, Renewer},
    store,
};

/// The least time from one pass of the scrubber to the next: each asks the owners for everybody they tell of.
const PASS: Duration = Duration::from_secs(3_600);
/// So many comparisons in a row may fail: then an owner is away, and not some contacts hard to compare.
const GIVE_UP: u32 = 3;
/// The wait after one that failed.
const AGAIN: Duration = Duration::from_secs(60);

/// Rebuilds the projection, in place and without a pause for anybody.
pub struct Rebuilder {
    log: EventLog,
    renewer: Arc<Renewer>,
    inboxes: Arc<Inboxes>,
    running: Mutex<()>,
}

/// What a rebuild made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// The epoch it began.
    pub epoch: u64,
    /// Contacts compared.
    pub contacts: u64,
    /// Contacts whose rows were not what they should have been.
    pub differed: u64,
}

impl Rebuilder {
    /// `log` is this service's own.
    pub(crate) fn new(log: EventLog, renewer: Arc<Renewer>, inboxes: Arc<Inboxes>) -> Self {
        Self {
            log,
            renewer,
            inboxes,
            running: Mutex::default(),
        }
    }

    /// Reads everything anew from where it is owned, some contacts at a time, and begins a new epoch, so that
    /// every client draws anew too. Meanwhile everybody reads and writes on. Explicit reads stay; they are
    /// told by nobody else.
    ///
    /// # Errors
    /// When one is running already, a service is away, or the database fails; then some inboxes were
    /// compared, and the epoch is the old one.
    pub async fn run(&self) -> Result<Rebuilt, Error> {
        let _running = self.running.try_lock().map_err(|_| Error::RebuildRunning)?;
        let contacts = self.renewer.contacts().await?;
        let mut differed = BTreeSet::new();
        for some in contacts.chunks(AT_ONCE) {
            differed.extend(self.renewer.renew(some).await?);
        }
        let work = self.log.begin().await?;
        let epoch = store::begin_epoch(work.tx(), 0).await?;
        work.commit().await?;
        self.inboxes.all_changed();
        let (contacts, differed) = (contacts.len() as u64, differed.len() as u64);
        tracing::info!(epoch, contacts, differed, "the projection was rebuilt");
        Ok(Rebuilt {
            epoch,
            contacts,
            differed,
        })
    }
}

/// Compares inboxes for as long as the process runs, so many contacts a second, and puts right what differs.
pub(crate) async fn scrub(renewer: Arc<Renewer>, per_second: u32, stop: CancellationToken) {
    let scrubbing = async {
        loop {
            let begin = Instant::now();
            match pass(&renewer, per_second).await {
                Ok(()) => sleep_until(begin + PASS).await,
                Err(error) => {
                    tracing::warn!(cause = %chain(&error), "inboxes could not be compared with what their owners tell");
                    sleep(AGAIN).await;
                }
            }
        }
    };
    stop.run_until_cancelled(scrubbing).await;
}

async fn pass(renewer: &Renewer, per_second: u32) -> Result<(), Error> {
    let mut contacts = renewer.contacts().await?;
    // each begins somewhere else: where passes are cut short, nobody is left out time and again
    let first = rand::thread_rng().gen_range(0..=contacts.len());
    contacts.rotate_left(first);
    let mut in_a_row = 0;
    for some in contacts.chunks(AT_ONCE) {
        let next = Instant::now() + Duration::from_secs(1) * some.len() as u32 / per_second;
        match renewer.renew(some).await {
            Ok(_) => in_a_row = 0,
            Err(error) if in_a_row == GIVE_UP => return Err(error),
            Err(error) => {
                in_a_row += 1;
                tracing::debug!(cause = %chain(&error), "some inboxes were not compared");
            }
        }
        sleep_until(next).await;
    }
    Ok(())
}
