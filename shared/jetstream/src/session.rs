//! Reading the streams of several partitions over one connection, for as long as nothing is odd.

use std::{collections::VecDeque, time::Duration};

use async_nats::{Client, Message, StatusCode, Subscriber};
use events::{BATCH_BYTES, BATCH_EVENTS, PARTITIONS};
use futures::{FutureExt, StreamExt};
use prost::Message as _;
use proto::events::v1::{Cursor, Envelope};
use tokio::{
    sync::watch,
    task::unconstrained,
    time::{Instant, sleep_until, timeout},
};

use crate::{Error, Link};

/// Bytes of one request at the most: what the server sends of a partition before it is asked again.
const PULL_BYTES: usize = 256 * 1024;
/// How long the server keeps a request.
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that a request is still there.
const PULL_HEARTBEAT: Duration = Duration::from_secs(2);
/// Without any word for so long the consumer is taken for dead.
const WATCHDOG: Duration = Duration::from_secs(5);
/// Longest wait for more of what the server says is on its way, so that a backlog comes in whole batches.
const LINGER: Duration = Duration::from_millis(100);

/// Why a session is over. Nothing of it judges the log: what was read so far counts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fall {
    /// The connection broke, the consumer is gone or silent, messages were lost: begin again.
    #[error("{0}")]
    Broken(String),
    /// From this position on, the stream of a partition is not the log's.
    #[error("partition {partition} is not the log's from {from} on")]
    Wrong { partition: usize, from: u64 },
}

/// Where a session is in one partition.
pub(crate) struct Place {
    stream: String,
    consumer: String,
    cursor: Cursor,
    /// Events that the open request may still bring; 0 when none is open.
    open: usize,
    /// Waiting in the stream, as of the last message.
    waiting: u64,
    /// Where the reader came to over another way, if further: what is up to here is checked, not delivered.
    reached: Cursor,
    /// Where the owner's log is known to stand.
    head: u64,
    heard: Instant,
    /// Nothing was taken yet.
    fresh: bool,
    arrived: VecDeque<Envelope>,
}

impl Place {
    pub fn new(stream: String, consumer: String, cursor: Cursor) -> Self {
        Self {
            stream,
            consumer,
            head: 0,
            reached: cursor.clone(),
            cursor,
            open: 0,
            waiting: 0,
            heard: Instant::now(),
            fresh: true,
            arrived: VecDeque::new(),
        }
    }

    fn wrong(&self) -> Fall {
        Fall::Wrong {
            partition: self.cursor.partition as usize,
            from: self.cursor.position + 1,
        }
    }
}

/// Consumers of some partitions' streams, whose messages arrive at one inbox. Holds a request's worth of each
/// partition at the most; nothing more is sent before it was taken.
pub(crate) struct Session {
    client: Client,
    link: watch::Receiver<Link>,
    breaks: u64,
    inbox: String,
    messages: Subscriber,
    places: [Option<Place>; PARTITIONS],
    /// Arrived and not delivered, in all partitions together.
    events: usize,
    bytes: usize,
    /// The partition that the last batch started with.
    first: usize,
}

impl Session {
    pub async fn start(
        client: Client,
        link: watch::Receiver<Link>,
        breaks: u64,
        taken: Vec<Place>,
    ) -> Result<Self, Error> {
        let inbox = client.new_inbox();
        let messages = client.subscribe(format!("{inbox}.*")).await;
        let messages = messages.map_err(|e| Error::new("cannot subscribe", e))?;
        let mut places = [const { None }; PARTITIONS];
        for place in taken {
            let slot = places.get_mut(place.cursor.partition as usize);
            let slot = slot.ok_or_else(|| Error::new("no such partition", &place.stream))?;
            *slot = Some(place);
        }
        Ok(Self {
            client,
            link,
            breaks,
            inbox,
            messages,
            places,
            events: 0,
            bytes: 0,
            first: 0,
        })
    }

    /// Delivers nothing up to these places: the reader came there over another way meanwhile.
    pub fn skip_to(&mut self, cursors: &[Cursor]) {
        for place in self.places.iter_mut().flatten() {
            let mut cursors = cursors.iter();
            if let Some(cursor) = cursors.find(|c| c.partition == place.cursor.partition) {
                place.reached.clone_from(cursor);
            }
        }
    }

    /// Learns where the owner's log stands: up to there, more is on its way.
    pub fn expect(&mut self, heads: &[Cursor]) {
        for place in self.places.iter_mut().flatten() {
            let mut heads = heads.iter();
            if let Some(head) = heads.find(|head| head.partition == place.cursor.partition) {
                place.head = head.position;
            }
        }
    }

