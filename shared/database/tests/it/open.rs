//! Opening: what a person reads when it cannot be done.

use std::{fs, time::Instant};

use database::{Database, OpenError};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::prelude::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use testing::{Scratch, on_sqlite_for};

use crate::{Schema, count, open, url, value};

async fn refusal(url: &str) -> String {
    let start = Instant::now();
    let error = Database::open::<Schema>(url).await.unwrap_err();
    assert!(start.elapsed().as_secs() < 4, "it is told at once");
    let text = error.to_string();
    assert!(!text.contains('\n'), "one sentence: {text}");
    text
}

#[tokio::test]
async fn a_file_that_is_not_there_is_made_and_keeps_what_is_written() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let tx = db.begin().await.unwrap();
    count(&tx, "a").await.unwrap();
    tx.commit().await.unwrap();
    db.close().await.unwrap();
    // a second start finds the schema at this version, and the data
    let db = open(&scratch).await;
    assert_eq!(value(db.read(), "a").await.unwrap(), 1);
}

#[tokio::test]
async fn a_directory_that_does_not_exist_is_named() {
    let text = refusal("sqlite:///nowhere/at/all/x.db?mode=rwc").await;
    let start = "the database sqlite:///nowhere/at/all/x.db cannot be opened: ";
    assert!(text.starts_with(start), "{text}");
    assert!(text.contains("unable to open"), "{text}");
}

/// The superuser may write anywhere, but not into a directory that is a file, nor over one that is a directory.
#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "x").unwrap();
    fs::create_dir(scratch.path("directory")).unwrap();
    for place in ["file/x.db", "directory"] {
        let place = scratch.path(place);
        let text = refusal(&format!("sqlite://{}", place.display())).await;
        assert!(text.contains(&*place.to_string_lossy()), "{text}");
        assert!(text.contains("cannot be opened"), "{text}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_only_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    if !on_sqlite_for("files") {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.path("test.db");
    open(&scratch).await.close().await.unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    if fs::OpenOptions::new().write(true).open(&path).is_ok() {
        return; // a superuser may
    }
    let text = refusal(&url(&scratch)).await;
    assert!(text.contains("test.db"), "{text}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_and_left_as_it_is() {
    if !on_sqlite_for("files") {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.path("test.db");
    let letter = "Dear diary, this is no database. ".repeat(200);
    fs::write(&path, &letter).unwrap();
    let text = refusal(&url(&scratch)).await;
    assert!(
        text.contains("test.db") && text.contains("not a database"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), letter);
}

/// A table of that name is there, but nobody knows whose.
#[tokio::test]
async fn a_database_of_something_else_is_not_migrated() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let tx = db.begin().await.unwrap();
    tx.execute_unprepared("delete from seaql_migrations")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    db.close().await.unwrap();
    let error = Database::open::<Schema>(&url(&scratch)).await.unwrap_err();
    assert!(matches!(error, OpenError::Migrate { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains(" cannot be brought to this version: "),
        "{text}"
    );
}

/// Whatever is wrong, the sentence goes to a terminal and into logs.
#[tokio::test]
async fn no_message_tells_a_password() {
    for url in [
        "postgres://me:s3cret@db:5432/data",
        "postgres://me:s3cret@db:5432/data?sslmode=require",
        "postgres://db/data?user=me&password=s3cret",
        "mysql://me:s3cret@db/data",
        "nonsense://me:s3cret@db/data",
        "me:s3cret@db",
        "postgres://me:s3cret@half:@db/data",
    ] {
        let text = refusal(url).await;
        assert!(!text.contains("s3cret"), "{url}: {text}");
    }
}

/// What was answered survives a power cut, and readers never wait for the writer.
#[tokio::test]
async fn every_connection_is_set_up_to_be_durable() {
    if !on_sqlite_for("pragmas") {
        return;
    }
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let tx = db.begin().await.unwrap();
    let pragma = |name: &'static str| Statement::from_string(tx.get_database_backend(), name);
    for (name, expected) in [("synchronous", 2), ("foreign_keys", 1)] {
        let sql = format!("select {name} as value from pragma_{name}");
        let statement = Statement::from_string(tx.get_database_backend(), sql);
        let row = tx.query_one_raw(statement).await.unwrap().unwrap();
        assert_eq!(row.try_get::<i32>("", "value").unwrap(), expected, "{name}");
    }
    let row = tx
        .query_one_raw(pragma("pragma journal_mode"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.try_get::<String>("", "journal_mode").unwrap(), "wal");
}

/// A schema of which the second step fails, or does not any more.
struct Halfway<const FAILS: bool>;
struct Step {
    name: &'static str,
    sql: &'static [&'static str],
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in self.sql {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl<const FAILS: bool> MigratorTrait for Halfway<FAILS> {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let second: &[&str] = match FAILS {
            true => &["create table b (id integer)", "nonsense"],
            false => &["create table b (id integer)"],
        };
        vec![
            Box::new(Step {
                name: "m1",
                sql: &["create table a (id integer)"],
            }),
            Box::new(Step {
                name: "m2",
                sql: second,
            }),
        ]
    }
}

#[tokio::test]
async fn a_start_that_ends_half_way_leaves_nothing_that_the_next_one_trips_over() {
    let scratch = Scratch::new();
    let url = format!("sqlite://{}", scratch.path("halfway.db").display());
    Database::open::<Halfway<true>>(&url).await.unwrap_err();
    let db = Database::open::<Halfway<false>>(&url).await.unwrap();
    for table in ["a", "b"] {
        let sql = format!("select id from {table}");
        db.read().execute_unprepared(&sql).await.unwrap();
    }
}

/// The schema of the version after [`Schema`]'s, or of a version beside it that lacks a step.
struct Other<const LACKS: bool>;

#[async_trait::async_trait]
impl<const LACKS: bool> MigratorTrait for Other<LACKS> {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut steps = Schema::migrations();
        if LACKS {
            steps.pop();
        }
        steps.push(Box::new(Step {
            name: "m0200_more",
            sql: &["create table more (id integer)"],
        }));
        steps
    }
}

#[tokio::test]
async fn a_version_starts_on_what_the_version_after_it_has_expanded_and_serves_it() {
    let scratch = Scratch::new();
    let url = url(&scratch);
    for _ in 0..2 {
        let db = Database::open::<Other<false>>(&url).await.unwrap();
        db.close().await.unwrap();
        let db = Database::open::<Schema>(&url).await.unwrap();
        let tx = db.begin().await.unwrap();
        count(&tx, "a").await.unwrap();
        tx.commit().await.unwrap();
        db.close().await.unwrap();
    }
    let db = Database::open::<Other<false>>(&url).await.unwrap();
    assert_eq!(value(db.read(), "a").await.unwrap(), 2);
}

#[tokio::test]
async fn a_schema_that_something_else_made_is_refused_in_a_sentence() {
    let scratch = Scratch::new();
    let url = url(&scratch);
    let db = Database::open::<Other<true>>(&url).await.unwrap();
    db.close().await.unwrap();
    let text = refusal(&url).await;
    let why = "it has steps that this version does not know (m0200_more) and lacks some of its own";
    assert!(text.contains(why), "{text}");
}
