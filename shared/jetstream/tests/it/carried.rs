//! The conformance suite over a nats-server.

use crate::{server, transport::Transported};

testing::conformance!(start);

async fn start() -> Transported {
    Transported::start(server::running()).await
}