    /// What has arrived, as soon as anything has; a whole batch if more is on its way. May be dropped while
    /// it waits: nothing is lost.
    pub async fn batch(&mut self) -> Result<Vec<Envelope>, Fall> {
        let mut linger: Option<Instant> = None;
        loop {
            self.ask().await?;
            self.drain()?;
            if self.link.borrow().breaks != self.breaks {
                return Err(Fall::Broken("the connection broke".into()));
            }
            let now = Instant::now();
            let full = self.events >= BATCH_EVENTS || self.bytes >= BATCH_BYTES;
            let until = if self.events == 0 {
                linger = None;
                self.watch(now)?
            } else {
                *linger.get_or_insert(now + LINGER)
            };
            if full || self.events > 0 && (now >= until || !self.behind()) {
                let batch = self.compose();
                // The next is on its way while this one is applied. Not waited for: whoever drops this
                // future here would drop the batch.
                let _ = self.ask().now_or_never();
                return Ok(batch);
            }
            tokio::select! {
                message = self.messages.next() => self.take(message)?,
                changed = self.link.changed() => if changed.is_err() {
                    return Err(Fall::Broken("the connection was closed".into()));
                },
                () = sleep_until(until) => {}
            }
        }
    }

    /// Takes all that is there: it is no more than was asked for.
    pub fn drain(&mut self) -> Result<(), Fall> {
        while let Some(message) = unconstrained(self.messages.next()).now_or_never() {
            self.take(message)?;
        }
        Ok(())
    }

    /// Where the stream of a partition is waited for; `None` while what it brought is not delivered yet.
    pub fn waits_at(&self, partition: usize) -> Option<u64> {
        let place = self.places.get(partition)?.as_ref()?;
        (place.open > 0 && place.arrived.is_empty()).then_some(place.cursor.position)
    }

