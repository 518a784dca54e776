//! Applying events: a batch at once, or one by one where one of them is poison.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use prost::Message;
use proto::events::v1::{Cursor, Envelope};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use tracing::Span;
use types::micros;

use super::{
    ApplyError, Consumer,
    pending::after,
    run::{Place, Stop},
};
use crate::UnitOfWork;

/// Tries of a poisoned event before it is parked.
const TRIES: u32 = 5;

pub(super) enum ApplyStop {
    Poison(String),
    /// Somebody changed what the events are about meanwhile.
    Outrun(String),
    Stop(Stop),
}

impl From<DbErr> for ApplyStop {
    fn from(error: DbErr) -> Self {
        Self::Stop(error.into())
    }
}

impl Consumer {
    /// Applies events that lead from the cursors of a place to the next, and moves the place along.
    pub(super) async fn apply_or_park(
        &self,
        place: &mut Place,
        next: &[Cursor],
        events: &[Envelope],
    ) -> Result<(), Stop> {
        match self.apply(&place.cursors, next, events).await {
            Ok(()) => {
                place.cursors.clone_from_slice(next);
                self.tell(place, events).await;
                Ok(())
            }
            Err(ApplyStop::Stop(stop)) => Err(stop),
            Err(ApplyStop::Poison(_)) => self.apply_singly(place, events).await,
            Err(ApplyStop::Outrun(_)) => self.apply_in_pieces(place, events).await,
        }
    }

    /// Gets a batch through that somebody else was faster with: the smaller a piece, the shorter it takes, and what
    /// is done is not undone by the next. At once, and with the same stream.
    async fn apply_in_pieces(&self, place: &mut Place, events: &[Envelope]) -> Result<(), Stop> {
        let mut rest = events;
        let mut size = events.len().div_ceil(2);
        let mut tries = 1;
        while !rest.is_empty() {
            let (piece, others) = rest.split_at(size.min(rest.len()));
            let mut next = place.cursors.clone();
            for event in piece {
                next[event.partition as usize] = after(event);
            }
            match self.apply(&place.cursors, &next, piece).await {
                Ok(()) => {
                    place.cursors = next;
                    self.tell(place, piece).await;
                }
                Err(ApplyStop::Stop(stop)) => return Err(stop),
                Err(ApplyStop::Poison(_)) => self.apply_singly(place, piece).await?,
                Err(ApplyStop::Outrun(why)) => {
                    self.count("feed_lost_batches_total", 1);
                    if piece.len() == 1 && tries >= TRIES {
                        return Err(Stop::Retry(why));
                    }
                    tries = if piece.len() == 1 { tries + 1 } else { 1 };
                    size = piece.len().div_ceil(2);
                    continue;
                }
            }
            (rest, tries) = (others, 1);
        }
        Ok(())
    }

    /// Finds the poisoned event of a batch; the others are applied, it is parked.
    async fn apply_singly(&self, place: &mut Place, events: &[Envelope]) -> Result<(), Stop> {
        for event in events {
            let alone = std::slice::from_ref(event);
            let mut next = place.cursors.clone();
            next[event.partition as usize] = after(event);
            let mut tries = 1;
            let mut applied = true;
            loop {
                match self.apply(&place.cursors, &next, alone).await {
                    Ok(()) => break,
                    Err(ApplyStop::Stop(stop)) => return Err(stop),
                    Err(ApplyStop::Poison(why)) if tries >= TRIES => {
                        self.pass_over(&place.cursors, &next, event, &why).await?;
                        applied = false;
                        break;
                    }
                    Err(ApplyStop::Outrun(why)) if tries >= TRIES => return Err(Stop::Retry(why)),
                    Err(ApplyStop::Poison(_) | ApplyStop::Outrun(_)) => tries += 1,
                }
            }
            place.cursors.clone_from_slice(&next);
            if applied {
                self.projection.committed(alone).await;
            }
            self.heard(place, alone).await;
        }
        Ok(())
    }

    async fn apply(
        &self,
        old: &[Cursor],
        new: &[Cursor],
        events: &[Envelope],
    ) -> Result<(), ApplyStop> {
        // ended when this returns, whatever became of it
        let _spans = self.spans(events);
        let mut work = self.log.begin().await?;
        work.caused_by(events);
        self.swap_cursors(&work, old, new).await?;
        match self.project(&mut work, events).await {
            Ok(()) => {}
            Err(ApplyError::Store(error)) => return Err(error.into()),
            Err(ApplyError::Outrun(why)) => {
                work.rollback().await?;
                return Err(ApplyStop::Outrun(why));
            }
            Err(ApplyError::Poison(why)) => {
                work.rollback().await?;
                return Err(ApplyStop::Poison(why));
            }
        }
        work.commit().await?;
        self.count("feed_applied_events_total", events.len());
        Ok(())
    }

    /// One for each event that belongs to a trace: a batch may have come from many.
    fn spans(&self, events: &[Envelope]) -> Vec<Span> {
        let traced = events.iter().filter(|event| !event.traceparent.is_empty());
        traced
            .map(|event| {
                let name = format!("{} from {}", self.projection.name(), self.source_name);
                let span = trace::span("consumer", &name);
                trace::follow(&span, Some(&event.traceparent));
                span.record("events", events.len());
                span
            })
            .collect()
    }

    /// The projection's own part. A panic is poison: the next try would panic again.
    pub(super) async fn project(
        &self,
        work: &mut UnitOfWork,
        events: &[Envelope],
    ) -> Result<(), ApplyError> {
        AssertUnwindSafe(self.projection.apply(work, events))
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| {
                let said = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                Err(ApplyError::Poison(format!("a panic: {said}")))
            })
    }

    async fn pass_over(
        &self,
        old: &[Cursor],
        new: &[Cursor],
        event: &Envelope,
        why: &str,
    ) -> Result<(), Stop> {
        let work = self.log.begin().await?;
        self.swap_cursors(&work, old, new)
            .await
            .map_err(|e| match e {
                ApplyStop::Stop(stop) => stop,
                ApplyStop::Poison(why) | ApplyStop::Outrun(why) => Stop::Retry(why),
            })?;
        self.park(&work, event, why).await?;
        work.commit().await?;
        Ok(())
    }

    /// Keeps an event that cannot be applied, for a person to look at and for [`Consumer::repair`].
    pub(super) async fn park(
        &self,
        work: &UnitOfWork,
        event: &Envelope,
        why: &str,
    ) -> Result<(), DbErr> {
        tracing::error!(
            source = self.source_name,
            projection = self.projection.name(),
            partition = event.partition,
            position = event.position,
            kind = event.r#type,
            why,
            "event parked"
        );
        self.count("feed_parked_events_total", 1);
        let tx = work.tx();
        tx.execute_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "insert into consumer_quarantine (projection, source, part, pos, event_id, contact_id, envelope, \
             error, parked_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
            [
                self.projection.name().into(),
                self.source_name.into(),
                (event.partition as i32).into(),
                (event.position as i64).into(),
                event.event_id.clone().into(),
                event.contact_id.clone().into(),
                event.encode_to_vec().into(),
                why.into(),
                micros(self.log.clock().now()).into(),
            ],
        ))
        .await?;
        Ok(())
    }
}
