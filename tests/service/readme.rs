//! The first minutes with the program, as the README tells them.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::program::{Service, json_of};

const README: &str = include_str!("../../README.md");

/// The body that the README's first `curl` sends.
fn first_note() -> &'static str {
    let (_, rest) = README.split_once("-d '").unwrap();
    rest.split_once('\'').unwrap().0
}

/// The first line of the README that starts so, as JSON.
fn shown_note() -> Value {
    let line = README.lines().find(|line| line.starts_with("{\"id\":")).unwrap();
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn the_first_note_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    let post = service.request(Method::POST, "/v1/notes");
    let post = post.header("content-type", "application/json").body(first_note());
    let created = post.send().await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(created.headers()["etag"], "\"1\"");
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    let note = json_of(created).await;

    // What the README shows has the same fields, and the same values where they
    // do not depend on the moment.
    let shown = shown_note();
    let names =
        |note: &Value| -> Vec<String> { note.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(names(&note), names(&shown));
    for field in ["title", "content", "author", "tags", "version"] {
        assert_eq!(note[field], shown[field], "{field}");
    }

    let found = service.get(&location).send().await.unwrap();
    assert_eq!(found.status(), StatusCode::OK);
    assert_eq!(json_of(found).await, note);
    assert_eq!(service.list().await, [note]);
    service.stop();
}
