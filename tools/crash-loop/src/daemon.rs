//! The service as a child process: started, killed, stopped.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::api::Api;

/// How long the service may take from its start to being ready, and to its end.
const PATIENCE: Duration = Duration::from_secs(120);

const POLL: Duration = Duration::from_millis(20);

/// How many of its last log lines are kept for a report.
const KEPT_LINES: usize = 30;

/// A running service.
pub struct Daemon {
    child: Child,
    address: watch::Receiver<Option<String>>,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Daemon {
    /// Starts the program on a data folder and a free port.
    pub fn start(program: &Path, data_dir: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .args(["--log-json", "--log-level", "warn,daybook::wiring=info"])
            .args(["--bind-address", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start {}", program.display()))?;
        let stderr = child.stderr.take().context("the service has no standard error")?;
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let (found, address) = watch::channel(None);
        tokio::spawn(read_log(stderr, Arc::clone(&lines), found));
        Ok(Self { child, address, lines })
    }

    /// Waits until the service is ready.
    pub async fn ready(&mut self) -> Result<Api> {
        match timeout(PATIENCE, self.wait_until_ready()).await {
            Ok(ready) => ready,
            Err(_) => bail!("the service was not ready within {PATIENCE:?}{}", self.told()),
        }
    }

    async fn wait_until_ready(&mut self) -> Result<Api> {
        let found = self.address.wait_for(Option::is_some).await.map(|found| found.clone());
        let Ok(Some(address)) = found else {
            let ended = self.child.wait().await?;
            bail!("the service ended with {ended} before it listened{}", self.told());
        };
        let api = Api::new(&address)?;
        while !api.is_ready().await {
            if let Some(ended) = self.child.try_wait()? {
                bail!("the service ended with {ended} before it was ready{}", self.told());
            }
            sleep(POLL).await;
        }
        Ok(api)
    }

    /// Whether the process has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills the process with SIGKILL, which nothing can catch.
    pub async fn kill(mut self) -> Result<()> {
        if let Some(ended) = self.child.try_wait()? {
            bail!("the service ended by itself with {ended}{}", self.told());
        }
        self.child.kill().await.context("could not kill the service")
    }

    /// Asks the process to stop with SIGTERM and waits for its end.
    pub async fn stop(mut self) -> Result<()> {
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
        Ok(())
    }

    fn told(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().fold("; its last words:".to_owned(), |told, line| told + "\n  " + line)
    }
}

/// Keeps the last lines of the log and finds the address in it.
async fn read_log(
    stderr: ChildStderr,
    kept: Arc<Mutex<VecDeque<String>>>,
    found: watch::Sender<Option<String>>,
) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = address_in(&line) {
            found.send_replace(Some(address));
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}

/// The address in the log line that tells it.
fn address_in(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some(line.get("address")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_log() {
        let line = r#"{"level":"INFO","message":"listening","address":"127.0.0.1:4711"}"#;
        assert_eq!(address_in(line).as_deref(), Some("127.0.0.1:4711"));
        for line in ["", "{}", "listening on 127.0.0.1:4711", r#"{"address":4711}"#] {
            assert_eq!(address_in(line), None, "{line}");
        }
    }

    #[tokio::test]
    async fn a_program_that_ends_at_once_is_told() {
        let mut daemon = Daemon::start(Path::new("false"), Path::new("unused")).unwrap();
        let error = daemon.ready().await.err().unwrap().to_string();
        assert!(error.contains("before it listened"), "{error}");
    }
}
