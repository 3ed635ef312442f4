//! An older copy of the log under a newer database.

use std::fs;
use std::path::Path;

use daybook_rig::copy_folder;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::outages::until;
use crate::program::{Service, daybook, json_of, run};

/// Runs `daybook log adopt` and returns its exit code and its answer.
fn adopt(data_dir: &Path, options: &[&str]) -> (Option<i32>, Value) {
    let output = run(daybook(data_dir).args(["log", "adopt", "--json"]).args(options));
    let told = serde_json::from_slice(&output.stdout);
    let told = told.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), told)
}

fn titles(notes: &[Value]) -> Vec<&str> {
    let mut titles: Vec<_> = notes.iter().map(|note| note["title"].as_str().unwrap()).collect();
    titles.sort_unstable();
    titles
}

#[tokio::test]
async fn an_older_copy_of_the_log_is_refused_and_adopted() {
    let folder = tempfile::tempdir().unwrap();
    let (log, older) = (folder.path().join("log"), folder.path().join("older"));
    let service = Service::start(folder.path()).await;
    let first = service.create("one").await;
    service.create("two").await;
    service.stop();
    copy_folder(&log, &older).unwrap();
    let service = Service::start(folder.path()).await;
    service.create("three").await;
    let path = format!("/v1/notes/{}", first["id"].as_str().unwrap());
    let changed = service.request(Method::PATCH, &path).json(&json!({"title": "changed"}));
    assert_eq!(changed.send().await.unwrap().status(), StatusCode::OK);
    service.stop();
    fs::remove_dir_all(&log).unwrap();
    fs::rename(&older, &log).unwrap();

    let service = Service::launch(&mut daybook(folder.path()));
    until("the refusal", async || {
        service.get("/health/ready").send().await.unwrap().status()
            == StatusCode::SERVICE_UNAVAILABLE
            && json_of(service.get("/health").send().await.unwrap()).await["state"] == "unhealthy"
    })
    .await;
    let health = json_of(service.get("/health").send().await.unwrap()).await;
    let reason = health["reason"].as_str().unwrap();
    for part in ["command 4", "ends at 2", "daybook log adopt"] {
        assert!(reason.contains(part), "{reason}");
    }
    let note = json!({"title": "refused", "content": "x", "author": "ada", "tags": []});
    let refused = service.send(Method::POST, "/v1/notes", &note).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    service.stop();

    let (code, told) = adopt(folder.path(), &[]);
    assert_eq!(code, Some(1));
    assert_eq!((&told["applied"], &told["last"]), (&json!(4), &json!(2)));
    assert_eq!((&told["succession"]["unapplied"], &told["adopted"]), (&json!(0), &Value::Null));
    let (code, told) = adopt(folder.path(), &["--apply"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(Path::new(told["adopted"]["before"].as_str().unwrap()).is_dir());

    let service = Service::start(folder.path()).await;
    service.create("four").await;
    assert_eq!(titles(&service.list().await), ["changed", "four", "three", "two"]);
    service.kill();
    let service = Service::start(folder.path()).await;
    assert_eq!(titles(&service.list().await), ["changed", "four", "three", "two"]);
    service.stop();
    assert_eq!(adopt(folder.path(), &["--apply"]).1["succession"], Value::Null);
}
