//! What was delivered and is not yet applied: here duplicates, gaps and forks are told apart. Pure.

use proto::events::v1::{Cursor, Envelope};

/// What an event is to a reader at a cursor of the same partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Applied before.
    Known,
    /// The next to apply.
    Next,
    /// Others are missing in between.
    Gap,
    /// The next by its position, but it does not follow what was applied: another history.
    Forked,
}

/// An event that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    #[error("partition {partition} does not exist")]
    NoPartition { partition: usize },
    #[error("partition {partition} has a gap that cannot be filled")]
    Hole { partition: usize },
    #[error("partition {partition} holds another history")]
    Fork { partition: usize },
}

/// Events taken, in order, and where the cursors are once they are applied.
pub(super) struct Pending {
    next: Vec<Cursor>,
    fresh: Vec<Envelope>,
}

impl Pending {
    /// None yet, at these cursors: one a partition, in order.
    pub(super) fn after(cursors: &[Cursor]) -> Self {
        Self {
            next: cursors.to_vec(),
            fresh: Vec::new(),
        }
    }

    pub(super) fn verdict(&self, event: &Envelope) -> Result<Verdict, Misfit> {
        let partition = event.partition as usize;
        match self.next.get(partition) {
            Some(cursor) => Ok(judge(cursor, event)),
            None => Err(Misfit::NoPartition { partition }),
        }
    }

    /// Keeps an event if it is the next, drops it if it is known.
    pub(super) fn take(&mut self, event: Envelope) -> Result<(), Misfit> {
        let partition = event.partition as usize;
        match self.verdict(&event)? {
            Verdict::Known => Ok(()),
            Verdict::Next => {
                self.next[partition] = after(&event);
                self.fresh.push(event);
                Ok(())
            }
            Verdict::Gap => Err(Misfit::Hole { partition }),
            Verdict::Forked => Err(Misfit::Fork { partition }),
        }
    }

    /// The last position taken of a partition that exists.
    pub(super) fn position(&self, partition: usize) -> u64 {
        self.next[partition].position
    }

    pub(super) fn len(&self) -> usize {
        self.fresh.len()
    }

    /// The events to apply, and where the cursors are then.
    pub(super) fn flush(&mut self) -> (Vec<Envelope>, &[Cursor]) {
        (std::mem::take(&mut self.fresh), &self.next)
    }
}

fn judge(cursor: &Cursor, event: &Envelope) -> Verdict {
    if event.position <= cursor.position {
        Verdict::Known
    } else if event.position - cursor.position > 1 {
        Verdict::Gap
    } else if event.prev_event_id == cursor.event_id
        && (cursor.position == 0 || event.log_epoch == cursor.log_epoch)
    {
        Verdict::Next
    } else {
        Verdict::Forked
    }
}

/// The place after an event.
pub(super) fn after(event: &Envelope) -> Cursor {
    Cursor {
        partition: event.partition,
        position: event.position,
        event_id: event.event_id.clone(),
        log_epoch: event.log_epoch.clone(),
    }
}

#[cfg(test)]
mod tests;
