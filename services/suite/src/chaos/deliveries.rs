//! Deliveries that come again, and out of order: a consumer's places in some partitions are put back to
//! where they were a while ago, as if what it was told since had been told to nobody.

use std::{collections::BTreeMap, time::Duration};

use rand::{Rng, rngs::StdRng, seq::SliceRandom};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};
use tokio::time::timeout;

use crate::cluster::Cluster;

/// Services that follow others' logs from places in their database.
const FOLLOWERS: [&str; 3] = ["tickets", "conversations", "notifications"];
/// The server may be stopped just then: nobody waits longer for it.
const PATIENCE: Duration = Duration::from_millis(500);
/// Times that are remembered for each follower.
const TIMES: usize = 12;

/// A place in one partition of a log that somebody follows.
#[derive(Debug, Clone)]
struct Place {
    projection: String,
    source: String,
    part: i32,
    epoch: Vec<u8>,
    position: i64,
    event_id: Vec<u8>,
}

/// Where followers were.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    were: BTreeMap<&'static str, Vec<Vec<Place>>>,
}

impl Deliveries {
    /// Remembers where one of the followers is, if its database answers.
    pub(super) async fn remember(&mut self, cluster: &Cluster, rng: &mut StdRng) {
        let follower = FOLLOWERS[rng.gen_range(0..FOLLOWERS.len())];
        let found = within(async {
            let db = connect(&cluster.database_url(follower)).await?;
            let places = places(&db).await;
            db.close().await?;
            places
        });
        let Some(places) = found.await.filter(|places| !places.is_empty()) else {
            return;
        };
        let times = self.were.entry(follower).or_default();
        if times.len() == TIMES {
            times.remove(0);
        }
        times.push(places);
    }

    /// Puts some of a follower's places back, each to a time before; who, and how many places went back.
    /// `None` when there is no such time or the database does not answer.
    pub(super) async fn repeat(
        &self,
        cluster: &Cluster,
        rng: &mut StdRng,
    ) -> Option<(&'static str, u64)> {
        let known: Vec<_> = self.were.iter().collect();
        let (follower, times) = known.choose(rng)?;
        // each partition to a time of its own, so that one is ahead of another as it never was
        let back: Vec<Place> = times[0]
            .iter()
            .filter_map(|_| times.choose(rng)?.choose(rng).cloned())
            .collect();
        let moved = within(async {
            let db = connect(&cluster.database_url(follower)).await?;
            let mut moved = 0;
            for place in &back {
                moved += put_back(&db, place).await?;
            }
            db.close().await?;
            Ok(moved)
        });
        let moved = moved.await.filter(|moved| *moved > 0)?;
        Some((**follower, moved))
    }
}

async fn within<T>(asked: impl Future<Output = Result<T, DbErr>>) -> Option<T> {
    timeout(PATIENCE, asked).await.ok()?.ok()
}

async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false).max_connections(1);
    Database::connect(options).await
}

/// All that are past the beginning: at the beginning a follower starts over, which a rebuild is for.
async fn places(db: &DatabaseConnection) -> Result<Vec<Place>, DbErr> {
    let sql = "select projection, source, part, log_epoch, pos, event_id from consumer_cursor where pos > 0";
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql));
    let rows = rows.await?;
    let place = |row: &sea_orm::QueryResult| {
        Ok(Place {
            projection: row.try_get("", "projection")?,
            source: row.try_get("", "source")?,
            part: row.try_get("", "part")?,
            epoch: row.try_get("", "log_epoch")?,
            position: row.try_get("", "pos")?,
            event_id: row.try_get("", "event_id")?,
        })
    };
    rows.iter().map(place).collect()
}

async fn put_back(db: &DatabaseConnection, place: &Place) -> Result<u64, DbErr> {
    let sql = "update consumer_cursor set pos = $1, event_id = $2 where projection = $3 and source = $4 \
               and part = $5 and log_epoch = $6 and pos > $1";
    let values = [
        place.position.into(),
        place.event_id.clone().into(),
        place.projection.as_str().into(),
        place.source.as_str().into(),
        place.part.into(),
        place.epoch.clone().into(),
    ];
    let backend = db.get_database_backend();
    let done = db.execute_raw(Statement::from_sql_and_values(backend, sql, values));
    Ok(done.await?.rows_affected())
}
