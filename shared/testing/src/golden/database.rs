//! Databases of released schemas: today's code opens a copy of each, and everything is there.

use std::{future::Future, path::Path};

use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::MigratorTrait;
use serde_json::Value;

use super::{Golden, lost, pretty};
use crate::{Scratch, on_sqlite_for};

impl Golden {
    /// Holds what today's service says on a copy of every database that is kept against what was said when
    /// that was made. For a schema that has none yet, `make` fills the database `name` of a scratch and
    /// lets go of it; every table has rows then, except those that `empty` names.
    ///
    /// `read` gives what the service says of it, as JSON: start it on the database `name` of the scratch.
    ///
    /// # Panics
    /// When something is lost.
    pub async fn databases<M, Make, Read>(
        &self,
        name: &str,
        empty: &[&str],
        make: impl FnOnce(Scratch) -> Make,
        read: impl Fn(Scratch) -> Read,
    ) where
        M: MigratorTrait,
        Make: Future<Output = ()>,
        Read: Future<Output = Value>,
    {
        if !on_sqlite_for("files of released schemas") {
            return;
        }
        let schema = M::migrations().last().unwrap().name().to_owned();
        let kept = self.names("databases", ".db");
        if !kept.contains(&schema) {
            let what = format!("the schema {schema} with rows in it");
            let file = self.add(&format!("databases/{schema}.db"), &what);
            let scratch = Scratch::new();
            make(scratch.clone()).await;
            pack(&scratch.path(&format!("{name}.db")), &file, empty).await;
            let said = read(copy(&file, name)).await;
            let file = format!("databases/{schema}.json");
            self.add_text(&file, &what, &pretty(&said));
        }
        for schema in self.names("databases", ".db") {
            let scratch = copy(&self.path(&format!("databases/{schema}.db")), name);
            let said = self.read(&format!("databases/{schema}.json")).unwrap();
            let said: Value = serde_json::from_str(&said).unwrap();
            let mut found = Vec::new();
            lost(&said, &read(scratch).await, "answers", &mut found);
            assert!(
                found.is_empty(),
                "today's code opens a database of {schema} and does not say all that is in it:\n{}",
                found.join("\n")
            );
        }
    }
}

/// A scratch whose database `name` is a copy of a file.
fn copy(file: &Path, name: &str) -> Scratch {
    let scratch = Scratch::new();
    std::fs::copy(file, scratch.path(&format!("{name}.db"))).unwrap();
    scratch
}

/// Writes a database into one small file.
async fn pack(from: &Path, to: &Path, empty: &[&str]) {
    let url = format!("sqlite://{}", from.display());
    let db = sea_orm::Database::connect(url).await.unwrap();
    let backend = db.get_database_backend();
    let tables = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'";
    let tables = db.query_all_raw(Statement::from_string(backend, tables));
    for table in tables.await.unwrap() {
        let table: String = table.try_get("", "name").unwrap();
        let sql = format!("select 1 as one from {table} limit 1");
        let row = db.query_one_raw(Statement::from_string(backend, sql));
        let none = row.await.unwrap().is_none();
        assert!(
            !none || empty.contains(&table.as_str()),
            "nothing is written into {table}, so nothing would be proved of it"
        );
    }
    let sql = format!("vacuum into '{}'", to.display());
    db.execute_unprepared(&sql).await.unwrap();
    db.close().await.unwrap();
}
