//! What the log holds of the database's own code.

use daybook_rig::{Mode, Proxy, Server, Storage};
use reqwest::StatusCode;

use crate::program::{Service, daybook};

/// Whatever ends a connection, the SDK warns about the watch on it.
#[tokio::test]
async fn connections_that_end_are_no_matter_for_the_sdk_to_warn_about() {
    let server = Server::started(Storage::Memory).await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = daybook(folder.path());
    command.env("DB_ENDPOINT", proxy.endpoint()).env("POOL_MAX_LIFETIME", "1s");
    command.env("DB_USERNAME", "root").env("DB_PASSWORD", "root");
    let mut service = Service::start_with(&mut command).await;
    let made = proxy.made();
    until(async || proxy.made() > made + 2).await;
    for mode in [Mode::Refuse, Mode::Pass] {
        proxy.set(mode);
        let is_up = mode == Mode::Pass;
        until(async || {
            let state = service.get("/health").send().await.unwrap();
            let state = crate::program::json_of(state).await;
            (state["state"] == "healthy") == is_up
        })
        .await;
    }
    assert_eq!(service.get("/health/ready").send().await.unwrap().status(), StatusCode::OK);
    let mut foreign = Vec::new();
    service.signal("TERM");
    service.wait_for_line(|line| {
        if line["target"].as_str().is_some_and(|target| target.starts_with("surrealdb")) {
            foreign.push(line.to_string());
        }
        line["message"] == "stopped"
    });
    assert_eq!(foreign, [""; 0]);
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds().await {
        assert!(std::time::Instant::now() < deadline, "it did not happen");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
