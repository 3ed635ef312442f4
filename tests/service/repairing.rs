//! A damaged log is refused, repaired and gone on with.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::outages::until;
use crate::program::{Service, daybook, run};
use crate::refusals::damage;

#[tokio::test]
async fn a_flipped_bit_costs_one_command_and_the_service_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    let lost = service.create("lost").await;
    service.create("kept").await;
    service.stop();
    let segment = damage(folder.path());
    let damaged = fs::read(&segment).unwrap();
    let refused = run(&mut daybook(folder.path()));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    for part in ["00000000000000000001.log at byte 44", "daybook log repair"] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(fs::read(&segment).unwrap(), damaged, "nothing was touched");

    let shown = run(daybook(folder.path()).args(["log", "repair", "--json"]));
    assert_eq!(shown.status.code(), Some(1));
    let repaired = run(daybook(folder.path()).args(["log", "repair", "--apply", "--json"]));
    assert_eq!(repaired.status.code(), Some(0));
    let repaired: Value = serde_json::from_slice(&repaired.stdout).unwrap();
    assert_eq!(repaired["lost"], json!([[1, 1]]));
    let kept = Path::new(repaired["quarantine"].as_str().unwrap());
    assert_eq!(fs::read(kept.join("00000000000000000001.log")).unwrap(), damaged);

    let opened = run(daybook(folder.path()).args(["log", "replay"]));
    let told = String::from_utf8(opened.stderr).unwrap();
    assert!(told.contains("1 of the commands 1 to 1"), "{told}");
    let service = Service::start(folder.path()).await;
    // The database had it.
    assert_eq!(service.list().await.len(), 2);
    service.create("after").await;
    service.stop();
    // A new one has not.
    fs::remove_dir_all(folder.path().join("database")).unwrap();
    let service = Service::start(folder.path()).await;
    until("the end of the backlog", async || service.list().await.len() == 2).await;
    let path = format!("/v1/notes/{}", lost["id"].as_str().unwrap());
    assert_eq!(service.get(&path).send().await.unwrap().status(), 404);
    service.stop();
}
