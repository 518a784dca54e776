//! Home, live. A watch pulls: it looks at what changed when its client is ready for a frame, so that a
//! slow client costs no memory and gets the newest state, not a queue of old ones.

mod frames;
mod places;
mod poll;
#[cfg(test)]
mod tests;
mod upstream;

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream, stream::BoxStream};
use metrics::gauge;
use proto::{bff::v1 as pb, notifications::v1 as nt};
use rand::Rng;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use types::ContactId;

use crate::{
    clients::Clients, error::Error, freshness::Freshness, sessions::Session, shared_map::SharedMap,
    spaces::Platform,
};
use frames::Watch;
use places::{Place, Places};
use upstream::Upstream;

/// Streams of this process at once.
const ALL_STREAMS: usize = 24_000;
/// A client that resumes nothing is told after this long what can be told without an inbox.
const FIRST: Duration = Duration::from_millis(500);
/// A stream lives this long at most; half of the bound spreads the ends.
const AGE: std::ops::Range<Duration> = Duration::from_secs(10 * 60)..Duration::from_secs(30 * 60);

/// A stream that operators see.
struct Counted;

impl Counted {
    fn open() -> Self {
        gauge!("watches_open").increment(1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        gauge!("watches_open").decrement(1);
    }
}

/// Opens watches.
pub(crate) struct Watches {
    clients: Arc<Clients>,
    freshness: Arc<Freshness>,
    contacts: SharedMap<ContactId, Places>,
    all: Arc<Semaphore>,
    /// Polls that wait.
    waiting: Arc<Semaphore>,
    stopping: CancellationToken,
}

impl Watches {
    /// Streams end when `stopping` is cancelled.
    pub(crate) fn new(
        clients: Arc<Clients>,
        freshness: Arc<Freshness>,
        stopping: CancellationToken,
    ) -> Self {
        // told from the start: a number that is missing looks like a service that is
        gauge!("watches_open").increment(0);
        Self {
            clients,
            freshness,
            contacts: SharedMap::new(),
            all: Arc::new(Semaphore::new(ALL_STREAMS)),
            waiting: Arc::new(Semaphore::new(poll::WAITING)),
            stopping,
        }
    }

    /// A stream of frames, in the place of the contact's oldest if there are many. `resume` is where the client
    /// stands.
    ///
    /// # Errors
    /// [`Error::TooManyStreams`] when those that had to go are not read to their end, and when Settings is away and what was known is too old.
    pub(crate) async fn open(
        &self,
        session: Arc<Session>,
        platform: Platform,
        resume: Option<pb::HomeToken>,
    ) -> Result<BoxStream<'static, pb::WatchMessengerResponse>, Error> {
        let (watch, held) = self.enter(session, platform, resume).await?;
        let held = (held, Counted::open());
        Ok(stream::unfold((watch, held), |(mut watch, held)| async {
            let frame = watch.next().await?;
            Some((frame, (watch, held)))
        })
        .boxed())
    }

    /// A watch and what it holds while it is open: a place among the contact's, and one among all.
    async fn enter(
        &self,
        session: Arc<Session>,
        platform: Platform,
        resume: Option<pb::HomeToken>,
    ) -> Result<(Watch, (Place, OwnedSemaphorePermit)), Error> {
        let permit = self
            .all
            .clone()
            .try_acquire_owned()
            .map_err(|_| Error::Away("this process"))?;
        let place = self
            .contacts
            .get_or(session.contact.clone(), Places::default)
            .take()?;
        let upstream = self.upstream(&session);
        let mut watch = self.watch(session, platform, resume, upstream).await?;
        watch.displaced = place.displaced();
        Ok((watch, (place, permit)))
    }

    async fn watch(
        &self,
        session: Arc<Session>,
        platform: Platform,
        resume: Option<pb::HomeToken>,
        upstream: Upstream,
    ) -> Result<Watch, Error> {
        // before the settings are read, so that no change falls in between
        let changes = session.workspace.changes();
        let generations = self.freshness.generations();
        session.workspace.switches(&self.clients).await?;
        let now = Instant::now();
        let lasts = session.expires_at - self.freshness.now();
        Ok(Watch {
            upstream,
            ending: session.ending(),
            displaced: CancellationToken::new(),
            changes,
            generations,
            stopping: self.stopping.clone(),
            clients: self.clients.clone(),
            session,
            platform,
            resume,
            inbox: None,
            sent: None,
            first_by: now + FIRST,
            quiet_until: now,
            grows_old: now + rand::thread_rng().gen_range(AGE),
            session_ends: now + Duration::from_micros(lasts.max(0).unsigned_abs()),
            ended: false,
        })
    }

    fn upstream(&self, session: &Arc<Session>) -> Upstream {
        let (clients, session) = (self.clients.clone(), session.clone());
        Upstream::new(Box::new(move |after: Option<nt::InboxVersion>| {
            let (clients, session) = (clients.clone(), session.clone());
            Box::pin(async move {
                let stream = clients.watch_inbox(&session.speaks, after).await?;
                Ok(stream.boxed())
            })
        }))
    }
}
