//! What tests of several crates need: a clock to turn, a database and keys that vanish, actors, and
//! waiting for a condition instead of for time to pass. Never part of a product.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot be set up should stop"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "what a test spawns ends with the test"
)]

mod certificates;
pub mod conformance;
pub mod departures;
mod golden;
mod nats;
mod proxy;
mod scratch;
mod walls;

pub use certificates::Authority;
pub use departures::Departures;
pub use golden::{Golden, json};
pub use nats::NatsServer;
pub use proxy::Proxy;
pub use scratch::{Scratch, on_postgres, on_postgres_for, on_sqlite_for};
pub use walls::every_table_keeps_workspaces_apart;

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use rand::Rng;
use runtime::{Actor, ActorKind, KeyRing};
use types::{Clock, ContactId, TeammateId, WorkspaceId};

/// Longest wait for a condition; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where nobody listens, for one who comes and goes: not among the ports that a system gives to connections,
/// so that it is still free when they come back.
///
/// # Panics
/// When there is none.
pub fn free_address() -> SocketAddr {
    let mut ports = (0..1_000).map(|_| rand::thread_rng().gen_range(15_000..32_000));
    let free = ports.find_map(|port: u16| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        TcpListener::bind(address).is_ok().then_some(address)
    });
    free.expect("no port is free")
}

/// A clock that stands still until it is turned.
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// At noon of the first day of 2026, UTC.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(
            "2026-01-01T12:00:00Z".parse().unwrap(),
        )))
    }

    /// Turns it forwards, or backwards as a machine's clock may be.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock();
        *now = now.checked_add(by).unwrap();
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

/// A contact of a workspace.
pub fn contact(workspace: &WorkspaceId, contact: &ContactId) -> Actor {
    Actor {
        workspace: Some(workspace.clone()),
        kind: ActorKind::Contact,
        id: contact.to_string(),
        name: "Ada Customer".into(),
        scopes: Vec::new(),
    }
}

/// A teammate of a workspace with the given scopes.
pub fn teammate(workspace: &WorkspaceId, scopes: &[&str]) -> Actor {
    Actor {
        workspace: Some(workspace.clone()),
        kind: ActorKind::Teammate,
        id: TeammateId::derive(&["teammate", workspace.as_str()]).into(),
        name: "Grace Teammate".into(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
    }
}

/// A request that carries a body and an actor's assertion, signed by `ring`.
pub fn request<T>(ring: &KeyRing, actor: &Actor, body: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(body);
    let token = ring.sign(actor).unwrap().token;
    request
        .metadata_mut()
        .insert("authorization", runtime::client::bearer(&token).unwrap());
    request
}

/// Asks until the answer is there; looks again every few milliseconds, and gives up after 20 s.
///
/// # Panics
/// When the condition never holds.
pub async fn eventually<T, F, Fut>(what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "never happened: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