    /// A batch of what has arrived, starting with another partition each time, so that a busy one starves
    /// nobody.
    fn compose(&mut self) -> Vec<Envelope> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        self.first = (self.first + 1) % PARTITIONS;
        let (before, from) = self.places.split_at_mut(self.first);
        'full: for place in from.iter_mut().chain(before).flatten() {
            while let Some(event) = place.arrived.front() {
                let more = event.payload.len();
                let fits = bytes + more <= BATCH_BYTES && batch.len() < BATCH_EVENTS;
                if !batch.is_empty() && !fits {
                    break 'full;
                }
                bytes += more;
                batch.extend(place.arrived.pop_front());
            }
        }
        self.events -= batch.len();
        self.bytes -= bytes;
        batch
    }

    /// Opens a request for each partition that has none and of which everything was delivered.
    async fn ask(&mut self) -> Result<(), Fall> {
        for place in self.places.iter_mut().flatten() {
            if place.open > 0 || !place.arrived.is_empty() {
                continue;
            }
            let request = format!(
                r#"{{"batch":{BATCH_EVENTS},"max_bytes":{PULL_BYTES},"expires":{},"idle_heartbeat":{}}}"#,
                PULL_EXPIRES.as_nanos(),
                PULL_HEARTBEAT.as_nanos(),
            );
            let subject = format!(
                "$JS.API.CONSUMER.MSG.NEXT.{}.{}",
                place.stream, place.consumer
            );
            let reply = format!("{}.{}", self.inbox, place.cursor.partition);
            let asked = self
                .client
                .publish_with_reply(subject, reply, request.into());
            match timeout(WATCHDOG, asked).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(Fall::Broken(error.to_string())),
                Err(_) => return Err(Fall::Broken("a request cannot be sent".into())),
            }
            place.open = BATCH_EVENTS;
            place.heard = Instant::now();
        }
        Ok(())
    }

    /// When to look again whether all consumers live.
    fn watch(&self, now: Instant) -> Result<Instant, Fall> {
        let places = self.places.iter().flatten();
        let silent = places.map(|place| place.heard).min().unwrap_or(now) + WATCHDOG;
        if silent <= now {
            return Err(Fall::Broken("a consumer went silent".into()));
        }
        Ok(silent)
    }

    /// The server said that more waits for a request that is open.
    pub fn more_is_coming(&self) -> bool {
        let mut places = self.places.iter().flatten();
        places.any(|place| place.open > 0 && place.waiting > 0)
    }

    /// More is known to be on its way.
    fn behind(&self) -> bool {
        let mut places = self.places.iter().flatten();
        places.any(|place| {
            place.open > 0 && (place.waiting > 0 || place.cursor.position < place.head)
        })
    }

    fn take(&mut self, message: Option<Message>) -> Result<(), Fall> {
        let Some(message) = message else {
            return Err(Fall::Broken("the connection was closed".into()));
        };
        if message
            .status
            .is_some_and(|status| status != StatusCode::OK)
        {
            return self.status(&message);
        }
        let reply = message.reply.as_deref().unwrap_or_default();
        let Some(Delivered {
            stream,
            sequence,
            waiting,
        }) = delivered(reply)
        else {
            return Ok(());
        };
        let mut places = self.places.iter_mut().flatten();
        let Some(place) = places.find(|place| place.stream == stream) else {
            return Ok(());
        };
        place.heard = Instant::now();
        place.open = place.open.saturating_sub(1);
        place.waiting = waiting;
        let at = &place.cursor;
        let Ok(event) = Envelope::decode(message.payload) else {
            return Err(place.wrong());
        };
        if event.position != sequence || event.partition != at.partition {
            return Err(place.wrong());
        }
        if event.position <= at.position {
            // sent again, or from before the cursor
            return if event.position == at.position && event.event_id != at.event_id {
                Err(place.wrong())
            } else {
                Ok(())
            };
        }
        if event.position > at.position + 1 {
            // lost on the way, unless the stream never had it
            return Err(if place.fresh {
                place.wrong()
            } else {
                Fall::Broken("messages are missing".into())
            });
        }
        let same_epoch = at.position == 0 || event.log_epoch == at.log_epoch;
        if event.prev_event_id != at.event_id || !same_epoch {
            return Err(place.wrong());
        }
        place.fresh = false;
        place.cursor = Cursor {
            partition: event.partition,
            position: event.position,
            event_id: event.event_id.clone(),
            log_epoch: event.log_epoch.clone(),
        };
        if event.position > place.reached.position {
            self.events += 1;
            self.bytes += event.payload.len();
            place.arrived.push_back(event);
        } else if event.position == place.reached.position && place.cursor != place.reached {
            return Err(place.wrong());
        }
        Ok(())
    }

    /// What the server says of a request.
    fn status(&mut self, message: &Message) -> Result<(), Fall> {
        let partition = message.subject.rsplit('.').next();
        let partition = partition.and_then(|partition| partition.parse::<usize>().ok());
        let place = partition.and_then(|partition| self.places.get_mut(partition)?.as_mut());
        let Some(place) = place else { return Ok(()) };
        let said = message.description.as_deref().unwrap_or_default();
        match message.status {
            Some(StatusCode::IDLE_HEARTBEAT) => {}
            Some(StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => place.open = 0,
            Some(StatusCode::REQUEST_TERMINATED)
                if said.contains("Batch Completed") || said.contains("MaxBytes") =>
            {
                if place.open == BATCH_EVENTS && said.contains("MaxBytes") {
                    return Err(place.wrong()); // a message too large for any request is no relay's
                }
                place.open = 0;
            }
            status => return Err(Fall::Broken(format!("{status:?} {said}"))),
        }
        place.heard = Instant::now();
        Ok(())
    }
}

/// What the server tells of a message, in the subject of its acknowledgement.
#[derive(Debug, PartialEq, Eq)]
struct Delivered<'a> {
    stream: &'a str,
    sequence: u64,
    waiting: u64,
}

fn delivered(reply: &str) -> Option<Delivered<'_>> {
    let mut tokens: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
    // with a domain and an account in front, from 11 tokens on
    if tokens.len() > 7 {
        tokens.drain(..2);
    }
    Some(Delivered {
        stream: tokens.first()?,
        sequence: tokens.get(3)?.parse().ok()?,
        waiting: tokens.get(6)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_tells_stream_and_sequence_with_a_domain_and_without() {
        let expected = Some(Delivered {
            stream: "EV_THINGS_03",
            sequence: 42,
            waiting: 9,
        });
        let short = "$JS.ACK.EV_THINGS_03.name.1.42.7.1790230470084404000.9";
        assert_eq!(delivered(short), expected);
        let long = "$JS.ACK.hub.account.EV_THINGS_03.name.1.42.7.1790230470084404000.9.random";
        assert_eq!(delivered(long), expected);
        assert_eq!(delivered("$JS.ACK.EV"), None);
        assert_eq!(delivered("_INBOX.x"), None);
    }
}
