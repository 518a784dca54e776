//! Following a feed.

use std::{convert::Infallible, time::Duration};

use futures::StreamExt;
use proto::events::v1::{Cursor, Envelope};
use rand::Rng;
use sea_orm::DbErr;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Consumer,
    pending::{Misfit, Pending, Verdict},
    signs::Signs,
};
use crate::{
    BATCH_EVENTS, PARTITIONS,
    log::Heads,
    source::{Delivery, SourceError},
};

/// A feed says something every 2 s; three missed and the connection is taken for dead.
pub(super) const WATCHDOG: Duration = Duration::from_secs(6);
/// First wait after a failure.
const BACKOFF: Duration = Duration::from_millis(50);
/// Longest wait after repeated failures.
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// Deliveries taken at once, if so many have arrived: a live feed sends one for each event.
const DELIVERIES: usize = BATCH_EVENTS;
/// A wait this long is no neighbour's restart any more: somebody should know.
const WORTH_TELLING: Duration = Duration::from_millis(1_600);

pub(super) enum Stop {
    Retry(String),
    /// Somebody else moved a cursor: read it again, at once.
    Lost,
    Rebuild(SourceError),
}

impl From<DbErr> for Stop {
    fn from(error: DbErr) -> Self {
        Self::Retry(error.to_string())
    }
}

impl Consumer {
    /// Runs until told to stop. Failures are logged and tried again.
    pub async fn run(self, stop: CancellationToken) {
        let both = futures::future::join(self.run_for_ever(), self.repair_for_ever());
        stop.run_until_cancelled(both).await;
    }

    async fn run_for_ever(&self) -> Infallible {
        let mut backoff = BACKOFF;
        loop {
            let wait = match self.follow(&mut backoff).await {
                Stop::Lost => Duration::ZERO,
                Stop::Retry(why) => {
                    let (source, projection) = (self.source_name, self.projection.name());
                    if backoff < WORTH_TELLING {
                        tracing::debug!(source, projection, why, "feed interrupted");
                    } else {
                        tracing::warn!(source, projection, why, "feed interrupted");
                    }
                    backoff
                }
                Stop::Rebuild(why) => {
                    tracing::error!(source = self.source_name, projection = self.projection.name(), %why, "rebuilding from a snapshot");
                    match self.rebuild().await {
                        Ok(true) => self.count("feed_rebuilds_total", 1),
                        Ok(false) => {}
                        Err(error) => {
                            tracing::error!(source = self.source_name, %error, "the rebuild failed");
                        }
                    }
                    // even after a good one: a source that forks again and again is not read whole in a loop
                    backoff
                }
            };
            if !wait.is_zero() {
                // a source that comes back is not asked by everybody at once
                let wait = rand::thread_rng().gen_range(wait / 2..=wait);
                tokio::time::sleep(wait).await;
                backoff = (backoff * 2).min(MAX_BACKOFF);
            }
        }
    }

    /// Follows the feed until something stops it.
    async fn follow(&self, backoff: &mut Duration) -> Stop {
        match self.try_follow(backoff).await {
            Ok(never) => match never {},
            Err(stop) => stop,
        }
    }

    async fn try_follow(&self, backoff: &mut Duration) -> Result<Infallible, Stop> {
        let cursors = self.load_cursors().await?;
        if self.progress.is_ahead_of(&cursors) {
            let mut work = self.log.begin().await?;
            self.projection.went_back(&mut work).await?;
            work.commit().await?;
        }
        if self.progress.differs(&cursors) {
            self.projection.moved().await;
        }
        self.progress.publish(&cursors);
        let mut place = Place::at(cursors);
        let feed = match timeout(WATCHDOG, self.source.subscribe(place.cursors.clone())).await {
            Ok(feed) => feed.map_err(stop)?,
            Err(_) => return Err(Stop::Retry("no answer to the subscription".into())),
        };
        // what arrived while the last transaction ran shares the next one: the commit is what costs
        let mut feed = feed.ready_chunks(DELIVERIES);
        let mut signs = Signs::of(&place.cursors);
        loop {
            let deliveries = match timeout(WATCHDOG, feed.next()).await {
                Ok(Some(deliveries)) => deliveries,
                Ok(None) => return Err(Stop::Retry("the feed ended".into())),
                Err(_) => return Err(Stop::Retry("the feed went silent".into())),
            };
            let next = Instant::now() + self.spacing;
            let mut events = Vec::new();
            let mut beat = None;
            let mut broken = None;
            for delivery in deliveries {
                match delivery {
                    Ok(Delivery::Batch(more)) => events.extend(more),
                    Ok(Delivery::Heartbeat(heads)) => beat = Some(heads),
                    Err(error) => broken = Some(stop(error)),
                }
            }
            // a backlog is worked off without a pause
            let crowded = events.len() >= BATCH_EVENTS;
            self.accept(&mut place, events).await?;
            if let Some(heads) = beat {
                self.look_around(&mut place, &signs, &heads).await?;
                self.tell_lag(&place.cursors, &heads);
                signs.came(heads, &place.cursors, self.log.clock().now().as_second());
            }
            if let Some(broken) = broken {
                return Err(broken);
            }
            *backoff = BACKOFF;
            self.tell_where(&mut signs, &place.cursors);
            if !crowded {
                sleep_until(next).await;
            }
        }
    }

