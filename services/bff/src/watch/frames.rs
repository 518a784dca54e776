use std::{sync::Arc, time::Duration};

use proto::{
    bff::v1::{self as pb, GoAwayReason, WatchMessengerResponse, watch_messenger_response::Frame},
    notifications::v1::Inbox,
};
use rand::Rng;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::upstream::Upstream;
use crate::{
    clients::Clients,
    home,
    sessions::{End, Session},
    spaces::Platform,
    view,
    workspace::Changes,
};

/// A sign of life after this long without another frame, give or take a fifth.
const BOOKMARK: Duration = Duration::from_secs(25);
/// With Notifications away for this long the stream ends: less than a bookmark's time, so that none
/// says that nothing changed when nobody knows.
const AWAY: Duration = Duration::from_secs(18);
/// Clients that are sent away together come back spread over this long.
const SPREAD: Duration = Duration::from_secs(2);
/// The same when a part of the product is away: it is not helped by a crowd.
const SPREAD_AWAY: Duration = Duration::from_secs(8);

/// Who was displaced by newer streams comes back after this long, or twice as long.
const DISPLACED: Duration = Duration::from_secs(30);

/// One client's stream.
pub(super) struct Watch {
    pub(super) upstream: Upstream,
    pub(super) ending: watch::Receiver<Option<End>>,
    /// Newer streams of the contact have taken this one's place.
    pub(super) displaced: CancellationToken,
    pub(super) changes: Changes,
    pub(super) generations: watch::Receiver<u64>,
    pub(super) stopping: CancellationToken,
    pub(super) clients: Arc<Clients>,
    pub(super) session: Arc<Session>,
    pub(super) platform: Platform,
    /// Where the client stands before the first frame.
    pub(super) resume: Option<pb::HomeToken>,
    /// The newest inbox.
    pub(super) inbox: Option<Inbox>,
    /// Token of the last frame: none that is older in any component is ever sent after it.
    pub(super) sent: Option<pb::HomeToken>,
    /// When the first frame is due, whatever is known by then.
    pub(super) first_by: Instant,
    /// When a bookmark is due.
    pub(super) quiet_until: Instant,
    pub(super) grows_old: Instant,
    pub(super) session_ends: Instant,
    pub(super) ended: bool,
}

/// What a watch wakes up for.
enum Wake {
    End(GoAwayReason),
    /// The settings or the inbox are others.
    Changed,
    /// Notifications went away or came back: another alarm counts.
    Presence,
    Time,
}

impl Watch {
    /// The next frame; `None` after a GoAway.
    pub(super) async fn next(&mut self) -> Option<WatchMessengerResponse> {
        if self.ended {
            return None;
        }
        loop {
            let frame = match self.wake().await {
                Wake::End(reason) => Some(self.go_away(reason)),
                Wake::Changed => {
                    let span = self.span();
                    self.home().instrument(span).await
                }
                Wake::Presence => None,
                Wake::Time => self.due().await,
            };
            if let Some(frame) = frame {
                return Some(WatchMessengerResponse { frame: Some(frame) });
            }
        }
    }

