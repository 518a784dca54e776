//! A reader's source: the streams where they prove themselves, the owner's feed for everything else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use events::{
    ContactRef, Delivery, EventSource, PARTITIONS, SourceError,
    source::{Deliveries, Snapshot},
};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use proto::events::v1::{Cursor, Envelope};
use rand::Rng;
use tokio::time::{Instant, sleep_until, timeout};

use crate::{
    Error, Streams,
    attach::Attach,
    session::{Fall, Session},
};

/// A sign of life at least this often.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Longest wait for the owner to say where its log stands, so that a sign of life is not late.
const HEADS: Duration = Duration::from_secs(1);
/// Longest wait for NATS before the feed is asked.
const FIRST_TRY: Duration = Duration::from_secs(1);
/// Longest wait for NATS while the feed is read.
const LATER_TRY: Duration = Duration::from_secs(5);
/// How often NATS is tried while the feed is read; half of it at least.
const RETRY: Duration = Duration::from_secs(3);
/// When NATS breaks it breaks for everybody: who read from it goes to the owner's feed within this time, not
/// all at once.
const SPREAD: Duration = Duration::from_millis(500);
/// What the owner has and NATS does not bring within this time is read from the owner.
const LAG: Duration = Duration::from_secs(3);
/// The feed says something every 2 s; three missed and it is taken for dead.
const SILENCE: Duration = Duration::from_secs(6);

/// Reads another service's log from its streams. Heads, gaps and snapshots are the owner's to tell, and so
/// is everything while NATS is away, silent, behind, or cannot prove that it continues a cursor.
pub struct JetStreamSource {
    attach: Attach,
    told: Arc<AtomicU8>,
}

impl JetStreamSource {
    /// From these streams, with the owner's own feed behind them.
    pub fn new(streams: Streams, feed: Arc<dyn EventSource>) -> Self {
        Self {
            attach: Attach { streams, feed },
            told: Arc::default(),
        }
    }
}

impl EventSource for JetStreamSource {
    fn subscribe(&self, cursors: Vec<Cursor>) -> BoxFuture<'_, Result<Deliveries, SourceError>> {
        let subscription = Subscription::new(self.attach.clone(), self.told.clone(), cursors);
        async move { Ok(subscription?.deliveries()) }.boxed()
    }

    fn read(
        &self,
        partition: usize,
        after: u64,
    ) -> BoxFuture<'_, Result<Vec<Envelope>, SourceError>> {
        self.attach.feed.read(partition, after)
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Cursor>, SourceError>> {
        self.attach.feed.heads()
    }

    fn snapshot(
        &self,
        of: Option<Vec<ContactRef>>,
    ) -> BoxFuture<'_, Result<Snapshot, SourceError>> {
        self.attach.feed.snapshot(of)
    }
}

type Attaching = BoxFuture<'static, Result<Session, Error>>;
type Asking = BoxFuture<'static, Option<Vec<Cursor>>>;

enum Way {
    /// NATS first, if it is there.
    Undecided,
    Nats(Box<Nats>),
    Feed(Feed),
}

struct Nats {
    session: Session,
    /// Something came of it.
    useful: bool,
    /// The owner is being asked where its log stands; and where the reader was then.
    asking: Option<(Asking, Vec<Cursor>)>,
    /// Where a partition stood when it was first seen behind the owner.
    behind: [Option<(u64, Instant)>; PARTITIONS],
}

struct Feed {
    deliveries: Deliveries,
    next_try: Instant,
    attaching: Option<Attaching>,
}

/// One reader's way: its cursors move with what it is given, so that either way can go on from the other.
struct Subscription {
    attach: Attach,
    cursors: Vec<Cursor>,
    /// Below these positions the streams failed: not used again before the cursor has passed them.
    distrust: [u64; PARTITIONS],
    way: Way,
    next_heartbeat: Instant,
    /// The way that the log of the process was told of last: it is told when it changes.
    told: Arc<AtomicU8>,
}

const NATS: u8 = 1;
const FEED: u8 = 2;

impl Subscription {
    fn new(attach: Attach, told: Arc<AtomicU8>, cursors: Vec<Cursor>) -> Result<Self, SourceError> {
        let mut seen = [false; PARTITIONS];
        for cursor in &cursors {
            match seen.get_mut(cursor.partition as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => {
                    let why = "a cursor names no partition, or one twice";
                    return Err(SourceError::Unavailable(why.into()));
                }
            }
        }
        Ok(Self {
            attach,
            cursors,
            distrust: [0; PARTITIONS],
            way: Way::Undecided,
            next_heartbeat: Instant::now(),
            told,
        })
    }

