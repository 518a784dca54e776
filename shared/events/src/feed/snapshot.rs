//! An owner's state, for those who start over or compare.

use std::{collections::VecDeque, sync::Arc};

use futures::{StreamExt, future::BoxFuture, stream};
use proto::events::v1::Envelope;
use sea_orm::DbErr;

use super::fitting;
use crate::{
    EventLog,
    log::NewEvent,
    source::{ContactRef, Snapshot, SnapshotPiece, away},
};

/// A page of an owner's state.
#[derive(Default)]
pub struct SnapshotPage {
    /// The newest state of each aggregate on the page; at most [`BATCH_EVENTS`](crate::BATCH_EVENTS).
    pub events: Vec<NewEvent>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<String>,
}

/// What an owner tells in a snapshot: the newest state of every aggregate, page by page, each page in a
/// short transaction of its own. Versions absorb what changes in between.
pub trait SnapshotSource: Send + Sync + 'static {
    /// The page after a place; `None` for the first.
    fn page(&self, after: Option<String>) -> BoxFuture<'_, Result<SnapshotPage, DbErr>>;

    /// The same of the aggregates that concern one contact. An owner whose aggregates concern nobody has
    /// none.
    fn page_of(
        &self,
        contact: &ContactRef,
        after: Option<String>,
    ) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        let _ = (contact, after);
        Box::pin(std::future::ready(Ok(SnapshotPage::default())))
    }
}

/// The cursors first, then every page, in as many pieces as its bytes need: what changes while the pages
/// are read comes again after the cursors, and versions decide. `of` some contacts, or of everybody.
pub(crate) fn snapshot(
    log: EventLog,
    source: Arc<dyn SnapshotSource>,
    of: Option<Vec<ContactRef>>,
) -> Snapshot {
    let mut parts: VecDeque<Part> = match of {
        None => [Part::Everybody(None)].into(),
        Some(contacts) => contacts
            .into_iter()
            .map(|contact| Part::Contact(contact, None))
            .collect(),
    };
    parts.push_front(Part::Cursors);
    stream::unfold(
        (parts, Vec::new(), log, source),
        |(mut parts, mut states, log, source)| async move {
            if !states.is_empty() {
                return Some((Ok(one_piece(&mut states)), (parts, states, log, source)));
            }
            let (page, rest) = match parts.pop_front()? {
                Part::Cursors => {
                    let cursors = log.head_cursors().await.map(SnapshotPiece::Cursors);
                    if cursors.is_err() {
                        parts.clear();
                    }
                    return Some((cursors.map_err(away), (parts, states, log, source)));
                }
                Part::Everybody(after) => (source.page(after).await, None),
                Part::Contact(contact, after) => {
                    (source.page_of(&contact, after).await, Some(contact))
                }
            };
            let piece = match page {
                Ok(page) => {
                    if let Some(next) = page.next {
                        parts.push_front(match rest {
                            None => Part::Everybody(Some(next)),
                            Some(contact) => Part::Contact(contact, Some(next)),
                        });
                    }
                    states = page.events.into_iter().map(|e| log.state(e)).collect();
                    Ok(one_piece(&mut states))
                }
                Err(error) => {
                    parts.clear();
                    Err(away(error))
                }
            };
            Some((piece, (parts, states, log, source)))
        },
    )
    .boxed()
}

/// What comes next, after a place.
enum Part {
    Cursors,
    Everybody(Option<String>),
    Contact(ContactRef, Option<String>),
}

fn one_piece(states: &mut Vec<Envelope>) -> SnapshotPiece {
    let rest = states.split_off(fitting(states));
    SnapshotPiece::State(std::mem::replace(states, rest))
}
