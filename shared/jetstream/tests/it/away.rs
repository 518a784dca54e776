//! The conformance suite while NATS is away all the time: a reader notices nothing.

use crate::transport::Transported;

testing::conformance!(start);

async fn start() -> Transported {
    Transported::start(None).await
}
