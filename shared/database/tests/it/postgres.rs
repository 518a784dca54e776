//! What is different on Postgres: many processes, limits on the server, locks.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use database::{Database, Turn, given, is_passing, is_undone, retried, take_turns};
use futures::future::join_all;
use runtime::config::DatabaseArgs;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};
use testing::{Scratch, eventually, on_postgres_for};

use crate::{Schema, count, open, value};

fn of(url: String, connections: u32) -> DatabaseArgs {
    DatabaseArgs {
        database_connections: connections,
        ..DatabaseArgs::at(url)
    }
}

async fn setting(tx: &DatabaseTransaction, name: &str) -> String {
    let statement = Statement::from_sql_and_values(
        tx.get_database_backend(),
        "select current_setting($1) as value",
        [name.into()],
    );
    let row = tx.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get("", "value").unwrap()
}

#[tokio::test]
async fn every_wait_on_the_server_is_bounded() {
    if !on_postgres_for("limits of the server") {
        return;
    }
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let tx = db.begin().await.unwrap();
    for (name, expected) in [
        ("statement_timeout", "5s"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("transaction_isolation", "read committed"),
    ] {
        assert_eq!(setting(&tx, name).await, expected, "{name}");
    }
    assert!(setting(&tx, "application_name").await.contains("it-"));
    let reading = db.snapshot().await.unwrap();
    let level = setting(&reading, "transaction_isolation").await;
    assert_eq!(level, "repeatable read");
}

/// A statement is planned once, perhaps on the first day.
#[tokio::test]
async fn what_was_planned_while_its_table_was_empty_looks_rows_up_all_the_same() {
    if !on_postgres_for("plans of the server") {
        return;
    }
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let tx = db.begin().await.unwrap();
    for sql in [
        "create table planned (key text not null primary key, value text not null)",
        "set local plan_cache_mode = force_generic_plan",
    ] {
        tx.execute_unprepared(sql).await.unwrap();
    }
    let each: Vec<String> = (1..=32).map(|n| format!("(${n})")).collect();
    let each = format!("values {}", each.join(", "));
    let (types, keys) = (vec!["text"; 32].join(", "), vec!["'k'"; 32].join(", "));
    let column = given(DbBackend::Postgres, &["text"], &[["k".into()]]).unwrap();
    let column = &column[0].sql;
    for (name, asked, types, keys) in [
        ("by_value", each.as_str(), types.as_str(), keys.as_str()),
        ("by_column", column, "text", "'{k}'"),
    ] {
        let prepare = format!(
            "prepare {name} ({types}) as with asked (key) as ({asked}) \
             select t.value from asked join planned t on t.key = asked.key"
        );
        tx.execute_unprepared(&prepare).await.unwrap();
        let explain = format!("explain (costs off) execute {name} ({keys})");
        let explain = Statement::from_string(DbBackend::Postgres, explain);
        let plan = tx.query_all_raw(explain).await.unwrap();
        let plan: Vec<String> = plan
            .iter()
            .map(|row| row.try_get("", "QUERY PLAN").unwrap())
            .collect();
        assert!(
            plan.iter().any(|step| step.contains("planned_pkey")),
            "{plan:#?}"
        );
    }
}

/// As a call does whose deadline is over.
#[tokio::test]
async fn who_gives_up_while_a_transaction_begins_leaves_no_other_inside_it() {
    if !on_postgres_for("a connection for one after the other") {
        return;
    }
    let scratch = Scratch::new();
    let db = Database::open_with::<Schema>(&of(scratch.database_url("test"), 2))
        .await
        .unwrap();
    let other = open(&scratch).await;
    for polls in 1..12 {
        let mut begin = Box::pin(db.begin());
        for _ in 0..polls {
            if futures::poll!(&mut begin).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(begin);
        let mut snapshot = Box::pin(db.snapshot());
        let _ = futures::poll!(&mut snapshot);
        drop(snapshot);
        count(db.read(), "a").await.unwrap();
        let there = value(other.read(), "a").await.unwrap();
        assert_eq!(there, polls, "what was written is kept");
    }
}

/// Replicas of a new version start together on an old database, or on none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_at_once_migrate_one_after_the_other() {
    if !on_postgres_for("replicas that migrate at once") {
        return;
    }
    let scratch = Scratch::new();
    let url = scratch.database_url("test");
    let opened = (0..8).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { Database::open_with::<Schema>(&of(url, 2)).await })
    });
    for db in join_all(opened.collect::<Vec<_>>()).await {
        let db = db.unwrap().unwrap();
        assert_eq!(value(db.read(), "a").await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_in_one_sentence() {
    let url = "postgres://me:s3cret@127.0.0.1:1/data";
    let start = Instant::now();
    let error = Database::open::<Schema>(url).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(8));
    assert_eq!(
        error.to_string(),
        "the database postgres://127.0.0.1:1/data cannot be opened: nobody answers there"
    );
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_named_without_its_password() {
    if !on_postgres_for("databases of a server") {
        return;
    }
    let url = Scratch::new().database_url("test");
    let (address, name) = url.rsplit_once('/').unwrap();
    let url = format!("{}/nothing_here", address.replace('@', ":s3cret@"));
    let text = Database::open::<Schema>(&url)
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("\"nothing_here\" does not exist"), "{text}");
    assert!(!text.contains("s3cret") && !text.contains(name), "{text}");
}

/// What two transactions want in opposite orders: one of them is told so, and its second try succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_wait_in_a_circle_both_happen_in_the_end() {
    if !on_postgres_for("deadlocks") {
        return;
    }
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let met = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let writers = [["a", "b"], ["b", "a"]].map(|names| {
        let (db, met) = (db.clone(), met.clone());
        tokio::spawn(async move {
            let mut first = true;
            let write = || {
                let first = std::mem::take(&mut first);
                let (db, met) = (&db, &met);
                async move {
                    let tx = db.begin().await?;
                    count(&tx, names[0]).await?;
                    if first {
                        met.wait().await;
                    }
                    count(&tx, names[1]).await?;
                    tx.commit().await
                }
            };
            retried(is_passing, write).await
        })
    });
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(value(db.read(), "a").await.unwrap(), 2);
    assert_eq!(value(db.read(), "b").await.unwrap(), 2);
}

