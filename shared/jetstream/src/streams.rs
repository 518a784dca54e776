//! The sixteen streams of a source.

use std::{collections::HashMap, time::Duration};

use async_nats::jetstream::{
    ErrorCode,
    context::GetStreamErrorKind,
    stream::{
        Compression, Config, DirectGetErrorKind, DiscardPolicy, Info, PurgeErrorKind,
        RawMessageErrorKind, RetentionPolicy, StorageType,
    },
};
use events::{EventLog, PARTITIONS};
use futures::future::try_join_all;

use crate::{
    Error, Nats,
    mark::{Mark, hex},
};

/// Bytes of a message at the most: a payload of 64 KiB with everything around it, with room.
const MAX_MESSAGE: i32 = 256 * 1024;
/// Where a stream says which history it copies.
const EPOCH: &str = "log_epoch";

/// What an operator decides about the streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// Servers that hold a copy: 1, or 3 in a cluster.
    pub replicas: usize,
    /// Older events are left to the owner's log.
    pub max_age: Duration,
    /// Bytes of one partition at the most; what is oldest goes first. The server reserves them.
    pub max_bytes: i64,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            replicas: 1,
            max_age: Duration::from_secs(7 * 24 * 3_600),
            // sixteen of them are 1 GiB: a server refuses what it has no room to reserve
            max_bytes: 64 << 20,
        }
    }
}

/// The streams that copy one service's log. Cheap to clone.
#[derive(Clone)]
pub struct Streams {
    nats: Nats,
    source: String,
    settings: StreamSettings,
}

impl Streams {
    /// Of the log of `source`, a service's name.
    pub fn new(nats: Nats, source: &str, settings: StreamSettings) -> Self {
        Self {
            nats,
            source: source.to_owned(),
            settings,
        }
    }

    /// The name of a partition's stream.
    pub fn name(&self, partition: usize) -> String {
        format!("EV_{}_{partition:02}", self.source.to_uppercase())
    }

    /// The subject of a partition's events.
    pub fn subject(&self, partition: usize) -> String {
        format!("ev.v1.{}.{partition:02}", self.source)
    }

    /// Makes the streams that are not there, and brings those that are to these settings as far as the
    /// server lets it. What they hold stays.
    ///
    /// # Errors
    /// When NATS is away or refuses to make one, or the log cannot be read.
    pub async fn ensure(&self, log: &EventLog) -> Result<(), Error> {
        let each = (0..PARTITIONS).map(|partition| async move {
            match self.look(partition).await? {
                None => self.create(log, partition).await,
                Some(info) => {
                    if let Err(error) = self.adjust(partition, info).await {
                        // it serves as it is
                        tracing::warn!(stream = self.name(partition), %error, "old settings");
                    }
                    Ok(())
                }
            }
        });
        try_join_all(each).await.map(drop)
    }

    /// As [`Streams::ensure`], for somebody who wants to know: says how many were made and how many changed.
    ///
    /// # Errors
    /// Also when the server refuses to change one.
    pub async fn ensure_exactly(&self, log: &EventLog) -> Result<(usize, usize), Error> {
        let each = (0..PARTITIONS).map(|partition| async move {
            match self.look(partition).await? {
                None => self.create(log, partition).await.map(|()| (1, 0)),
                Some(info) => {
                    let changed = self.adjust(partition, info).await?;
                    Ok((0, usize::from(changed)))
                }
            }
        });
        let each = try_join_all(each).await?;
        let sum = |sum: (usize, usize), one: &(usize, usize)| (sum.0 + one.0, sum.1 + one.1);
        Ok(each.iter().fold((0, 0), sum))
    }

