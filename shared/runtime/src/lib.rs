//! One process of the product: its configuration, credentials, layers, server and clients. Without
//! this crate each service would refuse, log, drain and answer errors in its own way.

pub mod auth;
pub mod balance;
pub mod client;
pub mod config;
pub mod crowd;
pub mod edge;
mod errand;
pub mod error;
mod front;
mod healthcheck;
pub mod metrics;
mod process;
pub mod serve;
mod socket;
pub mod telemetry;
pub mod tls;

pub use auth::{Access, Actor, ActorKind, KeyRing};
pub use config::{ServerArgs, StartError};
pub use errand::Errand;
pub use error::{Failure, Kind, Violations};
pub use front::descriptors;
pub use process::{StopSignals, Tasks, run, run_from, run_or};
pub use serve::{Running, Server};
pub use tls::{PeerTls, TlsArgs};
