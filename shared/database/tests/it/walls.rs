//! Postgres keeps workspaces apart by itself.

use database::{Database, Walls, unwalled};
use runtime::config::DatabaseArgs;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use testing::{Scratch, on_postgres_for};
use types::WorkspaceId;

struct Schema;

#[async_trait::async_trait]
impl MigratorTrait for Schema {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Notes), Box::new(WALLS)]
    }
}

const WALLS: Walls = Walls {
    name: "m0101_walls",
    owned_by: &[],
    read_by_all: &[],
};

struct Notes;

impl MigrationName for Notes {
    fn name(&self) -> &str {
        "m0100_notes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Notes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "create table note (workspace_id text not null, text text not null)";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}

async fn write(db: &Database, workspace: &WorkspaceId, text: &str) {
    let tx = db.begin_of(workspace).await.unwrap();
    let values = [workspace.as_str().into(), text.into()];
    let sql = "insert into note (workspace_id, text) values ($1, $2)";
    let insert = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    tx.execute_raw(insert).await.unwrap();
    tx.commit().await.unwrap();
}

/// A finder that forgets the workspace.
async fn texts(db: &impl ConnectionTrait) -> Vec<String> {
    let sql = "select text, text as text from note where text <> $1 order by text desc";
    let backend = db.get_database_backend();
    let select = Statement::from_sql_and_values(backend, sql, ["".into()]);
    let rows = db.query_all_raw(select).await.unwrap();
    let text = |row: &sea_orm::QueryResult| row.try_get("", "text").unwrap();
    rows.iter().map(text).collect()
}

#[tokio::test]
async fn a_finder_that_forgets_the_workspace_finds_what_the_caller_has_and_nothing_else() {
    if !on_postgres_for("row-level security") {
        return;
    }
    let scratch = Scratch::new();
    let db = scratch.database::<Schema>("test").await;
    let (mine, theirs, nobodys) = (
        WorkspaceId::generate(),
        WorkspaceId::generate(),
        WorkspaceId::generate(),
    );
    write(&db, &mine, "a").await;
    write(&db, &mine, "b").await;
    write(&db, &theirs, "c").await;
    // in the order asked for, and one after the other on the same connections
    for _ in 0..3 {
        assert_eq!(texts(&db.of(&mine)).await, ["b", "a"]);
        assert_eq!(texts(&db.of(&theirs)).await, ["c"]);
        assert_eq!(texts(&db.of(&nobodys)).await, [""; 0]);
        let reading = db.snapshot_of(&theirs).await.unwrap();
        assert_eq!(texts(&reading).await, ["c"]);
        reading.rollback().await.unwrap();
    }
    // what is for all workspaces
    assert_eq!(texts(db.read()).await, ["c", "b", "a"]);
    let reading = db.snapshot().await.unwrap();
    assert_eq!(texts(&reading).await, ["c", "b", "a"]);
}

#[tokio::test]
async fn a_process_that_is_told_so_goes_without() {
    if !on_postgres_for("row-level security") {
        return;
    }
    let scratch = Scratch::new();
    let args = DatabaseArgs {
        row_level_security: false,
        ..DatabaseArgs::at(scratch.url_with::<Schema>("test"))
    };
    let db = Database::open_with::<Schema>(&args).await.unwrap();
    write(&db, &WorkspaceId::generate(), "a").await;
    assert_eq!(texts(&db.of(&WorkspaceId::generate())).await, ["a"]);
}

#[tokio::test]
async fn a_workspaces_part_is_read_and_written_on_sqlite_as_everything_is() {
    let scratch = Scratch::new();
    let db = scratch.database::<Schema>("test").await;
    let mine = WorkspaceId::generate();
    write(&db, &mine, "a").await;
    assert_eq!(texts(&db.of(&mine)).await, ["a"]);
}

#[tokio::test]
async fn a_table_without_a_wall_is_told_and_the_step_may_be_taken_twice() {
    if !on_postgres_for("row-level security") {
        return;
    }
    let scratch = Scratch::new();
    let db = scratch.database::<Schema>("test").await;
    assert_eq!(unwalled(db.read()).await.unwrap(), [""; 0]);
    let sql = "create table later (workspace_id text not null primary key)";
    db.read().execute_unprepared(sql).await.unwrap();
    assert_eq!(unwalled(db.read()).await.unwrap(), ["later"]);
    let manager = SchemaManager::new(db.read());
    for _ in 0..2 {
        WALLS.up(&manager).await.unwrap();
        assert_eq!(unwalled(db.read()).await.unwrap(), [""; 0]);
    }
}

/// The planner, too, has to take the wall for one that keeps hardly anything out.
#[tokio::test]
async fn a_page_of_a_list_is_read_in_the_order_of_its_index_through_the_wall() {
    if !on_postgres_for("plans of the server") {
        return;
    }
    let scratch = Scratch::new();
    let db = scratch.database::<Schema>("test").await;
    let tx = db.begin().await.unwrap();
    for sql in [
        "create index note_text on note (workspace_id, text)",
        "insert into note select 'w' || n % 10, 'text ' || n % 400 from generate_series(1, 20000) n",
        "analyze note",
        "set local plan_cache_mode = force_generic_plan",
        "prepare page (text, text) as select * from (select * from note where workspace_id = $1 and text < $2 \
         order by text desc limit 20) of_one where (select set_config('tenancy.workspace', $1, true)) \
         is not null",
    ] {
        tx.execute_unprepared(sql).await.unwrap();
    }
    let explain = "explain (costs off) execute page ('w1', 'text 300')";
    let explain = Statement::from_string(tx.get_database_backend(), explain);
    let plan = tx.query_all_raw(explain).await.unwrap();
    let step = |row: &sea_orm::QueryResult| row.try_get::<String>("", "QUERY PLAN").unwrap();
    let plan: Vec<String> = plan.iter().map(step).collect();
    let has = |what: &str| plan.iter().any(|step| step.contains(what));
    assert!(has("note_text") && !has("Sort"), "{plan:#?}");
    // whose it is was told before the first row
    assert!(
        plan[0].contains("Result") && plan[1].contains("One-Time Filter"),
        "{plan:#?}"
    );
}
