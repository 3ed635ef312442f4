//! Every command of `docs/operating.md`, run where its reader would be.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use daybook_rig::{Server, Storage, copy_folder};
use rstest::rstest;
use tempfile::TempDir;

use crate::outages::{against, post, until};
use crate::parked::refuse;
use crate::program::{Service, daybook, json_of, run};
use crate::refusals::damage;

const PAGE: &str = include_str!("../../docs/operating.md");

/// The sections that have commands.
fn sections() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let sections = PAGE.split("\n## ").skip(1).map(|section| {
        let (title, text) = section.split_once('\n').unwrap();
        (title, text.lines().filter_map(|line| line.strip_prefix("$ ")).collect::<Vec<_>>())
    });
    sections.filter(|(_, commands)| !commands.is_empty())
}

/// A data folder with a stopped service's log and database, and three notes.
async fn stopped() -> TempDir {
    let folder = TempDir::new().unwrap();
    let service = Service::start(&folder.path().join("data")).await;
    for title in ["one", "two", "three"] {
        service.create(title).await;
    }
    service.stop();
    folder
}

/// Runs the commands of a section in a shell each, as `command` would run the
/// program.
fn run_section(title: &str, folder: &Path, command: &Command) {
    let (_, commands) = sections().find(|(found, _)| *found == title).unwrap();
    let program = Path::new(command.get_program()).parent().unwrap();
    let path = format!("{}:{}", program.display(), env::var("PATH").unwrap());
    for line in commands {
        let expected = match line.split_once("# exit code ") {
            Some((_, text)) => text.split(':').next().unwrap().parse().unwrap(),
            None => 0,
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(folder).env("PATH", &path);
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = run(&mut shell);
        let told = [&output.stdout[..], &output.stderr[..]].concat();
        let told = String::from_utf8_lossy(&told);
        assert_eq!(output.status.code(), Some(expected), "{line}\n{told}");
    }
}

#[rstest]
#[case("It does not start")]
#[case("The disk is full")]
#[case("The log grows")]
#[case("The database is lost")]
#[case("As it was at a time")]
#[case("Moving a log to another machine")]
#[case("The log has the wrong format")]
#[tokio::test]
async fn commands_for_a_stopped_service(#[case] title: &str) {
    let folder = stopped().await;
    run_section(title, folder.path(), &daybook(&folder.path().join("data")));
}

#[tokio::test]
async fn commands_for_parted_copies() {
    let folder = stopped().await;
    let data = folder.path().join("data");
    let older = folder.path().join("older");
    copy_folder(&data.join("log"), &older).unwrap();
    let service = Service::start(&data).await;
    service.create("four").await;
    service.stop();
    fs::remove_dir_all(data.join("log")).unwrap();
    fs::rename(older, data.join("log")).unwrap();
    run_section("Log and database have parted", folder.path(), &daybook(&data));
}

#[tokio::test]
async fn commands_for_a_damaged_log() {
    let folder = stopped().await;
    let data = folder.path().join("data");
    damage(&data);
    run_section("The log is damaged", folder.path(), &daybook(&data));
}

#[tokio::test]
async fn commands_beside_a_service() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data).await;
    service.create("one").await;
    let mut command = daybook(&data);
    command.env("BIND_ADDRESS", &service.address);
    run_section("The queue grows", folder.path(), &command);
    service.stop();
}

#[tokio::test]
async fn commands_for_parked_commands() {
    let server = Server::started(Storage::Memory).await.unwrap();
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let service = Service::start_with(&mut against(&server.endpoint(), &data)).await;
    service.create("one").await;
    refuse(&server, "poison").await;
    post(&service, "poison").await;
    until("the parking", async || {
        let health = json_of(service.get("/health").send().await.unwrap()).await;
        health["queue"]["parked"] == 1
    })
    .await;
    let mut command = against(&server.endpoint(), &data);
    command.env("BIND_ADDRESS", &service.address);
    run_section("A command is parked", folder.path(), &command);
    service.stop();
}

/// A section that is added needs a test above.
#[test]
fn every_section_is_run() {
    let run = include_str!("operating.rs");
    for (title, commands) in sections() {
        assert!(run.contains(&format!("\"{title}\"")), "{title}: {commands:?}");
    }
}
