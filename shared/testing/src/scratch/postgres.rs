//! A database a test on one server, most of them copies of a template.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
};

use database::Database;
use runtime::config::DatabaseArgs;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use sea_orm_migration::MigratorTrait;
use types::WorkspaceId;

/// The kind of lock that one takes who makes a template; its number is the template's.
const TEMPLATES: i32 = 7_002;

/// The user who owns the databases.
const SERVICE: &str = "service";

/// Makes an empty database.
pub(super) fn empty(server: &str, name: &str) {
    alone(server, async |db| copy(db, "template0", name).await);
}

/// Makes a database with a schema.
pub(super) fn with_schema<M: MigratorTrait + 'static>(server: &str, name: &str) {
    alone(server, async |db| {
        let template = template::<M>(server, db).await;
        copy(db, &template, name).await;
    });
}

/// Runs statements as the superuser, one after the other.
pub(super) fn administer(server: &str, statements: Vec<String>) {
    alone(server, async |db| {
        for sql in statements {
            db.execute_unprepared(&sql).await.unwrap();
        }
    });
}

/// Ends every session of a database: one that is in use cannot be copied.
pub(super) fn leave(database: &str) -> String {
    format!(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity \
         where datname = '{database}' and pid <> pg_backend_pid()"
    )
}

/// Lets a pool meet the sessions that [`leave`] ended, before a test does: it lets go of each when a
/// statement fails.
pub(super) async fn forget_ended(database: &Database) {
    let of = database.of(&WorkspaceId::generate());
    for _ in 0..=DatabaseArgs::at("").database_connections {
        let _ = database.read().execute_unprepared("select 1").await;
        let _ = of.execute_unprepared("select 1").await;
    }
}

/// The statement that copies a database which nobody uses, for the service's user.
pub(super) fn copied(from: &str, to: &str) -> String {
    format!("create database {to} owner {SERVICE} template {from}")
}

/// The URL of another database on the same server.
pub(super) fn named(server: &str, database: &str) -> String {
    let (address, parameters) = match server.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (server, String::new()),
    };
    let host = address.rsplit_once('/').unwrap().0;
    // as the services do: by a user who is no superuser, or the server would keep nobody apart
    let (scheme, place) = host.split_once("://").unwrap();
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    format!("{scheme}://{SERVICE}:{SERVICE}@{place}/{database}{parameters}")
}

pub(super) fn name_in(url: &str) -> &str {
    let address = url.split('?').next().unwrap();
    address.rsplit_once('/').unwrap().1
}

/// The name of a database that has a schema and that nobody uses; made by the first test that asks. Those
/// that an older build of the same tests had are dropped then.
async fn template<M: MigratorTrait>(server: &str, db: &DatabaseConnection) -> String {
    let program = std::env::current_exe().unwrap();
    let built = std::fs::metadata(&program).unwrap().modified().unwrap();
    let steps: Vec<String> = M::migrations()
        .iter()
        .map(|step| step.name().to_owned())
        .collect();
    let schema = number(&(program, steps));
    let template = format!("template_{schema}_{}", number(&built));
    let lock = schema as i32;
    let found = format!("select 1 as one from pg_database where datname = '{template}'");
    let found = Statement::from_string(db.get_database_backend(), found);
    db.execute_unprepared(&format!("select pg_advisory_lock({TEMPLATES}, {lock})"))
        .await
        .unwrap();
    if db.query_one_raw(found).await.unwrap().is_none() {
        let old =
            format!("select datname from pg_database where datname like 'template\\_{schema}\\_%'");
        let old = Statement::from_string(db.get_database_backend(), old);
        for old in db.query_all_raw(old).await.unwrap() {
            let old: String = old.try_get("", "datname").unwrap();
            let sql = format!("drop database if exists {old} with (force)");
            db.execute_unprepared(&sql).await.unwrap();
        }
        // under its own name only when it is whole
        let half = format!("{template}_half");
        copy(db, "template0", &half).await;
        let made = Database::open::<M>(&named(server, &half)).await;
        made.unwrap().close().await.unwrap();
        db.execute_unprepared(&leave(&half)).await.unwrap();
        let sql = format!("alter database {half} rename to {template}");
        db.execute_unprepared(&sql).await.unwrap();
    }
    db.execute_unprepared(&format!("select pg_advisory_unlock({TEMPLATES}, {lock})"))
        .await
        .unwrap();
    template
}

/// Copied by files, which costs a fourth of copying by pages; before 15 there is no other way.
async fn copy(db: &DatabaseConnection, from: &str, to: &str) {
    let version = "select current_setting('server_version_num')::int >= 150000 as chooses";
    let version = Statement::from_string(db.get_database_backend(), version);
    let row = db.query_one_raw(version).await.unwrap().unwrap();
    let strategy = match row.try_get("", "chooses").unwrap() {
        true => "strategy file_copy",
        false => "",
    };
    let user = format!(
        "do $$ begin create role {SERVICE} login password '{SERVICE}'; \
         exception when duplicate_object or unique_violation then null; end $$"
    );
    db.execute_unprepared(&user).await.unwrap();
    let sql = format!("{} {strategy}", copied(from, to));
    db.execute_unprepared(&sql).await.unwrap();
}

fn number(of: &impl Hash) -> u32 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish() as u32
}

/// Does something as the superuser, on a thread of its own: tests call from within their runtimes, and when
/// these are shutting down.
fn alone(server: &str, work: impl AsyncFnOnce(&DatabaseConnection) + Send) {
    std::thread::scope(|scope| {
        let run = scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut options = sea_orm::ConnectOptions::new(server);
                // a lock of a session is its own
                options.max_connections(1).sqlx_logging(false);
                let db = sea_orm::Database::connect(options).await.unwrap();
                work(&db).await;
                db.close().await.unwrap();
            });
        });
        run.join().unwrap();
    });
}
