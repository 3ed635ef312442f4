//! The servers that are measured: each on a free port of this machine and in a
//! temporary folder, ended when it is dropped.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use crash_loop::api::Api;
use crash_loop::daemon::{Daemon, Program};
use daybook_rig::{Server, Storage};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep};

/// How long a queue may take to be empty.
const PATIENCE: Duration = Duration::from_secs(900);

const POLL: Duration = Duration::from_millis(50);

/// What notes of a database are in.
const PLACE: [(&str, &str); 2] = [("surreal-ns", "bench"), ("surreal-db", "bench")];

/// A note is found by its author and its time there, as in Daybook.
const SCHEMA: &str = "DEFINE NAMESPACE bench; USE NS bench; DEFINE DATABASE bench; USE DB bench; \
    DEFINE TABLE notes SCHEMALESS; \
    DEFINE INDEX author_created_at ON notes FIELDS author, created_at;";

/// A temporary folder for data.
///
/// # Errors
/// When it cannot be made.
pub fn folder() -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("daybook-compare-").tempdir()?)
}

/// A client that waits for as long as a slow machine takes.
///
/// # Errors
/// When there can be none.
pub fn client() -> Result<Client> {
    Ok(Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?)
}

/// The text of an answer that must be a success.
async fn sent(request: RequestBuilder) -> Result<String> {
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "answered {status}: {text}");
    Ok(text)
}

/// A port that nobody listens on, and no end to waiting for somebody.
const NO_DATABASE: [(&str, &str); 3] = [
    ("DB_ENDPOINT", "ws://127.0.0.1:1"),
    ("DB_UNAVAILABLE_TIMEOUT", "never"),
    ("STARTUP_MAX_WAIT", "24h"),
];

/// The program on the data in a folder.
fn program(path: &Path, log_level: &str, folder: &TempDir, settings: &[(&str, &str)]) -> Program {
    let program = Program::new(path, &data_of(folder)).with_log(Path::new("/dev/null"), log_level);
    settings.iter().fold(program, |program, (name, value)| program.with_variable(name, value))
}

/// The folder of its log and its embedded database.
fn data_of(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

/// How long it takes to post what waits in the log of that folder to an empty
/// embedded database, from the start of the program on.
///
/// # Errors
/// When it cannot be run, or does not come to an end.
pub async fn drain(
    path: &Path,
    log_level: &str,
    backlog: &TempDir,
    settings: &[(&str, &str)],
) -> Result<Duration> {
    let database = folder()?;
    let endpoint = format!("surrealkv://{}", database.path().join("notes").display());
    let program = program(path, log_level, backlog, settings);
    let program = program.with_variable("DB_ENDPOINT", &endpoint);
    let started = Instant::now();
    let mut daemon = program.start()?;
    let api = daemon.ready().await?;
    settled(&api).await?;
    let took = started.elapsed();
    daemon.stop().await?;
    Ok(took)
}

/// Waits until every command is in the database.
async fn settled(api: &Api) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let health = api.health().await?;
        ensure!(health.parked == 0, "{} commands are parked", health.parked);
        if health.queued == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{} commands still wait", health.queued);
        sleep(POLL).await;
    }
}

/// Daybook with an embedded database.
pub struct Daybook {
    program: Program,
    daemon: Daemon,
    api: Api,
    address: String,
    folder: TempDir,
}

impl Daybook {
    /// A running one on an empty folder.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn start(path: &Path, log_level: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let folder = folder()?;
        let program = program(path, log_level, &folder, settings);
        let mut daemon = program.start()?;
        let api = daemon.ready().await?;
        Self::running(program, daemon, api, folder)
    }

    /// The same with a database that is never there: all that it accepts waits.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn start_alone(
        path: &Path,
        log_level: &str,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let settings = [settings, &NO_DATABASE].concat();
        let folder = folder()?;
        let program = program(path, log_level, &folder, &settings);
        let mut daemon = program.start()?;
        let api = daemon.listening().await?;
        Self::running(program, daemon, api, folder)
    }

    fn running(program: Program, daemon: Daemon, api: Api, folder: TempDir) -> Result<Self> {
        let address = daemon.address().context("Daybook listens nowhere")?;
        Ok(Self { program, daemon, api, address, folder })
    }

    /// Stops it, and gives its data away.
    ///
    /// # Errors
    /// When it does not stop.
    pub async fn stop(self) -> Result<TempDir> {
        self.daemon.stop().await?;
        Ok(self.folder)
    }

    /// How many commands wait for the database.
    ///
    /// # Errors
    /// When it does not tell.
    pub async fn queued(&self) -> Result<u64> {
        Ok(self.api.health().await?.queued)
    }

    /// Where its notes are.
    #[must_use]
    pub fn notes(&self) -> String {
        format!("http://{}/v1/notes", self.address)
    }

    /// Waits until every command is in the database.
    ///
    /// # Errors
    /// When that takes too long, or a command is parked.
    pub async fn settle(&self) -> Result<()> {
        settled(&self.api).await
    }

    /// Stops it and starts it again; how long it took from the start to being ready.
    ///
    /// # Errors
    /// When it does not stop or start.
    pub async fn restart(self) -> Result<(Self, Duration)> {
        let Self { program, daemon, folder, .. } = self;
        daemon.stop().await?;
        let started = Instant::now();
        let mut daemon = program.start()?;
        let api = daemon.ready().await?;
        let took = started.elapsed();
        Ok((Self::running(program, daemon, api, folder)?, took))
    }

    /// Its resident memory in bytes.
    ///
    /// # Errors
    /// When it is not running.
    pub fn memory(&self) -> Result<u64> {
        resident(self.daemon.id())
    }
}

