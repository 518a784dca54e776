//! From a change to the frame that shows it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use proto::{
    bff::v1::{WatchMessengerRequest, watch_messenger_response::Frame},
    settings::v1::Platform,
};
use tokio::task::JoinSet;
use tonic::Request;
use types::{Clock, SystemClock};

use super::{Cast, Followed};
use crate::{bench::load, client::micros};

/// What somebody was shown of a ticket: the time of its newest update, and when that came, both in microseconds
/// since 1970.
type Shown = HashMap<String, Vec<(i64, i64)>>;

impl Cast {
    /// From each change's own time, taken before its commit, to the first frame that shows it; or one that
    /// overtook it, for a frame shows only the newest.
    pub(in crate::bench) async fn frames(
        self: &Arc<Self>,
        per_second: u32,
        time: Duration,
    ) -> Result<Histogram<u64>> {
        let shown: Arc<Mutex<Shown>> = Arc::default();
        let mut watches = JoinSet::new();
        let opened = try_join_all(self.contacts.iter().map(|contact| async {
            let body = WatchMessengerRequest {
                platform: Platform::Web.into(),
                ..Default::default()
            };
            let mut request = Request::new(body);
            request.metadata_mut().insert(
                "authorization",
                runtime::client::bearer(&contact.token().await?)?,
            );
            let opened = contact.client.clone().watch_messenger(request).await?;
            anyhow::Ok(opened.into_inner())
        }))
        .await?;
        for mut frames in opened {
            let shown = shown.clone();
            // who watches is there before the changes start
            let first = frames.message().await?;
            note(first.and_then(|frame| frame.frame), &shown);
            watches.spawn(async move {
                while let Ok(Some(frame)) = frames.message().await {
                    note(frame.frame, &shown);
                }
            });
        }
        let made: Mutex<Vec<(String, i64)>> = Mutex::default();
        load::latency(per_second, time, |_| async {
            let change = self.clone().changed(Followed::Everybody).await?;
            made.lock().push(change);
            Ok(())
        })
        .await?;
        // the last frames are on their way
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        let latencies = loop {
            if let Some(latencies) = latencies(&made.lock(), &shown.lock()) {
                break latencies;
            }
            ensure!(
                tokio::time::Instant::now() < deadline,
                "a change never reached its watch"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        watches.shutdown().await;
        let mut histogram = load::histogram()?;
        for micros in latencies {
            histogram.saturating_record(micros);
        }
        Ok(histogram)
    }
}

/// Of each change, in microseconds; `None` while one was not shown yet.
fn latencies(made: &[(String, i64)], shown: &Shown) -> Option<Vec<u64>> {
    let latency = |(ticket, time): &(String, i64)| {
        let mut frames = shown.get(ticket)?.iter();
        let (_, came) = frames.find(|(shown, _)| shown >= time)?;
        Some((came - time).max(1) as u64)
    };
    made.iter().map(latency).collect()
}

fn note(frame: Option<Frame>, shown: &Mutex<Shown>) {
    let now = micros_now();
    let Some(Frame::Home(home)) = frame else {
        return;
    };
    let card = home.recent_tickets.into_iter();
    for ticket in card.flat_map(|card| card.tickets) {
        let time = micros(ticket.update_time);
        let mut shown = shown.lock();
        shown.entry(ticket.ticket_id).or_default().push((time, now));
    }
}

fn micros_now() -> i64 {
    types::micros(SystemClock.now())
}
