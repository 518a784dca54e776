//! Steps of a schema: what was released is never changed, and each only adds what the version before it
//! need not know of, since both run on the same database while replicas are replaced.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use sea_orm_migration::{MigratorTrait, SchemaManager};

use super::Golden;
use crate::{Scratch, on_postgres};

/// One line for everything in the database.
type Catalogue = BTreeSet<String>;

/// On SQLite, whose tables keep the words they were made with, those are held too.
const SQLITE: &str = "
select 'column ' || t.name || '.' || c.name || ' ' || lower(c.type) ||
 case when c.\"notnull\" then ' not null' else '' end || coalesce(' default ' || c.dflt_value, '') as line
from sqlite_master t join pragma_table_xinfo(t.name) c where t.type = 'table'
union all select 'key ' || t.name || ' ' || f.\"from\" || ' of ' || f.\"table\" || '.' || f.\"to\"
from sqlite_master t join pragma_foreign_key_list(t.name) f where t.type = 'table'
union all select type || ' ' || name || ' on ' || tbl_name || ': ' || sql from sqlite_master
where sql is not null";

const POSTGRES: &str = "
select 'column ' || table_name || '.' || column_name || ' ' || data_type ||
 case is_nullable when 'NO' then ' not null' else '' end || coalesce(' default ' || column_default, '') as line
from information_schema.columns where table_schema = 'public'
union all select 'index ' || indexname || ' on ' || tablename || ': ' || indexdef
from pg_indexes where schemaname = 'public'
union all select 'key ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'
union all select 'trigger ' || tgname || ' on ' || tgrelid::regclass || ': ' || pg_get_triggerdef(oid)
from pg_trigger where not tgisinternal
union all select 'policy ' || policyname || ' on ' || tablename || ': for ' || cmd || ' using ' || coalesce(qual, '') ||
 ' with check ' || coalesce(with_check, '') as line from pg_policies where schemaname = 'public'";

impl Golden {
    /// Holds what each step of a schema adds to an empty database against what it added when it was
    /// released, on the database that tests run on; and each step against the rule that it only expands.
    ///
    /// # Panics
    /// When a released step adds something else or is gone, or a step does more than to expand.
    pub async fn schema<M: MigratorTrait>(&self) {
        let scratch = Scratch::new();
        let url = scratch.database_url("schema");
        let url = if on_postgres() {
            url
        } else {
            format!("{url}?mode=rwc")
        };
        let mut options = sea_orm::ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let db = sea_orm::Database::connect(options).await.unwrap();
        let backend = if on_postgres() { "postgres" } else { "sqlite" };
        let mut before = Catalogue::new();
        let mut steps = Vec::new();
        for step in M::migrations() {
            step.up(&SchemaManager::new(&db)).await.unwrap();
            let after = catalogue(&db).await;
            let offences = contracting(&before, &after);
            assert!(
                offences.is_empty(),
                "{} does more than to expand, and the version before it would fail beside it:\n{}",
                step.name(),
                offences.join("\n")
            );
            let added: Vec<&str> = after.difference(&before).map(String::as_str).collect();
            let added = format!("{}\n", added.join("\n"));
            let name = format!("schema/{}.{backend}", step.name());
            match self.read(&name) {
                Some(released) => {
                    let offences = changed(&released, &added);
                    assert!(
                        offences.is_empty(),
                        "{} was released and is changed, and databases that have it stay as they are: \
                         add a step instead\n{}",
                        step.name(),
                        offences.join("\n")
                    );
                }
                None => self.add_text(&name, &format!("the step {}", step.name()), &added),
            }
            before = after;
            steps.push(step.name().to_owned());
        }
        db.close().await.unwrap();
        for released in self.names("schema", &format!(".{backend}")) {
            assert!(
                steps.contains(&released),
                "{released} was released and is gone: databases that have it would not be opened any more"
            );
        }
    }
}

