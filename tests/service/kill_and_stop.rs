//! Killed, stopped, started again: every acknowledged note is there once.

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[cfg(feature = "surreal")]
use crate::program::run;
use crate::program::{Service, daybook, json_of};

#[tokio::test]
async fn a_killed_service_keeps_every_note_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    let first = service.create("first").await;
    let second = service.create("second").await;
    let path = format!("/v1/notes/{}", first["id"].as_str().unwrap());
    let patch = json!({"content": "changed"});
    let changed = json_of(service.send(Method::PATCH, &path, &patch).await).await;
    assert_eq!(changed["version"], 2);
    service.kill();

    let service = Service::start(folder.path()).await;
    let found = json_of(service.get(&path).send().await.unwrap()).await;
    assert_eq!(found, changed);
    let mut listed = service.list().await;
    listed.sort_by_key(|note| note["title"].to_string());
    assert_eq!(listed, [changed, second]);
}

#[tokio::test]
async fn a_service_killed_many_times_goes_on_counting() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=4_u64 {
        let service = Service::start(folder.path()).await;
        let path = "/v1/notes/counted";
        let note = json!({"title": "t", "content": "c", "author": "ada", "tags": []});
        let put = service.send(Method::PUT, path, &note).await;
        let expected = if round == 1 { StatusCode::CREATED } else { StatusCode::OK };
        assert_eq!(put.status(), expected);
        assert_eq!(json_of(put).await["version"], round);
        service.kill();
    }
}

#[tokio::test]
async fn both_signals_stop_the_service_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    for (signal, notes) in [("TERM", 1), ("INT", 2)] {
        let mut service = Service::start(folder.path()).await;
        service.create("x").await;
        service.signal(signal);
        assert_eq!(service.wait().code(), Some(0), "SIG{signal}");
        service.wait_for_line(|line| line["message"] == "stopped");
        let service = Service::start(folder.path()).await;
        assert_eq!(service.list().await.len(), notes);
        service.stop();
    }
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path()).await;
    let body = r#"{"title":"t","content":"c","author":"ada","tags":[]}"#;
    let mut stream = TcpStream::connect(&service.address).await.unwrap();
    let head = format!(
        "POST /v1/notes HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The answer to `expect` proves that the request is in the service's hands.
    let mut answer = vec![0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    service.signal("TERM");
    service.wait_for_line(|line| line["message"] == "stopping");
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    assert!(service.wait().success());

    let service = Service::start(folder.path()).await;
    assert_eq!(service.list().await.len(), 1);
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path()).await;
    // A request that never ends would hold up the stop for its timeout.
    let mut stream = TcpStream::connect(&service.address).await.unwrap();
    let head = "POST /v1/notes HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                expect: 100-continue\r\ncontent-length: 99\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    service.signal("TERM");
    service.wait_for_line(|line| line["message"] == "stopping");
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(1));
}

#[tokio::test]
async fn a_service_whose_log_is_not_synced_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for policy in ["never", "interval:200ms"] {
        let mut command = daybook(folder.path());
        let mut service = Service::start_with(command.args(["--command-log-sync", policy])).await;
        let warning = service.wait_for_line(|line| {
            line["message"].as_str().is_some_and(|said| said.contains("COMMAND_LOG_SYNC"))
        });
        assert_eq!(warning["level"], "WARN");
        assert_eq!(warning["sync"], policy);
        service.create("x").await;
        service.stop();
    }
}

#[cfg(feature = "surreal")]
#[test]
fn a_database_that_cannot_be_used_ends_the_service() {
    // A file where the database's folder would be cannot be opened as one.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("database"), "not a database").unwrap();
    let output = run(daybook(folder.path()).args(["--startup-max-wait", "2s"]));
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("ERROR") && told.contains("database"), "{told}");
}
