//! Requests that are refused before anything is logged.

use axum::body::Body;
use axum::http::Request;
use rstest::rstest;
use serde_json::json;

use super::harness::{NOTES, Service, a_note, request};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const GOOD: &str = r#"{"title": "t", "content": "c", "author": "a"}"#;

#[rstest]
#[case::no_json("POST", NOTES, JSON, "{", 400, "malformed-request")]
#[case::no_body("POST", NOTES, JSON, "", 400, "malformed-request")]
#[case::deep("POST", NOTES, JSON, &"[".repeat(200_000), 400, "malformed-request")]
#[case::unknown_field("POST", NOTES, JSON, r#"{"id": "x"}"#, 400, "malformed-request")]
#[case::rules(
    "POST",
    NOTES,
    JSON,
    r#"{"title": "", "content": "c", "author": "a"}"#,
    422,
    "invalid-note"
)]
#[case::removed("PATCH", "/v1/notes/a", JSON, r#"{"title": null}"#, 422, "invalid-note")]
#[case::id("PUT", "/v1/notes/a%20b", JSON, GOOD, 400, "malformed-request")]
#[case::id_collection("PUT", "/v1/notes/users:a", JSON, GOOD, 400, "malformed-request")]
#[case::id_not_utf8("PUT", "/v1/notes/%FF", JSON, GOOD, 400, "malformed-request")]
#[case::id_slash("PUT", "/v1/notes/a%2Fb", JSON, GOOD, 400, "malformed-request")]
#[case::id_to_delete("DELETE", "/v1/notes/a.b", &[], "", 400, "malformed-request")]
#[case::id_to_patch("PATCH", "/v1/notes/a.b", JSON, "{}", 400, "malformed-request")]
#[case::no_type("POST", NOTES, &[], GOOD, 415, "unsupported-media-type")]
#[case::text("POST", NOTES, &[("content-type", "text/plain")], GOOD, 415, "unsupported-media-type")]
#[case::form("PUT", "/v1/notes/a", &[("content-type", "application/x-www-form-urlencoded")], "a=b", 415, "unsupported-media-type")]
#[case::merge_patch("PUT", "/v1/notes/a", &[("content-type", "application/merge-patch+json")], GOOD, 415, "unsupported-media-type")]
#[case::json_patch("PATCH", "/v1/notes/a", &[("content-type", "application/json-patch+json")], "[]", 415, "unsupported-media-type")]
#[case::gzip("POST", NOTES, &[("content-type", "application/json"), ("content-encoding", "gzip")], GOOD, 415, "unsupported-media-type")]
#[case::large("POST", NOTES, JSON, &" ".repeat(256 * 1024 + 1), 413, "content-too-large")]
#[case::no_route("POST", "/v1/notes/", JSON, GOOD, 404, "no-such-resource")]
#[case::no_route_at_all("GET", "/nothing", &[], "", 404, "no-such-resource")]
#[case::method("DELETE", NOTES, &[], "", 405, "method-not-allowed")]
#[case::method_of_a_note("POST", "/v1/notes/a", JSON, GOOD, 405, "method-not-allowed")]
#[case::method_of_health("POST", "/health", JSON, GOOD, 405, "method-not-allowed")]
#[case::unknown_method("FROB", "/v1/notes/a", JSON, GOOD, 405, "method-not-allowed")]
#[tokio::test]
async fn nothing_reaches_the_log(
    #[case] method: &str,
    #[case] path: &str,
    #[case] headers: &[(&str, &str)],
    #[case] body: &str,
    #[case] status: u16,
    #[case] slug: &str,
) {
    let service = Service::started().await;
    let mut bad = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        bad = bad.header(*name, *value);
    }
    let answer = service.send(bad.body(Body::from(body.to_owned())).unwrap()).await;
    answer.assert_problem(status, slug);
    assert_eq!(service.logged(), 0);
}

#[tokio::test]
async fn a_body_of_256_kib_is_read() {
    let service = Service::started().await;
    let body = GOOD.to_owned() + &" ".repeat(256 * 1024 - GOOD.len());
    let good = Request::post(NOTES).header("content-type", "application/json");
    assert_eq!(service.send(good.body(Body::from(body)).unwrap()).await.status, 201);
}

#[rstest]
#[case("POST", NOTES, "accept-post", "application/json")]
#[case("PUT", "/v1/notes/a", "accept", "application/json")]
#[case("PATCH", "/v1/notes/a", "accept-patch", "application/merge-patch+json, application/json")]
#[tokio::test]
async fn a_wrong_media_type_is_told_the_right_one(
    #[case] method: &str,
    #[case] path: &str,
    #[case] header: &str,
    #[case] accepted: &str,
) {
    let service = Service::started().await;
    let bad = Request::builder().method(method).uri(path).body(Body::from(GOOD)).unwrap();
    let answer = service.send(bad).await;
    answer.assert_problem(415, "unsupported-media-type");
    assert_eq!(answer.header(header), accepted);
}

#[rstest]
#[case("PUT", NOTES, &["GET", "HEAD", "POST"])]
#[case("POST", "/v1/notes/a", &["DELETE", "GET", "HEAD", "PATCH", "PUT"])]
#[case("DELETE", "/health/live", &["GET", "HEAD"])]
#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones(
    #[case] method: &str,
    #[case] path: &str,
    #[case] allowed: &[&str],
) {
    let service = Service::started().await;
    let answer = service.send(request(method, path, &[], &a_note())).await;
    let mut allow: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
    allow.sort_unstable();
    assert_eq!(allow, allowed);
}

#[rstest]
#[case("/v1/notes/a.b", "id")]
#[case("/v1/notes/%FF", "id")]
#[tokio::test]
async fn a_bad_id_is_named(#[case] path: &str, #[case] place: &str) {
    let service = Service::started().await;
    let answer = service.get(path).await;
    answer.assert_problem(400, "malformed-request");
    assert_eq!(answer.places(), [place]);
    assert!(answer.body["errors"][0]["parameter"].is_string());
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let service = Service::started().await;
    let body = json!({"title": 1, "author": null, "tags": [1, "x"], "colour": "red"});
    let answer = service.post(&body).await;
    answer.assert_problem(400, "malformed-request");
    assert_eq!(answer.places(), ["/title", "/content", "/author", "/tags/0", "/colour"]);
    assert_eq!(service.logged(), 0);
}
