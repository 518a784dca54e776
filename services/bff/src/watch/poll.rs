//! A watch of one answer, for clients whose network holds streams back.

use std::{sync::Arc, time::Duration};

use proto::bff::v1::{
    self as pb, GoAwayReason, poll_messenger_response::Outcome, watch_messenger_response::Frame,
};
use rand::Rng;
use tokio::time::{Instant, timeout_at};

use super::{
    Watches,
    frames::{Watch, farewell},
};
use crate::{error::Error, sessions::Session, spaces::Platform, view};

/// Polls of this process that wait at once: a quarter of the unary calls that it takes, which they are.
pub(super) const WAITING: usize = 512;
/// Who found no place to wait asks again after this long, or twice as long.
const AGAIN: Duration = Duration::from_secs(12);
/// An answer is on its way this long before the call's deadline.
const MARGIN: Duration = Duration::from_secs(1);

impl Watches {
    /// What a watch from `resume` would tell first, within `wait` or what the call's deadline leaves of it. It takes a
    /// place of the contact's watches.
    ///
    /// # Errors
    /// As [`Watches::open`].
    pub(crate) async fn poll(
        &self,
        session: Arc<Session>,
        platform: Platform,
        resume: Option<pb::HomeToken>,
        wait: Duration,
    ) -> Result<pb::PollMessengerResponse, Error> {
        let left = runtime::edge::time_left().unwrap_or(wait);
        let (mut watch, _held) = self.enter(session, platform, resume).await?;
        let waiting = self.waiting.clone().try_acquire_owned();
        let (wait, after) = match &waiting {
            Ok(_) => (wait.min(left.saturating_sub(MARGIN)), Duration::ZERO),
            Err(_) => (
                Duration::ZERO,
                rand::thread_rng().gen_range(AGAIN..=2 * AGAIN),
            ),
        };
        Ok(pb::PollMessengerResponse {
            outcome: Some(watch.news(wait).await),
            poll_after_ms: after.as_millis() as u32,
        })
    }
}

impl Watch {
    /// Home once it is newer than where the client stands; after `wait` what else is to be said. The first frame is
    /// waited for in any case: it is there within half a second.
    pub(super) async fn news(&mut self, wait: Duration) -> Outcome {
        let until = Instant::now() + wait;
        let resume = self.resume;
        let mut frame = self.next().await;
        let mut known = None;
        loop {
            match frame.and_then(|frame| frame.frame) {
                Some(Frame::GoAway(go_away)) => return Outcome::GoAway(go_away),
                Some(Frame::Bookmark(token)) => known = Some(Outcome::Bookmark(token)),
                Some(Frame::Home(home)) => {
                    let token = home.token.unwrap_or_default();
                    if resume.is_none_or(|held| view::follows(&token, &held)) {
                        return Outcome::Home(home);
                    }
                    // poorer than what the client holds, while Notifications is away or behind; told at once, it
                    // would be asked for again at once
                    known = Some(Outcome::Home(home));
                }
                None => break,
            }
            // an answer that is cut short here leaves `known` as it was: the client asks from there
            match timeout_at(until, self.next()).await {
                Ok(next) => frame = next,
                Err(_) => break,
            }
        }
        match known {
            // nobody knows whether nothing changed
            Some(Outcome::Bookmark(_))
                if self.inbox.is_some() && self.upstream.away_since().is_some() =>
            {
                Outcome::GoAway(farewell(GoAwayReason::Unavailable))
            }
            Some(outcome) => outcome,
            None => Outcome::GoAway(farewell(GoAwayReason::Unavailable)),
        }
    }
}
