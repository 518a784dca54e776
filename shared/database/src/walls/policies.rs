//! What Postgres is told of each table.

use sea_orm::{DbBackend, Statement};
use sea_orm_migration::prelude::*;

/// The column that says whose a row is.
const OWNER: &str = "workspace_id";

/// A step of a schema: every table that says by `workspace_id` whose its rows are gets a wall. Tables of later
/// steps need one more such step after them; [`unwalled`] names those that were forgotten. On SQLite it does
/// nothing.
///
/// A version before this one runs on beside it: its connections have set nothing, and see what they always saw.
pub struct Walls {
    /// The step's name.
    pub name: &'static str,
    /// Tables whose owner stands in another column.
    pub owned_by: &'static [(&'static str, &'static str)],
    /// Tables that everybody reads and only their owner writes: a log's next position is behind the newest one,
    /// whosever that is.
    pub read_by_all: &'static [&'static str],
}

impl MigrationName for Walls {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Walls {
    /// Each statement alone: a table is held for a moment only, and none while another is waited for, so that
    /// whoever uses both is not in the way. What is there already when it is tried again is left as it is.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if db.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for &table in self.read_by_all {
            let policy = format!("create policy read_by_all on {table} for select using (true)");
            create(db, table, "read_by_all", &policy).await?;
        }
        let owned_otherwise = self.owned_by.iter();
        let mut owned: Vec<(String, &str)> = owned_otherwise
            .map(|&(table, owner)| (table.to_owned(), owner))
            .collect();
        owned.extend(owned_tables(db).await?.into_iter().map(|of| (of, OWNER)));
        for (table, owner) in owned {
            let policy = format!(
                "create policy wall on {table} using ({}) with check ({})",
                is_seldom_another_ones(owner),
                is_own(owner)
            );
            create(db, &table, "wall", &policy).await?;
            // for the table's owner too, who is the service itself
            let enable =
                format!("alter table {table} enable row level security, force row level security");
            db.execute_unprepared(&enable).await?;
        }
        Ok(())
    }
}

/// A row that the session may touch. Asked for each row that the statement's own conditions found: with pages of
/// some dozen rows that costs less than to ask once, which makes a plan of its own.
fn is_own(owner: &str) -> String {
    let (setting, all) = (super::SETTING, super::ALL);
    format!("{owner} = coalesce(nullif(current_setting('{setting}', true), '{all}'), {owner})")
}

/// The same as what the planner takes for true of nearly all rows, as it is where it stands beside the statement's
/// own workspace. A plain equation it takes for rare, and then reads all of a list and sorts it, where it would
/// have followed an index for a page.
fn is_seldom_another_ones(owner: &str) -> String {
    format!("case when {} then true end is not null", is_own(owner))
}

async fn create(
    db: &impl ConnectionTrait,
    table: &str,
    policy: &str,
    sql: &str,
) -> Result<(), DbErr> {
    let there = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "select 1 from pg_policies where schemaname = current_schema() and tablename = $1 \
         and policyname = $2",
        [table.into(), policy.into()],
    );
    if db.query_one_raw(there).await?.is_none() {
        db.execute_unprepared(sql).await?;
    }
    Ok(())
}

async fn owned_tables(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let sql = format!(
        "select c.table_name::text as name from information_schema.columns c \
         join information_schema.tables t using (table_schema, table_name) \
         where c.table_schema = current_schema() and c.column_name = '{OWNER}' \
         and t.table_type = 'BASE TABLE' order by 1"
    );
    names(db, &sql).await
}

/// Tables of a Postgres database, but for its list of steps, that no wall is around, or one that its owner passes
/// by; for tests of a schema.
///
/// # Errors
/// When the database fails.
pub async fn unwalled(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let sql = "select c.relname::text as name from pg_class c \
         where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') \
         and c.relname <> 'seaql_migrations' and not (c.relrowsecurity and c.relforcerowsecurity \
         and exists (select 1 from pg_policy p where p.polrelid = c.oid and p.polname = 'wall')) order by 1";
    names(db, sql).await
}

async fn names(db: &impl ConnectionTrait, sql: &str) -> Result<Vec<String>, DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let rows = db.query_all_raw(statement).await?;
    rows.iter().map(|row| row.try_get("", "name")).collect()
}
