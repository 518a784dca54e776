//! A source over NATS and the owner's feed, with a network in between that can be cut.

use std::{net::SocketAddr, sync::Arc};

use events::{EventLog, EventSource};
use jetstream::{JetStreamSource, Nats, StreamSettings, Streams};
use parking_lot::Mutex;
use testing::{Proxy, conformance::Transport};
use tokio_util::sync::CancellationToken;

use crate::{
    feed::{Watched, local},
    owner::{Owner, Relaying, Removed},
    server,
};

pub struct Transported {
    owner: Owner,
    /// `None` without a server: NATS is away.
    carrier: Option<Carrier>,
    nats: Nats,
    connection: Mutex<CancellationToken>,
}

struct Carrier {
    server: SocketAddr,
    relay: Mutex<Option<Relaying>>,
    streams: Removed,
    proxy: Arc<Proxy>,
}

impl Transported {
    pub async fn start(server: Option<SocketAddr>) -> Self {
        let owner = Owner::start().await;
        let (carrier, nats) = match server {
            Some(server) => {
                let carrier = Carrier::start(server, &owner).await;
                let nats = server::connect(carrier.proxy.address()).await;
                (Some(carrier), nats)
            }
            None => (None, server::nobody().await),
        };
        Self {
            owner,
            carrier,
            nats,
            connection: Mutex::default(),
        }
    }
}

impl Carrier {
    async fn start(server: SocketAddr, owner: &Owner) -> Self {
        let relay = owner.relay(server).await;
        relay.in_step(&owner.log()).await;
        Self {
            server,
            relay: Mutex::new(Some(relay)),
            streams: owner.streams(server).await,
            proxy: Proxy::start(server).await,
        }
    }
}

#[async_trait::async_trait]
impl Transport for Transported {
    fn log(&self) -> EventLog {
        self.owner.log()
    }

    async fn other_process(&self) -> EventLog {
        self.owner.other_process().await
    }

    /// What heals by itself is cut outside, too, since a break is to be seen.
    fn source(&self) -> Arc<dyn EventSource> {
        let log = self.owner.log();
        let cut = self.connection.lock().clone();
        let feed = Arc::new(Watched::new(local(&log), cut.clone()));
        let streams = Streams::new(self.nats.clone(), log.source(), StreamSettings::default());
        let source = Arc::new(JetStreamSource::new(streams, feed));
        Arc::new(Watched::new(source, cut))
    }

    async fn interrupt(&self) {
        if let Some(carrier) = &self.carrier {
            carrier.proxy.cut();
        }
        std::mem::take(&mut *self.connection.lock()).cancel();
    }

    async fn back_up(&self) {
        self.owner.back_up().await;
    }

    async fn restore(&self) {
        let relay = self.carrier.as_ref().and_then(|c| c.relay.lock().take());
        if let Some(relay) = relay {
            relay.stop().await;
        }
        self.interrupt().await;
        self.owner.restore().await;
        if let Some(carrier) = &self.carrier {
            let relay = self.owner.relay(carrier.server).await;
            relay.in_step(&self.owner.log()).await;
            *carrier.relay.lock() = Some(relay);
        }
    }

    async fn prune(&self, partition: usize, up_to: u64) {
        let log = self.owner.log();
        log.prune(partition, up_to).await.unwrap();
        if let Some(carrier) = &self.carrier {
            let (floor, _) = log.floor(partition).await.unwrap();
            // a relay may be making it anew, which the log's pruning can bring about
            testing::eventually("the stream is pruned", || async {
                carrier.streams.0.prune(partition, floor).await.ok()
            })
            .await;
        }
    }
}
