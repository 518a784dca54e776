//! Which way events travel in a process: over NATS if it was told where that is, else over the owners'
//! feeds alone. Nothing else in a service knows.

use std::sync::Arc;

use events::{EventLog, EventSource, departed::LogCopies};
use runtime::StartError;
use tokio_util::sync::CancellationToken;

use crate::{Hints, JetStreamSource, Nats, NatsArgs, Relay, StreamArgs, StreamSettings, Streams};

/// The way events travel. Cheap to clone.
#[derive(Clone)]
pub struct Transport {
    nats: Option<Nats>,
}

impl Transport {
    /// As told; `service` says in the server's monitoring who is connected. A server that is away is waited
    /// for in the background, and holds nothing up.
    ///
    /// # Errors
    /// When the address makes no sense.
    pub async fn open(args: &NatsArgs, service: &str) -> Result<Self, StartError> {
        let nats = match args.url() {
            Some(url) => Some(
                Nats::connect(url, service)
                    .await
                    .map_err(|why| StartError::Config(format!("--nats: {why}")))?,
            ),
            None => None,
        };
        Ok(Self { nats })
    }

    /// Reads the log of `source` whose feed this is.
    pub fn reader(&self, source: &str, feed: impl EventSource) -> Arc<dyn EventSource> {
        let feed = Arc::new(feed);
        match &self.nats {
            // how streams are kept is their owner's to say
            Some(nats) => Arc::new(JetStreamSource::new(
                Streams::new(nats.clone(), source, StreamSettings::default()),
                feed,
            )),
            None => feed,
        }
    }

    /// Carries this service's own log to its readers until told to stop: a task of its own. Over feeds alone
    /// there is nothing to do.
    pub fn relay(
        &self,
        log: &EventLog,
        streams: &StreamArgs,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<> {
        let relay = self.nats.clone().map(|nats| {
            let streams = Streams::new(nats, log.source(), streams.settings());
            Relay::new(log.clone(), streams)
        });
        async move {
            if let Some(relay) = relay {
                relay.run(stop).await;
            }
        }
    }

    /// What NATS holds of this service's own log, for who erases some of it. Over feeds alone there is nothing.
    pub fn copies(&self, log: &EventLog, streams: &StreamArgs) -> Option<Arc<dyn LogCopies>> {
        let nats = self.nats.clone()?;
        Some(Arc::new(Streams::new(
            nats,
            log.source(),
            streams.settings(),
        )))
    }

    /// Hints between the replicas of a service.
    pub fn hints(&self) -> Hints {
        Hints::new(self.nats.clone())
    }
}
