//! Backlogs: how fast a log is read, and how fast its events become inboxes.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use events::{Delivery, EventSource, GrpcSource, PARTITIONS};
use futures::StreamExt;
use jetstream::{NatsArgs, Transport};
use proto::events::v1::Cursor;
use runtime::{KeyRing, client::service_channel};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tokio::time::{Instant, sleep, timeout};

use crate::{Endpoints, cluster::Cluster};

/// What a reader of a feed must be allowed.
const SCOPES: &[&str] = &["events:read"];
/// Nothing came for this long: it never will.
const SILENCE: Duration = Duration::from_secs(60);

/// Over the owner's feed, or over NATS.
pub(super) async fn source(
    cluster: &Cluster,
    endpoints: &Endpoints,
    nats: Option<String>,
) -> Result<Arc<dyn EventSource>> {
    let keys = Arc::new(KeyRing::load(&cluster.layout.keys(), "notifications")?);
    let feed = GrpcSource::new(service_channel(&endpoints.tickets, keys, SCOPES)?);
    let nats = nats.map_or_else(NatsArgs::default, NatsArgs::at);
    Ok(Transport::open(&nats, "bench")
        .await?
        .reader("tickets", feed))
}

/// Reads a log from its beginning to where it stands: events, and how many of them a second.
///
/// # Errors
/// When it cannot be read.
pub(super) async fn catch_up(source: &Arc<dyn EventSource>) -> Result<(u64, f64)> {
    let total = length(source).await?;
    let start = Instant::now();
    let origin = (0..PARTITIONS as u32).map(|partition| Cursor {
        partition,
        ..Cursor::default()
    });
    let mut deliveries = source.subscribe(origin.collect()).await?;
    let mut read = 0;
    while read < total {
        let delivery = timeout(SILENCE, deliveries.next()).await;
        let delivery = delivery.context("the feed fell silent")?;
        if let Delivery::Batch(events) = delivery.context("the feed ended")?? {
            read += events.len() as u64;
        }
    }
    Ok((read, read as f64 / start.elapsed().as_secs_f64()))
}

/// Events of both feeds, as far as they are.
///
/// # Errors
/// When a database cannot be read.
pub(super) async fn told(cluster: &Cluster) -> Result<u64> {
    let mut told = 0;
    for source in ["tickets", "conversations"] {
        let db = connect(&cluster.database_url(source)).await?;
        told += sum(&db, HEADS).await?;
        db.close().await?;
    }
    Ok(told)
}

/// Events of a log.
///
/// # Errors
/// When its owner does not say.
async fn length(source: &Arc<dyn EventSource>) -> Result<u64> {
    let heads = source.heads().await?;
    Ok(heads.iter().map(|head| head.position).sum())
}

/// Events a second of both feeds that became inboxes, until all of them have; from the first on, so that a
/// start is not measured.
///
/// # Errors
/// When it does not go on.
pub(super) async fn projected(db: &DatabaseConnection, total: u64) -> Result<f64> {
    let (mut first, mut last) = (None, (0, Instant::now()));
    loop {
        let both = applied(db, "tickets").await? + applied(db, "conversations").await?;
        let now = (both, Instant::now());
        if now.0 > last.0 {
            last = now;
            first.get_or_insert(now);
        }
        match first {
            Some((from, since)) if last.0 >= total => {
                let time = last.1.duration_since(since).as_secs_f64();
                return Ok((total - from) as f64 / time);
            }
            _ => {}
        }
        ensure!(
            last.1.elapsed() < SILENCE,
            "the projection stands at {} of {total} events",
            last.0
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a service has applied everything that another tells.
///
/// # Errors
/// When it does not go on.
pub(super) async fn settled(cluster: &Cluster, reader: &str, source: &str) -> Result<()> {
    let (read, told) = (
        connect(&cluster.database_url(reader)).await?,
        connect(&cluster.database_url(source)).await?,
    );
    let mut last = (0, Instant::now());
    loop {
        let done = applied(&read, source).await?;
        if done >= sum(&told, HEADS).await? {
            break;
        }
        if done > last.0 {
            last = (done, Instant::now());
        }
        ensure!(
            last.1.elapsed() < SILENCE,
            "{reader} stands at {done} events of {source}"
        );
        sleep(Duration::from_millis(200)).await;
    }
    read.close().await?;
    told.close().await?;
    Ok(())
}

/// A connection to one of the cluster's databases.
pub(super) async fn connect(url: &str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false);
    Ok(Database::connect(options).await?)
}

/// The newest positions of a log, added up.
const HEADS: &str = "select coalesce(sum((select max(pos) from evlog where part = p)), 0)::bigint as sum \
                     from generate_series(0, 15) p";

/// Events of a service that the owner of this database has applied.
async fn applied(db: &DatabaseConnection, source: &str) -> Result<u64> {
    let sql = format!(
        "select coalesce(sum(pos), 0)::bigint as sum from consumer_cursor where source = '{source}'"
    );
    sum(db, &sql).await
}

async fn sum(db: &DatabaseConnection, sql: &str) -> Result<u64> {
    let statement = sea_orm::Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await?;
    let sum: i64 = row.context("no sum")?.try_get("", "sum")?;
    Ok(sum as u64)
}
