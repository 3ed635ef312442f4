//! What the doctor says before, beside and without a service.

use std::path::Path;

use serde_json::Value;

use crate::program::{Service, daybook, run};

/// The exit code, and what was found of each thing as `health: text`.
fn doctor(
    data_dir: &Path,
    settings: &[(&str, &str)],
) -> (Option<i32>, impl Fn(&str) -> String + use<>) {
    let mut command = daybook(data_dir);
    command.envs(settings.iter().copied()).args(["doctor", "--json"]);
    let output = run(&mut command);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = move |what: &str| {
        let checks = told["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["check"] == what);
        let check = check.unwrap_or_else(|| panic!("{what} was not looked at"));
        format!("{}: {}", check["health"].as_str().unwrap(), check["found"].as_str().unwrap())
    };
    (output.status.code(), found)
}

#[tokio::test]
async fn nothing_is_in_the_way_before_beside_and_after_a_service() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let (code, found) = doctor(&data_dir, &[]);
    assert_eq!(code, Some(0));
    assert!(found("folder").contains("the first start makes it"));
    assert!(!data_dir.exists(), "it only looks");

    let service = Service::start(&data_dir).await;
    let (code, found) = doctor(&data_dir, &[("BIND_ADDRESS", &service.address)]);
    assert_eq!((code, found("service")), (Some(0), "ok: healthy".to_owned()));
    assert!(found("log").contains("has it open"), "{}", found("log"));
    assert!(found("sync").contains("half of the syncs"), "{}", found("sync"));
    service.create("one").await;
    service.stop();
    let (code, found) = doctor(&data_dir, &[]);
    assert_eq!(code, Some(0));
    assert!(found("log").contains("no process has it open"));
    let found = found("database");
    assert!(found.starts_with("ok: ") && found.contains("version"), "{found}");
    // Which leaves everything as it was.
    let service = Service::start(&data_dir).await;
    assert_eq!(service.list().await.len(), 1);
    service.stop();
}

#[tokio::test]
async fn what_is_in_the_way_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (code, found) = doctor(&file, &[]);
    assert_eq!(code, Some(1));
    assert!(found("folder").ends_with("is no folder"), "{}", found("folder"));
    let sync = [("COMMAND_LOG_SYNC", "never")];
    let (_, found) = doctor(folder.path(), &sync);
    assert!(found("policy").starts_with("warning: COMMAND_LOG_SYNC is never"));
}
