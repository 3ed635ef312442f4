//! Lists: filters, orders, pages, and what is refused.

use rstest::rstest;
use serde_json::json;

use super::harness::{Answer, Service};

/// Five notes: n1 to n5, odd ones by ann, n4 and n5 tagged with "a b&c".
async fn service() -> Service {
    let service = Service::started().await;
    for number in 1..=5 {
        let author = if number % 2 == 1 { "ann" } else { "bob" };
        let tags = if number >= 4 { vec!["a b&c", "ü"] } else { vec![] };
        let note = json!({"title": "t", "content": "c", "author": author, "tags": tags});
        assert_eq!(service.post(&note).await.status, 201);
    }
    service
}

fn keys(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let items = answer.body["items"].as_array().unwrap().iter();
    items.map(|note| note["id"].as_str().unwrap().trim_start_matches("notes:")).collect()
}

#[rstest]
#[case("", &["n5", "n4", "n3", "n2", "n1"])]
#[case("?sort=created_at", &["n1", "n2", "n3", "n4", "n5"])]
#[case("?sort=-updated_at", &["n5", "n4", "n3", "n2", "n1"])]
#[case("?sort=updated_at&limit=2", &["n1", "n2"])]
#[case("?author=ann", &["n5", "n3", "n1"])]
#[case("?tag=a+b%26c", &["n5", "n4"])]
#[case("?tag=%C3%BC&author=bob", &["n4"])]
#[case("?author=eve", &[])]
#[tokio::test]
async fn lists(#[case] query: &str, #[case] expected: &[&str]) {
    let service = service().await;
    assert_eq!(keys(&service.get(&format!("/v1/notes{query}")).await), expected);
}

#[tokio::test]
async fn an_item_is_the_note_as_it_is_read() {
    let service = service().await;
    let list = service.get("/v1/notes?limit=1").await;
    assert_eq!(list.body["items"][0], service.get("/v1/notes/n5").await.body);
}

#[rstest]
#[case("?limit=2", &["n5 n4", "n3 n2", "n1"])]
#[case("?limit=2&sort=created_at", &["n1 n2", "n3 n4", "n5"])]
#[case("?limit=1&tag=a+b%26c", &["n5", "n4"])]
#[case("?limit=5", &["n5 n4 n3 n2 n1"])]
#[tokio::test]
async fn links_lead_through_all_pages(#[case] query: &str, #[case] pages: &[&str]) {
    let service = service().await;
    let mut path = format!("/v1/notes{query}");
    for (number, page) in pages.iter().enumerate() {
        let answer = service.get(&path).await;
        assert_eq!(keys(&answer).join(" "), *page);
        let link = answer.header("link");
        if number + 1 == pages.len() {
            assert!(answer.body["next_cursor"].is_null(), "{answer:?}");
            assert_eq!(link, "");
            continue;
        }
        let next = link.strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\"")).unwrap();
        let cursor = answer.body["next_cursor"].as_str().unwrap();
        assert!(next.ends_with(&format!("&cursor={cursor}")), "{link}");
        path = next.to_owned();
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list() {
    let service = service().await;
    let first = service.get("/v1/notes?author=ann&limit=1").await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let own = service.get(&format!("/v1/notes?author=ann&limit=9&cursor={cursor}")).await;
    assert_eq!(keys(&own), ["n3", "n1"]);
    for other in ["author=bob&", "", "author=ann&tag=x&", "author=ann&sort=created_at&"] {
        let answer = service.get(&format!("/v1/notes?{other}cursor={cursor}")).await;
        answer.assert_problem(400, "malformed-request");
        assert_eq!(answer.places(), ["cursor"]);
    }
}

#[rstest]
#[case("limit=0", &["limit"])]
#[case("limit=201", &["limit"])]
#[case("limit=", &["limit"])]
#[case("limit=%2B1", &["limit"])]
#[case("limit=-1", &["limit"])]
#[case("limit=99999999999999999999999", &["limit"])]
#[case("limit=1&limit=1", &["limit"])]
#[case("sort=title", &["sort"])]
#[case("sort=", &["sort"])]
#[case("sort=%2Bcreated_at", &["sort"])]
#[case("author=", &["author"])]
#[case("author=a%20b", &["author"])]
#[case("tag=", &["tag"])]
#[case("tag=%FF", &["tag"])]
#[case("tag=%", &["tag"])]
#[case("cursor=", &["cursor"])]
#[case("cursor=x", &["cursor"])]
#[case("q=milk", &["q"])]
#[case("Limit=1", &["Limit"])]
#[case("=", &[""])]
#[case("limit=x&sort=x&author=&foo=1&foo=2", &["author", "sort", "limit", "foo", "foo"])]
#[tokio::test]
async fn bad_parameters_are_named(#[case] query: &str, #[case] places: &[&str]) {
    let service = service().await;
    let answer = service.get(&format!("/v1/notes?{query}")).await;
    answer.assert_problem(400, "malformed-request");
    assert_eq!(answer.places(), places);
}

#[tokio::test]
async fn a_tag_has_at_most_50_characters() {
    let service = service().await;
    assert_eq!(service.get(&format!("/v1/notes?tag={}", "x".repeat(50))).await.status, 200);
    let answer = service.get(&format!("/v1/notes?tag={}", "x".repeat(51))).await;
    assert_eq!(answer.places(), ["tag"]);
}

#[tokio::test]
async fn a_page_has_200_notes_at_most_and_50_by_default() {
    let service = Service::started().await;
    for _ in 0..201 {
        service.post(&super::harness::a_note()).await;
    }
    assert_eq!(keys(&service.get("/v1/notes").await).len(), 50);
    assert_eq!(keys(&service.get("/v1/notes?limit=200").await).len(), 200);
}