/// A turn that is never given back is given up in time, and the reason passes.
#[tokio::test]
async fn a_turn_that_somebody_keeps_is_not_waited_for_for_ever() {
    if !on_postgres_for("turns") {
        return;
    }
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let (one, other) = (db.begin().await.unwrap(), db.begin().await.unwrap());
    take_turns(&one, 1, Turn::Shared, [3, 1, 3]).await.unwrap();
    // shared with whoever wants to share, and another number is nobody's business
    take_turns(&other, 1, Turn::Shared, [1]).await.unwrap();
    take_turns(&other, 1, Turn::Alone, [2]).await.unwrap();
    let start = Instant::now();
    let refused = take_turns(&other, 1, Turn::Alone, [3]).await.unwrap_err();
    assert!(is_passing(&refused), "{refused:?}");
    assert!(start.elapsed() < Duration::from_secs(4));
}

/// The server ends every session, as a restart does: whoever asks next does not notice.
#[tokio::test]
async fn lost_connections_are_replaced() {
    if !on_postgres_for("lost connections") {
        return;
    }
    let scratch = Scratch::new();
    let (db, other) = (open(&scratch).await, open(&scratch).await);
    let ended = "select pg_terminate_backend(pid) from pg_stat_activity \
                 where datname = current_database() and pid <> pg_backend_pid()";
    other.read().execute_unprepared(ended).await.unwrap();
    let failures = RefCell::new(Vec::new());
    eventually("the database answers again", async || {
        match value(db.read(), "a").await {
            Ok(value) => Some(value),
            Err(error) => {
                failures.borrow_mut().push(error);
                None
            }
        }
    })
    .await;
    let failures = failures.into_inner();
    assert!(failures.iter().all(is_passing), "{failures:?}");
}

/// What the server says of itself when a file cannot grow, and when it gives up a session.
#[tokio::test]
async fn a_fault_of_the_server_passes_and_is_undone_unless_it_ended_the_session() {
    if !on_postgres_for("faults of the server") {
        return;
    }
    let scratch = Scratch::new();
    let (db, other) = (open(&scratch).await, open(&scratch).await);
    for (code, passes) in [
        ("XX000", true),
        ("53100", true),
        ("58030", true),
        ("XX001", false),
    ] {
        let raise = format!("do $$ begin raise exception using errcode = '{code}'; end $$");
        let told = db.read().execute_unprepared(&raise).await.unwrap_err();
        assert_eq!(is_passing(&told), passes, "{code}: {told}");
        assert_eq!(is_undone(&told), passes, "{code}: {told}");
    }
    let tx = db.begin().await.unwrap();
    let ended = "select pg_terminate_backend(pid) from pg_stat_activity \
                 where datname = current_database() and pid <> pg_backend_pid()";
    other.read().execute_unprepared(ended).await.unwrap();
    let told = tx.execute_unprepared("select 1").await.unwrap_err();
    assert!(is_passing(&told) && !is_undone(&told), "{told}");
}

/// After an error the transaction is over, whatever is tried in it: nothing of it happens.
#[tokio::test]
async fn a_duplicate_ends_its_transaction() {
    if !on_postgres_for("aborted transactions") {
        return;
    }
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let insert = "insert into counter (name, value) values ('a', 1)";
    let tx = db.begin().await.unwrap();
    tx.execute_unprepared(insert).await.unwrap();
    let twice: DbErr = tx.execute_unprepared(insert).await.unwrap_err();
    assert!(!is_passing(&twice));
    assert!(value(&tx, "a").await.is_err());
    drop(tx);
    assert_eq!(value(db.read(), "a").await.unwrap(), 0);
}
