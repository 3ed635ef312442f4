//! Every format of the log through a write, a kill, a start and the database.

use std::net::TcpListener;

use reqwest::StatusCode;
use rstest::rstest;
use serde_json::Value;
use serde_json::json;

use crate::outages::{post, until};
use crate::program::json_of;
use crate::program::{Service, daybook, run};

/// The formats of the segments, in order.
fn formats(data_dir: &std::path::Path) -> Vec<String> {
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
