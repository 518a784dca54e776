//! Open watches, as apps keep them: reconnecting for ever, and never going back behind what they show.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use proto::bff::v1::{Home, HomeToken, WatchMessengerRequest, watch_messenger_response::Frame};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use super::{
    calls::Phone,
    contacts::note_home,
    ledger::{Badges, Ledger},
};
use crate::client::broken;

/// A stream says something at least this often, or it is given up: bookmarks come every 30 s.
const QUIET: Duration = Duration::from_secs(40);
/// Wait before another stream.
const PAUSE: Duration = Duration::from_millis(200);

/// One watch of a contact, at one replica of the BFF.
pub(super) struct Watcher {
    pub phone: Arc<Phone>,
    pub replica: usize,
    pub ledger: Arc<Ledger>,
    pub shown: Mutex<Option<Home>>,
}

impl Watcher {
    /// Watches until told to stop.
    pub(super) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                ended = self.stream() => {
                    if let Err(status) = ended {
                        tracing::debug!(?status, "a watch ended");
                    }
                }
            }
            sleep(PAUSE).await;
        }
    }

    async fn stream(&self) -> Result<(), Status> {
        let (mut client, token) = self.phone.stream(self.replica).await?;
        let resume_token = self.shown.lock().as_ref().and_then(|home| home.token);
        let mut request = Request::new(WatchMessengerRequest {
            platform: self.phone.platform(self.replica).into(),
            resume_token,
        });
        let bearer = runtime::client::bearer(&token).map_err(broken)?;
        request.metadata_mut().insert("authorization", bearer);
        let opened = timeout(QUIET, client.watch_messenger(request)).await;
        let mut frames = match opened {
            Ok(opened) => opened?.into_inner(),
            Err(_) => return Ok(()),
        };
        while let Ok(frame) = timeout(QUIET, frames.message()).await {
            match frame?.and_then(|frame| frame.frame) {
                Some(Frame::Home(home)) => self.show(home),
                Some(Frame::Bookmark(_)) => {}
                Some(Frame::GoAway(end)) => {
                    sleep(Duration::from_millis(end.retry_after_ms.into())).await;
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// The rule for clients: nothing older, in any part, replaces what is shown.
    fn show(&self, home: Home) {
        let mut shown = self.shown.lock();
        let before = shown.as_ref().and_then(|home| home.token);
        let follows = before.is_none_or(|before| {
            home.token
                .is_some_and(|token| is_not_older(&token, &before))
        });
        {
            let mut book = self.ledger.book();
            book.frames += 1;
            book.stale_frames += u64::from(!follows);
        }
        if !follows {
            return;
        }
        note_home(&self.ledger, self.phone.contact, &home);
        let badges = home.badges.unwrap_or_default();
        let noted = Badges {
            contact: self.phone.contact,
            watcher: self.replica,
            at: self.ledger.now(),
            tickets: badges.tickets,
            messages: badges.messages,
        };
        self.ledger.book().badges.push(noted);
        *shown = Some(home);
    }
}

fn is_not_older(token: &HomeToken, before: &HomeToken) -> bool {
    let contact = token.epoch > before.epoch
        || (token.epoch == before.epoch && token.contact_version >= before.contact_version);
    contact && token.settings_version >= before.settings_version
}
