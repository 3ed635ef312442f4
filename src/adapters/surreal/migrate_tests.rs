use surrealdb::engine::any::connect;

use super::*;
use crate::adapters::surreal::list::lists_of;
use crate::adapters::surreal::rebuild_tests::note;
use crate::domain::Note;
use crate::ports::{NoteQuery, Sort, SortKey};

/// Tables, indexes and a note as version 0.1.0 made them before lists had names.
const EARLIER: &str = "
DEFINE TABLE notes SCHEMAFULL;
DEFINE FIELD title ON notes TYPE string;
DEFINE FIELD content ON notes TYPE string;
DEFINE FIELD author ON notes TYPE string;
DEFINE FIELD tags ON notes TYPE array<string>;
DEFINE FIELD created_at ON notes TYPE datetime;
DEFINE FIELD updated_at ON notes TYPE datetime;
DEFINE FIELD version ON notes TYPE int;
DEFINE FIELD log ON notes TYPE string;
DEFINE FIELD seq ON notes TYPE int;
DEFINE FIELD earlier_logs ON notes TYPE option<array<string>>;
DEFINE FIELD earlier_seqs ON notes TYPE option<array<int>>;
DEFINE FIELD created_rank ON notes TYPE string;
DEFINE FIELD updated_rank ON notes TYPE string;
DEFINE INDEX by_created ON notes FIELDS created_rank;
DEFINE INDEX by_updated ON notes FIELDS updated_rank;
DEFINE INDEX by_author_created ON notes FIELDS author, created_rank;
DEFINE INDEX by_author_updated ON notes FIELDS author, updated_rank;
DEFINE INDEX by_tag_created ON notes FIELDS tags.*, created_rank;
DEFINE INDEX by_tag_updated ON notes FIELDS tags.*, updated_rank;
";

/// More than two pages.
const NOTES: i64 = 2 * PAGE + 50;

async fn earlier() -> Client {
    let client = connect("mem://").await.unwrap();
    client.use_ns("daybook").use_db("daybook").await.unwrap();
    read::value(&client, EARLIER, Object::new()).await.unwrap();
    for number in 0..NOTES {
        let create = "CREATE $id SET title = 't', content = 'c', author = $author, \
            tags = ['one', 'two'], created_at = time::now(), updated_at = time::now(), \
            version = 1, log = '00000000-0000-0000-0000-000000000001', seq = $number, \
            created_rank = $rank, updated_rank = $rank";
        let mut variables = Object::new();
        variables.insert("id", RecordId::new("notes", format!("n{number:03}")));
        variables.insert("author", if number % 2 == 0 { "ann" } else { "bob" }.to_owned());
        variables.insert("number", number);
        variables.insert("rank", format!("{number:03}"));
        read::value(&client, create, variables).await.unwrap();
    }
    client
}

async fn listed(client: &Client, author: Option<&str>, tag: Option<&str>) -> Vec<Note> {
    let query = NoteQuery {
        author: author.map(str::to_owned),
        tag: tag.map(str::to_owned),
        sort: Sort { key: SortKey::CreatedAt, descending: true },
        limit: 1000,
        after: None,
    };
    crate::adapters::surreal::list::page(client, &query).await.unwrap().notes
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_of_an_earlier_version_are_in_every_list() {
    let client = earlier().await;
    assert!(is_needed(&client).await.unwrap());
    // Broken off after the first page, and again.
    read::value(&client, LOOSEN, Object::new()).await.unwrap();
    let mut variables = Object::new();
    variables.insert("ids", page(&client, None).await.unwrap());
    read::value(&client, ADD_LISTS, variables).await.unwrap();
    for _ in 0..2 {
        crate::adapters::surreal::schema::define(&client).await.unwrap();
        assert!(!is_needed(&client).await.unwrap());
        let all = usize::try_from(NOTES).unwrap();
        assert_eq!(listed(&client, None, None).await.len(), all);
        assert_eq!(listed(&client, Some("ann"), None).await.len(), all / 2);
        assert_eq!(listed(&client, None, Some("two")).await.len(), all);
        assert_eq!(listed(&client, Some("bob"), Some("one")).await.len(), all / 2);
        assert!(listed(&client, None, Some("three")).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_named_as_new_notes_name_theirs() {
    let client = earlier().await;
    run(&client).await.unwrap();
    let lists = read::value(&client, "SELECT VALUE lists FROM ONLY notes:n000", Object::new());
    let Value::Array(lists) = lists.await.unwrap() else { panic!("no lists") };
    let mut expected = note("n000", 1, 0);
    expected.tags = vec!["one".to_owned(), "two".to_owned()];
    let expected: Vec<Value> = lists_of(&expected).into_iter().map(Value::String).collect();
    assert_eq!(lists.into_iter().collect::<Vec<_>>(), expected);
}
