//! Whether Postgres keeps workspaces apart in every table of a schema, new ones too: the tables are taken from its
//! own catalogue.

use database::{Database, unwalled};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;
use types::WorkspaceId;

use crate::{Scratch, on_postgres_for};

/// Tables without a wall: nothing in them is a workspace's, but for the events that could not be applied.
const PROCESSES_OWN: [&str; 7] = [
    "console_login",
    "consumer_cursor",
    "consumer_quarantine",
    "evlog_head",
    "evlog_meta",
    "projection_epoch",
    "service_secret",
];
/// What everybody reads: a writer looks for the newest position, whosever event it is of.
const READ_BY_ALL: &str = "evlog";

/// Puts a row of each of two workspaces into every table, and tries to reach the other's with statements that say
/// nothing of the workspace.
///
/// # Panics
/// When a table lets one reach it, or has no wall.
pub async fn every_table_keeps_workspaces_apart<M: MigratorTrait + 'static>(service: &str) {
    if !on_postgres_for("row-level security") {
        return;
    }
    let scratch = Scratch::new();
    let db = scratch.database::<M>(service).await;
    let open = unwalled(db.read()).await.unwrap();
    let forgotten: Vec<&String> = open
        .iter()
        .filter(|table| !PROCESSES_OWN.contains(&table.as_str()))
        .collect();
    assert!(
        forgotten.is_empty(),
        "tables without a wall: add a step with database::Walls after the one that makes them: {forgotten:?}"
    );
    let tables = tables(db.read(), &open).await;
    assert!(tables.len() >= 7, "{tables:?}");
    // what belongs to what is not looked at here
    forget_constraints(db.read()).await;
    let (own, other) = (WorkspaceId::generate(), WorkspaceId::generate());
    for table in &tables {
        for (number, workspace) in [(1, &own), (2, &other)] {
            run(db.read(), &table.insert(number, workspace))
                .await
                .unwrap();
        }
    }
    let mute = with_setting(&scratch.url_with::<M>(service), Some("")).await;
    let older = with_setting(&scratch.url_with::<M>(service), None).await;
    for table in &tables {
        table.keeps_out(&db, &own, &other).await;
        let (name, all) = (&table.name, if table.name == READ_BY_ALL { 2 } else { 0 });
        assert_eq!(
            table.count(&mute).await,
            all,
            "{name}, told of no workspace"
        );
        assert_eq!(table.count(&older).await, 2, "{name}, by a version before");
    }
    for db in [mute, older] {
        db.close().await.unwrap();
    }
    db.close().await.unwrap();
}

#[derive(Debug)]
struct Table {
    name: String,
    /// The column that says whose a row is.
    owner: String,
    /// Names and types.
    columns: Vec<(String, String)>,
}

impl Table {
    /// A row that differs from that of another number in every column that can.
    fn insert(&self, number: i64, workspace: &WorkspaceId) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| &**name).collect();
        let values = self.columns.iter().map(|(name, kind)| match kind.as_str() {
            _ if *name == self.owner => format!("'{workspace}'"),
            "text" => format!("'row {number}'"),
            "bigint" | "integer" | "smallint" => number.to_string(),
            "boolean" => "false".into(),
            "bytea" => format!("'\\x0{number}'"),
            other => panic!(
                "{}.{name} is {other}: say here what a value of it is",
                self.name
            ),
        });
        let values: Vec<String> = values.collect();
        format!(
            "insert into {} ({}) values ({})",
            self.name,
            names.join(", "),
            values.join(", ")
        )
    }

    async fn count(&self, db: &impl ConnectionTrait) -> i64 {
        let sql = format!("select count(*) as seen from {}", self.name);
        let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql));
        row.await.unwrap().unwrap().try_get("", "seen").unwrap()
    }

    async fn keeps_out(&self, db: &Database, own: &WorkspaceId, other: &WorkspaceId) {
        let (name, owner) = (&self.name, &self.owner);
        let seen = if name == READ_BY_ALL { 2 } else { 1 };
        assert_eq!(self.count(&db.of(own)).await, seen, "{name}, read");
        for (what, sql) in [
            ("updated", format!("update {name} set {owner} = {owner}")),
            ("deleted", format!("delete from {name}")),
        ] {
            let tx = db.begin_of(own).await.unwrap();
            assert_eq!(self.count(&tx).await, seen, "{name}, read in a transaction");
            assert_eq!(run(&tx, &sql).await.unwrap(), 1, "{name}, {what}");
            tx.rollback().await.unwrap();
        }
        for (what, sql) in [
            ("inserted", self.insert(3, other)),
            (
                "given away",
                format!("update {name} set {owner} = '{other}x'"),
            ),
        ] {
            let tx = db.begin_of(own).await.unwrap();
            let refused = run(&tx, &sql).await.expect_err(name).to_string();
            assert!(
                refused.contains("row-level security"),
                "{name}, {what}: {refused}"
            );
            tx.rollback().await.unwrap();
        }
    }
}

async fn run(db: &impl ConnectionTrait, sql: &str) -> Result<u64, sea_orm::DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    Ok(db.execute_raw(statement).await?.rows_affected())
}

async fn tables(db: &DatabaseConnection, open: &[String]) -> Vec<Table> {
    let sql = "select table_name::text as of, column_name::text as name, data_type::text as type \
         from information_schema.columns where table_schema = current_schema() \
         and table_name <> 'seaql_migrations' order by table_name, ordinal_position";
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql));
    let mut tables: Vec<Table> = Vec::new();
    for row in rows.await.unwrap() {
        let text = |column: &str| row.try_get::<String>("", column).unwrap();
        let name = text("of");
        if open.contains(&name) {
            continue;
        }
        if tables.last().is_none_or(|last| last.name != name) {
            // a workspace's own row is its own by its id
            let owner = if name == "workspace" {
                "id"
            } else {
                "workspace_id"
            };
            tables.push(Table {
                name,
                owner: owner.into(),
                columns: Vec::new(),
            });
        }
        let last = tables.last_mut().unwrap();
        last.columns.push((text("name"), text("type")));
    }
    tables
}

async fn forget_constraints(db: &DatabaseConnection) {
    let sql = "select format('alter table %s drop constraint %I', conrelid::regclass, conname) as line \
         from pg_constraint where contype in ('f', 'c') and connamespace = current_schema()::regnamespace";
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql));
    for row in rows.await.unwrap() {
        let line: String = row.try_get("", "line").unwrap();
        db.execute_unprepared(&line).await.unwrap();
    }
}

/// A connection as a process makes it, that says nothing more.
async fn with_setting(url: &str, whose: Option<&'static str>) -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    if let Some(whose) = whose {
        options.map_sqlx_postgres_opts(move |postgres| {
            postgres.options([("tenancy.workspace", whose)])
        });
    }
    sea_orm::Database::connect(options).await.unwrap()
}
