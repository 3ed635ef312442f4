//! What SurrealDB 3.3.5 really says, and what becomes of it.

use surrealdb::types::{Object, Value};

use super::engine::Client;
use super::error::{classify, finish, is_already_there, is_locked};
use super::{SurrealOptions, SurrealStore};
use crate::ports::{NoteStore, StoreError};

const SECRET: &str = "it's a \"secret\"";

async fn connected() -> SurrealStore {
    let store = SurrealStore::new(SurrealOptions::new("mem://")).unwrap();
    store.connect().await.unwrap();
    store
}

async fn error_of(client: &Client, text: &str) -> surrealdb::Error {
    let mut variables = Object::new();
    variables.insert("secret", SECRET);
    match client.query(text).bind(variables).await {
        Ok(results) => match finish(results) {
            Ok(_) => panic!("no error: {text}"),
            Err(error) => error,
        },
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_told_apart() {
    let store = connected().await;
    let client = store.client().unwrap();
    client.query("CREATE checkpoint:a SET applied = 1, accepted_at = time::now(), commits = 1, horizon = 1, rebuilt_at = 0")
        .await.unwrap().check().unwrap();
    for (text, code) in [
        (
            "BEGIN; CREATE marker:a SET first = 1; THROW 'moved'; CREATE marker:b SET first = 1; COMMIT;",
            "checkpoint-moved",
        ),
        (
            "BEGIN; CREATE checkpoint:a; CREATE marker:b SET first = 1; COMMIT;",
            "transaction-failed",
        ),
        ("CREATE marker:a SET first = $secret", "transaction-failed"),
        ("CREATE marker:a SET first = 1, second = $secret", "transaction-failed"),
        ("SELECT FROM WHERE", "transaction-failed"),
        ("SELECT * FROM nowhere", "internal"),
        ("BEGIN; CREATE marker:a SET first = 1;", "internal"),
    ] {
        let error = error_of(&client, text).await;
        let class = classify(&error);
        assert_eq!(class.code(), code, "{text}: {error:?}");
        assert!(!class.to_string().contains("secret"), "{class}");
    }
    // None of the transactions left anything.
    let mut left = client.query("SELECT VALUE id FROM marker").await.unwrap();
    assert!(left.take::<Vec<Value>>(0).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_there_is_recognised() {
    let store = connected().await;
    let client = store.client().unwrap();
    let text = "BEGIN; INSERT INTO marker { id: 'a', first: 1 }; INSERT INTO marker { id: 'a', first: 2 }; COMMIT;";
    let error = error_of(&client, text).await;
    assert!(is_already_there(&error), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_value_is_named_by_record_and_field() {
    let store = connected().await;
    let client = store.client().unwrap();
    let class = classify(&error_of(&client, "CREATE marker:a SET first = $secret").await);
    let message = class.to_string();
    assert!(message.contains("`first`") && message.contains("marker:a"), "{message}");
}

/// What someone may have added to a table refuses the command, not the database.
#[tokio::test(flavor = "multi_thread")]
async fn rules_of_others_are_told_from_failures() {
    let store = connected().await;
    let client = store.client().unwrap();
    let rules = "
        DEFINE TABLE ruled;
        DEFINE FIELD a ON ruled ASSERT $value != \"it's a \\\"secret\\\"\";
        DEFINE FIELD b ON ruled READONLY;
        DEFINE INDEX c ON ruled FIELDS c UNIQUE;
        DEFINE EVENT d ON ruled WHEN $after.d != NONE THEN { THROW $after.d };
        CREATE ruled:there SET b = 1, c = $secret;
    ";
    let mut variables = Object::new();
    variables.insert("secret", SECRET);
    client.query(rules).bind(variables).await.unwrap().check().unwrap();
    for (text, told) in [
        ("CREATE ruled:x SET a = $secret", "field `a`, with record `ruled:x`"),
        ("UPDATE ruled:there SET b = $secret", "field `b`, with record `ruled:there`"),
        ("CREATE ruled:x SET c = $secret", "a unique index"),
        ("CREATE ruled:x SET d = $secret", "an event"),
    ] {
        let error = error_of(&client, text).await;
        let class = classify(&error);
        assert!(matches!(class, StoreError::TransactionFailed(_)), "{text}: {error:?}");
        let message = class.to_string();
        assert!(message.contains(told) && !message.contains("secret"), "{message}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_write_the_same_record_conflict() {
    let store = connected().await;
    let client = store.client().unwrap();
    let transaction = |number: i64| {
        let text = "BEGIN; UPSERT marker:a SET first = $number; SLEEP 50ms; COMMIT;";
        let mut variables = Object::new();
        variables.insert("number", number);
        client.query(text).bind(variables)
    };
    let (left, right) = tokio::join!(transaction(1), transaction(2));
    let errors: Vec<StoreError> = [left, right]
        .into_iter()
        .filter_map(|results| finish(results.unwrap()).err())
        .map(|error| classify(&error))
        .collect();
    assert!(matches!(errors.as_slice(), [StoreError::Conflict(_)]), "{errors:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_is_recognised() {
    let parent = tempfile::TempDir::new().unwrap();
    let address = format!("surrealkv://{}", parent.path().join("db").display());
    let _engine = surrealdb::engine::any::connect(&address).await.unwrap();
    let error = surrealdb::engine::any::connect(&address).await.unwrap_err();
    assert!(is_locked(&error), "{error:?}");
}
