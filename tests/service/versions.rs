//! Servers of other versions than those that were tested.

use std::process::Command;
use std::time::{Duration, Instant};

use daybook_rig::{Server, Storage};

use crate::program::{Service, daybook, run};

/// Starts the service against a real server, writes a note and returns what it
/// warned about.
async fn warnings(settings: &[(&str, &str)]) -> Vec<String> {
    let server = Server::started(Storage::Memory).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start_with(&mut against(&server, folder.path(), settings)).await;
    service.create("served").await;
    let mut warnings = Vec::new();
    service.signal("TERM");
    service.wait_for_line(|line| {
        if line["level"] == "WARN" {
            warnings.push(line.to_string());
        }
        line["message"] == "stopped"
    });
    warnings
}

fn against(server: &Server, folder: &std::path::Path, settings: &[(&str, &str)]) -> Command {
    let mut command = daybook(folder);
    command.env("DB_ENDPOINT", server.endpoint());
    command.env("DB_USERNAME", "root").env("DB_PASSWORD", "root");
    command.envs(settings.iter().copied());
    command
}

#[tokio::test]
async fn a_tested_version_is_no_matter() {
    let warnings = warnings(&[]).await;
    assert!(warnings.iter().all(|line| !line.contains("version")), "{warnings:?}");
}

#[tokio::test]
async fn an_untested_version_is_warned_about() {
    let warnings = warnings(&[("DB_VERSIONS_TESTED", "3.3.6, 3.4.0")]).await;
    let about = |line: &&String| line.contains("not tested") && line.contains("3.3.5");
    assert_eq!(warnings.iter().filter(about).count(), 1, "{warnings:?}");
}

#[tokio::test]
async fn an_unsupported_version_ends_the_start() {
    let server = Server::started(Storage::Memory).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let range = [("DB_VERSION_RANGE", ">=3.3.6, <4"), ("STARTUP_MAX_WAIT", "1h")];
    let mut command = against(&server, folder.path(), &range);
    let started = Instant::now();
    let output = tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(60), "it does not wait");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    for part in ["has version 3.3.5", ">=3.3.6, <4", "DB_VERSION_RANGE"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(!told.contains("retry_after"), "there is no other attempt: {told}");
}

#[tokio::test]
async fn an_embedded_engine_is_judged_alike() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = daybook(folder.path());
    command.env("DB_ENDPOINT", "mem://").env("DB_VERSION_RANGE", "<3");
    let output = tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("has version 3.3.5") && told.contains("DB_VERSION_RANGE"), "{told}");
}
