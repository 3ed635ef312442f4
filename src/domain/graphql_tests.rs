//! `Note` is a GraphQL object under the feature `async-graphql`.

use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
use chrono::DateTime;

use super::*;

struct Query;

#[Object]
impl Query {
    async fn note(&self) -> Note {
        Note {
            id: NoteId::from_key("a").unwrap(),
            title: "title".to_owned(),
            content: "content".to_owned(),
            author: "ada".to_owned(),
            tags: vec!["x".to_owned()],
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            version: Version::FIRST,
        }
    }
}

#[tokio::test]
async fn a_schema_with_notes_can_be_queried() {
    let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    let answer = schema.execute("{ note { id title tags createdAt version } }").await;
    assert_eq!(answer.errors, []);
    let expected = serde_json::json!({ "note": {
        "id": "notes:a",
        "title": "title",
        "tags": ["x"],
        "createdAt": "1970-01-01T00:00:00+00:00",
        "version": 1,
    }});
    assert_eq!(answer.data.into_json().unwrap(), expected);
}
