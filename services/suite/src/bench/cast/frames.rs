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
use crate::bench::load;

impl Cast {
    /// From each change's own time, taken before its commit, to the frame that shows it.
    pub(in crate::bench) async fn frames(
        self: &Arc<Self>,
        per_second: u32,
        time: Duration,
    ) -> Result<Histogram<u64>> {
        let measured = Arc::new(Mutex::new(load::histogram()?));
        let seen: Arc<Mutex<HashMap<String, i64>>> = Arc::default();
        let mut watches = JoinSet::new();
        let opened = try_join_all(self.contacts.iter().map(|contact| async {
            let body = WatchMessengerRequest {
                platform: Platform::Web.into(),
                ..Default::default()
            };
            let mut request = Request::new(body);
            request
                .metadata_mut()
                .insert("authorization", runtime::client::bearer(&contact.token)?);
            anyhow::Ok(
                contact
                    .client
                    .clone()
                    .watch_messenger(request)
                    .await?
                    .into_inner(),
            )
        }))
        .await?;
        for mut frames in opened {
            let (measured, seen) = (measured.clone(), seen.clone());
            // what is there before the changes start is not measured
            note(
                &mut frames.message().await?.and_then(|frame| frame.frame),
                &seen,
                None,
            );
            watches.spawn(async move {
                while let Ok(Some(mut frame)) = frames.message().await {
                    note(&mut frame.frame.take(), &seen, Some(&measured));
                }
            });
        }
        let before = micros_now();
        load::latency(per_second, time, |_| {
            self.clone().change(Followed::Everybody)
        })
        .await?;
        // the last frames are on their way: every ticket that was moved must be seen moved
        let total = (f64::from(per_second) * time.as_secs_f64()) as usize;
        let moved = total.min(self.followed.tickets.len());
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while seen.lock().values().filter(|time| **time >= before).count() < moved {
            ensure!(
                tokio::time::Instant::now() < deadline,
                "a change never reached its watch"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        watches.shutdown().await;
        let histogram = measured.lock().clone();
        ensure!(
            histogram.len() as usize >= total / 2,
            "{} of {total} changes were seen alone",
            histogram.len()
        );
        Ok(histogram)
    }
}

fn note(
    frame: &mut Option<Frame>,
    seen: &Mutex<HashMap<String, i64>>,
    measured: Option<&Mutex<Histogram<u64>>>,
) {
    let now = micros_now();
    let Some(Frame::Home(home)) = frame else {
        return;
    };
    for ticket in home.recent_tickets.iter().flat_map(|card| &card.tickets) {
        let Some(time) = ticket.update_time else {
            continue;
        };
        let time = time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000;
        let newer = seen
            .lock()
            .insert(ticket.ticket_id.clone(), time)
            .is_none_or(|before| before < time);
        if let Some(measured) = measured.filter(|_| newer) {
            measured
                .lock()
                .saturating_record((now - time).max(1) as u64);
        }
    }
}

fn micros_now() -> i64 {
    types::micros(SystemClock.now())
}