async fn catalogue(db: &DatabaseConnection) -> Catalogue {
    let backend = db.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => POSTGRES,
        _ => SQLITE,
    };
    let rows = db.query_all_raw(Statement::from_string(backend, sql));
    let lines = rows.await.unwrap().into_iter();
    lines
        .map(|row| row.try_get::<String>("", "line").unwrap())
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// Lines that only one of two has.
fn changed(released: &str, today: &str) -> Vec<String> {
    let (released, today): (BTreeSet<&str>, BTreeSet<&str>) =
        (released.lines().collect(), today.lines().collect());
    let gone = released.difference(&today);
    let gone = gone.map(|line| format!("released: {line}"));
    let new = today.difference(&released);
    gone.chain(new.map(|line| format!("today: {line}")))
        .collect()
}

/// What a step does beyond adding tables, indexes, and columns that need no value.
fn contracting(before: &Catalogue, after: &Catalogue) -> Vec<String> {
    let tables: BTreeSet<&str> = before.iter().filter_map(|line| table_of(line)).collect();
    // the words of a table change with each column that it is given; its columns are compared
    let words = |line: &&String| line.starts_with("table ");
    let gone = before.difference(after).filter(|line| !words(line));
    let gone = gone.map(|line| format!("gone or changed: {line}"));
    let added = after.difference(before).filter(|line| !words(line));
    let added = added.filter(|line| table_of(line).is_some_and(|table| tables.contains(table)));
    let demanding = added.filter(|line| match line.split(' ').next() {
        Some("column") => line.contains(" not null") && !line.contains(" default "),
        Some("index") => line.to_lowercase().contains(": create unique "),
        // it asks nothing of a session that sets nothing, as `every_table_keeps_workspaces_apart` shows
        Some("policy") => false,
        _ => true,
    });
    let demanding = demanding.map(|line| format!("asked of rows that are there: {line}"));
    gone.chain(demanding).collect()
}

/// The table that a line is about.
fn table_of(line: &str) -> Option<&str> {
    let mut words = line.split(' ');
    match words.next()? {
        "column" => words.next()?.split('.').next(),
        "key" => words.next(),
        "table" => words.next(),
        _ => line.split_once(" on ")?.1.split(':').next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after(sql: &[&str]) -> Vec<String> {
        let scratch = Scratch::new();
        let url = scratch.database_url("schema");
        let url = if on_postgres() {
            url
        } else {
            format!("{url}?mode=rwc")
        };
        let db = sea_orm::Database::connect(url).await.unwrap();
        for sql in [
            "create table thing (id bigint not null primary key, name text not null)",
            "create index thing_name on thing (name)",
        ] {
            db.execute_unprepared(sql).await.unwrap();
        }
        let before = catalogue(&db).await;
        for sql in sql {
            db.execute_unprepared(sql).await.unwrap();
        }
        let offences = contracting(&before, &catalogue(&db).await);
        db.close().await.unwrap();
        offences
    }

    #[tokio::test]
    async fn a_step_that_only_adds_may_run_beside_the_version_before_it() {
        for sql in [
            "alter table thing add column note text",
            "alter table thing add column size bigint not null default 0",
            "create index thing_size on thing (id, name)",
            "create table other (id bigint not null primary key references thing (id), name text not null)",
        ] {
            assert_eq!(after(&[sql]).await, Vec::<String>::new(), "{sql}");
        }
        let both = [
            "create table other (id bigint not null)",
            "create unique index other_id on other (id)",
        ];
        assert_eq!(after(&both).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_step_that_takes_away_renames_or_demands_is_caught() {
        for sql in [
            "drop table thing",
            "drop index thing_name",
            "alter table thing rename to item",
            "alter table thing rename column name to title",
            "create unique index thing_once on thing (name)",
        ] {
            assert_ne!(after(&[sql]).await, Vec::<String>::new(), "{sql}");
        }
        let other_type = [
            "drop index thing_name",
            "alter table thing drop column name",
            "alter table thing add column name bigint",
            "create index thing_name on thing (name)",
        ];
        assert_eq!(after(&other_type).await.len(), 1);
    }
}
