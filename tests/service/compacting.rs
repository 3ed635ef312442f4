//! `daybook log compact`, and what `COMMAND_LOG_RETENTION` keeps.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::outages::until;
use crate::posting::{log, refused, told};
use crate::program::{Service, daybook};

/// Small segments, and the smallest window.
fn small(data: &Path) -> Command {
    let mut command = daybook(data);
    command.env("COMMAND_LOG_SEGMENT_BYTES", "64KiB").env("HEAL_WINDOW", "1MiB");
    command
}

/// Overwrites a few notes again and again, deletes some, and is refused at times.
async fn write(service: &Service, rounds: usize) {
    for round in 0..rounds {
        for key in 0..8 {
            let path = format!("/v1/notes/k{key}");
            let body = json!({ "title": format!("{round}"), "content": "x".repeat(9_000), "author": "ada" });
            let written = service.request(Method::PUT, &path).json(&body).send().await.unwrap();
            assert!(written.status().is_success(), "{written:?}");
            if key == 1 && round % 4 == 0 {
                let deleted = service.request(Method::DELETE, &path).send().await.unwrap();
                assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
                let again = service.request(Method::DELETE, &path).send().await.unwrap();
                assert_eq!(again.status(), StatusCode::NOT_FOUND);
            }
        }
    }
}

async fn status(data: &Path) -> Value {
    told(&log(small(data), &["status", "--json"]).await)
}

/// A folder of data that a service has left, and the notes that it had.
async fn served() -> (TempDir, PathBuf, Vec<Value>) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let service = Service::start_with(&mut small(&data)).await;
    write(&service, 30).await;
    let notes = service.list().await;
    service.stop();
    (folder, data, notes)
}

#[tokio::test]
async fn a_compacted_log_makes_the_same_database() {
    let (folder, data, notes) = served().await;

    let before = status(&data).await;
    let dry = told(&log(small(&data), &["compact", "--dry-run", "--json"]).await);
    assert!(dry["through"].as_u64().unwrap() > 50 && dry["snapshot"].is_null(), "{dry}");
    assert_eq!(status(&data).await["segments"], before["segments"]);
    let compacted = told(&log(small(&data), &["compact", "--json"]).await);
    let made = &compacted["snapshot"];
    assert!(made["bytes_after"].as_u64() < before["bytes"].as_u64(), "{compacted}");
    assert_eq!(made["bytes_after"], status(&data).await["bytes"]);
    told(&log(small(&data), &["verify", "--json"]).await);
    let again = log(small(&data), &["compact"]).await;
    let again = String::from_utf8(again.stdout).unwrap();
    assert!(again.contains("nothing to compact") && again.contains("HEAL_WINDOW"), "{again}");

    // It is equal to the old database, and so is a new one.
    let old = told(&log(small(&data), &["audit", "--json"]).await);
    assert_eq!(old["log"], old["database"]);
    let fresh = format!("surrealkv://{}", folder.path().join("fresh").display());
    told(&log(small(&data), &["rebuild", "--to", &fresh, "--json"]).await);
    let mut command = small(&data);
    command.env("DB_ENDPOINT", &fresh);
    let new = told(&log(command, &["audit", "--json"]).await);
    assert_eq!((&new["finding"], &new["database"]), (&json!("equal"), &old["database"]));
    let then = format!("{fresh}-then");
    let early = log(small(&data), &["rebuild", "--to", &then, "--until", "1"]).await;
    assert!(refused(&early).contains("command 1 was compacted"), "{early:?}");

    // The service goes on with either.
    for endpoint in ["surrealkv://", &fresh] {
        let service = Service::start_with(small(&data).env("DB_ENDPOINT", endpoint)).await;
        assert_eq!(service.list().await, notes);
        service.stop();
    }
}

#[tokio::test]
async fn what_is_to_be_kept_is_kept() {
    let (_folder, data, notes) = served().await;
    let before = status(&data).await;

    let mut command = small(&data);
    command.env("COMMAND_LOG_RETENTION", "64KiB");
    let service = Service::start_with(&mut command).await;
    until("the beginning to go", async || status(&data).await["first"].as_u64() > Some(1)).await;
    assert_eq!(service.list().await, notes);
    write(&service, 1).await;
    let notes = service.list().await;
    service.stop();

    let after = status(&data).await;
    assert!(after["bytes"].as_u64() > Some(1 << 20), "the window stays: {after}");
    assert!(after["bytes"].as_u64() < before["bytes"].as_u64());
    told(&log(small(&data), &["verify", "--json"]).await);
    // What needs the beginning says so.
    for command in [&["compact"][..], &["audit"]] {
        let output = log(small(&data), command).await;
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("the log begins with command"), "{command:?}: {message}");
    }
    let service = Service::start_with(&mut small(&data)).await;
    assert_eq!(service.list().await, notes);
    service.stop();
}
