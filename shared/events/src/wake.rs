//! Wake-ups between replicas of an owner on Postgres: whoever follows the log at one of them hears at once
//! what another wrote. A wake-up says nothing and may be lost; behind it stands the reader's poll.

use std::{convert::Infallible, time::Duration};

use sea_orm::sqlx::{self, PgPool, postgres::PgListener};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::EventLog;

/// From one replica they come this far apart at least: each costs every other one a look at the log.
const APART: Duration = Duration::from_millis(10);
/// After a failure; the reader's poll goes on meanwhile.
const PAUSE: Duration = Duration::from_secs(1);

/// Wakes the other replicas when this one writes, and its own readers when another does, until told to stop.
/// Takes one connection of the pool. On SQLite there is no other replica: ends at once.
pub async fn share_wakeups(log: EventLog, stop: CancellationToken) {
    let db = log.database();
    if !db.is_shared() {
        return;
    }
    let line = Line {
        pool: db.read().get_postgres_connection_pool().clone(),
        channel: format!("evlog_{}", log.source()),
        me: types::id::uuid().simple().to_string(),
    };
    let both = async { futures::join!(line.tell(&log), line.hear(&log)) };
    stop.run_until_cancelled(both).await;
}

struct Line {
    pool: PgPool,
    channel: String,
    me: String,
}

impl Line {
    async fn tell(&self, log: &EventLog) -> Infallible {
        loop {
            log.wrote().await;
            // never inside the transaction that writes: notifying takes a lock of the whole database
            let told = sqlx::query("select pg_notify($1, $2)")
                .bind(&self.channel)
                .bind(&self.me)
                .execute(&self.pool)
                .await;
            if let Err(error) = told {
                tracing::debug!(%error, "the other replicas were not woken");
            }
            sleep(APART).await;
        }
    }

    async fn hear(&self, log: &EventLog) -> Infallible {
        loop {
            let Err(error) = self.listen(log).await;
            tracing::debug!(%error, "wake-ups of other replicas are not heard");
            sleep(PAUSE).await;
        }
    }

    async fn listen(&self, log: &EventLog) -> Result<Infallible, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(&self.channel).await?;
        loop {
            // what was written before, or while a connection was lost, is found by the poll
            let woken = listener.recv().await?;
            if woken.payload() != self.me
                && let Err(error) = log.refresh_heads().await
            {
                tracing::debug!(%error, "the log could not be looked at");
            }
        }
    }
}