    fn deliveries(self) -> Deliveries {
        stream::unfold(Some(self), |subscription| async move {
            let mut subscription = subscription?;
            match subscription.next().await {
                Ok(delivery) => Some((Ok(delivery), Some(subscription))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Delivery, SourceError> {
        loop {
            self.tell();
            match &mut self.way {
                Way::Undecided => self.way = self.decide().await?,
                Way::Nats(_) => match self.nats_says().await {
                    Ok(delivery) => return Ok(delivery),
                    Err(fall) => self.fallen(fall).await?,
                },
                Way::Feed(_) => {
                    if let Some(delivery) = self.feed_says().await? {
                        return Ok(delivery);
                    }
                }
            }
        }
    }

    fn tell(&self) {
        let way = match self.way {
            Way::Undecided => return,
            Way::Nats(_) => NATS,
            Way::Feed(_) => FEED,
        };
        if self.told.swap(way, Ordering::Relaxed) == way {
            return;
        }
        let source = self.attach.streams.source();
        match way {
            NATS => tracing::info!(source, "events come over NATS"),
            _ => tracing::info!(source, "events come from the owner's feed, not over NATS"),
        }
    }

    async fn decide(&mut self) -> Result<Way, SourceError> {
        let attached = self.attach.session(&self.cursors, &self.distrust);
        match timeout(FIRST_TRY, attached).await {
            Ok(Ok(session)) => return Ok(Way::nats(session)),
            Ok(Err(why)) => tracing::debug!(%why, "reading the owner's feed"),
            Err(_) => tracing::debug!("NATS is slow: reading the owner's feed"),
        }
        self.open_feed().await
    }

    async fn open_feed(&mut self) -> Result<Way, SourceError> {
        let feed = self.attach.feed.subscribe(self.cursors.clone());
        let deliveries = timeout(SILENCE, feed).await.map_err(|_| silent())??;
        Ok(Way::Feed(Feed {
            deliveries,
            next_try: next_try(),
            attaching: None,
        }))
    }

    async fn fallen(&mut self, fall: Fall) -> Result<(), SourceError> {
        let useful = matches!(&self.way, Way::Nats(nats) if nats.useful);
        tracing::debug!(why = %fall, useful, "reading from NATS ended");
        // the first poll of a new way may be dropped: this one must not be left behind then
        self.way = Way::Undecided;
        match fall {
            Fall::Broken(_) => {
                let spread = rand::thread_rng().gen_range(Duration::ZERO..=SPREAD);
                sleep_until(Instant::now() + spread).await;
                // perhaps only this connection broke, and NATS is still there
                if useful {
                    return Ok(());
                }
            }
            Fall::Wrong { partition, from } => {
                if let Some(distrust) = self.distrust.get_mut(partition) {
                    *distrust = from;
                }
            }
        }
        self.way = self.open_feed().await?;
        Ok(())
    }

    async fn nats_says(&mut self) -> Result<Delivery, Fall> {
        let Way::Nats(nats) = &mut self.way else {
            return Err(Fall::Broken("not reading from NATS".into()));
        };
        loop {
            // Over a backlog a batch is sign of life enough: heads far ahead would make a reader believe that
            // what it has not got was lost.
            let due = if nats.session.more_is_coming() {
                self.next_heartbeat + HEARTBEAT
            } else {
                self.next_heartbeat
            };
            if nats.asking.is_none() && Instant::now() >= due {
                nats.asking = Some((ask(self.attach.feed.clone()), self.cursors.clone()));
            }
            let asking = async {
                match &mut nats.asking {
                    Some((heads, _)) => Some(heads.await),
                    None => {
                        sleep_until(due).await;
                        None
                    }
                }
            };
            tokio::select! {
                biased;
                heads = asking => {
                    let Some(heads) = heads else { continue };
                    let asked = nats.asking.take().map(|(_, cursors)| cursors).unwrap_or_default();
                    self.next_heartbeat = Instant::now() + HEARTBEAT;
                    // Only the owner can say that nothing is missing. Readers rely on it, so its silence is
                    // passed on.
                    let Some(heads) = heads else { continue };
                    nats.session.drain()?;
                    nats.compare(&heads, &asked)?;
                    nats.session.expect(&heads);
                    return Ok(Delivery::Heartbeat(heads));
                }
                batch = nats.session.batch() => {
                    let batch = batch?;
                    nats.useful = true;
                    advance(&mut self.cursors, &batch);
                    return Ok(Delivery::Batch(batch));
                }
            }
        }
    }

    /// `None` when NATS is the way from here on.
    async fn feed_says(&mut self) -> Result<Option<Delivery>, SourceError> {
        let Way::Feed(feed) = &mut self.way else {
            return Ok(None);
        };
        let silence = Instant::now() + SILENCE;
        loop {
            if feed.attaching.is_none() && Instant::now() >= feed.next_try {
                let (attach, cursors) = (self.attach.clone(), self.cursors.clone());
                let distrust = self.distrust;
                feed.attaching = Some(
                    async move {
                        let attached = attach.session(&cursors, &distrust);
                        let slow = |_| Error::new("NATS", "is slow");
                        timeout(LATER_TRY, attached).await.map_err(slow)?
                    }
                    .boxed(),
                );
            }
            let attached = async {
                match &mut feed.attaching {
                    Some(attaching) => Some(attaching.await),
                    None => {
                        sleep_until(feed.next_try).await;
                        None
                    }
                }
            };
            let delivery = tokio::select! {
                biased;
                attached = attached => {
                    match attached {
                        Some(Ok(mut session)) => {
                            // the feed went on while NATS was asked
                            session.skip_to(&self.cursors);
                            self.way = Way::nats(session);
                            return Ok(None);
                        }
                        Some(Err(why)) => {
                            tracing::debug!(%why, "still reading the owner's feed");
                            feed.attaching = None;
                            feed.next_try = next_try();
                        }
                        None => {}
                    }
                    continue;
                }
                delivery = feed.deliveries.next() => delivery.unwrap_or_else(|| {
                    Err(SourceError::Unavailable("the owner's feed ended".into()))
                })?,
                () = sleep_until(silence) => return Err(silent()),
            };
            match &delivery {
                Delivery::Batch(events) => advance(&mut self.cursors, events),
                Delivery::Heartbeat(_) => self.next_heartbeat = Instant::now() + HEARTBEAT,
            }
            return Ok(Some(delivery));
        }
    }
}

impl Way {
    fn nats(session: Session) -> Self {
        Self::Nats(Box::new(Nats {
            session,
            useful: false,
            asking: None,
            behind: [None; PARTITIONS],
        }))
    }
}

impl Nats {
    /// Lays what the owner says beside what came from NATS. `asked` is where the reader was before the owner
    /// was asked, so that what arrived meanwhile is not mistaken for a difference.
    fn compare(&mut self, heads: &[Cursor], asked: &[Cursor]) -> Result<(), Fall> {
        for asked in asked {
            let partition = asked.partition as usize;
            let Some(head) = heads.iter().find(|head| head.partition == asked.partition) else {
                continue;
            };
            let ahead = head.position < asked.position;
            let other = head.position == asked.position && asked.position > 0 && head != asked;
            if ahead || other {
                let why = "the owner's log does not hold what was read: the owner must judge";
                // not useful: the feed is next, not NATS again
                self.useful = false;
                return Err(Fall::Broken(why.into()));
            }
            let waiting = self.session.waits_at(partition);
            let behind = waiting.filter(|at| *at < head.position);
            let slot = &mut self.behind[partition];
            *slot = match (behind, *slot) {
                (Some(at), Some((was, since))) if at == was => {
                    if since.elapsed() >= LAG {
                        return Err(Fall::Wrong {
                            partition,
                            from: at + 1,
                        });
                    }
                    Some((was, since))
                }
                (Some(at), _) => Some((at, Instant::now())),
                (None, _) => None,
            };
        }
        Ok(())
    }
}

fn next_try() -> Instant {
    Instant::now() + rand::thread_rng().gen_range(RETRY / 2..=RETRY)
}

fn advance(cursors: &mut [Cursor], events: &[Envelope]) {
    for event in events {
        let mut cursors = cursors.iter_mut();
        if let Some(cursor) = cursors.find(|cursor| cursor.partition == event.partition)
            && event.position > cursor.position
        {
            cursor.position = event.position;
            cursor.event_id.clone_from(&event.event_id);
            cursor.log_epoch.clone_from(&event.log_epoch);
        }
    }
}

/// Where the log stands, if the owner says so in time.
fn ask(feed: Arc<dyn EventSource>) -> Asking {
    async move {
        let heads = timeout(HEADS, feed.heads()).await;
        heads.ok()?.ok()
    }
    .boxed()
}

fn silent() -> SourceError {
    SourceError::Unavailable("the owner's feed is silent".into())
}
