//! The program as a child process, on its own folder and a free port.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
#[cfg(feature = "surreal")]
use tokio::sync::RwLock;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);

/// So many lines of a service are told when its test fails.
const LAST_LINES: usize = 40;

/// Tests that hold the service to a time write-lock it, so that they have the
/// machine to themselves; those that load the machine read-lock it.
#[cfg(feature = "surreal")]
pub(crate) static MACHINE: RwLock<()> = RwLock::const_new(());

/// The program, with nothing of this machine's environment that it would read.
pub(crate) fn daybook(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daybook"));
    command.env_clear().env("DATA_DIR", data_dir).env("BIND_ADDRESS", "127.0.0.1:0");
    command.stdin(Stdio::null());
    command
}

/// Says why a test failed or did not run, also where the output of tests is captured.
pub(crate) fn tell_aloud(line: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).unwrap();
}

/// Runs the program to its end, which must come by itself.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let output = read_in_background(child.stdout.take().unwrap());
    let errors = read_in_background(child.stderr.take().unwrap());
    let status = wait(&mut child);
    Output { status, stdout: output.join().unwrap(), stderr: errors.join().unwrap() }
}

/// A service under way. Dropping it kills the process.
pub(crate) struct Service {
    child: Child,
    lines: Receiver<String>,
    /// The address that it listens on.
    pub(crate) address: String,
    client: Client,
}

impl Service {
    /// Starts the service and waits until it is ready.
    pub(crate) async fn start(data_dir: &Path) -> Self {
        Self::start_with(&mut daybook(data_dir)).await
    }

    /// The same with a command that was prepared.
    pub(crate) async fn start_with(command: &mut Command) -> Self {
        let mut service = Self::launch(command);
        service.wait_until_ready().await;
        service
    }

    /// Starts the service and waits until it listens, ready or not.
    pub(crate) fn launch(command: &mut Command) -> Self {
        let mut child = command.arg("--log-json").stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // The test may have ended before the process did.
                let _ = send.send(line);
            }
        });
        let mut service = Self { child, lines, address: String::new(), client: Client::new() };
        let listening = service.wait_for_line(|line| line.get("address").is_some());
        service.address = listening["address"].as_str().unwrap().to_owned();
        service
    }

    /// The next line of the log that is as wanted.
    #[track_caller]
    pub(crate) fn wait_for_line(&mut self, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        let mut told = String::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let parsed: Value = serde_json::from_str(&line).unwrap_or_default();
                    if wanted(&parsed) {
                        return parsed;
                    }
                    told.push_str(&line);
                    told.push('\n');
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("the service did not say that; it said:\n{told}")
                }
            }
        }
    }

    async fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.get("/health/ready").send().await.unwrap().status() != StatusCode::OK {
            assert!(Instant::now() < deadline, "the service was not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A request to this service.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// Sends a note, or a part of one.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Response {
        send(self.request(method, path), body).await
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// Creates a note and returns it as it was answered.
    pub(crate) async fn create(&self, title: &str) -> Value {
        let body = json!({"title": title, "content": "x", "author": "ada", "tags": []});
        let created = self.send(Method::POST, "/v1/notes", &body).await;
        assert_eq!(created.status(), StatusCode::CREATED);
        json_of(created).await
    }

    /// Every note that the list shows.
    pub(crate) async fn list(&self) -> Vec<Value> {
        let page = json_of(self.get("/v1/notes?limit=200").send().await.unwrap()).await;
        assert_eq!(page["next_cursor"], Value::Null);
        page["items"].as_array().unwrap().clone()
    }

    /// The id of the process.
    #[cfg(feature = "surreal")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for the end of the process.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    /// Asks the process to stop, which it must do with exit code 0.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        assert!(self.wait().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            // Why it was as it was is nowhere else.
            let told: Vec<String> = self.lines.iter().collect();
            let last = told.split_at(told.len().saturating_sub(LAST_LINES)).1;
            tell_aloud(&format!("the last lines of the service:\n{}", last.join("\n")));
        }
    }
}

/// Sends JSON.
pub(crate) async fn send(request: RequestBuilder, body: &Value) -> Response {
    let request = request.header("content-type", "application/json").body(body.to_string());
    request.send().await.unwrap()
}

/// The body of an answer.
pub(crate) async fn json_of(answer: Response) -> Value {
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

fn read_in_background(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut read = Vec::new();
        from.read_to_end(&mut read).unwrap();
        read
    })
}

#[track_caller]
fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the process did not end");
        }
        thread::sleep(Duration::from_millis(10));
    }
}
