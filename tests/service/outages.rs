//! The program in front of a real server that goes away and comes back.

use std::time::{Duration, Instant};

use daybook_rig::{Mode, Proxy, Server, Storage};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::program::{MACHINE, Service, daybook, json_of, run};

/// What the issue allows between the first answer of a server and the end of
/// the backlog, with room for a busy machine.
pub(crate) const RECOVERY: Duration = Duration::from_secs(5);

/// The program in front of that server.
pub(crate) fn against(endpoint: &str, folder: &std::path::Path) -> std::process::Command {
    let mut command = daybook(folder);
    command.env("DB_ENDPOINT", endpoint).env("DB_USERNAME", "root").env("DB_PASSWORD", "root");
    command
}

/// Sends a new note.
pub(crate) async fn post(service: &Service, title: &str) -> Response {
    let note = json!({"title": title, "content": "x", "author": "ada", "tags": []});
    service.send(Method::POST, "/v1/notes", &note).await
}

/// What readiness says.
pub(crate) async fn ready(service: &Service) -> (StatusCode, Value) {
    let answer = service.get("/health/ready").send().await.unwrap();
    (answer.status(), json_of(answer).await)
}

/// Asks until it is so, and tells how long that took.
pub(crate) async fn until(what: &str, holds: impl AsyncFnMut() -> bool) -> Duration {
    until_within(Duration::from_secs(60), what, holds).await
}

/// The same for what may take longer.
pub(crate) async fn until_within(
    patience: Duration,
    what: &str,
    mut holds: impl AsyncFnMut() -> bool,
) -> Duration {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < patience, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    started.elapsed()
}

fn retry_after(answer: &Response) -> u64 {
    answer.headers()["retry-after"].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_server_that_comes_up_late_gets_everything_that_was_written() {
    let _machine = MACHINE.write().await;
    let mut server = Server::new(Storage::SurrealKv).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let service = Service::launch(&mut against(&server.endpoint(), folder.path()));
    assert_eq!(ready(&service).await.1["state"], "starting");
    let mut written = Vec::new();
    for number in 0..3 {
        let asked = Instant::now();
        let answer = post(&service, &format!("note {number}")).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        // Not when its time is up, which is half a minute.
        assert!(asked.elapsed() < RECOVERY);
        let body = json_of(answer).await;
        let path = format!("/v1/notes/{}", body["id"].as_str().unwrap());
        let read = service.get(&path).send().await.unwrap();
        assert_eq!(read.headers()["daybook-consistency"], "pending");
        assert_eq!(json_of(read).await["title"], format!("note {number}"));
        written.push((path, body["command_id"].as_str().unwrap().to_owned()));
    }
    server.start().await.unwrap();
    let took = until("the end of the backlog", async || {
        let health = json_of(service.get("/health").send().await.unwrap()).await;
        health["queue"]["commands"] == 0 && health["state"] == "healthy"
    });
    assert!(took.await <= RECOVERY);
    for (path, command) in &written {
        let state = service.get(&format!("/v1/commands/{command}")).send().await.unwrap();
        let state = json_of(state).await;
        assert_eq!((&state["status"], &state["version"]), (&json!("applied"), &json!(1)));
        let read = service.get(path).send().await.unwrap();
        assert_eq!(read.headers()["daybook-consistency"], "current");
    }
    assert_eq!(service.list().await.len(), written.len());
    service.stop();
}

#[test]
fn a_server_that_never_comes_ends_the_start_with_its_reason() {
    let nobody = Server::new(Storage::Memory).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = against(&nobody.endpoint(), folder.path());
    let output = run(command.env("STARTUP_MAX_WAIT", "2s"));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("ERROR") && told.contains("was not reached within"), "{told}");
    assert!(told.contains(&nobody.address()), "{told}");
}