    /// Takes over where the cursors are stored now: another replica may have applied events first. What it
    /// applied is delivered here too, and told the projection then.
    ///
    /// # Errors
    /// [`Stop::Lost`] when they went back, or elsewhere: somebody started over.
    pub(super) async fn go_on_from_the_winner(&self, place: &mut Place) -> Result<(), Stop> {
        let stored = self.read_cursors(self.log.database().read()).await?;
        if !continues(&place.cursors, &stored) {
            return Err(Stop::Lost);
        }
        place.cursors = stored;
        Ok(())
    }

    /// Drops what was applied, fills gaps, and applies the rest.
    async fn accept(&self, place: &mut Place, events: Vec<Envelope>) -> Result<(), Stop> {
        let mut pending = Pending::after(&place.cursors);
        let mut elsewhere = Vec::new();
        for event in events {
            if place.applied_elsewhere(&event) {
                elsewhere.push(event);
                continue;
            }
            self.tell(place, &std::mem::take(&mut elsewhere)).await;
            while pending.verdict(&event)? == Verdict::Gap {
                self.fill(&mut pending, event.partition as usize).await?;
                // a long gap is applied in steps
                if pending.len() >= BATCH_EVENTS {
                    self.flush(place, &mut pending).await?;
                }
            }
            pending.take(event)?;
            if pending.len() >= BATCH_EVENTS {
                self.flush(place, &mut pending).await?;
            }
        }
        self.tell(place, &elsewhere).await;
        self.flush(place, &mut pending).await
    }

    /// Reads what follows the last event taken of a partition.
    pub(super) async fn fill(&self, pending: &mut Pending, partition: usize) -> Result<(), Stop> {
        let before = pending.position(partition);
        self.count("feed_filled_gaps_total", 1);
        let missing = timeout(WATCHDOG, self.source.read(partition, before))
            .await
            .map_err(|_| Stop::Retry("no answer to a read".into()))?
            .map_err(stop)?;
        for event in missing {
            pending.take(event)?;
        }
        if pending.position(partition) == before {
            return Err(Misfit::Hole { partition }.into());
        }
        Ok(())
    }

    /// Applies what is pending. Whoever comes second goes on behind the first, with the same stream.
    pub(super) async fn flush(&self, place: &mut Place, pending: &mut Pending) -> Result<(), Stop> {
        loop {
            let (events, next) = pending.flush();
            if events.is_empty() {
                return Ok(());
            }
            match self.apply_or_park(place, next, &events).await {
                Err(Stop::Lost) => self.count("feed_lost_batches_total", 1),
                done => return done,
            }
            let before = place.cursors.clone();
            self.go_on_from_the_winner(place).await?;
            if place.cursors == before {
                return Err(Stop::Lost);
            }
            *pending = Pending::after(&place.cursors);
            let (elsewhere, rest): (Vec<_>, Vec<_>) = events
                .into_iter()
                .partition(|event| place.applied_elsewhere(event));
            self.tell(place, &elsewhere).await;
            for event in rest {
                pending.take(event)?;
            }
        }
    }

    /// Tells the projection what was applied, here or by another replica.
    pub(super) async fn tell(&self, place: &mut Place, events: &[Envelope]) {
        if !events.is_empty() {
            self.projection.committed(events).await;
            self.heard(place, events).await;
        }
    }

    /// Then whoever waits for positions.
    pub(super) async fn heard(&self, place: &mut Place, events: &[Envelope]) {
        if place.heard(events) {
            self.projection.moved().await;
        }
        self.progress.publish_heads(&place.told);
    }
}

/// Where a consumer is.
pub(super) struct Place {
    /// As they are stored, by whomever: the next transaction starts there.
    pub cursors: Vec<Cursor>,
    /// What the projection was told of; behind the cursors when another replica was first.
    pub told: Heads,
}

impl Place {
    fn at(cursors: Vec<Cursor>) -> Self {
        let mut told = [0; PARTITIONS];
        for (told, cursor) in told.iter_mut().zip(&cursors) {
            *told = cursor.position;
        }
        Self { cursors, told }
    }

    /// Another replica applied it, and nobody was told here.
    fn applied_elsewhere(&self, event: &Envelope) -> bool {
        let partition = event.partition as usize;
        let cursor = self.cursors.get(partition);
        let told = self.told.get(partition);
        cursor.is_some_and(|cursor| event.position <= cursor.position)
            && told.is_some_and(|told| event.position > *told)
    }

    /// Says whether others in between were not told.
    fn heard(&mut self, events: &[Envelope]) -> bool {
        let mut unheard = false;
        for event in events {
            if let Some(told) = self.told.get_mut(event.partition as usize) {
                unheard |= event.position > *told + 1;
                *told = event.position.max(*told);
            }
        }
        unheard
    }
}

/// Whether cursors went on from others: none went back, and none where it was became another.
fn continues(before: &[Cursor], after: &[Cursor]) -> bool {
    before.len() == after.len()
        && before.iter().zip(after).all(|(before, after)| {
            let same_log = before.position == 0 || before.log_epoch == after.log_epoch;
            before == after || same_log && after.position > before.position
        })
}

impl From<Misfit> for Stop {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Fork { partition } => Self::Rebuild(SourceError::Diverged { partition }),
            misfit => Self::Retry(misfit.to_string()),
        }
    }
}

pub(super) fn stop(error: SourceError) -> Stop {
    match error {
        SourceError::Unavailable(why) => Stop::Retry(why),
        SourceError::OutOfRange { .. } | SourceError::Diverged { .. } => Stop::Rebuild(error),
    }
}
