//! When all is quiet: whether everybody sees what the owners hold.

use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use super::{
    checks::{self, Verdict},
    oracle::{self, Expected},
    truth::{Inspector, Truth},
    watchers::Watcher,
};

/// Everybody must agree within this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Wait between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// Looks until everybody agrees, or time is up; the last look counts.
///
/// # Errors
/// When the owners' data cannot be had.
pub(super) async fn agreement(
    inspector: &Inspector,
    watchers: &[std::sync::Arc<Watcher>],
    rng: &mut StdRng,
) -> Result<(Truth, Verdict)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let truth = inspector.truth(rng).await?;
        let verdict = look(inspector, watchers, &truth).await;
        if verdict.wrong.is_empty() || Instant::now() >= deadline {
            return Ok((truth, verdict));
        }
        sleep(PAUSE).await;
    }
}

/// Compares every replica and every watcher with the oracle.
async fn look(
    inspector: &Inspector,
    watchers: &[std::sync::Arc<Watcher>],
    truth: &Truth,
) -> Verdict {
    let reads = inspector.ledger.book().reads.clone();
    let mut verdict = checks::histories(truth, &inspector.ledger.book());
    for contact in 0..truth.contacts.len() {
        if inspector.is_leaving(contact) {
            verdict = verdict.and(inspector.forgotten(contact).await);
            continue;
        }
        let must = Expected::of(truth, &reads, contact);
        for replica in 0..inspector.notifications.len() {
            verdict.checked += 4;
            let platform = inspector.phones[contact].platform(replica);
            let view = must.view(oracle::enabled(truth, platform));
            let place = format!("bff/{replica} ({platform:?}) to contact {contact}");
            match inspector.shown(contact, replica).await {
                Ok(shown) => {
                    let is = oracle::seen(&shown.home);
                    verdict.wrong.extend(oracle::compare(&place, &view, &is));
                    let list = oracle::listed(&shown.list);
                    verdict
                        .wrong
                        .extend(oracle::compare_lists(&place, &must.list, &list));
                }
                Err(status) => verdict.wrong.push(format!("{place} answers {status}")),
            }
            verdict = verdict.and(inspector.peeks(truth, contact, replica).await);
            let place = format!("notifications/{replica} of contact {contact}");
            match inspector.inbox(contact, replica).await {
                Ok(inbox) => {
                    let wrong = oracle::compare_inboxes(&place, &must, &inbox);
                    verdict.wrong.extend(wrong);
                }
                Err(status) => verdict.wrong.push(format!("{place} answers {status}")),
            }
        }
        for watcher in watchers.iter().filter(|w| w.phone.contact == contact) {
            verdict.checked += 1;
            let replica = watcher.replica;
            let platform = watcher.phone.platform(replica);
            let view = must.view(oracle::enabled(truth, platform));
            let place = format!("the watch of contact {contact} at bff/{replica} ({platform:?})");
            match watcher.shown.lock().as_ref() {
                Some(home) => {
                    let is = oracle::seen(home);
                    verdict.wrong.extend(oracle::compare(&place, &view, &is));
                }
                None => verdict.wrong.push(format!("{place} shows nothing")),
            }
        }
    }
    verdict
}
