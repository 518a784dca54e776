//! Numbers for operators: at `/metrics` on the admin port, in Prometheus' text format.
//!
//! | name | labels | what |
//! |---|---|---|
//! | `grpc_server_handled_total` | grpc_service, grpc_method, grpc_code | calls answered; one that its caller gave up is CANCELLED, and a stream counts with its beginning |
//! | `grpc_server_handling_seconds` | grpc_service, grpc_method | histogram of how long that took |
//! | `grpc_server_calls` | grpc_service | calls under way; a stream only until it has begun |
//! | `database_connections` | database, state | connections of a service's pools: `idle` or `used` |
//! | `watches_open` | | streams of Home that are open (BFF), or of inboxes (Notifications) |
//! | `feed_behind_events` | source, projection | events of the source's log that are not applied yet |
//! | `feed_current_time_seconds` | source, projection | Unix time up to which everything is known to be applied; alert when it is old |
//! | `feed_applied_events_total` | source, projection | events applied |
//! | `feed_lost_batches_total` | source, projection | batches that another replica or a command was faster with |
//! | `feed_filled_gaps_total` | source, projection | gaps in what was delivered, filled from the owner's log |
//! | `feed_parked_events_total` | source, projection | events that cannot be applied, kept for a person to look at |
//! | `feed_repaired_events_total` | source, projection | of these, those that a newer state of the owner's stood in for later |
//! | `feed_rebuilds_total` | source, projection | starts from a snapshot, since the log was pruned or holds another history |
//! | `log_events_total` | log | events written |
//! | `relay_behind_events` | log | events of the log that are not in NATS yet |
//! | `relay_current_time_seconds` | log | Unix time when all of them were last seen to be there |
//! | `connections_open` | | connections of the gRPC port |
//! | `connections_refused_total` | | of these, the ones that were one too many; alert above 0 |
//! | `requests_crowded_total` | | requests refused because their address has as many under way as it may |
//! | `tls_certificates_broken` | side | 1 while changed files of TLS cannot be used, and those before still are; alert above 0 |
//! | `tls_certificate_begin_time_seconds` | side, which | Unix time from which on a certificate is good: the process's `own`, or an `authority` it believes; of several the one that ends first |
//! | `tls_certificate_end_time_seconds` | side, which | Unix time until which that one is; alert well before |
//! | `tls_handshakes_refused_total` | | callers without a certificate that is asked for, or that speak no TLS |
//! | `inboxes_compared_total` | | inboxes compared with what their owners tell |
//! | `inboxes_differed_total` | | of these, the ones that were wrong and put right; alert above 0 |

use std::{sync::OnceLock, time::Duration};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Bounds of the histogram of calls, in seconds: from what memory answers to the longest deadline.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
/// How often what was recorded is added up, whether or not anybody asks for it: until then each record
/// takes memory.
const UPKEEP: Duration = Duration::from_secs(5);

static COLLECTED: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts collecting for this process; a second call does nothing.
pub fn start() {
    COLLECTED.get_or_init(|| {
        collect()
            .inspect_err(|error| tracing::warn!(%error, "metrics are not collected"))
            .ok()
    });
}

fn collect() -> Result<PrometheusHandle, BuildError> {
    let calls = Matcher::Full("grpc_server_handling_seconds".into());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(calls, &SECONDS)?
        .install_recorder()?;
    let tidied = handle.clone();
    // not a task: it has to go on when the runtime has no time for it, and needs no end
    let upkeep = std::thread::Builder::new().name("metrics".into());
    let started = upkeep.spawn(move || {
        loop {
            std::thread::sleep(UPKEEP);
            tidied.run_upkeep();
        }
    });
    if let Err(error) = started {
        tracing::warn!(%error, "metrics take more memory than they should");
    }
    Ok(handle)
}

/// What was collected so far; empty before [`start`].
pub fn page() -> String {
    COLLECTED
        .get()
        .and_then(Option::as_ref)
        .map_or_else(String::new, PrometheusHandle::render)
}
