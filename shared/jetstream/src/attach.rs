//! From a reader's cursors to consumers of the streams, if the streams can prove that they continue them.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use events::{EventSource, PARTITIONS};
use futures::future::try_join_all;
use proto::events::v1::Cursor;

use crate::{
    Error, Streams,
    mark::{Mark, hex},
    session::{Place, Session},
    streams::epoch_of,
};

/// A consumer nobody asks for so long is removed by the server.
const ABANDONED: Duration = Duration::from_secs(30);

/// What it takes to read from NATS.
#[derive(Clone)]
pub(crate) struct Attach {
    pub streams: Streams,
    pub feed: Arc<dyn EventSource>,
}

/// How a stream continues a cursor.
enum Proof {
    /// Its own messages say so.
    Shown,
    /// It has no message to show, and the cursor is at its end: the owner must say that it is the end.
    Empty,
}

impl Attach {
    /// Consumers from these cursors on. No stream is used below what `distrust` says of its partition.
    ///
    /// # Errors
    /// When NATS is away or any stream cannot prove that it continues its cursor. That judges nothing: the
    /// owner's feed does.
    pub async fn session(
        &self,
        cursors: &[Cursor],
        distrust: &[u64; PARTITIONS],
    ) -> Result<Session, Error> {
        let link = self.streams.nats().link();
        let breaks = link.borrow().breaks;
        if !self.streams.nats().is_up() {
            return Err(Error::new("NATS", "is away"));
        }
        let proofs = try_join_all(cursors.iter().map(|cursor| async move {
            if distrust.get(cursor.partition as usize) > Some(&cursor.position) {
                return Err(unproven(cursor, "it failed here before"));
            }
            self.proof(cursor).await
        }))
        .await?;
        if proofs.iter().any(|proof| matches!(proof, Proof::Empty)) {
            let heads = self.feed.heads().await;
            let heads = heads.map_err(|e| Error::new("the heads", e))?;
            for (cursor, proof) in cursors.iter().zip(&proofs) {
                if matches!(proof, Proof::Empty) && !heads.contains(cursor) {
                    return Err(unproven(cursor, "it is empty, and this is not the head"));
                }
            }
        }
        let places = cursors.iter().map(|cursor| self.consumer(cursor));
        let places = try_join_all(places).await?;
        Session::start(self.streams.nats().client().clone(), link, breaks, places).await
    }

    async fn proof(&self, cursor: &Cursor) -> Result<Proof, Error> {
        let partition = cursor.partition as usize;
        let Some(info) = self.streams.look(partition).await? else {
            return Err(unproven(cursor, "there is no stream"));
        };
        if cursor.position > 0 && epoch_of(&info) != Some(&hex(&cursor.log_epoch)) {
            return Err(unproven(cursor, "it copies another history"));
        }
        let (first, last) = (info.state.first_sequence, info.state.last_sequence);
        if cursor.position > last {
            return Err(unproven(cursor, "it is not there yet"));
        }
        let next = cursor.position + 1;
        if last == 0 {
            return Ok(Proof::Shown);
        }
        if first > next {
            return Err(unproven(cursor, "it starts later"));
        }
        if first > last {
            return Ok(Proof::Empty);
        }
        let shown = if first == next {
            let mark = self.streams.near_mark_at(partition, next).await?;
            mark.is_some_and(|mark| follows(&mark, cursor))
        } else {
            let mark = self
                .streams
                .near_mark_at(partition, cursor.position)
                .await?;
            mark.is_some_and(|mark| mark.id == cursor.event_id && mark.epoch == cursor.log_epoch)
        };
        if shown {
            Ok(Proof::Shown)
        } else {
            Err(unproven(cursor, "it holds another event"))
        }
    }

    async fn consumer(&self, cursor: &Cursor) -> Result<Place, Error> {
        let stream = self.streams.name(cursor.partition as usize);
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: cursor.position + 1,
            },
            // the reader's own cursor is the only one
            ack_policy: AckPolicy::None,
            inactive_threshold: ABANDONED,
            memory_storage: true,
            num_replicas: 1,
            ..Default::default()
        };
        let jetstream = self.streams.nats().jetstream();
        let consumer = jetstream.create_consumer_on_stream(config, &stream).await;
        let consumer = consumer.map_err(|e| Error::new("a consumer cannot be made", e))?;
        let name = consumer.cached_info().name.clone();
        Ok(Place::new(stream, name, cursor.clone()))
    }
}

/// The event with this mark is the next after the cursor.
fn follows(mark: &Mark, cursor: &Cursor) -> bool {
    mark.previous == cursor.event_id && (cursor.position == 0 || mark.epoch == cursor.log_epoch)
}

fn unproven(cursor: &Cursor, why: &str) -> Error {
    let (partition, position) = (cursor.partition, cursor.position);
    Error::new(
        &format!("the stream of partition {partition} cannot continue {position}"),
        why,
    )
}
