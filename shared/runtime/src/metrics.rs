//! Numbers for operators: at `/metrics` on the admin port, in Prometheus' text format.
//!
//! | name | labels | what |
//! |---|---|---|
//! | `feed_behind_events` | source, projection | events of the source's log that are not applied yet |
//! | `feed_current_time_seconds` | source, projection | Unix time when everything was last seen to be applied; alert when it is old |
//! | `feed_applied_events_total` | source, projection | events applied |
//! | `feed_lost_batches_total` | source, projection | batches that another replica was faster with |
//! | `feed_filled_gaps_total` | source, projection | gaps in what was delivered, filled from the owner's log |
//! | `feed_parked_events_total` | source, projection | events that cannot be applied, kept for a person to look at |
//! | `feed_rebuilds_total` | source, projection | starts from a snapshot, since the log was pruned or holds another history |
//! | `log_events_total` | log | events written |
//! | `connections_open` | | connections of the gRPC port |
//! | `connections_refused_total` | | of these, the ones that were one too many; alert above 0 |
//! | `tls_certificates_broken` | side | 1 while changed files of TLS cannot be used, and those before still are; alert above 0 |
//! | `tls_handshakes_refused_total` | | callers without a certificate that is asked for, or that speak no TLS |
//! | `inboxes_compared_total` | | inboxes compared with what their owners tell |
//! | `inboxes_differed_total` | | of these, the ones that were wrong and put right; alert above 0 |

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

static COLLECTED: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts collecting for this process; a second call does nothing.
pub fn start() {
    COLLECTED.get_or_init(|| {
        let collected = PrometheusBuilder::new().install_recorder();
        collected
            .inspect_err(|error| tracing::warn!(%error, "metrics are not collected"))
            .ok()
    });
}

/// What was collected so far; empty before [`start`].
pub fn page() -> String {
    COLLECTED
        .get()
        .and_then(Option::as_ref)
        .map_or_else(String::new, PrometheusHandle::render)
}
