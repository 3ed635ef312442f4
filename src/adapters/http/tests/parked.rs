//! Parked commands in an operator's hands.

use axum::body::Body;
use axum::http::Request;
use rstest::rstest;
use serde_json::json;

use super::harness::{Answer, Service, a_note};
use crate::domain::NoteId;

/// A service with two parked commands of the note `b`, and their ids.
async fn parked() -> (Service, [String; 2]) {
    let service = Service::started().await;
    service.store.refuse([NoteId::from_key("b").unwrap()]);
    let ids = [service.put("b", &a_note()).await, service.put("b", &a_note()).await];
    let ids = ids.map(|answer| {
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.body["command_id"].as_str().unwrap().to_owned()
    });
    (service, ids)
}

async fn send(service: &Service, method: &str, path: &str) -> Answer {
    service.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn they_are_listed_with_what_an_operator_needs() {
    let (service, [first, second]) = parked().await;
    let all = service.get("/v1/parked").await;
    assert_eq!(all.status, 200);
    let items = all.body["items"].as_array().unwrap();
    let ids: Vec<_> = items.iter().map(|item| item["command_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&first, &second]);
    let expected = json!({
        "command_id": first,
        "seq": 1,
        "note_id": "notes:b",
        "attempts": 3,
        "reason": items[0]["reason"],
        "since": items[0]["since"],
    });
    assert_eq!(items[0], expected);
    assert!(!items[0]["reason"].as_str().unwrap().is_empty());
    assert_eq!((&items[1]["attempts"], &all.body["next_from"]), (&json!(0), &json!(null)));
    let page = service.get("/v1/parked?limit=1").await;
    assert_eq!(page.body["next_from"], 2);
    let page = service.get("/v1/parked?limit=1&from=2").await;
    assert_eq!((&page.body["items"][0], &page.body["next_from"]), (&items[1], &json!(null)));
    assert_eq!(service.get(&format!("/v1/parked/{second}")).await.body, items[1]);
}

#[tokio::test(start_paused = true)]
async fn they_are_attempted_again() {
    let (service, [first, second]) = parked().await;
    let still = send(&service, "POST", &format!("/v1/parked/{first}/retry")).await;
    assert_eq!((still.status.as_u16(), &still.body["status"]), (200, &json!("parked")));
    service.store.refuse([]);
    let applied = send(&service, "POST", &format!("/v1/parked/{first}/retry")).await;
    assert_eq!((&applied.body["status"], &applied.body["version"]), (&json!("applied"), &json!(1)));
    assert_eq!(service.get("/v1/notes/b").await.body["version"], 2);
    let gone = send(&service, "POST", &format!("/v1/parked/{second}/retry")).await;
    gone.assert_problem(404, "command-not-parked");
    service.get(&format!("/v1/parked/{second}")).await.assert_problem(404, "command-not-parked");
}

#[tokio::test(start_paused = true)]
async fn they_are_given_up() {
    let (service, [first, second]) = parked().await;
    let discarded = send(&service, "DELETE", &format!("/v1/parked/{first}")).await;
    assert_eq!((discarded.status.as_u16(), &discarded.body["status"]), (200, &json!("rejected")));
    assert_eq!(discarded.body["problem"]["type"], "urn:daybook:problem:command-discarded");
    let told = service.get(&format!("/v1/commands/{first}")).await;
    assert_eq!(told.body, discarded.body);
    let other = service.get(&format!("/v1/commands/{second}")).await;
    assert_eq!(other.body["status"], "parked", "the database refuses it, too");
}

#[rstest]
#[case("?limit=0", "limit")]
#[case("?limit=201", "limit")]
#[case("?limit=x", "limit")]
#[case("?from=-1", "from")]
#[case("?from=1&from=2", "from")]
#[case("?form=1", "query")]
#[tokio::test(start_paused = true)]
async fn bad_parameters_are_named(#[case] query: &str, #[case] parameter: &str) {
    let answer = Service::started().await.get(&format!("/v1/parked{query}")).await;
    answer.assert_problem(400, "malformed-request");
    assert_eq!(answer.places(), [parameter]);
}

#[tokio::test(start_paused = true)]
async fn commands_of_other_logs_are_not_parked_here() {
    let service = Service::started().await;
    let other = "00000000000000000000000000000001-1";
    for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/retry")] {
        let answer = send(&service, method, &format!("/v1/parked/{other}{path}")).await;
        answer.assert_problem(404, "command-not-parked");
    }
}
