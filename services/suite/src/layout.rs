//! Where a suite keeps its data and where its services listen.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use bff::Counted;
use runtime::{StartError, auth::generate_keys};
use serde::{Deserialize, Serialize};

/// The services, in the order of their ports.
pub(crate) const SERVICES: [&str; 5] = [
    "bff",
    "tickets",
    "conversations",
    "settings",
    "notifications",
];
/// Who signs assertions: the services and the operator who creates workspaces.
pub(crate) const SIGNERS: [&str; 6] = [
    "bff",
    "tickets",
    "conversations",
    "settings",
    "notifications",
    "operator",
];

/// Makes the keys that are missing in a directory: of those who sign, and what Settings seals with.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn make_keys(directory: &Path) -> Result<(), StartError> {
    generate_keys(directory, &SIGNERS)?;
    settings::generate_sealing_keys(directory)
}

/// Where the data is unless told otherwise.
pub(crate) const DEFAULT: &str = ".data";

/// A data directory.
#[derive(Debug, Clone)]
pub struct Layout {
    directory: PathBuf,
    pages: Option<PathBuf>,
    limits: Counted,
    people: Vec<bff::Person>,
}

impl Layout {
    /// At this directory; nothing is created yet.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            pages: None,
            // on one machine everybody comes from one address
            limits: Counted::Contacts,
            people: Vec::new(),
        }
    }

    /// With the web Messenger's pages, built in this directory.
    #[must_use]
    pub fn with_pages(self, pages: Option<PathBuf>) -> Self {
        Self { pages, ..self }
    }

    /// With the BFF counting this.
    #[must_use]
    pub fn with_limits(self, limits: Counted) -> Self {
        Self { limits, ..self }
    }

    /// What the BFF counts.
    pub(crate) fn limits(&self) -> Counted {
        self.limits
    }

    /// With a console into which these people log in, without a password.
    #[must_use]
    pub fn with_people(self, people: Vec<bff::Person>) -> Self {
        Self { people, ..self }
    }

    /// Who logs in to the console.
    pub(crate) fn people(&self) -> &[bff::Person] {
        &self.people
    }

    /// The web Messenger's pages.
    pub(crate) fn pages(&self) -> Option<&Path> {
        self.pages.as_deref()
    }

    /// Creates the directory and takes it for this process: two suites on one directory would write
    /// to the same databases.
    ///
    /// # Errors
    /// When it cannot be written, or another suite holds it.
    pub fn claim(&self) -> Result<fs::File> {
        let shown = self.directory.display();
        let ours = !self.directory.exists();
        fs::create_dir_all(&self.directory).with_context(|| {
            format!("the data directory {shown} cannot be created; choose another with --data")
        })?;
        // databases hold what customers wrote, and the keys that sign their tokens
        #[cfg(unix)]
        if ours {
            fs::set_permissions(
                &self.directory,
                std::os::unix::fs::PermissionsExt::from_mode(0o700),
            )
            .with_context(|| {
                format!(
                    "the data directory {shown} cannot be made private; choose another with --data"
                )
            })?;
        }
        let lock = fs::File::create(self.directory.join("lock")).with_context(|| {
            format!("the data directory {shown} cannot be written; choose another with --data")
        })?;
        if lock.try_lock().is_err() {
            bail!(
                "another suite is running on {shown}; stop it, or choose another directory with --data"
            );
        }
        Ok(lock)
    }

    /// Removes databases, keys and credentials of an earlier run, a benchmark's too, and nothing else.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn wipe(&self) -> Result<()> {
        for service in SERVICES.into_iter().chain(["bare", "alone"]) {
            for suffix in ["db", "db-wal", "db-shm"] {
                remove(&self.directory.join(format!("{service}.{suffix}")))?;
            }
        }
        for signer in SIGNERS {
            for suffix in ["key", "pub"] {
                remove(&self.keys().join(format!("{signer}.{suffix}")))?;
            }
        }
        remove(&self.keys().join(settings::SEALING_FILE))?;
        remove(&self.access())?;
        remove(&self.endpoints())
    }

    /// What to type for a target of the Makefile with options, on this directory.
    pub(crate) fn make(&self, target: &str) -> String {
        let (target, options) = target.split_once(' ').unwrap_or((target, ""));
        let mut arguments = Vec::new();
        if self.directory != Path::new(DEFAULT) {
            arguments.push(format!("--data {}", self.directory.display()));
        }
        arguments.extend((!options.is_empty()).then(|| options.to_owned()));
        match arguments.join(" ") {
            none if none.is_empty() => format!("`make {target}`"),
            one if !one.contains(' ') => format!("`make {target} ARGS={one}`"),
            many => format!("`make {target} ARGS=\"{many}\"`"),
        }
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The services' keys.
    pub fn keys(&self) -> PathBuf {
        self.directory.join("keys")
    }

    /// Credentials of the demo workspace.
    pub fn access(&self) -> PathBuf {
        self.directory.join("access.json")
    }

    /// Where the running services listen.
    pub fn endpoints(&self) -> PathBuf {
        self.directory.join("endpoints.json")
    }

    /// A service's database.
    pub fn database_url(&self, service: &str) -> String {
        format!(
            "sqlite://{}",
            self.directory.join(format!("{service}.db")).display()
        )
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

/// Addresses of the five services, such as `http://127.0.0.1:7100`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoints {
    /// What Messengers talk to.
    pub bff: String,
    /// Tickets.
    pub tickets: String,
    /// Conversations.
    pub conversations: String,
    /// Settings.
    pub settings: String,
    /// Notifications.
    pub notifications: String,
}

impl Endpoints {
    /// Five ports in a row on loopback, the BFF's first.
    pub fn from_port(port: u16) -> Self {
        let at = |offset: u16| format!("http://{}", Self::address(port, offset));
        Self {
            bff: at(0),
            tickets: at(1),
            conversations: at(2),
            settings: at(3),
            notifications: at(4),
        }
    }

    /// The address of the service at this offset in [`SERVICES`].
    pub(crate) fn address(port: u16, offset: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.saturating_add(offset))
    }

    /// Notes where the services listen, for `call` and `demo`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, layout: &Layout) -> Result<()> {
        let path = layout.endpoints();
        fs::write(&path, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Reads where the services listen.
    ///
    /// # Errors
    /// When no suite was started on this directory.
    pub fn load(layout: &Layout) -> Result<Self> {
        let Ok(text) = fs::read(layout.endpoints()) else {
            bail!(
                "no suite was started on {}; start one with {}",
                layout.directory.display(),
                layout.make("run")
            );
        };
        serde_json::from_slice(&text).context("endpoints.json is damaged; start the suite again")
    }

    /// The address of the service that serves a proto package such as `messenger.bff.v1`.
    pub fn of_package(&self, package: &str) -> Option<&str> {
        Some(match package {
            "messenger.bff.v1" => &self.bff,
            "messenger.tickets.v1" => &self.tickets,
            "messenger.conversations.v1" => &self.conversations,
            "messenger.settings.v1" => &self.settings,
            "messenger.notifications.v1" => &self.notifications,
            _ => return None,
        })
    }
}