    /// Forgets a partition up to a position, as its log did.
    ///
    /// # Errors
    /// When NATS is away or refuses.
    pub async fn prune(&self, partition: usize, up_to: u64) -> Result<(), Error> {
        let stream = self
            .nats
            .jetstream()
            .get_stream_no_info(self.name(partition));
        let stream = stream.await.map_err(|e| Error::new("no stream", e))?;
        let purge = stream.purge().sequence(up_to.saturating_add(1));
        match purge.await {
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                // being made anew, from the log's floor on
                PurgeErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    Ok(())
                }
                _ => Err(Error::new("cannot prune", error)),
            },
        }
    }

    /// Removes every stream. Readers go on over the owner's feed.
    ///
    /// # Errors
    /// When NATS is away or refuses.
    pub async fn remove(&self) -> Result<(), Error> {
        try_join_all((0..PARTITIONS).map(|partition| self.delete(partition)))
            .await
            .map(drop)
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn nats(&self) -> &Nats {
        &self.nats
    }

    /// The stream of a partition as it is now; `None` when there is none.
    pub(crate) async fn look(&self, partition: usize) -> Result<Option<Info>, Error> {
        match self.nats.jetstream().get_stream(self.name(partition)).await {
            Ok(stream) => Ok(Some(stream.cached_info().clone())),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(e)
                    if e.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(None)
                }
                _ => Err(Error::new("a stream cannot be looked at", error)),
            },
        }
    }

    /// Deletes a partition's stream and makes it again, empty.
    pub(crate) async fn anew(&self, log: &EventLog, partition: usize) -> Result<(), Error> {
        self.delete(partition).await?;
        self.create(log, partition).await
    }

    /// What the newest copy of a sequence says, asked of the stream's leader; the inner `None` when it is
    /// no relay's message.
    pub(crate) async fn mark_at(
        &self,
        partition: usize,
        sequence: u64,
    ) -> Result<Option<Option<Mark>>, Error> {
        let stream = self
            .nats
            .jetstream()
            .get_stream_no_info(self.name(partition));
        let stream = stream.await.map_err(|e| Error::new("no stream", e))?;
        match stream.get_raw_message(sequence).await {
            Ok(message) => Ok(Some(Mark::of(&message.headers))),
            Err(error) => match error.kind() {
                RawMessageErrorKind::NoMessageFound => Ok(None),
                _ => Err(Error::new("a message cannot be read", error)),
            },
        }
    }

    /// As [`Streams::mark_at`], of whichever server is near: it may not have the newest yet.
    pub(crate) async fn near_mark_at(
        &self,
        partition: usize,
        sequence: u64,
    ) -> Result<Option<Mark>, Error> {
        let stream = self
            .nats
            .jetstream()
            .get_stream_no_info(self.name(partition));
        let stream = stream.await.map_err(|e| Error::new("no stream", e))?;
        match stream.direct_get(sequence).await {
            Ok(message) => Ok(Mark::of(&message.headers)),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::new("a message cannot be read", error)),
        }
    }

    async fn create(&self, log: &EventLog, partition: usize) -> Result<(), Error> {
        let floor = log.floor(partition).await;
        let (floor, _) = floor.map_err(|e| Error::new("the log's floor", e))?;
        let config = Config {
            name: self.name(partition),
            subjects: vec![self.subject(partition)],
            storage: StorageType::File,
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            max_messages: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            max_age: self.settings.max_age,
            max_bytes: self.settings.max_bytes,
            max_message_size: MAX_MESSAGE,
            num_replicas: self.settings.replicas,
            compression: Some(Compression::S2),
            allow_direct: true,
            deny_delete: true,
            // the first message is the first event kept: from here on sequence and position are one
            first_sequence: Some(floor + 1),
            metadata: HashMap::from([(EPOCH.to_owned(), hex(&log.epoch()))]),
            ..Default::default()
        };
        match self.nats.jetstream().create_stream(config).await {
            Ok(_) => Ok(()),
            // another relay made it; whether it is right shows when it is read
            Err(_) if matches!(self.look(partition).await, Ok(Some(_))) => Ok(()),
            Err(error) => Err(Error::new("a stream cannot be made", error)),
        }
    }

    /// Says whether there was something to change.
    async fn adjust(&self, partition: usize, info: Info) -> Result<bool, Error> {
        let old = info.config;
        let config = Config {
            max_age: self.settings.max_age,
            max_bytes: self.settings.max_bytes,
            max_message_size: MAX_MESSAGE,
            num_replicas: self.settings.replicas,
            allow_direct: true,
            deny_delete: true,
            ..old.clone()
        };
        if config == old {
            return Ok(false);
        }
        tracing::info!(stream = self.name(partition), "a stream gets new settings");
        let updated = self.nats.jetstream().update_stream(config).await;
        updated
            .map(|_| true)
            .map_err(|e| Error::new("a stream cannot be changed", e))
    }

    async fn delete(&self, partition: usize) -> Result<(), Error> {
        match self
            .nats
            .jetstream()
            .delete_stream(self.name(partition))
            .await
        {
            Ok(_) => Ok(()),
            Err(_) if matches!(self.look(partition).await, Ok(None)) => Ok(()),
            Err(error) => Err(Error::new("a stream cannot be deleted", error)),
        }
    }
}

/// The history a stream says it copies.
pub(crate) fn epoch_of(info: &Info) -> Option<&str> {
    info.config.metadata.get(EPOCH).map(String::as_str)
}
