use std::{pin::Pin, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{BoxStream, Fuse},
};
use proto::notifications::v1::{
    Inbox, InboxVersion, WatchInboxResponse, watch_inbox_response::Frame,
};
use rand::Rng;
use tokio::time::{Instant, Sleep, sleep, timeout_at};
use tonic::Status;

use crate::{clients::whole, error::Error};

/// Notifications says something every 20 s; two missed and the stream is taken for dead.
const SILENCE: Duration = Duration::from_secs(50);
/// First wait before opening anew.
const BACKOFF: Duration = Duration::from_millis(100);
/// Longest wait before opening anew.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// A stream of inboxes, as Notifications sends it.
pub(super) type Inboxes = BoxStream<'static, Result<WatchInboxResponse, Status>>;
/// Opens such a stream after an inbox that is held.
pub(super) type Open =
    Box<dyn Fn(Option<InboxVersion>) -> BoxFuture<'static, Result<Inboxes, Error>> + Send + Sync>;

/// A contact's inbox, for as long as somebody asks for the next one: a stream that breaks is opened anew.
pub(super) struct Upstream {
    open: Open,
    state: State,
    backoff: Duration,
    held: Option<InboxVersion>,
    cause: String,
    away_since: Option<Instant>,
}

enum State {
    Closed,
    Opening(BoxFuture<'static, Result<Inboxes, Error>>),
    Open {
        inboxes: Fuse<Inboxes>,
        silent_at: Instant,
    },
    Waiting(Pin<Box<Sleep>>),
}

impl Upstream {
    pub(super) fn new(open: Open) -> Self {
        Self {
            open,
            state: State::Closed,
            backoff: BACKOFF,
            held: None,
            cause: String::new(),
            away_since: Some(Instant::now()),
        }
    }

    /// Since when nothing was heard of Notifications; `None` while it answers.
    pub(super) fn away_since(&self) -> Option<Instant> {
        self.away_since
    }

    /// The traceparent of what changed the inbox told last; empty when it is not known.
    pub(super) fn cause(&self) -> &str {
        &self.cause
    }

    /// The next inbox that is newer than the one before, or `None` when Notifications went away, or
    /// answers again without one. May be dropped and called again: nothing is lost.
    pub(super) async fn next(&mut self) -> Option<Inbox> {
        loop {
            match &mut self.state {
                State::Closed => self.state = State::Opening((self.open)(self.held)),
                State::Opening(opening) => match opening.await {
                    Ok(inboxes) => {
                        self.state = State::Open {
                            inboxes: inboxes.fuse(),
                            silent_at: Instant::now() + SILENCE,
                        };
                    }
                    Err(_) if self.wait() => return None,
                    Err(_) => {}
                },
                State::Open { inboxes, silent_at } => {
                    let Ok(Some(Ok(frame))) = timeout_at(*silent_at, inboxes.next()).await else {
                        if self.wait() {
                            return None;
                        }
                        continue;
                    };
                    let mut newest = frame;
                    // what came meanwhile replaces it: only the newest state matters
                    while let Some(Some(Ok(frame))) = inboxes.next().now_or_never() {
                        if matches!(frame.frame, Some(Frame::Inbox(_))) {
                            newest = frame;
                        }
                    }
                    *silent_at = Instant::now() + SILENCE;
                    let was_away = self.heard();
                    let newer = match newest.frame {
                        Some(Frame::Inbox(inbox)) => {
                            self.cause = newest.traceparent;
                            self.newer(inbox)
                        }
                        Some(Frame::Bookmark(_)) | None => None,
                    };
                    if newer.is_some() || was_away {
                        return newer;
                    }
                }
                State::Waiting(sleep) => {
                    sleep.await;
                    self.state = State::Closed;
                }
            }
        }
    }

    /// Says whether it was away.
    fn heard(&mut self) -> bool {
        self.backoff = BACKOFF;
        self.away_since.take().is_some()
    }

    /// Says whether it was there until now.
    fn wait(&mut self) -> bool {
        let news = self.away_since.is_none();
        self.away_since.get_or_insert_with(Instant::now);
        let wait = rand::thread_rng().gen_range(self.backoff / 2..=self.backoff);
        self.state = State::Waiting(Box::pin(sleep(wait)));
        self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
        news
    }

    /// Another replica may lag behind the one before: what is older than what is held is passed over.
    fn newer(&mut self, inbox: Inbox) -> Option<Inbox> {
        let inbox = whole(Some(inbox)).ok()?;
        let place = |version: &InboxVersion| (version.epoch, version.version);
        if inbox.version.as_ref().map(place) <= self.held.as_ref().map(place) {
            return None;
        }
        self.held = inbox.version;
        Some(inbox)
    }
}
