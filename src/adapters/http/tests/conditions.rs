//! `If-Match` and `If-None-Match`, to the outcome.

use axum::http::Request;
use rstest::rstest;
use serde_json::json;

use super::harness::{NOTES, Service, a_note, request};

/// A note `a` at version 2, and none named `b`.
async fn service() -> Service {
    let service = Service::started().await;
    service.put("a", &a_note()).await;
    service.put("a", &a_note()).await;
    service
}

#[rstest]
#[case("PUT", "a", "if-match", "\"2\"", 200)]
#[case("PUT", "a", "if-match", "\"1\", \"2\"", 200)]
#[case("PUT", "a", "if-match", "*", 200)]
#[case("PUT", "a", "if-match", "\"1\"", 412)]
#[case("PUT", "a", "if-match", "W/\"2\"", 412)]
#[case("PUT", "a", "if-match", "\"x\"", 412)]
#[case("PUT", "a", "if-none-match", "*", 412)]
#[case("PUT", "b", "if-match", "*", 412)]
#[case("PUT", "b", "if-match", "\"1\"", 412)]
#[case("PUT", "b", "if-none-match", "*", 201)]
#[case("PATCH", "a", "if-match", "\"2\"", 200)]
#[case("PATCH", "a", "if-match", "\"3\"", 412)]
#[case("PATCH", "b", "if-match", "\"2\"", 404)]
#[case("DELETE", "a", "if-match", "\"2\"", 204)]
#[case("DELETE", "a", "if-match", "\"1\"", 412)]
#[case("DELETE", "b", "if-match", "*", 404)]
#[tokio::test]
async fn writes(
    #[case] method: &str,
    #[case] key: &str,
    #[case] header: &str,
    #[case] value: &str,
    #[case] status: u16,
) {
    let service = service().await;
    let path = format!("{NOTES}/{key}");
    let answer = service.send(request(method, &path, &[(header, value)], &a_note())).await;
    match status {
        412 => answer.assert_problem(412, "precondition-failed"),
        404 => answer.assert_problem(404, "note-not-found"),
        _ => assert_eq!(answer.status, status),
    }
}

#[rstest]
#[case("if-none-match", "\"2\"", 304)]
#[case("if-none-match", "W/\"2\"", 304)]
#[case("if-none-match", "\"1\", \"2\"", 304)]
#[case("if-none-match", "*", 304)]
#[case("if-none-match", "\"1\"", 200)]
#[case("if-match", "\"2\"", 200)]
#[case("if-match", "\"1\"", 412)]
#[tokio::test]
async fn reads(#[case] header: &str, #[case] value: &str, #[case] status: u16) {
    let service = service().await;
    let read = Request::get("/v1/notes/a").header(header, value);
    let answer = service.send(read.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.status, status);
    if status == 304 {
        assert_eq!(answer.header("etag"), "\"2\"");
        assert_eq!(answer.header("daybook-consistency"), "current");
        assert_eq!(answer.body, json!(null));
    }
}

#[tokio::test]
async fn a_note_that_is_not_there_is_not_found_whatever_was_expected() {
    let service = service().await;
    let read = Request::get("/v1/notes/b").header("if-match", "*");
    let answer = service.send(read.body(axum::body::Body::empty()).unwrap()).await;
    answer.assert_problem(404, "note-not-found");
}

#[rstest]
#[case("POST", NOTES, &[("if-match", "*")], "If-Match")]
#[case("POST", NOTES, &[("if-none-match", "*")], "If-None-Match")]
#[case("PUT", "/v1/notes/a", &[("if-match", "2")], "If-Match")]
#[case("PUT", "/v1/notes/a", &[("if-none-match", "\"2\"")], "If-None-Match")]
#[case("PUT", "/v1/notes/a", &[("if-match", "*"), ("if-none-match", "*")], "If-None-Match")]
#[case("PATCH", "/v1/notes/a", &[("if-match", "\"2")], "If-Match")]
#[case("DELETE", "/v1/notes/a", &[("if-match", "")], "If-Match")]
#[case("GET", "/v1/notes/a", &[("if-none-match", "2")], "If-None-Match")]
#[tokio::test]
async fn headers_that_cannot_be_read_are_named(
    #[case] method: &str,
    #[case] path: &str,
    #[case] headers: &[(&str, &str)],
    #[case] named: &str,
) {
    let service = service().await;
    let logged = service.logged();
    let answer = service.send(request(method, path, headers, &a_note())).await;
    answer.assert_problem(400, "malformed-request");
    assert_eq!(answer.places(), [named]);
    assert_eq!(service.logged(), logged);
}
