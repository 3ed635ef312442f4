//! `daybook log` reads the log, also beside the running service, and changes
//! nothing.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::program::{Service, daybook, run};
use crate::refusals::damage;

fn log(data_dir: &Path, arguments: &[&str]) -> Output {
    run(daybook(data_dir).arg("log").args(arguments))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn the_log_is_read_beside_the_running_service() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    for title in ["one", "two", "three"] {
        service.create(title).await;
    }
    let status = log(folder.path(), &["status"]);
    assert_eq!(status.status.code(), Some(0), "{}", text(&status.stderr));
    assert!(text(&status.stdout).contains('3'), "{}", text(&status.stdout));

    let verify = log(folder.path(), &["verify"]);
    assert_eq!(verify.status.code(), Some(0), "{}", text(&verify.stderr));

    let cat = log(folder.path(), &["cat"]);
    assert_eq!(cat.status.code(), Some(0), "{}", text(&cat.stderr));
    let lines: Vec<Value> =
        text(&cat.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for (line, title) in lines.iter().zip(["one", "two", "three"]) {
        assert!(line.to_string().contains(title), "{line}");
    }
    service.create("four").await;
    service.stop();
}

#[tokio::test]
async fn verify_finds_damage() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    service.create("one").await;
    service.create("two").await;
    service.stop();
    let segment = damage(folder.path());
    let verify = log(folder.path(), &["verify"]);
    assert_eq!(verify.status.code(), Some(1));
    let told = text(&verify.stdout) + &text(&verify.stderr);
    assert!(told.contains(segment.file_name().unwrap().to_str().unwrap()), "{told}");
}

#[test]
fn a_folder_without_a_log_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["status", "cat", "verify"] {
        let output = log(&folder.path().join("none"), &[command]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let told = text(&output.stderr);
        assert!(told.contains("none"), "{command}: {told}");
        assert!(!folder.path().join("none").exists(), "nothing is made");
    }
}

#[tokio::test]
async fn a_flag_names_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    service.create("one").await;
    let mut command = daybook(Path::new("/elsewhere"));
    let output = run(command.args(["log", "verify", "--data-dir"]).arg(folder.path()));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    service.stop();
}
