//! `scripts/surrealdb.sh`, which starts and stops a server for people.

use std::path::Path;
use std::process::{Command, Output};

use daybook_rig::{Server, Storage, server_program};
use reqwest::StatusCode;

use crate::containers::can_run;
use crate::outages::against;
use crate::program::Service;

/// The script on a port and a folder of its own. Dropping it stops the server.
struct Script {
    by: &'static str,
    port: String,
    folder: tempfile::TempDir,
    program: &'static Path,
}

impl Script {
    async fn new(by: &'static str) -> Self {
        let port = Server::new(Storage::Memory).unwrap().address().replace("127.0.0.1:", "");
        let folder = tempfile::tempdir().unwrap();
        Self { by, port, folder, program: server_program().await.unwrap() }
    }

    fn run(&self, argument: &str) -> Output {
        let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/surrealdb.sh"));
        script.env("SURREALDB_BY", self.by).env("SURREALDB_PORT", &self.port);
        script.env("SURREALDB_DIR", self.folder.path());
        script.env("DAYBOOK_TEST_SURREALDB", self.program);
        script.arg(argument).output().unwrap()
    }

    /// What it says, which must be no complaint.
    #[track_caller]
    fn says(&self, argument: &str) -> String {
        let output = self.run(argument);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{told}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Where its server is reached.
    fn endpoint(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.run("down");
    }
}

async fn starts_and_stops(by: &'static str) {
    let script = Script::new(by).await;
    let data = script.folder.path().to_str().unwrap();
    assert!(script.says("down").contains("nothing was started here"));

    let told = script.says("up");
    assert!(told.contains(&format!("DB_ENDPOINT={}", script.endpoint())), "{told}");
    assert!(told.contains("DB_USERNAME=root DB_PASSWORD=root") && told.contains(data), "{told}");
    let told = script.says("up");
    assert!(told.contains("it runs already") && told.contains(data), "{told}");
    // As it tells people to run it.
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_with(&mut against(&script.endpoint(), folder.path())).await;
    let note = service.create("kept").await;
    service.stop();

    let told = script.says("down");
    assert!(told.contains("stopped") && told.contains(data), "{told}");
    let health = format!("http://127.0.0.1:{}/health", script.port);
    assert!(reqwest::get(&health).await.is_err(), "it is gone");
    assert!(script.says("down").contains("nothing was started here"));

    script.says("up");
    assert_eq!(reqwest::get(&health).await.unwrap().status(), StatusCode::OK);
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_with(&mut against(&script.endpoint(), folder.path())).await;
    assert_eq!(service.list().await, [note], "the data are kept");
    service.stop();
}

#[tokio::test]
async fn it_runs_a_process() {
    starts_and_stops("process").await;
}

#[tokio::test]
async fn it_runs_a_container() {
    if can_run().await {
        starts_and_stops("docker").await;
    }
}

#[tokio::test]
async fn it_leaves_the_server_of_somebody_else_alone() {
    let mut server = Server::started(Storage::Memory).await.unwrap();
    let mut script = Script::new("process").await;
    script.port = server.address().replace("127.0.0.1:", "");
    let output = script.run("up");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("another program listens") && told.contains("SURREALDB_PORT"), "{told}");
    // The number of another process is in its file.
    let pid_file = script.folder.path().join("server.pid");
    std::fs::write(pid_file, std::process::id().to_string()).unwrap();
    assert!(script.says("down").contains("nothing was started here"));
    assert!(server.is_running());
}
