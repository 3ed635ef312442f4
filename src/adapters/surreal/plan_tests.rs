//! Lists and reads are walks along an index or lookups, never scans or sorts.

use rstest::rstest;
use surrealdb::types::{Object, Value};

use super::engine::Client;
use super::statements::{self, Parts, SELECT_RANGE, SELECT_RECORDS};
use super::{SurrealOptions, SurrealStore, list, read, row};
use crate::domain::{LogId, NoteId, Sequence};
use crate::ports::{After, NoteQuery, NoteStore, Sort, SortKey};

async fn connected() -> SurrealStore {
    let store = SurrealStore::new(SurrealOptions::new("mem://")).unwrap();
    store.connect().await.unwrap();
    store
}

async fn explain(client: &Client, statement: &str, variables: Object) -> String {
    let mut results = client.query(format!("EXPLAIN {statement}")).bind(variables).await.unwrap();
    match results.take::<Value>(0).unwrap() {
        Value::String(plan) => plan,
        other => panic!("not a plan: {other:?}"),
    }
}

fn log() -> LogId {
    LogId::from_uuid(uuid::Uuid::from_u128(1))
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_list_walks_along_one_index(
    #[values(SortKey::CreatedAt, SortKey::UpdatedAt)] key: SortKey,
    #[values(true, false)] descending: bool,
    #[values(true, false)] first_page: bool,
) {
    let store = connected().await;
    let client = store.client().unwrap();
    let after = || After { at: chrono::Utc::now(), id: NoteId::from_key("k").unwrap() };
    let time = if key == SortKey::CreatedAt { "created" } else { "updated" };
    let direction = if descending { "direction: Forward" } else { "direction: Backward" };
    let index = format!("by_list_{time}");
    for (author, tag) in
        [(None, None), (Some("a"), None), (None, Some("t")), (Some("a"), Some("t"))]
    {
        let query = NoteQuery {
            author: author.map(str::to_owned),
            tag: tag.map(str::to_owned),
            sort: Sort { key, descending },
            limit: 20,
            after: (!first_page).then(after),
        };
        let plan = explain(&client, &list::statement(&query), list::variables(&query)).await;
        assert!(plan.contains(&format!("IndexScan [ctx: Db] [index: {index},")), "{plan}");
        assert!(plan.contains(direction), "{plan}");
        assert!(!plan.contains("Sort") && !plan.contains("TableScan"), "{plan}");
        let scan = plan.lines().find(|line| line.contains("IndexScan")).unwrap();
        let stops_in_the_index = scan.contains("limit: $limit") && !plan.contains("Filter");
        assert_eq!(stops_in_the_index, author.is_none() || tag.is_none(), "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_looked_up_by_id() {
    let store = connected().await;
    let client = store.client().unwrap();
    let mut ids = Object::new();
    ids.insert("ids", vec![row::checkpoint_id(log())]);
    let plan = explain(&client, SELECT_RECORDS, ids).await;
    assert!(!plan.contains("TableScan"), "{plan}");
    let mut range = Object::new();
    range.insert("range", read::range("marker", log(), Sequence::ZERO, Sequence::FIRST));
    range.insert("limit", 7);
    let plan = explain(&client, SELECT_RANGE, range).await;
    assert!(plan.contains("RecordIdScan") && plan.contains("limit: $limit"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_behind_the_horizon_are_found_by_index() {
    let store = connected().await;
    let parts = Parts { forgets: true, ..Parts::default() };
    let text = statements::batch(parts);
    let start = text.find("SELECT VALUE id FROM deletion").unwrap();
    let length = text[start..].find(')').unwrap();
    let mut variables = Object::new();
    variables.insert("log", log().to_string());
    variables.insert("old_horizon", 5);
    variables.insert("new_horizon", 9);
    let statement = &text[start..start + length];
    let plan = explain(&store.client().unwrap(), statement, variables).await;
    assert!(plan.contains("IndexScan [ctx: Db] [index: by_log_seq,"), "{plan}");
    assert!(!plan.contains("TableScan"), "{plan}");
}
