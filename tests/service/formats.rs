//! Every format of the log through a write, a kill, a start and the database.

use std::net::TcpListener;
use std::path::Path;

use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use crate::outages::{post, until};
use crate::program::{Service, daybook, json_of, run};

/// The formats of the segments, in order.
fn formats(data_dir: &Path) -> Vec<String> {
    let output = run(daybook(data_dir).args(["log", "status", "--json"]));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let segments = status["segments"].as_array().unwrap();
    segments.iter().map(|segment| segment["format"].as_str().unwrap().to_owned()).collect()
}

/// The database is away until the service was killed, so that all that it gets
/// comes from the log.
#[rstest]
#[case("json")]
#[case("cbor")]
#[case("bincode")]
#[case("messagepack")]
#[tokio::test]
async fn what_was_written_before_a_kill_reaches_the_database(#[case] format: &str) {
    let folder = tempfile::tempdir().unwrap();
    // Nobody ever accepts, so the address is taken and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("ws://{}", silent.local_addr().unwrap());
    let with = |endpoint: &str| {
        let mut command = daybook(folder.path());
        command.args(["--command-log-format", format, "--db-endpoint", endpoint]);
        command
    };
    let service = Service::launch(&mut with(&endpoint));
    let mut written = Vec::new();
    for number in 0..3 {
        let answer = post(&service, &format!("note {number} ü")).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        written.push(json_of(answer).await);
    }
    service.kill();
    assert_eq!(formats(folder.path()), [format]);

    let service = Service::start_with(&mut with("mem://")).await;
    until("the end of the backlog", async || {
        let health = json_of(service.get("/health").send().await.unwrap()).await;
        health["queue"]["commands"] == 0 && health["state"] == "healthy"
    })
    .await;
    for (number, body) in written.iter().enumerate() {
        let command = format!("/v1/commands/{}", body["command_id"].as_str().unwrap());
        let state = json_of(service.get(&command).send().await.unwrap()).await;
        assert_eq!((&state["status"], &state["version"]), (&json!("applied"), &json!(1)));
        let path = format!("/v1/notes/{}", body["id"].as_str().unwrap());
        let read = service.get(&path).send().await.unwrap();
        assert_eq!(read.headers()["daybook-consistency"], "current");
        assert_eq!(json_of(read).await["title"], format!("note {number} ü"));
    }
    assert_eq!(service.list().await.len(), written.len());
    service.stop();
}

#[tokio::test]
async fn all_formats_may_follow_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let given = ["json", "cbor", "bincode", "messagepack", "json"];
    for (format, notes) in given.into_iter().zip(1..) {
        let mut command = daybook(folder.path());
        let service = Service::start_with(command.args(["--command-log-format", format])).await;
        service.create(format).await;
        assert_eq!(service.list().await.len(), notes);
        service.kill();
    }
    assert_eq!(formats(folder.path()), given);
}

/// The new log beside the running service, then the service on the new log with
/// the database that it had.
#[tokio::test]
async fn a_service_changes_over_to_a_converted_log() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let database = format!("surrealkv://{}", folder.path().join("database").display());
    let with = |data_dir: &Path| {
        let mut command = daybook(data_dir);
        command.args(["--db-endpoint", &database]);
        command
    };
    let convert = |into: &Path| {
        let mut command = daybook(&old);
        command.args(["log", "convert", "--json", "--to", "bincode", "--into"]).arg(into);
        run(&mut command)
    };
    let service = Service::start_with(&mut with(&old)).await;
    service.create("one").await;
    let beside = convert(&folder.path().join("beside"));
    let told = String::from_utf8(beside.stderr).unwrap();
    assert_eq!(beside.status.code(), Some(0), "{told}");
    assert!(told.contains("after command 1 is not in the new log"), "{told}");
    service.create("two").await;
    let notes = service.list().await;
    service.stop();

    let converted = convert(&new);
    assert_eq!(converted.status.code(), Some(0));
    assert!(converted.stderr.is_empty());
    let again = convert(&new);
    assert_eq!(again.status.code(), Some(2), "it is not empty any more");
    let service = Service::start_with(&mut with(&new)).await;
    assert_eq!(service.list().await, notes);
    service.create("three").await;
    assert_eq!(service.list().await.len(), 3);
    service.stop();
    assert_eq!(formats(&new), ["bincode", "cbor"]);
}
