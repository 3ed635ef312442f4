//! The service as a child process: started, killed, stopped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::api::Api;
pub use crate::service_log::Findings;
use crate::service_log::{LastLines, read};

/// How long the service may take from its start to being ready, and to its end.
const PATIENCE: Duration = Duration::from_secs(120);

const POLL: Duration = Duration::from_millis(20);

/// The program on one data folder. It sees the environment of this process.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    data_dir: PathBuf,
    variables: Vec<(String, String)>,
    log: Option<PathBuf>,
    level: String,
    starts: AtomicU64,
}

impl Program {
    /// The program of that path on that folder.
    #[must_use]
    pub fn new(path: &Path, data_dir: &Path) -> Self {
        Self {
            path: path.to_owned(),
            data_dir: data_dir.to_owned(),
            variables: Vec::new(),
            log: None,
            level: "warn,daybook::wiring=info".to_owned(),
            starts: AtomicU64::new(0),
        }
    }

    /// The same with a variable of its environment set.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with its log lines of that level appended to a file.
    #[must_use]
    pub fn with_log(mut self, file: &Path, level: &str) -> Self {
        self.log = Some(file.to_owned());
        level.clone_into(&mut self.level);
        self
    }

    /// How often it was started.
    pub fn starts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed)
    }

    /// Starts it on a free port.
    ///
    /// # Errors
    /// When it cannot be run, or its log cannot be written.
    pub fn start(&self) -> Result<Daemon> {
        let open = |path: &PathBuf| File::options().create(true).append(true).open(path);
        let log = self.log.as_ref().map(open).transpose()?;
        let mut child = Command::new(&self.path)
            .args(["--log-json", "--log-level", &self.level])
            .args(["--bind-address", "127.0.0.1:0", "--data-dir"])
            .arg(&self.data_dir)
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start {}", self.path.display()))?;
        let process = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let stderr = child.stderr.take().context("the service has no standard error")?;
        let lines = LastLines::default();
        let (found, address) = watch::channel(None);
        let reading = tokio::spawn(read(stderr, lines.clone(), found, log));
        Ok(Daemon { child, process, address, lines, reading })
    }

    /// Has it read the whole log of the folder.
    ///
    /// # Errors
    /// When it finds anything wrong.
    pub async fn verify(&self) -> Result<()> {
        let verify = Command::new(&self.path)
            .args(["log", "verify", "--data-dir"])
            .arg(&self.data_dir)
            .kill_on_drop(true)
            .output()
            .await?;
        if !verify.status.success() {
            let told = String::from_utf8_lossy(&verify.stdout);
            let error = String::from_utf8_lossy(&verify.stderr);
            bail!("daybook log verify ended with {}: {told}{error}", verify.status);
        }
        Ok(())
    }
}

/// A running service. Dropping it kills the process.
pub struct Daemon {
    child: Child,
    process: u64,
    address: watch::Receiver<Option<String>>,
    lines: LastLines,
    reading: JoinHandle<()>,
}

impl Daemon {
    /// Waits until the service listens, ready or not.
    ///
    /// # Errors
    /// When it ends before that, or takes too long.
    pub async fn listening(&mut self) -> Result<Api> {
        let found = timeout(PATIENCE, self.address.wait_for(Option::is_some)).await;
        let Ok(found) = found.map(|found| found.ok().and_then(|found| found.clone())) else {
            bail!("the service did not listen within {PATIENCE:?}{}", self.told());
        };
        let Some(address) = found else {
            let ended = self.child.wait().await?;
            bail!("the service ended with {ended} before it listened{}", self.told());
        };
        Api::new(&address, self.process)
    }

    /// Waits until the service is ready.
    ///
    /// # Errors
    /// When it ends before that, or takes too long.
    pub async fn ready(&mut self) -> Result<Api> {
        match timeout(PATIENCE, self.wait_until_ready()).await {
            Ok(ready) => ready,
            Err(_) => bail!("the service was not ready within {PATIENCE:?}{}", self.told()),
        }
    }

    async fn wait_until_ready(&mut self) -> Result<Api> {
        let api = self.listening().await?;
        while !api.is_ready().await {
            self.check()?;
            sleep(POLL).await;
        }
        Ok(api)
    }

    /// The address that it listens on, once it does.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        self.address.borrow().clone()
    }

    /// The id of the process, unless it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether the process has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Makes sure that the process has not ended.
    ///
    /// # Errors
    /// When it has, with its last words.
    pub fn check(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        ensure!(ended.is_none(), "the service ended by itself with {ended:?}{}", self.told());
        Ok(())
    }

    /// Kills the process with SIGKILL, which nothing can catch.
    ///
    /// # Errors
    /// When it has ended by itself before.
    pub async fn kill(&mut self) -> Result<()> {
        self.check()?;
        self.child.kill().await.context("could not kill the service")?;
        (&mut self.reading).await.context("reading its log")
    }

    /// Asks the process to stop with SIGTERM and waits for its end.
    ///
    /// # Errors
    /// When it has ended by itself before, takes too long, or says that it failed.
    pub async fn stop(mut self) -> Result<()> {
        self.check()?;
        let id = self.child.id().context("the service ended by itself")?;
        let asked = Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status().await?;
        if !asked.success() {
            bail!("could not send SIGTERM to process {id}");
        }
        let ended: ExitStatus = match timeout(PATIENCE, self.child.wait()).await {
            Ok(ended) => ended?,
            Err(_) => bail!("the service did not stop within {PATIENCE:?}{}", self.told()),
        };
        if !ended.success() {
            bail!("the service stopped with {ended}{}", self.told());
        }
        self.reading.await.context("reading its log")
    }

    /// What it said last, requests and details left out.
    #[must_use]
    pub fn told(&self) -> String {
        self.lines.told()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_ends_at_once_is_told() {
        let program = Program::new(Path::new("false"), Path::new("unused"));
        let error = program.start().unwrap().ready().await.err().unwrap().to_string();
        assert!(error.contains("before it listened"), "{error}");
        assert_eq!(program.starts(), 1);
    }

    #[tokio::test]
    async fn the_address_and_the_lines_are_read_from_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        let script = "#!/bin/sh\n\
            echo 'no JSON' >&2\n\
            echo '{\"level\":\"DEBUG\",\"message\":\"a detail\"}' >&2\n\
            echo \"{\\\"level\\\":\\\"INFO\\\",\\\"address\\\":\\\"127.0.0.1:4711 $NAME\\\"}\" >&2\n\
            exec sleep 60\n";
        std::fs::write(&path, script).unwrap();
        let log = folder.path().join("service.log");
        let mut permissions = std::fs::metadata(&path).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        std::fs::set_permissions(&path, permissions).unwrap();
        let program = Program::new(&path, folder.path())
            .with_variable("NAME", "here")
            .with_log(&log, "debug");
        let mut daemon = program.start().unwrap();
        let found = daemon.address.wait_for(Option::is_some).await.unwrap().clone();
        assert_eq!(found.as_deref(), Some("127.0.0.1:4711 here"));
        assert!(daemon.is_running());
        daemon.kill().await.unwrap();
        let kept = std::fs::read_to_string(&log).unwrap();
        assert_eq!(kept.lines().count(), 3, "{kept}");
    }
}
