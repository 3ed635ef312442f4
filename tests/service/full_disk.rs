//! The service on a disk that is full, and has room again.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tempfile::TempDir;

use crate::outages::until;
use crate::program::{Service, daybook, json_of, run, send, tell_aloud};

/// The size of the disk, and of what fills most of it beside the reserve.
const DISK: &str = "size=5m";
const FILLING: usize = 3 << 20;

/// The size of a disk that has no room for the reserve.
const TINY_DISK: &str = "size=900k";

/// The program with a file system of its own in that folder, of that size, which
/// ends with it. `None` where this user may not make one.
fn on_a_small_disk(data_dir: &Path, size: &str) -> Option<Command> {
    let try_it = ["--mount", "mount", "-t", "tmpfs", "tmpfs"];
    let may = Command::new("unshare").args(try_it).arg(data_dir).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let program = daybook(data_dir);
    let mut command = Command::new("unshare");
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("DB_ENDPOINT", "mem://").env("PATH", std::env::var_os("PATH")?);
    let script = "mount -t tmpfs -o \"$0\" tmpfs \"$DATA_DIR\" && exec \"$@\"";
    command.args(["--mount", "sh", "-c", script, size]).arg(program.get_program());
    Some(command)
}

/// A service on a disk of that size: the folder, and as the service sees it.
async fn start_on(size: &str) -> Option<(TempDir, Service, PathBuf)> {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut command) = on_a_small_disk(folder.path(), size) else {
        tell_aloud("tests of a full disk did not run: this user may not mount a file system");
        return None;
    };
    let service = Service::start_with(&mut command).await;
    let seen = PathBuf::from(format!("/proc/{}/root", service.id()));
    let seen = seen.join(folder.path().strip_prefix("/").unwrap());
    Some((folder, service, seen))
}

async fn write(service: &Service, key: &str) -> StatusCode {
    let note = json!({"title": key, "content": "x".repeat(9_000), "author": "ada", "tags": []});
    let path = format!("/v1/notes/{key}");
    let answer = send(service.request(Method::PUT, &path), &note).await;
    let status = answer.status();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        assert!(answer.headers().contains_key("retry-after"));
        let problem = json_of(answer).await;
        assert_eq!(problem["type"], "urn:daybook:problem:writes-refused");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("the disk cannot take the write"), "{detail}");
    }
    status
}

#[tokio::test]
async fn writes_are_refused_while_there_is_no_room_and_nothing_is_lost() {
    let Some((_folder, service, seen)) = start_on(DISK).await else { return };
    assert!(seen.join("log/reserve").exists());
    fs::write(seen.join("filling"), vec![0; FILLING]).unwrap();
    let mut kept = Vec::new();
    let mut number = 0;
    let refused = loop {
        let key = format!("n{number}");
        match write(&service, &key).await {
            StatusCode::CREATED => kept.push(key),
            StatusCode::SERVICE_UNAVAILABLE => break key,
            other => panic!("{other}"),
        }
        number += 1;
        assert!(number < 1_000, "the disk is never full");
    };
    assert!(kept.len() > 10, "{kept:?}");
    // It goes on answering.
    for _ in 0..20 {
        assert_eq!(write(&service, &refused).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(service.get("/v1/notes/n0").send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(service.get("/health/live").send().await.unwrap().status(), StatusCode::OK);
    let none = service.get(&format!("/v1/notes/{refused}")).send().await.unwrap();
    assert_eq!(none.status(), StatusCode::NOT_FOUND);

    fs::remove_file(seen.join("filling")).unwrap();
    until("a write", async || write(&service, "after").await == StatusCode::CREATED).await;
    kept.push("after".to_owned());
    assert!(seen.join("log/reserve").exists());
    for key in &kept {
        let found = service.get(&format!("/v1/notes/{key}")).send().await.unwrap();
        assert_eq!(found.status(), StatusCode::OK, "{key}");
    }
    let verified = run(daybook(&seen).args([OsStr::new("log"), OsStr::new("verify")]));
    let told = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{told}");
    assert!(told.contains(&format!("{} frames", kept.len())), "{told}");
    service.stop();
}

#[tokio::test]
async fn a_disk_too_small_for_the_reserve_takes_writes() {
    let Some((_folder, service, seen)) = start_on(TINY_DISK).await else { return };
    assert!(seen.join("log").exists() && !seen.join("log/reserve").exists());
    assert_eq!(write(&service, "n").await, StatusCode::CREATED);
    service.stop();
}
