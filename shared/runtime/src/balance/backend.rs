//! One replica: its connection, whether it serves, and how busy it is with us.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::Rng;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::Known;

/// First wait after a replica was away or said that it does not serve.
const BACKOFF: Duration = Duration::from_millis(50);
/// Longest wait: one that came back is used again within this time.
const MAX_BACKOFF: Duration = Duration::from_millis(500);
/// An answer to the first question whether it serves.
const ANSWER: Duration = Duration::from_secs(3);

/// A replica of a service.
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    channel: Channel,
    /// Which time it serves, from 1; 0: it does not.
    serving: AtomicU64,
    turns: AtomicU64,
    load: AtomicUsize,
}

impl Backend {
    pub(super) fn new(address: SocketAddr, channel: Channel) -> Self {
        Self {
            address,
            channel,
            serving: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            load: AtomicUsize::new(0),
        }
    }

    pub(super) fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Acquire) > 0
    }

    fn serves(&self) {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed) + 1;
        self.serving.store(turn, Ordering::Release);
    }

    /// Calls and streams under way.
    pub(super) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Counts one more call.
    pub(super) fn take(this: &Arc<Self>) -> Load {
        this.load.fetch_add(1, Ordering::Relaxed);
        Load {
            turn: this.serving.load(Ordering::Acquire),
            backend: this.clone(),
        }
    }

    /// Follows what the replica says of itself, for as long as anybody knows of it.
    pub(super) async fn watch(this: Weak<Self>, known: Weak<Known>) {
        let mut backoff = BACKOFF;
        loop {
            let Some(channel) = this.upgrade().map(|backend| backend.channel.clone()) else {
                return;
            };
            let served = follow(channel, &this, &known).await;
            let Some(backend) = this.upgrade() else {
                return;
            };
            backend.serving.store(0, Ordering::Release);
            drop(backend);
            if served {
                backoff = BACKOFF;
            }
            let wait = rand::thread_rng().gen_range(backoff / 2..=backoff);
            tokio::time::sleep(wait).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }
}

/// Until it does not serve any more, or is away; true when it served in between. The watch ends with the
/// first word that it does not serve: a server that drains waits for its streams.
async fn follow(channel: Channel, this: &Weak<Backend>, known: &Weak<Known>) -> bool {
    let mut client = HealthClient::new(channel);
    let request = HealthCheckRequest::default();
    let Ok(Ok(answer)) = timeout(ANSWER, client.watch(request)).await else {
        return false;
    };
    let mut statuses = answer.into_inner();
    let mut served = false;
    while let Ok(Some(answer)) = statuses.message().await {
        if answer.status() != ServingStatus::Serving {
            break;
        }
        served = true;
        let (Some(backend), Some(known)) = (this.upgrade(), known.upgrade()) else {
            break;
        };
        backend.serves();
        known.began_to_serve();
    }
    served
}

/// A call under way at a replica.
pub(super) struct Load {
    backend: Arc<Backend>,
    /// In which of its turns it was chosen.
    turn: u64,
}

impl Load {
    pub(super) fn channel(&self) -> Channel {
        self.backend.channel.clone()
    }

    /// No connection could be made: until its health watch hears of it again, nobody else tries. It is the
    /// least busy of all, so that a call that is tried again would end there again.
    pub(super) fn is_away(&self) {
        // unless it came back meanwhile
        let _ = self.backend.serving.compare_exchange(
            self.turn,
            0,
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.backend.load.fetch_sub(1, Ordering::Relaxed);
    }
}
