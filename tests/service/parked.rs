//! Commands that the database refuses, in the hands of an operator.

use std::path::Path;

use daybook_rig::{Server, Storage};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::outages::{against, post, until};
use crate::program::{Service, daybook, json_of, run};

/// Lets the server refuse notes of that title, and no others.
pub(crate) async fn refuse(server: &Server, title: &str) {
    let rule =
        format!("DEFINE FIELD OVERWRITE title ON notes TYPE string ASSERT $value != '{title}'");
    let request = Client::new().post(format!("http://{}/sql", server.address()));
    let request = request.basic_auth("root", Some("root")).header("accept", "application/json");
    let request = request.header("surreal-ns", "daybook").header("surreal-db", "daybook");
    let answer = request.body(rule).send().await.unwrap();
    let answer = json_of(answer).await;
    assert_eq!(answer[0]["status"], "OK", "{answer}");
}

/// Runs `daybook parked`; where a service runs, the address is its own.
fn parked(server: &Server, data_dir: &Path, address: &str, what: &[&str]) -> (Option<i32>, Value) {
    let mut command = against(&server.endpoint(), data_dir);
    command.env("BIND_ADDRESS", address).arg("parked").args(what).arg("--json");
    let output = run(&mut command);
    let told = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&output.stderr).into_owned()));
    (output.status.code(), told)
}

#[tokio::test]
async fn they_are_listed_retried_and_discarded_beside_a_service_and_without_one() {
    let server = Server::started(Storage::Memory).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_with(&mut against(&server.endpoint(), folder.path())).await;
    refuse(&server, "poison").await;
    for _ in 0..3 {
        assert_eq!(post(&service, "poison").await.status(), StatusCode::ACCEPTED);
    }
    until("the parking", async || {
        let health = json_of(service.get("/health").send().await.unwrap()).await;
        health["queue"]["parked"] == 3
    })
    .await;
    let address = service.address.clone();
    let ask = |what: &[&str]| parked(&server, folder.path(), &address, what);
    let (code, list) = ask(&["list"]);
    assert_eq!((code, list.as_array().unwrap().len()), (Some(0), 3));
    assert!(list[0]["reason"].as_str().unwrap().contains("title"), "{list}");
    let (code, shown) = ask(&["show", "2"]);
    assert_eq!((code, &shown["command"]["fields"]["title"]), (Some(0), &json!("poison")));
    assert_eq!(shown["parked"], list[1]);

    // A service that has another log is not asked for this one.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Service::start_with(daybook(elsewhere.path()).env("DB_ENDPOINT", "mem://")).await;
    for what in [&["list"][..], &["discard", "1"]] {
        let (code, why) = parked(&server, folder.path(), &other.address, what);
        assert_eq!(code, Some(1));
        assert!(why.as_str().unwrap().contains("has another log"), "{why}");
    }
    other.stop();

    let (code, state) = ask(&["retry", "1"]);
    assert_eq!((code, &state["status"]), (Some(1), &json!("parked")));
    let (code, state) = ask(&["discard", list[0]["command_id"].as_str().unwrap()]);
    assert_eq!((code, &state["status"]), (Some(0), &json!("rejected")));
    assert_eq!(state["problem"]["type"], "urn:daybook:problem:command-discarded");
    refuse(&server, "nothing").await;
    let (code, state) = ask(&["retry", "2"]);
    assert_eq!((code, &state["status"]), (Some(0), &json!("applied")));
    let (code, why) = ask(&["retry", "2"]);
    assert_eq!(code, Some(1));
    assert!(why.as_str().unwrap().contains("not parked"), "{why}");
    assert_eq!(service.list().await.len(), 1);

    refuse(&server, "poison").await;
    service.stop();
    let ask = |what: &[&str]| parked(&server, folder.path(), "127.0.0.1:0", what);
    assert_eq!(ask(&["list"]).1[0]["seq"], 3);
    let (code, state) = ask(&["discard", "3"]);
    assert_eq!((code, &state["status"]), (Some(0), &json!("rejected")), "{state}");
    assert_eq!(state["problem"]["type"], "urn:daybook:problem:command-discarded");
    assert_eq!(ask(&["list"]), (Some(0), json!([])));
}
