//! `daybook log` reads the log, also beside the running service, and changes
//! nothing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};

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
async fn the_log_is_followed_until_the_last_command_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    service.create("one").await;
    let mut follow = daybook(folder.path());
    follow.args(["log", "cat", "--follow", "--to", "3"]);
    let followed = tokio::task::spawn_blocking(move || run(&mut follow));
    service.create("two").await;
    service.create("three").await;
    let followed = followed.await.unwrap();
    assert_eq!(followed.status.code(), Some(0), "{}", text(&followed.stderr));
    let printed = text(&followed.stdout);
    assert_eq!(printed.lines().count(), 3, "{printed}");
    assert!(printed.lines().last().unwrap().contains("three"), "{printed}");
    service.stop();
}

#[tokio::test]
async fn a_follower_ends_with_its_reader() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    service.create("one").await;
    let mut follow = daybook(folder.path());
    follow.args(["log", "cat", "--follow"]).stdout(Stdio::piped());
    let mut child = follow.spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("one"), "{first}");
    // Nothing is logged any more, and still it ends.
    let ended = tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));
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
