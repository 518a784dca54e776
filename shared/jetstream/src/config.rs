//! What a process is told about NATS.

use std::time::Duration;

use database::Database;
use events::{EventLog, PARTITIONS};
use runtime::{Errand, StartError, config::DatabaseArgs};
use sea_orm_migration::MigratorTrait;
use serde::{Serialize, Serializer};
use tokio::time::timeout;
use types::SystemClock;

use crate::{Nats, StreamSettings, Streams};

/// Longest wait of a job for NATS: whoever starts it starts it again.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where NATS is.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
pub struct NatsArgs {
    /// NATS with JetStream, which then carries the events between the services: `nats://HOST:4222`; several
    /// servers of one cluster with commas, `tls://` and `USER:PASSWORD@` where it asks for that. What it does
    /// not have, and all of it while it is away, comes from the feeds of the services themselves, as it does
    /// without this.
    #[arg(long, env = "NATS", value_name = "URL", hide_env_values = true)]
    #[serde(serialize_with = "redacted")]
    pub nats: Option<String>,
}

impl NatsArgs {
    /// At this address.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            nats: Some(url.into()),
        }
    }

    /// The address, if there is one: a template may well leave it empty.
    pub(crate) fn url(&self) -> Option<&str> {
        self.nats.as_deref().filter(|url| !url.trim().is_empty())
    }
}

/// How NATS keeps the copy of a service's own log.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args, Serialize)]
pub struct StreamArgs {
    /// Servers of the NATS cluster that keep a copy of this service's events: 1, or 3 where one may die.
    #[arg(long, env = "NATS_REPLICAS", default_value_t = 1, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..=5))]
    pub nats_replicas: u8,

    /// Hours that NATS keeps an event; what is older is read from this service.
    #[arg(long, env = "NATS_MAX_AGE_HOURS", default_value_t = 7 * 24, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..=8_760))]
    pub nats_max_age_hours: u32,

    /// MiB of disk that each such server reserves for this service's events, all sixteen streams together.
    /// The oldest make room; they are read from this service then.
    #[arg(long, env = "NATS_MAX_MIB", default_value_t = 1_024, value_name = "MIB", value_parser = clap::value_parser!(u32).range(16..=4_194_304))]
    pub nats_max_mib: u32,
}

impl Default for StreamArgs {
    fn default() -> Self {
        Self {
            nats_replicas: 1,
            nats_max_age_hours: 7 * 24,
            nats_max_mib: 1_024,
        }
    }
}

impl StreamArgs {
    pub(crate) fn settings(&self) -> StreamSettings {
        StreamSettings {
            replicas: self.nats_replicas.into(),
            max_age: Duration::from_secs(u64::from(self.nats_max_age_hours) * 3_600),
            max_bytes: (i64::from(self.nats_max_mib) << 20) / PARTITIONS as i64,
        }
    }
}

/// What the job that makes streams is told.
#[derive(Debug, Clone, clap::Args, Serialize)]
struct Job {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    nats: NatsArgs,
    #[command(flatten)]
    streams: StreamArgs,
}

/// `streams`: makes the sixteen streams of the log of `source`, or brings them to these settings, and ends.
/// For a job before a deployment; the service does the same as soon as it reaches NATS. May be repeated.
pub fn streams_errand<M: MigratorTrait + 'static>(source: &'static str) -> Errand {
    Errand::new(
        "streams",
        "Make the streams in NATS that carry this service's events, or bring them to these settings, and end",
        move |job: Job| make_streams::<M>(job, source),
    )
}

async fn make_streams<M: MigratorTrait>(
    job: Job,
    source: &'static str,
) -> Result<String, StartError> {
    let Some(url) = job.nats.url() else {
        return Err(StartError::Config("say where NATS is, with --nats".into()));
    };
    let shown = redact(url);
    let away = || StartError::Config(format!("nobody answers at {shown}"));
    let refused = |why: crate::Error| StartError::Config(why.to_string());
    let unusable = |why: String| StartError::Database(why);
    let db = Database::open_with::<M>(&job.database)
        .await
        .map_err(|e| unusable(e.to_string()))?;
    let log = EventLog::open(db.clone(), source, std::sync::Arc::new(SystemClock)).await;
    let log = log.map_err(|e| unusable(e.to_string()))?;
    let nats = Nats::connect(url, source).await.map_err(refused)?;
    let mut link = nats.link();
    let up = link.wait_for(|link| link.up);
    if !matches!(timeout(PATIENCE, up).await, Ok(Ok(_))) {
        return Err(away());
    }
    let streams = Streams::new(nats, source, job.streams.settings());
    let (made, changed) = timeout(PATIENCE, streams.ensure_exactly(&log))
        .await
        .map_err(|_| away())?
        .map_err(refused)?;
    db.close().await.map_err(|e| unusable(e.to_string()))?;
    let kept = PARTITIONS - made - changed;
    Ok(format!(
        "{made} streams made, {changed} changed and {kept} left as they were at {shown}"
    ))
}

fn redacted<S: Serializer>(url: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match url {
        Some(url) => serializer.serialize_some(&redact(url)),
        None => serializer.serialize_none(),
    }
}

/// Without users and passwords, or the token that may stand there.
pub(crate) fn redact(url: &str) -> String {
    let one = |address: &str| match address.rsplit_once('@') {
        Some((before, host)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://…@{host}"),
            None => format!("…@{host}"),
        },
        None => address.to_owned(),
    };
    let addresses: Vec<String> = url.split(',').map(one).collect();
    addresses.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_an_address_has_no_password() {
        for (url, shown) in [
            ("nats://a:4222,b", "nats://a:4222,b"),
            (
                "nats://me:se@cret@a:4222,tls://token@b",
                "nats://…@a:4222,tls://…@b",
            ),
            ("me:secret@a", "…@a"),
        ] {
            assert_eq!(redact(url), shown);
        }
    }

    #[test]
    fn no_address_and_an_empty_one_are_the_same() {
        assert_eq!(NatsArgs::default().url(), None);
        assert_eq!(NatsArgs::at(" ").url(), None);
        assert_eq!(NatsArgs::at("nats://a").url(), Some("nats://a"));
    }

    #[test]
    fn the_streams_of_a_service_together_reserve_what_was_said() {
        let settings = StreamArgs::default().settings();
        assert_eq!(settings.max_bytes * 16, 1 << 30);
        assert_eq!(settings, StreamSettings::default());
    }
}
