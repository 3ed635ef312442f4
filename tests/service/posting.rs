//! `daybook log replay`, `rebuild` and `audit`: the log and its database, without a
//! service.

use std::path::Path;
use std::process::{Command, Output};

use daybook_rig::{Server, Storage};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::outages::{against, post, until};
use crate::program::{Service, daybook, json_of, run};

/// Runs a command of the log to its end, beside the runtime of the test.
pub(crate) async fn log(mut command: Command, arguments: &[&str]) -> Output {
    command.arg("log").args(arguments);
    tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap()
}

pub(crate) fn told(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The notes, as a service on that database shows them.
async fn notes(data: &Path, endpoint: &str) -> Vec<Value> {
    let mut command = daybook(data);
    let service = Service::start_with(command.env("DB_ENDPOINT", endpoint)).await;
    // Lists show what is applied.
    until("the end of the backlog", async || {
        let health = json_of(service.get("/health").send().await.unwrap()).await;
        health["queue"]["commands"] == 0
    })
    .await;
    let notes = service.list().await;
    service.stop();
    notes
}

#[tokio::test]
async fn a_database_is_made_anew_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data).await;
    for number in 0..3 {
        service.create(&format!("note {number}")).await;
    }
    let gone = service.create("gone").await;
    let path = format!("/v1/notes/{}", gone["id"].as_str().unwrap());
    let deleted = service.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    let expected = service.list().await;

    let endpoint = |name: &str| format!("surrealkv://{}", folder.path().join(name).display());
    let whole = endpoint("whole");
    let in_use = log(daybook(&data), &["rebuild", "--to", &whole]).await;
    assert!(refused(&in_use).contains("in use"), "{in_use:?}");
    service.stop();

    let rebuilt = told(&log(daybook(&data), &["rebuild", "--to", &whole, "--json"]).await);
    assert_eq!((&rebuilt["posted"], &rebuilt["last"]), (&json!(5), &json!(5)));
    let again = log(daybook(&data), &["rebuild", "--to", &whole]).await;
    assert!(refused(&again).contains("not empty"), "{again:?}");

    let part = endpoint("part");
    let fourth = ["rebuild", "--to", &part, "--until", "4", "--json"];
    assert_eq!(told(&log(daybook(&data), &fourth).await)["posted"], 4);
    let mut wait = daybook(&data);
    wait.env("DB_ENDPOINT", &part);
    assert_eq!(told(&log(wait, &["replay", "--dry-run", "--json"]).await)["waited"], 1);

    let before = endpoint("before");
    let time = gone["created_at"].as_str().unwrap();
    let then = ["rebuild", "--to", &before, "--until", time, "--json"];
    assert_eq!(told(&log(daybook(&data), &then).await)["posted"], 4);

    assert_eq!(notes(&data, &whole).await, expected);
    // The service goes on from where the rebuild ended.
    assert_eq!(notes(&data, &part).await, expected);
}

#[tokio::test]
async fn what_waits_is_posted_without_a_service() {
    let mut server = Server::new(Storage::Memory).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = || against(&server.endpoint(), folder.path());
    let service = Service::launch(&mut program());
    for number in 0..5 {
        let answer = post(&service, &format!("note {number}")).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
    }
    service.kill();
    let away = log(program(), &["replay", "--dry-run"]).await;
    assert!(refused(&away).contains("Connection refused"), "{away:?}");
    let (first, second) = (program(), program());
    let (third, last) = (program(), program());
    server.start().await.unwrap();

    let waits = told(&log(first, &["replay", "--dry-run", "--json"]).await);
    assert_eq!((&waits["waited"], &waits["posted"]), (&json!(5), &Value::Null));
    let other = log(second, &["replay", "--from", "3"]).await;
    assert!(refused(&other).contains("is 1, not 3"), "{other:?}");
    let posted = log(third, &["replay", "--from", "1", "--rate", "1000"]).await;
    let text = String::from_utf8(posted.stdout).unwrap();
    assert_eq!(text, "posted 5 commands; the database is at command 5\n");
    let posted = told(&log(last, &["replay", "--json"]).await);
    assert_eq!((&posted["waited"], &posted["applied_before"]), (&json!(0), &json!(5)));
    let service = Service::start_with(&mut against(&server.endpoint(), folder.path())).await;
    assert_eq!(service.list().await.len(), 5);
}

#[tokio::test]
async fn a_database_is_found_to_be_what_its_log_amounts_to() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let none = log(daybook(&data), &["audit"]).await;
    assert_eq!(none.status.code(), Some(2), "{none:?}");
    assert!(!data.exists(), "nothing is made");
    let service = Service::start(&data).await;
    for number in 0..3 {
        service.create(&format!("note {number}")).await;
    }
    let in_use = log(daybook(&data), &["audit"]).await;
    assert_eq!(in_use.status.code(), Some(2), "{in_use:?}");
    assert!(String::from_utf8_lossy(&in_use.stderr).contains("in use"), "{in_use:?}");
    service.stop();

    let audited = told(&log(daybook(&data), &["audit", "--json"]).await);
    assert_eq!((&audited["finding"], &audited["commands"]), (&json!("equal"), &json!(3)));
    assert_eq!(audited["log"], audited["database"]);
    assert_eq!(audited["database"]["notes"], 3);
    // Neither that nor the status is taken for a crash.
    let status = told(&log(daybook(&data), &["status", "--json"]).await);
    let fields = ["checkpoint", "unapplied", "parked", "database"];
    assert_eq!(json!(fields.map(|field| &status[field])), json!([3, 0, 0, null]));
    assert!(data.join("database.clean").exists(), "the database was left cleanly");
}
