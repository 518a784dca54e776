//! The second wall between workspaces: on Postgres a table itself says whose rows a connection may touch, so
//! that a statement that forgets the workspace finds nothing.

mod policies;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, Statement, sea_query::Values,
};
use types::WorkspaceId;

pub use policies::{Walls, unwalled};

/// The setting of a session that says whose rows it may touch. Not set at all, as a version that knows nothing of
/// it leaves it: everybody's. Empty: nobody's.
pub(crate) const SETTING: &str = "tenancy.workspace";
/// What the setting says where work is for all workspaces: feeds, projections, housekeeping.
pub(crate) const ALL: &str = "*";
/// What it says until a call told whose it is.
pub(crate) const NOBODY: &str = "";

/// A workspace's part of a database, for statements outside a transaction. On Postgres no other workspace's rows
/// are in it; on SQLite, which has no such thing, it is the database.
#[derive(Clone, Debug)]
pub struct Part {
    pool: DatabaseConnection,
    /// Whose it is, where the pool's connections see nothing by themselves.
    of: Option<WorkspaceId>,
}

impl Part {
    /// What is read through a pool that sees whatever there is.
    pub(crate) fn open(pool: DatabaseConnection) -> Self {
        Self { pool, of: None }
    }

    /// What a workspace has.
    pub(crate) fn of(pool: DatabaseConnection, workspace: WorkspaceId) -> Self {
        let of = Some(workspace);
        Self { pool, of }
    }

    /// The statement for this workspace alone.
    fn gated(&self, statement: Statement) -> Result<Statement, DbErr> {
        match &self.of {
            None => Ok(statement),
            Some(workspace) => gated(statement, workspace),
        }
    }
}

/// Only what reads: whatever writes begins a transaction of the workspace's.
#[async_trait::async_trait]
impl ConnectionTrait for Part {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.pool.execute_raw(self.gated(statement)?).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute_raw(Statement::from_string(self.get_database_backend(), sql))
            .await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.pool.query_one_raw(self.gated(statement)?).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.pool.query_all_raw(self.gated(statement)?).await
    }
}

/// Says in the statement itself whose it is, since to say so before it costs a second round trip. The condition has
/// no column in it, so the server asks it once, before it looks for the first row (a one-time filter), and with
/// the statement what it has set is over. Were it ever asked later, the statement would find nothing.
fn gated(statement: Statement, workspace: &WorkspaceId) -> Result<Statement, DbErr> {
    let Statement {
        sql,
        values,
        db_backend,
    } = statement;
    let word = sql.split_whitespace().next().unwrap_or_default();
    let reads = ["select", "with"];
    if !reads.iter().any(|known| known.eq_ignore_ascii_case(word)) {
        return Err(DbErr::Custom(format!(
            "outside a transaction a workspace is only read, not: {word}"
        )));
    }
    let Values(mut values) = values.unwrap_or(Values(Vec::new()));
    values.push(workspace.as_str().into());
    let sql = format!(
        "select * from ({sql}) of_one where (select set_config('{SETTING}', ${}, true)) is not null",
        values.len()
    );
    Ok(Statement::from_sql_and_values(db_backend, sql, values))
}

/// Makes a transaction that has begun a workspace's to its end.
///
/// # Errors
/// When the database fails.
pub(crate) async fn confine(
    tx: &DatabaseTransaction,
    workspace: &WorkspaceId,
) -> Result<(), DbErr> {
    let sql = format!("select set_config('{SETTING}', $1, true)");
    let values = [workspace.as_str().into()];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    tx.execute_raw(statement).await.map(drop)
}

/// Says so where the wall is asked for and the server does not hold it: policies are not for superusers, nor for
/// roles that may pass them by.
///
/// # Errors
/// When the database fails.
pub(crate) async fn warn_if_passed_by(db: &DatabaseConnection) -> Result<(), DbErr> {
    let sql =
        "select rolsuper or rolbypassrls as passes from pg_roles where rolname = current_user";
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?;
    let passes: Option<bool> = row.map(|row| row.try_get("", "passes")).transpose()?;
    if passes.unwrap_or(false) {
        tracing::warn!(
            "row-level security is on, and the server passes it by for this user, who is a superuser or has \
             BYPASSRLS: let the service connect as an ordinary user who owns the database"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(sql: &str) -> Statement {
        Statement::from_sql_and_values(DbBackend::Postgres, sql, ["a".into(), 2.into()])
    }

    #[test]
    fn a_statement_says_whose_it_is_behind_its_own_values() {
        let workspace = WorkspaceId::generate();
        let gated = gated(statement("select $1, $2"), &workspace).unwrap();
        assert_eq!(
            gated.sql,
            "select * from (select $1, $2) of_one \
             where (select set_config('tenancy.workspace', $3, true)) is not null"
        );
        let values = gated.values.unwrap().0;
        assert_eq!(values.last(), Some(&workspace.as_str().into()));
    }

    /// A statement that was built says so in capitals.
    #[test]
    fn what_reads_is_known_in_either_case() {
        let select = statement("SELECT $1, $2");
        assert!(gated(select, &WorkspaceId::generate()).is_ok());
    }

    #[test]
    fn what_writes_is_refused_outside_a_transaction() {
        let insert = statement("insert into a (b) values ($1)");
        gated(insert, &WorkspaceId::generate()).unwrap_err();
    }
}
