//! Whether a server serves, asked by the program that asks the others too: an image has nothing else that could.

use std::time::Duration;

use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{Errand, StartError, balance::connection_over, tls::PeerTlsArgs};

/// Between tries.
const PAUSE: Duration = Duration::from_millis(250);
/// One try.
const TRY: Duration = Duration::from_secs(2);

/// What is asked.
#[derive(Debug, clap::Args)]
struct Whom {
    /// Address of the server, as its callers are told it: `http://HOST:PORT` or `https://HOST:PORT`. Of several replicas one that serves is
    /// enough.
    #[arg(value_name = "URL")]
    address: String,

    /// Full name of a gRPC service there; the server as a whole when not given.
    #[arg(
        long,
        default_value = "",
        value_name = "NAME",
        hide_default_value = true
    )]
    service: String,

    /// How long it may take to say that it serves.
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    within_seconds: u64,

    /// For https:// addresses.
    #[command(flatten)]
    tls: PeerTlsArgs,
}

/// `healthcheck`: asks a server by `grpc.health.v1` until it serves or the time is over, and ends.
pub(crate) fn errand() -> Errand {
    Errand::new(
        "healthcheck",
        "Ask a server whether it serves, and end",
        |whom: Whom| async move {
            let limit = Duration::from_secs(whom.within_seconds);
            let mut heard = "nobody answered";
            match tokio::time::timeout(limit, serves(&whom, &mut heard)).await {
                Ok(Ok(())) => Ok(format!("{} serves", whom.address)),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(StartError::Config(format!(
                    "{} does not serve: {heard} within {} s",
                    whom.address, whom.within_seconds
                ))),
            }
        },
    )
}

async fn serves(whom: &Whom, heard: &mut &'static str) -> Result<(), StartError> {
    let tls = whom.tls.open()?;
    let mut client = HealthClient::new(connection_over(&whom.address, tls.as_ref())?);
    loop {
        let request = HealthCheckRequest {
            service: whom.service.clone(),
        };
        if let Ok(answer) = tokio::time::timeout(TRY, client.check(request)).await {
            match answer {
                Ok(answer) if answer.get_ref().status() == ServingStatus::Serving => return Ok(()),
                Ok(_) => *heard = "it said that it does not",
                Err(status) if status.code() == tonic::Code::NotFound => {
                    *heard = "it knew no service of that name";
                }
                Err(_) => {}
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
