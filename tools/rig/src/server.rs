//! A real SurrealDB server.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::program::server_program;

/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(20);

/// Where a server keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In memory, until it ends.
    Memory,
    /// In its folder, each commit synced.
    SurrealKv,
}

/// A server on a port of its own, whose root user is `root` with the password
/// `root`. Its port and its data stay the same over any number of starts.
/// Dropping it ends its process.
#[derive(Debug)]
pub struct Server {
    storage: Storage,
    environment: Vec<(String, String)>,
    port: u16,
    secure: bool,
    folder: PathBuf,
    log: File,
    child: Option<Child>,
    /// As long as this is open, the server goes on: however this process ends, it
    /// is not left behind.
    lifeline: Option<ChildStdin>,
    /// Removed with the server, unless the folder is someone else's.
    _temporary: Option<TempDir>,
}

impl Server {
    /// A server that is not started yet.
    ///
    /// # Errors
    /// When there is no free port or no folder for it.
    pub fn new(storage: Storage) -> Result<Self> {
        // Without a name, the log goes with the last process that has it open: a
        // server in memory has nothing that could be left behind.
        let log = tempfile::tempfile()?;
        let temporary = match storage {
            Storage::Memory => None,
            Storage::SurrealKv => {
                Some(tempfile::Builder::new().prefix("daybook-surrealdb-").tempdir()?)
            }
        };
        let folder = temporary.as_ref().map(|folder| folder.path().to_owned());
        let server = Self::with_log(storage, folder.unwrap_or_default(), log)?;
        Ok(Self { _temporary: temporary, ..server })
    }

    /// The same with its data and its log in a folder that stays.
    ///
    /// # Errors
    /// When there is no free port, or the folder is not there.
    pub fn in_folder(storage: Storage, folder: &Path) -> Result<Self> {
        let log = folder.join("server.log");
        let log = File::options().create(true).append(true).read(true).open(log)?;
        Self::with_log(storage, folder.to_owned(), log)
    }

    fn with_log(storage: Storage, folder: PathBuf, log: File) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self {
            storage,
            environment: Vec::new(),
            port,
            secure: false,
            folder,
            log,
            child: None,
            lifeline: None,
            _temporary: None,
        })
    }

    /// The same with a variable of its environment set.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same behind TLS, with a certificate and its key in PEM.
    #[must_use]
    pub fn with_certificate(mut self, certificate: &Path, key: &Path) -> Self {
        self.secure = true;
        let certificate = self.with_variable("SURREAL_WEB_CRT", &certificate.to_string_lossy());
        certificate.with_variable("SURREAL_WEB_KEY", &key.to_string_lossy())
    }

    /// A running server.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub async fn started(storage: Storage) -> Result<Self> {
        let mut server = Self::new(storage)?;
        server.start().await?;
        Ok(server)
    }

    /// Its address, as `HOST:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its address for clients.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("{}://{}", if self.secure { "wss" } else { "ws" }, self.address())
    }

    /// Starts it and waits until it answers. The rig speaks no TLS: behind that,
    /// it only waits until it listens.
    ///
    /// # Errors
    /// When it cannot be built, or does not answer within a minute.
    pub async fn start(&mut self) -> Result<()> {
        self.launch().await?;
        let deadline = Instant::now() + PATIENCE;
        while !self.answers().await {
            ensure!(self.is_running(), "the server ended while it started: {}", self.told());
            ensure!(Instant::now() < deadline, "the server does not answer: {}", self.told());
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Starts it without waiting.
    ///
    /// # Errors
    /// When it cannot be built or run.
    pub async fn launch(&mut self) -> Result<()> {
        let program = server_program().await?;
        let path = match self.storage {
            Storage::Memory => "memory".to_owned(),
            Storage::SurrealKv => {
                format!("surrealkv://{}?sync=every", self.folder.join("data").display())
            }
        };
        let mut child = Command::new(program)
            .args(["start", "--no-banner", "--log", "warn", "--user", "root", "--pass", "root"])
            .args(["--bind", &self.address(), &path])
            .envs(self.environment.iter().cloned())
            .env("TEST_SURREALDB_ENDS_WITH_INPUT", "1")
            .stdin(Stdio::piped())
            .stdout(self.log.try_clone()?)
            .stderr(self.log.try_clone()?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not run {}", program.display()))?;
        // Waiting for the process would close it, and a stop be no clean one.
        self.lifeline = child.stdin.take();
        self.child = Some(child);
        Ok(())
    }

    async fn answers(&self) -> bool {
        let address = self.address();
        if self.secure {
            return TcpStream::connect(address).await.is_ok();
        }
        is_healthy(&address).await
    }

    /// The id of its process, unless that has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Whether its process has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Ends it with SIGKILL.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the server is not running")?;
        child.kill().await.context("could not kill the server")
    }

    /// Ends it with SIGTERM.
    ///
    /// # Errors
    /// When it is not running, or does not end within a minute.
    pub async fn stop(&mut self) -> Result<()> {
        self.signal("TERM").await?;
        let mut child = self.child.take().context("the server is not running")?;
        match timeout(PATIENCE, child.wait()).await {
            Ok(_) => Ok(()),
            Err(_) => bail!("the server did not stop: {}", self.told()),
        }
    }

    /// Stops its process from running, so that it neither answers nor ends.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn freeze(&self) -> Result<()> {
        self.signal("STOP").await?;
        let id = self.child.as_ref().and_then(Child::id).context("the server is not running")?;
        let deadline = Instant::now() + PATIENCE;
        // The signal is only on its way; until it is there, calls are answered.
        while !std::fs::read_to_string(format!("/proc/{id}/stat"))?.contains(") T ") {
            ensure!(Instant::now() < deadline, "the server does not freeze");
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Lets it run again.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn thaw(&self) -> Result<()> {
        self.signal("CONT").await
    }

    async fn signal(&self, name: &str) -> Result<()> {
        let id = self.child.as_ref().and_then(Child::id).context("the server is not running")?;
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().await?;
        ensure!(sent.success(), "could not send SIG{name} to process {id}");
        Ok(())
    }

    /// The end of what it said.
    fn told(&self) -> String {
        // Not from where the server writes, and without moving that.
        let end = self.log.metadata().map_or(0, |log| log.len());
        let mut told = vec![0; 4096];
        let read = self.log.read_at(&mut told, end.saturating_sub(4096)).unwrap_or_default();
        told.truncate(read);
        let told = String::from_utf8_lossy(&told);
        let lines: Vec<&str> = told.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// Whether a server answers at that address.
pub(crate) async fn is_healthy(address: &str) -> bool {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build();
    let Ok(client) = client else { return false };
    let answer = client.get(format!("http://{address}/health")).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_ends_with_who_started_it() {
        let mut server = Server::started(Storage::Memory).await.unwrap();
        server.lifeline = None;
        let deadline = Instant::now() + PATIENCE;
        while server.is_running() {
            assert!(Instant::now() < deadline, "it goes on");
            sleep(POLL).await;
        }
    }
}
