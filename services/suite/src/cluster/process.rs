//! One process, and what can be done to it.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result};
use tokio::{
    net::TcpStream,
    process::{Child, ChildStdin, Command},
};

/// A process that is started again and again with the same command.
pub(crate) struct Process {
    name: String,
    port: u16,
    log: PathBuf,
    command: Box<dyn Fn() -> Command + Send + Sync>,
    child: Option<Child>,
    // a service ends when the other end of its input is closed, even by a kill that lets nobody say goodbye
    leash: Option<ChildStdin>,
    /// Who was stopped with it, to be continued with it.
    paused: Vec<u32>,
    /// Whom it runs as, if as somebody else: user and group.
    owner: Option<(u32, u32)>,
}

impl Process {
    /// Not started yet.
    pub(crate) fn new(
        name: String,
        port: u16,
        log: PathBuf,
        command: Box<dyn Fn() -> Command + Send + Sync>,
    ) -> Self {
        Self {
            name,
            port,
            log,
            command,
            child: None,
            leash: None,
            paused: Vec::new(),
            owner: None,
        }
    }

    /// Running as somebody else.
    #[must_use]
    pub(crate) fn owned_by(mut self, owner: Option<(u32, u32)>) -> Self {
        self.owner = owner;
        self
    }

    /// Starts it; its words are added to its log.
    pub(crate) fn start(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = (self.command)();
        command
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        // Ctrl-C on the terminal goes to this program, which ends the others
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .spawn()
            .with_context(|| format!("{} cannot be started", self.name))?;
        self.leash = child.stdin.take();
        self.child = Some(child);
        Ok(())
    }

    /// How it ended, if it has since it was last asked; it is down then.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = match self.child.as_mut()?.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status.to_string(),
            Err(error) => error.to_string(),
        };
        self.child = None;
        self.leash = None;
        self.paused.clear();
        Some(status)
    }

    /// Its number while it is there.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Whether it is there, stopped or not.
    pub(crate) fn is_up(&self) -> bool {
        self.child.is_some()
    }

    /// It and the processes it started.
    async fn family(&self) -> Vec<u32> {
        let Some(id) = self.id() else {
            return Vec::new();
        };
        let found = Command::new("pgrep")
            .args(["-P", &id.to_string()])
            .output()
            .await;
        let children = found.map(|found| found.stdout).unwrap_or_default();
        let children = String::from_utf8_lossy(&children);
        std::iter::once(id)
            .chain(children.split_whitespace().filter_map(|id| id.parse().ok()))
            .collect()
    }

    /// Ends it at once, and it alone.
    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().await;
        }
        self.leash = None;
        let paused = std::mem::take(&mut self.paused);
        signal("CONT", &paused).await;
    }

    /// Ends it at once with all it started, which may take its time to notice.
    pub(crate) async fn end(&mut self) {
        // so that it starts nothing more
        if let Some(id) = self.id() {
            signal("STOP", &[id]).await;
        }
        let family = self.family().await;
        self.kill().await;
        signal("KILL", family.get(1..).unwrap_or_default()).await;
    }

    /// Asks it to end by itself, by the signal that it takes for that.
    pub(crate) async fn terminate(&self, by: &str) {
        if let Some(id) = self.id() {
            signal(by, &[id]).await;
        }
    }

    /// Stops it, with all it started, where it is.
    pub(crate) async fn pause(&mut self) {
        self.paused = self.family().await;
        signal("STOP", &self.paused).await;
    }

    /// Lets it go on.
    pub(crate) async fn go_on(&mut self) {
        let paused = std::mem::take(&mut self.paused);
        signal("CONT", &paused).await;
    }

    /// Lets it, and all it started or starts, write files up to so many bytes only; `None`: any. Says
    /// whether that could be done.
    pub(crate) async fn limit_files(&self, bytes: Option<u64>) -> bool {
        let limit = bytes.map_or("unlimited".into(), |bytes| bytes.to_string());
        let mut done = false;
        for (turn, id) in self.family().await.into_iter().enumerate() {
            let mut command = Command::new("prlimit");
            command
                .args(["--pid", &id.to_string(), &format!("--fsize={limit}:")])
                .stderr(Stdio::null());
            // who is not the owner needs a right that even root may lack
            #[cfg(unix)]
            if let Some((user, group)) = self.owner {
                command.uid(user).gid(group);
            }
            let said = command.status().await;
            // its children may be gone by now, and others limited as it is
            done |= turn == 0 && said.is_ok_and(|status| status.success());
        }
        done
    }

    /// Where its words go.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether it does.
    pub(crate) async fn listens(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
    }
}

/// Sends a signal; who has ended meanwhile does not mind. The standard library can only kill.
async fn signal(name: &str, ids: &[u32]) {
    if ids.is_empty() {
        return;
    }
    let _ = Command::new("kill")
        .arg(format!("-{name}"))
        .args(ids.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status()
        .await;
}
