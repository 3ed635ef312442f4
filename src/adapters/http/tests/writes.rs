//! What becomes of writes that can be read.

use rstest::rstest;
use serde_json::{Value, json};

use super::harness::{NOTES, Service, a_note, request};
use crate::app::Options;
use crate::domain::Sequence;
use crate::ports::{CommandLog as _, ReadLimit};

#[tokio::test]
async fn a_new_note_is_answered_whole() {
    let service = Service::started().await;
    let answer = service.post(&a_note()).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("location"), "/v1/notes/n1");
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(answer.header("content-type"), "application/json");
    let expected = json!({
        "id": "notes:n1",
        "title": "Milk",
        "content": "Two bottles",
        "author": "ann",
        "tags": ["shop"],
        "created_at": answer.body["created_at"],
        "updated_at": answer.body["created_at"],
        "version": 1,
    });
    assert_eq!(answer.body, expected);
    let time = answer.body["created_at"].as_str().unwrap();
    assert!(time.ends_with('Z'), "{time}");
    assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{time}");

    let read = service.get("/v1/notes/n1").await;
    assert_eq!(read.status, 200);
    assert_eq!(read.body, answer.body);
    assert_eq!(read.header("etag"), "\"1\"");
    assert_eq!(read.header("daybook-consistency"), "current");
}

#[rstest]
#[case("mine")]
#[case("notes:mine")]
#[case("notes%3Amine")]
#[case("%6Dine")]
#[tokio::test]
async fn put_creates_and_replaces(#[case] id: &str) {
    let service = Service::started().await;
    let created = service.put(id, &a_note()).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.header("location"), "/v1/notes/mine");

    let other = json!({"title": "Bread", "content": "One", "author": "bob"});
    let replaced = service.put(id, &other).await;
    assert_eq!(replaced.status, 200);
    assert_eq!(replaced.header("etag"), "\"2\"");
    assert_eq!(replaced.header("location"), "");
    assert_eq!(replaced.body["tags"], json!([]));
    assert_eq!(replaced.body["title"], "Bread");
    assert_eq!(service.get("/v1/notes/mine").await.body, replaced.body);
}

#[rstest]
#[case("application/json")]
#[case("application/merge-patch+json")]
#[tokio::test]
async fn patch_changes_what_is_given(#[case] content_type: &str) {
    let service = Service::started().await;
    service.put("a", &a_note()).await;
    let mut change = request("PATCH", "/v1/notes/a", &[], &json!({"title": "Tea", "tags": null}));
    change.headers_mut().insert("content-type", content_type.parse().unwrap());
    let answer = service.send(change).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("etag"), "\"2\"");
    assert_eq!(answer.body["title"], "Tea");
    assert_eq!(answer.body["content"], "Two bottles");
    assert_eq!(answer.body["tags"], json!([]));
}

#[tokio::test]
async fn an_empty_patch_is_a_change() {
    let service = Service::started().await;
    service.put("a", &a_note()).await;
    let answer = service.send(request("PATCH", "/v1/notes/a", &[], &json!({}))).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (200, "\"2\""));
}

#[tokio::test]
async fn a_deleted_note_is_gone() {
    let service = Service::started().await;
    service.put("a", &a_note()).await;
    let answer = service.send(request("DELETE", "/v1/notes/a", &[], &Value::Null)).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.body, Value::Null);
    service.get("/v1/notes/a").await.assert_problem(404, "note-not-found");
    let again = service.send(request("DELETE", "/v1/notes/a", &[], &Value::Null)).await;
    again.assert_problem(404, "note-not-found");
}

#[tokio::test]
async fn what_is_not_there_cannot_be_patched() {
    let service = Service::started().await;
    let answer = service.send(request("PATCH", "/v1/notes/a", &[], &json!({}))).await;
    answer.assert_problem(404, "note-not-found");
}

#[tokio::test]
async fn an_id_that_is_taken_is_a_conflict() {
    let service = Service::started().await;
    service.put("n1", &a_note()).await;
    service.post(&a_note()).await.assert_problem(409, "note-exists");
}

#[rstest]
#[case("POST", NOTES, "notes:n1")]
#[case("PUT", "/v1/notes/mine", "notes:mine")]
#[case("DELETE", "/v1/notes/mine", "notes:mine")]
#[tokio::test(start_paused = true)]
async fn a_write_whose_outcome_is_not_known_in_time_is_pending(
    #[case] method: &str,
    #[case] path: &str,
    #[case] id: &str,
) {
    let service = Service::stopped(Options { unavailable_after: None, ..Options::default() });
    let answer = service.send(request(method, path, &[], &a_note())).await;
    assert_eq!(answer.status, 202);
    let command_id = "00000000000000000000000000000007-1";
    assert_eq!(answer.header("location"), format!("/v1/commands/{command_id}"));
    let expected = json!({"id": id, "command_id": command_id, "seq": 1, "status": "pending"});
    assert_eq!(answer.body, expected);
    assert_eq!(service.logged(), 1);
    let command = service.get(answer.header("location")).await;
    assert_eq!(command.status, 200);
    let expected = json!({"command_id": command_id, "seq": 1, "status": "pending"});
    assert_eq!(command.body, expected);
}

#[tokio::test]
async fn a_command_tells_what_became_of_it() {
    let service = Service::started().await;
    service.put("a", &a_note()).await;
    service.send(request("DELETE", "/v1/notes/b", &[], &Value::Null)).await;
    let command = |seq: u64| format!("/v1/commands/00000000000000000000000000000007-{seq}");
    let applied = service.get(&command(1)).await;
    assert_eq!((applied.status.as_u16(), &applied.body["status"]), (200, &json!("applied")));
    let rejected = service.get(&command(2)).await;
    assert_eq!((rejected.status.as_u16(), &rejected.body["status"]), (200, &json!("rejected")));
    assert_eq!(rejected.body["problem"]["type"], "urn:daybook:problem:note-not-found");
    assert_eq!(rejected.body["problem"]["status"], 404);
    service.get(&command(3)).await.assert_problem(404, "command-not-found");
    let malformed = service.get("/v1/commands/7-1").await;
    malformed.assert_problem(400, "malformed-request");
    assert_eq!(malformed.places(), ["command_id"]);
}

#[tokio::test]
async fn the_trace_of_a_request_goes_into_the_log() {
    let service = Service::started().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    service.send(request("POST", NOTES, &[("traceparent", &parent)], &a_note())).await;
    service.send(request("POST", NOTES, &[("x-request-id", "req-1")], &a_note())).await;

    let limit = ReadLimit { max_commands: 10, max_bytes: u64::MAX };
    let entries = service.log.read(Sequence::FIRST, limit).await.unwrap();
    let traces: Vec<_> = entries.iter().map(|e| e.submission.trace_id.as_deref()).collect();
    assert_eq!(traces, [Some(trace), Some("req-1")]);
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let service = Service::started().await;
    service.put("a", &a_note()).await;
    let answer = service.send(request("HEAD", "/v1/notes/a", &[], &Value::Null)).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (200, "\"1\""));
    assert_eq!(answer.body, Value::Null);
}
