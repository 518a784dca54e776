//! What the signs of life of a feed tell: how far behind this is, what got lost with nothing behind it, and
//! that the log no longer is the one that was read.

use proto::events::v1::Cursor;
use tokio::time::timeout;

use super::{
    Consumer,
    pending::Pending,
    run::{Place, Stop, WATCHDOG, stop},
};
use crate::source::SourceError;

/// What was heard so far.
pub(super) struct Signs {
    /// Where the log stood when it was first heard of: under load its heads run ahead for ever.
    start: Option<Vec<Cursor>>,
    /// Where it stood at the last sign, and where this was.
    heads: Vec<Cursor>,
    cursors: Vec<Cursor>,
    /// Where it stood at a time, in seconds since 1970, until this has come there. One at a time: under load each
    /// new one would lie ahead.
    goal: Option<(Vec<Cursor>, i64)>,
}

impl Signs {
    /// Of a feed that is followed from these cursors.
    pub(super) fn of(cursors: &[Cursor]) -> Self {
        Self {
            start: None,
            heads: Vec::new(),
            cursors: cursors.to_vec(),
            goal: None,
        }
    }

    pub(super) fn came(&mut self, heads: Vec<Cursor>, cursors: &[Cursor], now: i64) {
        self.start.get_or_insert_with(|| heads.clone());
        self.goal.get_or_insert_with(|| (heads.clone(), now));
        self.heads = heads;
        self.cursors = cursors.to_vec();
    }

    /// Something of the partition came since the last sign.
    fn moved(&self, cursor: &Cursor) -> bool {
        let before = self.cursors.get(cursor.partition as usize);
        before.is_none_or(|before| before.position < cursor.position)
    }
}

impl Consumer {
    /// What no event tells. A log that does not hold what was applied is another history. A rebuild elsewhere may
    /// move the cursors back: everything is read again then, since nothing would be delivered again otherwise. And
    /// what the last sign knew of was sent by now, or comes with what is still being sent of its partition:
    /// whatever of it is missing got lost, and no later event shows the gap yet.
    pub(super) async fn look_around(
        &self,
        place: &mut Place,
        signs: &Signs,
        heads: &[Cursor],
    ) -> Result<(), Stop> {
        // what was applied since the last sign may be newer than this one
        if at_odds(&signs.cursors, heads).is_some() {
            self.ask_whether_it_diverged(&place.cursors).await?;
        }
        self.go_on_from_the_winner(place).await?;
        let mut pending = Pending::after(&place.cursors);
        let mut unheard = false;
        for head in &signs.heads {
            let partition = head.partition as usize;
            let Some(cursor) = place.cursors.get(partition) else {
                continue;
            };
            if cursor.position < head.position {
                if !signs.moved(cursor) {
                    self.fill(&mut pending, partition).await?;
                }
            } else if place.told[partition] < head.position {
                place.told[partition] = cursor.position;
                unheard = true;
            }
        }
        if unheard {
            self.projection.moved().await;
            self.progress.publish_heads(&place.told);
        }
        self.flush(place, &mut pending).await
    }

    /// The sign may be older than what another replica had applied: only who is asked after that can tell.
    async fn ask_whether_it_diverged(&self, cursors: &[Cursor]) -> Result<(), Stop> {
        let heads = timeout(WATCHDOG, self.source.heads())
            .await
            .map_err(|_| Stop::Retry("no answer where the log stands".into()))?
            .map_err(stop)?;
        match at_odds(cursors, &heads) {
            Some(partition) => Err(Stop::Rebuild(SourceError::Diverged { partition })),
            None => Ok(()),
        }
    }

    pub(super) fn tell_lag(&self, cursors: &[Cursor], heads: &[Cursor]) {
        let behind = |head: &Cursor| {
            let cursor = cursors.get(head.partition as usize);
            head.position
                .saturating_sub(cursor.map_or(0, |cursor| cursor.position))
        };
        let behind: u64 = heads.iter().map(behind).sum();
        self.gauge("feed_behind_events", behind as f64);
    }

    /// Tells what these cursors have come to.
    pub(super) fn tell_where(&self, signs: &mut Signs, cursors: &[Cursor]) {
        let reached = |heads: &[Cursor]| beside(cursors, heads).all(|(at, head)| at >= head);
        if let Some((_, at)) = signs.goal.take_if(|(heads, _)| reached(heads)) {
            self.gauge("feed_current_time_seconds", at as f64);
        }
        if signs.start.as_ref().is_some_and(|heads| reached(heads)) {
            self.progress.has_caught_up();
        }
    }
}

/// Positions of cursors beside those of heads.
fn beside(cursors: &[Cursor], heads: &[Cursor]) -> impl Iterator<Item = (u64, u64)> {
    heads.iter().map(|head| {
        let cursor = cursors.get(head.partition as usize);
        (cursor.map_or(0, |cursor| cursor.position), head.position)
    })
}

/// A partition in which a log that stands at these heads does not hold the event at the cursor.
fn at_odds(cursors: &[Cursor], heads: &[Cursor]) -> Option<usize> {
    heads.iter().find_map(|head| {
        let partition = head.partition as usize;
        let cursor = cursors.get(partition)?;
        let lost = head.position < cursor.position;
        let other = cursor.position > 0 && head.position == cursor.position && head != cursor;
        (lost || other).then_some(partition)
    })
}