    /// The last step of the way from a change to who watches, in the trace of what caused it.
    fn span(&self) -> Span {
        match self.upstream.cause() {
            "" => Span::none(),
            cause => {
                let span = trace::span("producer", "frame of Home");
                trace::follow(&span, Some(cause));
                span
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let alarm = self.alarm();
        tokio::select! {
            // the end of a stream comes before what it could still say
            biased;
            () = self.stopping.cancelled() => Wake::End(GoAwayReason::Draining),
            ended = self.ending.wait_for(Option::is_some) => Wake::End(match ended.as_deref() {
                Ok(Some(End::Merged)) => GoAwayReason::SessionChanged,
                _ => GoAwayReason::SessionEnded,
            }),
            () = self.displaced.cancelled() => Wake::End(GoAwayReason::TooMany),
            // something was missed about the session or the settings: the client starts anew
            _ = self.generations.changed() => Wake::End(GoAwayReason::Rebalance),
            () = self.changes.next() => Wake::Changed,
            inbox = self.upstream.next() => match inbox {
                Some(inbox) => {
                    self.inbox = Some(inbox);
                    Wake::Changed
                }
                None => Wake::Presence,
            },
            () = sleep_until(alarm) => Wake::Time,
        }
    }

    /// The next moment at which something is due without anybody saying so.
    fn alarm(&self) -> Instant {
        let next = match (self.sent, self.upstream.away_since()) {
            (None, _) => self.first_by,
            (Some(_), Some(since)) => since + AWAY,
            (Some(_), None) => self.quiet_until,
        };
        next.min(self.grows_old).min(self.session_ends)
    }

    async fn due(&mut self) -> Option<Frame> {
        let now = Instant::now();
        if now >= self.session_ends {
            return Some(self.go_away(GoAwayReason::SessionEnded));
        }
        if now >= self.grows_old {
            return Some(self.go_away(GoAwayReason::Rebalance));
        }
        let Some(sent) = self.sent else {
            return self.home().await;
        };
        match self.upstream.away_since() {
            Some(since) if now >= since + AWAY => Some(self.go_away(GoAwayReason::Unavailable)),
            Some(_) => None,
            None if now >= self.quiet_until => self.bookmark(sent).await,
            None => None,
        }
    }

    /// Home as it is now, if it is newer than what was sent.
    async fn home(&mut self) -> Option<Frame> {
        let Ok(switches) = self.session.workspace.switches(&self.clients).await else {
            return Some(self.go_away(GoAwayReason::Unavailable));
        };
        let version = self.inbox.as_ref().and_then(|inbox| inbox.version);
        let token = view::token(version.as_ref(), switches.version);
        if self.sent.is_none() && self.inbox.is_none() && Instant::now() < self.first_by {
            // an inbox may still come in time
            return None;
        }
        if self.sent.is_some_and(|sent| !view::follows(&token, &sent)) {
            return None;
        }
        let current = self.sent.is_none() && self.resume == Some(token);
        self.saying(token);
        if current {
            return Some(Frame::Bookmark(token));
        }
        let home = home::compose(
            &self.clients,
            &self.session,
            self.platform,
            switches,
            self.inbox.clone(),
        );
        Some(Frame::Home(home.await))
    }

    /// Nothing changed; which can only be said while the settings are known.
    async fn bookmark(&mut self, sent: pb::HomeToken) -> Option<Frame> {
        if self
            .session
            .workspace
            .switches(&self.clients)
            .await
            .is_err()
        {
            return Some(self.go_away(GoAwayReason::Unavailable));
        }
        self.saying(sent);
        Some(Frame::Bookmark(sent))
    }

    fn saying(&mut self, token: pb::HomeToken) {
        let fifth = BOOKMARK / 5;
        let pause = rand::thread_rng().gen_range(BOOKMARK - fifth..=BOOKMARK + fifth);
        self.quiet_until = Instant::now() + pause;
        self.sent = Some(token);
    }

    fn go_away(&mut self, reason: GoAwayReason) -> Frame {
        self.ended = true;
        Frame::GoAway(farewell(reason))
    }
}

/// Tells a client to come back, and when.
pub(super) fn farewell(reason: GoAwayReason) -> pb::GoAway {
    let wait = match reason {
        GoAwayReason::SessionEnded | GoAwayReason::SessionChanged | GoAwayReason::Unspecified => {
            Duration::ZERO..=Duration::ZERO
        }
        GoAwayReason::Draining | GoAwayReason::Rebalance => Duration::ZERO..=SPREAD,
        GoAwayReason::Unavailable => Duration::ZERO..=SPREAD_AWAY,
        // else streams of one contact would chase each other
        GoAwayReason::TooMany => DISPLACED..=2 * DISPLACED,
    };
    let wait = rand::thread_rng().gen_range(wait);
    pb::GoAway {
        reason: reason.into(),
        retry_after_ms: wait.as_millis() as u32,
    }
}
