//! A Postgres of the cluster's own.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use super::process::Process;

/// A new server answers within this long.
const START: Duration = Duration::from_secs(60);
/// Services with a database of their own.
const DATABASES: [&str; 4] = ["tickets", "conversations", "settings", "notifications"];
/// Whom the services are for the server: no superuser, for whom it would keep nobody apart.
const SERVICE: &str = "service";
/// Connections: eight of each process that has a database, twice over, for a restart leaves old ones.
const CONNECTIONS: u32 = 250;

/// The server and where it keeps its files.
pub(crate) struct Postgres {
    /// The server.
    pub process: Process,
    home: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes an empty server, not started yet.
    ///
    /// # Errors
    /// When Postgres is not installed, or cannot be set up.
    pub(crate) async fn create(logs: &Path, port: u16, durable: bool) -> Result<Self> {
        let binaries = binaries()?;
        // outside the checkout, which another user may not enter
        let name = format!("ticket-centre-postgres.{}", types::id::uuid().simple());
        let home = std::env::temp_dir().join(name);
        fs::create_dir(&home).with_context(|| format!("{} cannot be made", home.display()))?;
        let owner = owner().await?;
        #[cfg(unix)]
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(&home, Some(user), Some(group))?;
        }
        let data = home.join("data");
        let mut init = as_owner(binaries.join("initdb"), owner, &home);
        init.arg("--pgdata").arg(&data).args([
            "--username=tickets",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        let made = init
            .output()
            .await
            .context("Postgres's initdb cannot be run")?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        // where the disk is not waited for, a commit that was answered is out of the server's memory all the
        // same, and whole pages follow a write that was cut short
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={}", home.display()),
            format!("fsync={}", if durable { "on" } else { "off" }),
            format!("max_connections={CONNECTIONS}"),
            format!("shared_buffers={}", if durable { "512MB" } else { "64MB" }),
        ];
        let (server, directory) = (binaries.join("postgres"), home.clone());
        let command = move || {
            let mut command = as_owner(server.clone(), owner, &directory);
            command.arg("-D").arg(&data);
            for setting in &settings {
                command.args(["-c", setting]);
            }
            command
        };
        let log = logs.join("postgres.log");
        let process = Process::new("postgres".into(), port, log, Box::new(command)).owned_by(owner);
        Ok(Self {
            process,
            home,
            port,
        })
    }

    /// Address of a service's database.
    pub(crate) fn url(&self, database: &str) -> String {
        self.url_of(SERVICE, database)
    }

    fn url_of(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// Starts the server and makes the services' databases.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn make_databases(&mut self) -> Result<()> {
        self.process.start()?;
        let connection = self.connect().await?;
        let user = format!("CREATE ROLE {SERVICE} LOGIN");
        connection.execute_unprepared(&user).await?;
        for name in DATABASES {
            create(&connection, name).await?;
        }
        connection.close().await?;
        Ok(())
    }

    /// Makes one more.
    ///
    /// # Errors
    /// When the server refuses.
    pub(crate) async fn make_database(&self, name: &str) -> Result<()> {
        let connection = self.connect().await?;
        create(&connection, name).await?;
        connection.close().await?;
        Ok(())
    }

    async fn connect(&self) -> Result<DatabaseConnection> {
        let deadline = Instant::now() + START;
        loop {
            let mut options = ConnectOptions::new(self.url_of("tickets", "postgres"));
            options.sqlx_logging(false);
            match Database::connect(options).await {
                Ok(connection) => return Ok(connection),
                Err(error) if Instant::now() >= deadline => {
                    return Err(error).context("Postgres does not answer");
                }
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

async fn create(connection: &DatabaseConnection, name: &str) -> Result<()> {
    let sql = format!("CREATE DATABASE {name} OWNER {SERVICE}");
    connection.execute_unprepared(&sql).await?;
    Ok(())
}

impl Drop for Postgres {
    /// Its files are of no use without it: what it said is beside the other logs.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// Where the programs are; a package need not put them where one finds them.
///
/// # Errors
/// When they are nowhere: what to install.
pub(crate) fn binaries() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut places: Vec<PathBuf> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    places.sort();
    places.reverse();
    places.extend(
        [
            "/usr/local/bin",
            "/usr/bin",
            "/opt/homebrew/opt/postgresql/bin",
        ]
        .map(PathBuf::from),
    );
    first_of(places)
}

fn first_of(places: Vec<PathBuf>) -> Result<PathBuf> {
    let mut places = places.into_iter();
    let found =
        places.find(|place| place.join("initdb").exists() && place.join("postgres").exists());
    found.context(
        "Postgres is not installed: install the package postgresql (Debian, Ubuntu, macOS with brew) \
         or postgresql-server (Fedora)",
    )
}

/// Whom the server runs as: it refuses to run as root. `None`: as whoever runs this.
async fn owner() -> Result<Option<(u32, u32)>> {
    let id = async |arguments: &[&str]| -> Result<u32> {
        let said = Command::new("id").args(arguments).output().await?;
        Ok(String::from_utf8_lossy(&said.stdout).trim().parse()?)
    };
    if id(&["-u"]).await? != 0 {
        return Ok(None);
    }
    let nobody = (id(&["-u", "nobody"]).await?, id(&["-g", "nobody"]).await?);
    Ok(Some(nobody))
}

fn as_owner(program: PathBuf, owner: Option<(u32, u32)>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(home);
    #[cfg(unix)]
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_postgres_is_told_which_package_to_install() {
        let said = first_of(vec!["/nowhere".into()]).unwrap_err().to_string();
        assert!(said.contains("install the package postgresql"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
