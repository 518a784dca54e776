//! The services behind, as far as the BFF needs them: real gRPC servers that verify who calls, keep a
//! little state, count calls, and fail as a test tells them to.

mod console;
mod conversations;
mod issuer;
mod notifications;
mod people;
mod settings;
mod tickets;

use std::{collections::HashMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use parking_lot::Mutex;
use runtime::{
    Actor, Failure, KeyRing, Kind, Running, Server, ServerArgs, Tasks,
    auth::{AccessTable, Assertions, actor},
    edge::Edge,
};
use tonic::{Request, Status, service::Routes};

pub use console::{APP, ConsoleBook, Staff};
pub use conversations::FakeConversations;
pub use issuer::{FakeIssuer, Key};
pub use notifications::FakeNotifications;
pub use people::{TEA_GONE, TEA_GRACE};
pub use settings::{FakeSettings, USER_JWT};
pub use tickets::{FOREIGN_STATE, FakeTickets};

/// Makes the methods that no test needs: they are refused.
macro_rules! refused {
    ($($name:ident($request:ty) -> $response:ty;)*) => { $(
        fn $name<'life0, 'async_trait>(
            &'life0 self,
            _: tonic::Request<$request>,
        ) -> std::pin::Pin<Box<dyn std::future::Future<
            Output = Result<tonic::Response<$response>, tonic::Status>,
        > + Send + 'async_trait>>
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async { Err($crate::fakes::refusal(stringify!($name))) })
        }
    )* };
}
pub(crate) use refused;

/// How a fake answers.
#[derive(Clone)]
pub enum Mode {
    /// As its state says.
    Up,
    /// UNAVAILABLE.
    Away,
    /// UNAVAILABLE so many times, then as its state says.
    AwayFor(u32),
    /// As its state says, after this long.
    Slow(Duration),
    /// With this refusal.
    Refusing(Failure),
    /// With an empty message, whatever the contract promises.
    Empty,
}

/// One call that a fake received.
#[derive(Clone)]
pub struct Call {
    pub method: &'static str,
    pub actor: Arc<Actor>,
    pub authorization: String,
    pub request_id: String,
    /// Names of all headers that came with it.
    pub headers: std::collections::BTreeSet<String>,
}

/// What every fake does with every call.
#[derive(Default)]
pub struct Gate {
    modes: Mutex<HashMap<&'static str, Mode>>,
    calls: Mutex<Vec<Call>>,
}

impl Gate {
    /// How all methods answer that are not told otherwise.
    pub fn all(&self, mode: Mode) {
        self.set("*", mode);
    }

    /// How one method answers.
    pub fn set(&self, method: &'static str, mode: Mode) {
        self.modes.lock().insert(method, mode);
    }

    /// Calls of a method so far; of all with "*".
    pub fn count(&self, method: &str) -> usize {
        let calls = self.calls.lock();
        calls
            .iter()
            .filter(|call| method == "*" || call.method == method)
            .count()
    }

    /// The newest call of a method.
    pub fn last(&self, method: &str) -> Call {
        let calls = self.calls.lock();
        let call = calls.iter().rev().find(|call| call.method == method);
        call.unwrap_or_else(|| panic!("{method} was never called"))
            .clone()
    }

    /// Forgets the calls so far.
    pub fn forget(&self) {
        self.calls.lock().clear();
    }

    /// Who calls, and whether an empty message is to be answered.
    async fn pass<T>(
        &self,
        method: &'static str,
        request: &Request<T>,
    ) -> Result<(Arc<Actor>, bool), Status> {
        let actor = actor(request)?;
        let header = |name: &str| {
            let value = request.metadata().get(name);
            value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
        };
        self.calls.lock().push(Call {
            method,
            actor: actor.clone(),
            authorization: header("authorization"),
            request_id: header("x-request-id"),
            headers: request
                .metadata()
                .as_ref()
                .keys()
                .map(ToString::to_string)
                .collect(),
        });
        let mode = {
            let mut modes = self.modes.lock();
            let key = if modes.contains_key(method) {
                method
            } else {
                "*"
            };
            match modes.get_mut(key) {
                Some(Mode::AwayFor(0)) | None => Mode::Up,
                Some(mode @ Mode::AwayFor(_)) => {
                    if let Mode::AwayFor(left) = mode {
                        *left -= 1;
                    }
                    Mode::Away
                }
                Some(mode) => mode.clone(),
            }
        };
        match mode {
            Mode::Up | Mode::AwayFor(_) => Ok((actor, false)),
            Mode::Empty => Ok((actor, true)),
            Mode::Away => Err(away().into()),
            Mode::Refusing(failure) => Err(failure.into()),
            Mode::Slow(time) => {
                tokio::time::sleep(time).await;
                Ok((actor, false))
            }
        }
    }
}

fn away() -> Failure {
    Failure::new(
        Kind::Unavailable(Duration::from_millis(100)),
        "fake.example",
        "UNAVAILABLE",
        "the fake is told to be away",
    )
}

/// The answer of a method that no test needs.
pub fn refusal(method: &str) -> Status {
    Failure::new(Kind::Forbidden, "fake.example", "NOT_FAKED", method).into()
}

/// A refusal in the language of one of our services.
pub fn ours(kind: Kind, domain: &'static str, reason: &'static str) -> Failure {
    Failure::new(kind, domain, reason, format!("{domain} says {reason}"))
}

/// A fake's server, which can be killed and started again on its port.
pub struct Host {
    name: &'static str,
    services: &'static [&'static str],
    access: AccessTable,
    routes: Box<dyn Fn(&Tasks) -> Routes + Send + Sync>,
    keys: Arc<KeyRing>,
    args: Mutex<ServerArgs>,
    running: Mutex<Option<Running>>,
}

impl Host {
    pub async fn start(
        name: &'static str,
        services: &'static [&'static str],
        access: AccessTable,
        keys: &Path,
        routes: impl Fn(&Tasks) -> Routes + Send + Sync + 'static,
    ) -> Self {
        let mut args = ServerArgs::loopback(keys.to_owned());
        args.drain_seconds = 1;
        let host = Self {
            name,
            services,
            access,
            routes: Box::new(routes),
            keys: Arc::new(KeyRing::load(keys, name).unwrap()),
            args: Mutex::new(args),
            running: Mutex::default(),
        };
        host.come_back().await;
        host
    }

    /// Where it listens, also while it is down.
    pub fn url(&self) -> String {
        format!("http://{}", self.args.lock().listen)
    }

    /// Starts on the port it had before.
    pub async fn come_back(&self) {
        let tasks = Tasks::new();
        let routes = (self.routes)(&tasks);
        let edge = Edge::new(self.access, Arc::new(Assertions::new(self.keys.clone())));
        let args = self.args.lock().clone();
        let running = Server::new(self.services, routes, edge)
            .start(&args, tasks)
            .await
            .unwrap_or_else(|e| panic!("{} does not start: {e}", self.name));
        let address: SocketAddr = running.address();
        self.args.lock().listen = address;
        *self.running.lock() = Some(running);
    }

    /// Ends its connections and leaves its port.
    pub async fn go_down(&self) {
        let running = self.running.lock().take();
        running.expect("it runs").drain().await;
    }
}