#[tokio::test]
async fn an_outage_beyond_the_window_refuses_and_recovers_by_itself() {
    let _machine = MACHINE.write().await;
    let mut server = Server::started(Storage::SurrealKv).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = against(&server.endpoint(), folder.path());
    command.env("DB_UNAVAILABLE_TIMEOUT", "3s").env("REQUEST_TIMEOUT", "1s");
    let service = Service::start_with(&mut command).await;
    let known = service.create("known").await;
    let path = format!("/v1/notes/{}", known["id"].as_str().unwrap());
    server.kill().await.unwrap();
    // Inside the window: accepted.
    until("202", async || post(&service, "inside").await.status() == StatusCode::ACCEPTED).await;
    let read = service.get(&path).send().await.unwrap();
    assert_eq!(read.status(), StatusCode::OK);
    assert_eq!(read.headers()["daybook-consistency"], "stale");
    // Beyond it: refused, with a time to come back.
    until("503", async || ready(&service).await.0 == StatusCode::SERVICE_UNAVAILABLE).await;
    let refused = post(&service, "beyond").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!((1..=60).contains(&retry_after(&refused)));
    let unknown = service.get("/v1/notes/unknown").send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!((1..=60).contains(&retry_after(&unknown)));
    server.start().await.unwrap();
    let took = until("201", async || post(&service, "after").await.status() == StatusCode::CREATED);
    assert!(took.await <= RECOVERY);
    let titles = service.list().await;
    let count = |title: &str| titles.iter().filter(|note| note["title"] == title).count();
    assert_eq!((count("known"), count("beyond")), (1, 0), "refused means never");
    assert!(count("inside") >= 1);
}

#[tokio::test]
async fn every_request_is_answered_in_time_while_the_server_is_frozen() {
    let _machine = MACHINE.write().await;
    let server = Server::started(Storage::Memory).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = against(&server.endpoint(), folder.path());
    command.env("REQUEST_TIMEOUT", "2s").env("DB_DETECTION_TIME", "3s");
    let service = Service::start_with(&mut command).await;
    let known = service.create("known").await;
    let path = format!("/v1/notes/{}", known["id"].as_str().unwrap());
    server.freeze().await.unwrap();
    let frozen = Instant::now();
    while frozen.elapsed() < Duration::from_secs(6) {
        for path in [path.as_str(), "/v1/notes", "/health", "/health/ready", "/v1/notes/other"] {
            let asked = Instant::now();
            service.get(path).send().await.unwrap();
            assert!(asked.elapsed() < Duration::from_millis(2_500), "{path}");
        }
        let asked = Instant::now();
        assert_eq!(post(&service, "frozen").await.status(), StatusCode::ACCEPTED);
        assert!(asked.elapsed() < Duration::from_millis(2_500));
    }
    assert_eq!(ready(&service).await.1["state"], "degraded");
    server.thaw().await.unwrap();
    let took = until("201", async || post(&service, "after").await.status() == StatusCode::CREATED);
    assert!(took.await <= RECOVERY);
}

#[tokio::test]
async fn a_cut_network_costs_no_comparison_and_a_restart_does() {
    let _machine = MACHINE.write().await;
    let mut server = Server::started(Storage::SurrealKv).await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start_with(&mut against(&proxy.endpoint(), folder.path())).await;
    let says = |line: &Value, text: &str| line["message"].as_str().is_some_and(|m| m == text);
    service.wait_for_line(|line| says(line, "the service changed its state"));
    service.create("one").await;
    proxy.set(Mode::Refuse);
    until("away", async || ready(&service).await.1["state"] == "degraded").await;
    proxy.set(Mode::Pass);
    until("back", async || ready(&service).await.1["state"] == "healthy").await;
    service.create("two").await;
    server.kill().await.unwrap();
    server.start().await.unwrap();
    until("201", async || post(&service, "three").await.status() == StatusCode::CREATED).await;
    let compared = |line: &Value| says(line, "the database has everything it had acknowledged");
    let mut comparisons = 0;
    service.signal("TERM");
    service.wait_for_line(|line| {
        comparisons += usize::from(compared(line));
        says(line, "stopped")
    });
    assert_eq!(comparisons, 1, "only the restart is worth one");
}

#[tokio::test]
async fn what_is_no_usable_server_ends_the_start_with_its_reason() {
    let _machine = MACHINE.write().await;
    for (answer, reason) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\nsurrealdb-1.5.4", "has version 1.5.4"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\nsurrealdb-2.3.7", "has version 2.3.7"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nnginx", "no SurrealDB answers"),
        ("SSH-2.0-OpenSSH_9.6\r\n", "no SurrealDB answers"),
    ] {
        let imposter = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("ws://{}", imposter.local_addr().unwrap());
        let answering = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            while let Ok((mut stream, _)) = imposter.accept().await {
                assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let mut command = against(&endpoint, folder.path());
        let output = tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap();
        answering.abort();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(reason), "{told}");
    }
}
