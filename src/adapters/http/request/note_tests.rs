//! Bodies, good and bad.

use axum::response::IntoResponse as _;
use http_body_util::BodyExt as _;
use rstest::rstest;
use serde_json::{Value, json};

use super::note::{draft, patch};
use crate::adapters::http::problem::{self, Problem};
use crate::domain::{NoteDraft, NotePatch};

/// Status and errors of a problem, as a client sees them.
async fn seen(problem: Problem) -> (u16, Vec<(String, String)>) {
    let response = problem::render(problem.into_response(), "trace");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let text = |error: &Value, member: &str| error[member].as_str().unwrap().to_owned();
    let errors = body["errors"].as_array().unwrap().iter();
    (status, errors.map(|e| (text(e, "pointer"), text(e, "reason"))).collect())
}

#[test]
fn every_field_of_a_draft_arrives() {
    let body = json!({"title": "t", "content": "c", "author": "a", "tags": ["x", "y"]});
    let expected = NoteDraft {
        title: "t".to_owned(),
        content: "c".to_owned(),
        author: "a".to_owned(),
        tags: vec!["x".to_owned(), "y".to_owned()],
    };
    assert_eq!(draft(body.to_string().as_bytes()).unwrap().get(), &expected);
}

#[test]
fn a_draft_needs_no_tags() {
    let body = json!({"title": "t", "content": "c", "author": "a"});
    assert!(draft(body.to_string().as_bytes()).unwrap().get().tags.is_empty());
}

#[rstest]
#[case(json!({}), NotePatch::default())]
#[case(json!({"title": "t"}), NotePatch { title: Some("t".to_owned()), ..NotePatch::default() })]
#[case(json!({"content": "c"}), NotePatch { content: Some("c".to_owned()), ..NotePatch::default() })]
#[case(json!({"author": "a"}), NotePatch { author: Some("a".to_owned()), ..NotePatch::default() })]
#[case(json!({"tags": ["x"]}), NotePatch { tags: Some(vec!["x".to_owned()]), ..NotePatch::default() })]
#[case(json!({"tags": []}), NotePatch { tags: Some(vec![]), ..NotePatch::default() })]
#[case(json!({"tags": null}), NotePatch { tags: Some(vec![]), ..NotePatch::default() })]
fn every_field_of_a_patch_arrives(#[case] body: Value, #[case] expected: NotePatch) {
    assert_eq!(patch(body.to_string().as_bytes()).unwrap().get(), &expected);
}

#[rstest]
#[case::not_json("{", &["" ])]
#[case::an_array("[]", &[""])]
#[case::null("null", &[""])]
#[case::empty("{}", &["/title", "/content", "/author"])]
#[case::types(
    r#"{"title": 1, "content": null, "author": ["a"], "tags": "x"}"#,
    &["/title", "/content", "/author", "/tags"]
)]
#[case::elements(
    r#"{"title": "t", "content": "c", "author": "a", "tags": ["x", 1, null, {"tags": []}]}"#,
    &["/tags/1", "/tags/2", "/tags/3"]
)]
#[case::no_tags(r#"{"title": "t", "content": "c", "author": "a", "tags": null}"#, &["/tags"])]
#[case::unknown(
    r#"{"title": "t", "content": "c", "author": "a", "id": "x", "a/b~c": {"title": 1}, "Title": ""}"#,
    &["/id", "/a~1b~0c", "/Title"]
)]
#[case::twice(
    r#"{"title": "t", "content": "c", "author": "a", "title": "t", "tags": [], "tags": []}"#,
    &["/title", "/tags"]
)]
#[case::twice_and_wrong(
    r#"{"title": "t", "content": "c", "author": "a", "author": 1, "author": 2}"#,
    &["/author"]
)]
#[tokio::test]
async fn a_malformed_draft_is_told_by_field(#[case] body: &str, #[case] pointers: &[&str]) {
    let (status, errors) = seen(draft(body.as_bytes()).unwrap_err()).await;
    assert_eq!(status, 400);
    assert_eq!(errors.iter().map(|(pointer, _)| pointer.as_str()).collect::<Vec<_>>(), pointers);
}

#[rstest]
#[case::title(json!({"title": "", "content": "c", "author": "a"}), &["/title"])]
#[case::script(json!({"title": "< ScRipt", "content": "c", "author": "a"}), &["/title"])]
#[case::all(
    json!({"title": "x".repeat(201), "content": "", "author": "a b", "tags": ["ok", ""]}),
    &["/author", "/content", "/tags/1", "/title"]
)]
#[tokio::test]
async fn an_invalid_draft_is_told_by_field(#[case] body: Value, #[case] pointers: &[&str]) {
    let (status, errors) = seen(draft(body.to_string().as_bytes()).unwrap_err()).await;
    assert_eq!(status, 422);
    let mut found: Vec<_> = errors.iter().map(|(pointer, _)| pointer.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, pointers);
}

#[rstest]
#[case::removed(json!({"title": null, "content": null, "author": null}), 422, &["/title", "/content", "/author"])]
#[case::removed_and_invalid(json!({"title": null, "author": "a b"}), 422, &["/title", "/author"])]
#[case::types_come_first(json!({"title": null, "author": 1}), 400, &["/author"])]
#[case::unknown(json!({"version": null}), 400, &["/version"])]
#[tokio::test]
async fn a_bad_patch_is_told_by_field(
    #[case] body: Value,
    #[case] status: u16,
    #[case] pointers: &[&str],
) {
    let (seen_status, errors) = seen(patch(body.to_string().as_bytes()).unwrap_err()).await;
    assert_eq!(seen_status, status);
    assert_eq!(errors.iter().map(|(pointer, _)| pointer.as_str()).collect::<Vec<_>>(), pointers);
    for (pointer, reason) in &errors {
        let null = body[&pointer[1..]].is_null();
        assert_eq!(reason == "cannot be removed", null && status == 422, "{pointer} {reason}");
    }
}

#[tokio::test]
async fn an_answer_lists_64_errors_and_no_long_name() {
    let tags: Vec<Value> = (0..1000).map(|n| json!(n)).collect();
    let body = json!({"tags": tags}).to_string();
    let (_, errors) = seen(patch(body.as_bytes()).unwrap_err()).await;
    assert_eq!(errors.len(), 64);

    let body = json!({"x".repeat(65): 1}).to_string();
    let (_, errors) = seen(patch(body.as_bytes()).unwrap_err()).await;
    assert_eq!(errors[0].0, "");
    assert!(!errors[0].1.contains("xx"), "{errors:?}");
}
