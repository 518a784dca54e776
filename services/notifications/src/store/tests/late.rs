//! Comparing while a feed is late.

use std::collections::BTreeSet;

use super::*;
use crate::store::renew::renew;

/// B2: what moved from one page of its owner's list to one that had been read is in none of them, and the feed
/// has not told of it yet. It is no damage, and its badge stays.
#[test]
fn what_a_list_left_out_stays_while_the_feed_is_late() {
    ask(async |stored, history, picks, sizes| {
        let events = picks.any_order(picks.with_gaps(all(history)));
        for batch in batches(&events, sizes) {
            stored.deliver(batch).await.map_err(failed)?;
        }
        let mut before = Vec::new();
        for id in &stored.inboxes {
            before.push(stored.rows(id).await.map_err(failed)?);
        }
        let listed =
            |emitted: &&Emitted| emitted.newest && !matches!(emitted.teller, Teller::Contact(_));
        let told: Vec<_> = events
            .iter()
            .copied()
            .filter(listed)
            .enumerate()
            .filter(|(n, _)| sizes[n % sizes.len()] % 2 == 0)
            .map(|(_, emitted)| {
                let id = stored.inboxes[emitted.contact].clone();
                (id, emitted.event.clone())
            })
            .collect();
        let inboxes: BTreeSet<InboxId> = stored.inboxes.iter().cloned().collect();
        let tx = stored.db.begin().await.map_err(failed)?;
        let differed = renew(&tx, &inboxes, told, None).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        prop_assert_eq!(differed, BTreeSet::new());
        for (id, before) in stored.inboxes.iter().zip(&before) {
            prop_assert_eq!(&stored.rows(id).await.map_err(failed)?, before);
        }
        Ok(())
    });
}
