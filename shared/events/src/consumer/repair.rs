//! Reading again what could not be applied: the newest state of a parked event's aggregate stands in for it, once
//! the program can take it.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use prost::Message;
use proto::events::v1::Envelope;
use rand::Rng;
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

use super::{Consumer, RebuildError};
use crate::{UnitOfWork, source::ContactRef};

/// How often parked events are looked for. An upgrade may have mended what parked them.
const LOOK: Duration = Duration::from_secs(60);
/// Longest wait while some of them stay.
const MAX_WAIT: Duration = Duration::from_secs(600);
/// Parked events read at once.
const PAGE: usize = 100;
/// Pages in one round at the most; the next goes on behind them.
const PAGES: usize = 10;

/// A parked event of a contact.
struct Parked {
    at: At,
    aggregate: String,
    version: u64,
}

/// Where it is parked: partition, position, event.
type At = (i32, i64, Vec<u8>);

/// What became of a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Parked events whose aggregates' newer states were applied; they are parked no more.
    pub events: usize,
    /// Those that cannot be applied still, or of which the source tells nothing any more.
    pub left: usize,
}

impl Consumer {
    pub(super) async fn repair_for_ever(&self) -> Infallible {
        let mut wait = LOOK;
        let mut from = At::default();
        loop {
            // replicas started together do not do it together
            let spread = rand::thread_rng().gen_range(wait / 2..=wait);
            tokio::time::sleep(spread).await;
            let (source, projection) = (self.source_name, self.projection.name());
            wait = match self.repair_from(&mut from).await {
                Ok(Repaired { events, .. }) if events > 0 => {
                    tracing::info!(source, projection, events, "parked events were made good");
                    LOOK
                }
                Ok(Repaired { left: 0, .. }) => LOOK,
                Ok(_) => (wait * 2).min(MAX_WAIT),
                Err(why) => {
                    tracing::debug!(source, projection, %why, "parked events are looked at later");
                    (wait * 2).min(MAX_WAIT)
                }
            };
        }
    }

    /// Reads the contacts of parked events again and applies what the source tells of their aggregates now; done
    /// by [`Consumer::run`] every minute, and every ten while some cannot be applied still. Events that concern no
    /// contact stay for a person. At most a thousand are looked at.
    ///
    /// # Errors
    /// When the source or the database fails; what was repaired before stays so.
    pub async fn repair(&self) -> Result<Repaired, RebuildError> {
        self.repair_from(&mut At::default()).await
    }

    async fn repair_from(&self, from: &mut At) -> Result<Repaired, RebuildError> {
        let mut done = Repaired::default();
        for _ in 0..PAGES {
            let (contacts, next) = self.parked(from).await?;
            for (contact, parked) in contacts {
                let repaired = self.repair_contact(contact, &parked).await?;
                done.events += repaired;
                done.left += parked.len() - repaired;
            }
            let is_last = next.is_none();
            *from = next.unwrap_or_default();
            if is_last {
                break;
            }
        }
        Ok(done)
    }

    /// In one transaction, and without moving a cursor: versions absorb what the feed brings besides.
    async fn repair_contact(
        &self,
        contact: ContactRef,
        parked: &[Parked],
    ) -> Result<usize, RebuildError> {
        let mut states = Vec::new();
        self.snapshot(Some(vec![contact]), |events| {
            states.extend(
                events
                    .into_iter()
                    .filter(|event| parked.iter().any(|parked| parked.is_made_good_by(event))),
            );
        })
        .await?;
        if states.is_empty() {
            return Ok(0);
        }
        let mut work = self.log.begin().await?;
        let mut applied = Vec::with_capacity(states.len());
        for state in states {
            let why = self
                .try_project(&mut work, std::slice::from_ref(&state))
                .await?;
            if why.is_empty() {
                applied.push(state);
            }
        }
        let mut repaired = 0;
        for parked in parked {
            if applied.iter().any(|state| parked.is_made_good_by(state)) {
                self.unpark(&work, &parked.at).await?;
                repaired += 1;
            }
        }
        work.commit().await?;
        if !applied.is_empty() {
            self.projection.committed(&applied).await;
            self.projection.moved().await;
        }
        self.count("feed_repaired_events_total", repaired);
        Ok(repaired)
    }

    /// A page of parked events behind a place, by their contacts, and where the next page begins.
    async fn parked(
        &self,
        from: &At,
    ) -> Result<(BTreeMap<ContactRef, Vec<Parked>>, Option<At>), DbErr> {
        let db = self.log.database().read();
        let (part, position, event) = from.clone();
        let rows = db
            .query_all_raw(Statement::from_sql_and_values(
                db.get_database_backend(),
                "select part, pos, event_id, envelope from consumer_quarantine where projection = $1 \
                 and source = $2 and contact_id <> '' and (part, pos, event_id) > ($3, $4, $5) \
                 order by part, pos, event_id limit $6",
                self.named([
                    part.into(),
                    position.into(),
                    event.into(),
                    (PAGE as i64).into(),
                ]),
            ))
            .await?;
        let mut contacts: BTreeMap<ContactRef, Vec<Parked>> = BTreeMap::new();
        let mut last = None;
        for row in &rows {
            let at: At = (
                row.try_get("", "part")?,
                row.try_get("", "pos")?,
                row.try_get("", "event_id")?,
            );
            last = Some(at.clone());
            let envelope: Vec<u8> = row.try_get("", "envelope")?;
            // one that names no contact is a person's to look at
            if let Some((contact, parked)) = parked(at, &envelope) {
                contacts.entry(contact).or_default().push(parked);
            }
        }
        Ok((contacts, last.filter(|_| rows.len() == PAGE)))
    }

    async fn unpark(&self, work: &UnitOfWork, at: &At) -> Result<(), DbErr> {
        let tx = work.tx();
        let (part, position, event) = at.clone();
        tx.execute_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "delete from consumer_quarantine where projection = $1 and source = $2 \
             and part = $3 and pos = $4 and event_id = $5",
            self.named([part.into(), position.into(), event.into()]),
        ))
        .await?;
        Ok(())
    }

    fn named<const N: usize>(&self, values: [Value; N]) -> Vec<Value> {
        let named = [self.projection.name().into(), self.source_name.into()];
        named.into_iter().chain(values).collect()
    }
}

impl Parked {
    fn is_made_good_by(&self, state: &Envelope) -> bool {
        state.aggregate_id == self.aggregate && state.aggregate_version >= self.version
    }
}

fn parked(at: At, envelope: &[u8]) -> Option<(ContactRef, Parked)> {
    let event = Envelope::decode(envelope).ok()?;
    let contact = ContactRef {
        workspace: event.workspace_id.parse().ok()?,
        contact: event.contact_id.parse().ok()?,
    };
    let parked = Parked {
        at,
        aggregate: event.aggregate_id,
        version: event.aggregate_version,
    };
    Some((contact, parked))
}
