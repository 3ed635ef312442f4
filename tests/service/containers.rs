//! The program in front of a server in a container. Where no Docker engine
//! answers, one line says that these tests did not run.

mod server;

use daybook_rig::{Mode, Proxy};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testcontainers::bollard::query_parameters::{InspectContainerOptions, InspectNetworkOptions};
use tokio::sync::oneshot;

use crate::outages::{RECOVERY, against, post, ready, until};
use crate::program::{MACHINE, Service, json_of};

pub(crate) use server::can_run;
use server::{Server, docker};

async fn read(service: &Service, path: &str) -> (StatusCode, Value) {
    let answer = service.get(path).send().await.unwrap();
    (answer.status(), json_of(answer).await)
}

fn path_of(note: &Value) -> String {
    format!("/v1/notes/{}", note["id"].as_str().unwrap())
}

/// What the list shows, by title.
async fn listed(service: &Service) -> Vec<Value> {
    let mut notes = service.list().await;
    notes.sort_by_key(|note| note["title"].to_string());
    notes
}

#[tokio::test]
async fn a_note_lives_through_a_restart_of_the_container() {
    let _machine = MACHINE.read().await;
    if !can_run().await {
        return;
    }
    let server = Server::started().await;
    // The port of a container is another after each start.
    let proxy = Proxy::start(server.address().await).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_with(&mut against(&proxy.endpoint(), folder.path())).await;

    let created = service.create("created").await;
    let path = path_of(&created);
    assert_eq!(read(&service, &path).await, (StatusCode::OK, created));
    let changed = service.send(Method::PATCH, &path, &json!({"content": "changed"})).await;
    assert_eq!(changed.status(), StatusCode::OK);
    let changed = json_of(changed).await;
    assert_eq!((&changed["version"], &changed["content"]), (&json!(2), &json!("changed")));
    let deleted = service.create("deleted").await;
    assert_eq!(listed(&service).await, [changed.clone(), deleted.clone()]);
    let gone = service.request(Method::DELETE, &path_of(&deleted)).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);

    server.stop().await;
    until("202", async || post(&service, "stopped").await.status() == StatusCode::ACCEPTED).await;
    server.start().await;
    proxy.set_target(server.address().await);
    let took = until("back", async || ready(&service).await.1["state"] == "healthy");
    assert!(took.await <= RECOVERY);

    assert_eq!(read(&service, &path).await, (StatusCode::OK, changed.clone()));
    assert_eq!(read(&service, &path_of(&deleted)).await.0, StatusCode::NOT_FOUND);
    let after = service.create("zz after").await;
    let notes = listed(&service).await;
    assert_eq!((&notes[0], notes.last()), (&changed, Some(&after)));
    service.stop();

    // One that has neither the log nor the cache shows what the database has.
    let folder = tempfile::tempdir().unwrap();
    let other = Service::start_with(&mut against(&proxy.endpoint(), folder.path())).await;
    assert_eq!(listed(&other).await, notes);
    other.stop();
}

#[tokio::test]
async fn a_container_that_starts_late_gets_everything_that_was_written() {
    let _machine = MACHINE.read().await;
    if !can_run().await {
        return;
    }
    let proxy = Proxy::start("127.0.0.1:0".to_owned()).await.unwrap();
    proxy.set(Mode::Refuse);
    let folder = tempfile::tempdir().unwrap();
    let mut command = against(&proxy.endpoint(), folder.path());
    let service = Service::launch(command.env("REQUEST_TIMEOUT", "1s"));
    assert_eq!(ready(&service).await.1["state"], "starting");
    let mut commands = Vec::new();
    for number in 0..3 {
        let answer = post(&service, &format!("note {number}")).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let body = json_of(answer).await;
        let (status, note) = read(&service, &path_of(&body)).await;
        assert_eq!((status, &note["version"]), (StatusCode::OK, &json!(1)));
        commands.push(format!("/v1/commands/{}", body["command_id"].as_str().unwrap()));
    }

    let server = Server::started().await;
    proxy.set_target(server.address().await);
    proxy.set(Mode::Pass);
    let took = until("the end of the backlog", async || {
        let health = read(&service, "/health").await.1;
        health["queue"]["commands"] == 0 && health["state"] == "healthy"
    });
    assert!(took.await <= RECOVERY);
    for command in &commands {
        assert_eq!(read(&service, command).await.1["status"], "applied");
    }
    let titles: Vec<Value> =
        listed(&service).await.into_iter().map(|note| note["title"].clone()).collect();
    assert_eq!(titles, ["note 0", "note 1", "note 2"]);
    service.stop();
}

#[tokio::test]
async fn a_test_that_panics_leaves_no_container() {
    let _machine = MACHINE.read().await;
    if !can_run().await {
        return;
    }
    let (send, receive) = oneshot::channel();
    let panicking = tokio::spawn(async move {
        let server = Server::started().await;
        send.send((server.id().to_owned(), server.network().to_owned())).unwrap();
        panic!("on purpose");
    });
    assert!(panicking.await.unwrap_err().is_panic());
    let (container, network) = receive.await.unwrap();
    let docker = docker().await;
    let seen = docker.inspect_container(&container, None::<InspectContainerOptions>).await;
    assert!(seen.unwrap_err().to_string().contains("No such container"));
    let seen = docker.inspect_network(&network, None::<InspectNetworkOptions>).await;
    assert!(seen.unwrap_err().to_string().contains("not found"));
}
