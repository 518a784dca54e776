//! Starting over while others write: only Postgres lets two transactions write at once.

use testing::{eventually, on_postgres_for};

use super::*;
use crate::projection::TicketRead;

/// Otherwise a row worked out from what is gone would be written over the one told anew.
#[tokio::test]
#[allow(
    clippy::disallowed_methods,
    reason = "both tasks are awaited by the test"
)]
async fn who_starts_over_waits_for_those_at_work_and_holds_off_those_who_come() {
    if !on_postgres_for("two transactions that write at once") {
        return;
    }
    let stored = Stored::new().await;
    let id = stored.inboxes[0].clone();
    let ticket_id = TicketId::parse(&format!("tkt_{}", "1".repeat(32))).unwrap();
    let read = |revision| TicketRead {
        ticket_id: ticket_id.clone(),
        up_to_revision: revision,
    };
    let at_work = stored.db.begin().await.unwrap();
    let _ = mark_read(&at_work, &id, read(1)).await.unwrap();
    let db = stored.db.clone();
    let over = tokio::spawn(async move {
        let tx = db.begin().await.unwrap();
        blank(&tx, Source::Tickets).await.unwrap();
        tx
    });
    waiting(&stored).await;
    at_work.commit().await.unwrap();
    let over = over.await.unwrap();

    let (db, whose, next) = (stored.db.clone(), id.clone(), read(2));
    let late = tokio::spawn(async move {
        let tx = db.begin().await.unwrap();
        let _ = mark_read(&tx, &whose, next).await.unwrap();
        tx.commit().await.unwrap();
    });
    waiting(&stored).await;
    over.commit().await.unwrap();
    late.await.unwrap();
    let rows = stored.rows(&id).await.unwrap();
    assert_eq!(rows.tickets[&ticket_id].explicit_revision, 2);
}

/// Until somebody waits for a turn.
async fn waiting(stored: &Stored) {
    #[derive(FromQueryResult)]
    struct Found {
        waiting: i64,
    }
    let sql = "select count(*) as waiting from pg_locks where locktype = 'advisory' and not granted \
               and database = (select oid from pg_database where datname = current_database())";
    eventually("somebody waits", async || {
        let found: Option<Found> = one(stored.db.read(), sql, []).await.unwrap();
        found.filter(|found| found.waiting == 1).map(|_| ())
    })
    .await;
}
