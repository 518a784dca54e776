//! The job that migrates before a service runs.

use std::process::ExitCode;

use database::migrate_errand;
use runtime::{Running, StartError, config::DatabaseArgs};
use sea_orm::{ConnectionTrait, Statement};
use testing::Scratch;

use crate::{Schema, url};

/// Runs the program of a service as its `main` does.
fn program(arguments: &[&str]) -> bool {
    let arguments = std::iter::once("sample").chain(arguments.iter().copied());
    let start = |_: DatabaseArgs| async { Err::<Running, _>(StartError::Config("serves".into())) };
    let code = runtime::run_or(
        "sample",
        "A sample.",
        arguments.map(Into::into).collect::<Vec<_>>(),
        [migrate_errand::<Schema>()],
        start,
    );
    format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)
}

#[test]
fn the_job_brings_a_database_to_this_version_and_may_be_repeated() {
    let scratch = Scratch::new();
    let url = url(&scratch);
    assert!(program(&["migrate", "--database-url", &url]));
    assert!(program(&["migrate", "--database-url", &url]));
    // what it left is looked at by a connection that migrates nothing
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tables = runtime.block_on(async {
        let db = sea_orm::Database::connect(&url).await.unwrap();
        let sql = "select count(*) as rows from counter";
        let statement = Statement::from_string(db.get_database_backend(), sql);
        db.query_one_raw(statement).await
    });
    assert!(tables.unwrap().is_some());
    let away = "postgres://nobody@127.0.0.1:1/nothing";
    assert!(!program(&["migrate", "--database-url", away]));
}