/// A SurrealDB server, which its users speak to over HTTP.
pub struct Database {
    server: Server,
    token: String,
    _folder: TempDir,
}

impl Database {
    /// A running one that is empty but for the schema.
    ///
    /// # Errors
    /// When it cannot be run, or refuses the schema.
    pub async fn start() -> Result<Self> {
        let folder = folder()?;
        let mut server = Server::in_folder(Storage::SurrealKv, folder.path())?;
        server.start().await?;
        let address = server.address();
        let client = client()?;
        let root = r#"{"user":"root","pass":"root"}"#;
        let signin = client.post(format!("http://{address}/signin")).body(root);
        let told = sent(signin.header("accept", "application/json")).await.context("signing in")?;
        let told: Value = serde_json::from_str(&told)?;
        let token = told.get("token").and_then(Value::as_str).context("no token was given")?;
        let database = Self { server, token: token.to_owned(), _folder: folder };
        let schema = client.post(format!("http://{address}/sql")).body(SCHEMA);
        let told = sent(database.with_headers(schema)).await.context("defining the schema")?;
        let told: Value = serde_json::from_str(&told)?;
        let each = told.as_array().context("the schema has no results")?;
        ensure!(each.iter().all(|result| result["status"] == "OK"), "no schema: {told}");
        Ok(database)
    }

    /// Where its notes are.
    #[must_use]
    pub fn notes(&self) -> String {
        format!("http://{}/key/notes", self.server.address())
    }

    /// What every request carries, by name and value. A password would be checked
    /// for each, which takes longer than all else: a token is what a client that
    /// cares for its speed uses.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers: Vec<_> =
            PLACE.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        headers.push(("Accept", "application/json".to_owned()));
        headers.push(("Authorization", format!("Bearer {}", self.token)));
        headers
    }

    fn with_headers(&self, request: RequestBuilder) -> RequestBuilder {
        self.headers()
            .into_iter()
            .fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Its resident memory in bytes.
    ///
    /// # Errors
    /// When it is not running.
    pub fn memory(&self) -> Result<u64> {
        resident(self.server.id())
    }
}

/// A server that does nothing.
pub struct Nothing {
    address: String,
    _child: Child,
    _lifeline: Option<ChildStdin>,
}

impl Nothing {
    /// A running one, from the program beside this one.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn start() -> Result<Self> {
        let path: PathBuf = std::env::current_exe()?.with_file_name("do-nothing");
        let mut child = Command::new(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start {}", path.display()))?;
        let lifeline = child.stdin.take();
        let told = child.stdout.take().context("no standard output")?;
        let Some(address) = BufReader::new(told).lines().next_line().await? else {
            bail!("{} told no address", path.display());
        };
        Ok(Self { address, _child: child, _lifeline: lifeline })
    }

    /// Where its notes would be.
    #[must_use]
    pub fn notes(&self) -> String {
        format!("http://{}/notes", self.address)
    }
}

/// The resident memory of a process in bytes.
fn resident(id: Option<u32>) -> Result<u64> {
    let id = id.context("the process has ended")?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    resident_of(&status).with_context(|| format!("process {id} has no resident memory"))
}

fn resident_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read() {
        assert_eq!(resident_of("VmPeak:\t 99 kB\nVmRSS:\t   2048 kB\n"), Some(2048 * 1024));
        assert_eq!(resident_of("VmPeak:\t 99 kB\n"), None);
        assert!(resident(Some(std::process::id())).unwrap() > 0);
        assert!(resident(None).is_err());
    }
}
