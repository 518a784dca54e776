//! Where a test keeps things: a directory, and databases of its own on whichever server tests run on.

mod postgres;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use database::Database;
use parking_lot::Mutex;
use runtime::{KeyRing, auth::generate_keys};
use sea_orm::ConnectionTrait;
use sea_orm_migration::MigratorTrait;
use tempfile::TempDir;

/// The Postgres that tests run on: what `TEST_POSTGRES_URL` says, a URL of a superuser. Without it they
/// run on SQLite.
#[allow(
    clippy::disallowed_methods,
    reason = "the one thing that tests are told from outside"
)]
static POSTGRES: LazyLock<Option<String>> = LazyLock::new(|| {
    let url = std::env::var("TEST_POSTGRES_URL").ok();
    url.filter(|url| !url.is_empty())
});

fn server() -> &'static str {
    POSTGRES.as_deref().unwrap()
}

/// Whether tests run on Postgres.
pub fn on_postgres() -> bool {
    POSTGRES.is_some()
}

/// False on Postgres, and says then what is not tested there.
pub fn on_sqlite_for(what: &str) -> bool {
    if on_postgres() {
        println!("SKIPPED on Postgres: {what}");
    }
    !on_postgres()
}

/// True on Postgres; says elsewhere what is not tested.
pub fn on_postgres_for(what: &str) -> bool {
    if !on_postgres() {
        println!("SKIPPED on SQLite: {what}");
    }
    on_postgres()
}

/// A directory for a test's keys and files, and its databases; gone with the last copy of it.
#[derive(Clone)]
pub struct Scratch(Arc<Inner>);

struct Inner {
    directory: TempDir,
    /// URLs on Postgres, by name.
    databases: Mutex<HashMap<String, String>>,
}

impl Scratch {
    /// An empty one.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            directory: tempfile::tempdir().unwrap(),
            databases: Mutex::default(),
        }))
    }

    /// A path in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.directory.path().join(name)
    }

    /// The URL of a database of its own: a SQLite file that may not be there yet, or an empty one on
    /// Postgres.
    pub fn database_url(&self, name: &str) -> String {
        self.url(name, postgres::empty)
    }

    /// The same, on Postgres with a service's schema already: a copy takes less than the schema's steps.
    pub fn url_with<M: MigratorTrait + 'static>(&self, name: &str) -> String {
        self.url(name, postgres::with_schema::<M>)
    }

    fn url(&self, name: &str, make: impl FnOnce(&str, &str)) -> String {
        let Some(server) = POSTGRES.as_deref() else {
            return format!("sqlite://{}", self.path(&format!("{name}.db")).display());
        };
        let mut databases = self.0.databases.lock();
        let url = databases.entry(name.to_owned()).or_insert_with(|| {
            let fresh = format!("t{}", types::id::uuid().simple());
            make(server, &fresh);
            postgres::named(server, &fresh)
        });
        url.clone()
    }

    /// A database in it with a service's schema.
    pub async fn database<M: MigratorTrait + 'static>(&self, name: &str) -> Database {
        Database::open::<M>(&self.url_with::<M>(name))
            .await
            .unwrap()
    }

    /// Keeps a copy of a database as it is now.
    pub async fn back_up(&self, name: &str, database: &Database) {
        let url = self.database_url(name);
        if on_postgres() {
            let (from, to) = (
                postgres::name_in(&url),
                format!("{}_copy", postgres::name_in(&url)),
            );
            postgres::administer(
                server(),
                vec![
                    format!("drop database if exists {to}"),
                    postgres::leave(from),
                    postgres::copied(from, &to),
                ],
            );
            postgres::forget_ended(database).await;
        } else {
            let copy = self.path(&format!("{name}.copy"));
            let sql = format!("vacuum into '{}'", copy.display());
            database.read().execute_unprepared(&sql).await.unwrap();
        }
    }

    /// Puts the copy in the place of a database that nobody has open any more.
    pub fn restore(&self, name: &str) {
        let url = self.database_url(name);
        if on_postgres() {
            let name = postgres::name_in(&url);
            postgres::administer(
                server(),
                vec![
                    format!("drop database {name} with (force)"),
                    format!("alter database {name}_copy rename to {name}"),
                ],
            );
        } else {
            for left in [".db", ".db-wal", ".db-shm"] {
                let _ = std::fs::remove_file(self.path(&format!("{name}{left}")));
            }
            let copy = self.path(&format!("{name}.copy"));
            std::fs::copy(copy, self.path(&format!("{name}.db"))).unwrap();
        }
    }

    /// A directory with a key pair for each of these services; made before any ring is loaded.
    pub fn keys(&self, names: &[&str]) -> PathBuf {
        let directory = self.path("keys");
        generate_keys(&directory, names).unwrap();
        directory
    }

    /// The ring of one service, trusting everybody [`Scratch::keys`] made keys for.
    pub fn ring(&self, name: &str) -> Arc<KeyRing> {
        Arc::new(KeyRing::load(&self.path("keys"), name).unwrap())
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let urls = self.databases.get_mut().values();
        let drops: Vec<String> = urls
            .flat_map(|url| {
                let name = postgres::name_in(url);
                [name.to_owned(), format!("{name}_copy")]
            })
            .map(|name| format!("drop database if exists {name} with (force)"))
            .collect();
        if !drops.is_empty() {
            postgres::administer(server(), drops);
        }
    }
}
