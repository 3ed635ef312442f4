//! A real server, as the adapter meets it.

use std::sync::Arc;
use std::time::Duration;

use daybook_rig::{Proxy, Server, Storage};

use super::connection::dial;
use super::fixture::{options, root, server_options, store, target};
use crate::adapters::surreal::rebuild_tests::{assert_lists, note, put};
use crate::adapters::surreal::{Credentials, SurrealOptions, rebuild};
use crate::ports::{Continuity, NoteStore, Rebuilt, StoreError};

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_network_is_not_taken_for_a_restart_and_a_restart_is_noticed() {
    let mut server = Server::started(Storage::SurrealKv).await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let store = store(options(proxy.endpoint()));
    assert_eq!(store.connect().await.unwrap(), Continuity::Suspect, "nobody knows yet");
    proxy.cut();
    let lost = async {
        while store.ping().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), lost).await.unwrap();
    assert!(matches!(store.ping().await, Err(StoreError::NotConnected)));
    assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
    server.kill().await.unwrap();
    server.start().await.unwrap();
    // The SDK may be connected again by now; nothing may be answered all the same.
    assert!(store.load(&[]).await.is_err() || store.ping().await.is_err());
    assert_eq!(store.connect().await.unwrap(), Continuity::Suspect);
    assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_is_noticed_and_calls_under_way_end() {
    let server = Server::started(Storage::Memory).await.unwrap();
    let frozen =
        SurrealOptions { ping_timeout: Duration::from_millis(300), ..options(server.endpoint()) };
    let store = store(frozen);
    store.connect().await.unwrap();
    server.freeze().await.unwrap();
    let (read, ping) = tokio::join!(
        store.checkpoint(crate::domain::LogId::from_uuid(uuid::Uuid::nil())),
        store.ping()
    );
    assert!(matches!(ping, Err(StoreError::Timeout { operation: "ping", .. })), "{ping:?}");
    assert!(matches!(read, Err(StoreError::ConnectionFailed(_))), "{read:?}");
    assert!(!store.is_reachable().await);
    server.thaw().await.unwrap();
    assert!(store.is_reachable().await);
    assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_named() {
    let mut wrong = server_options();
    wrong.credentials = root().map(|c| Credentials { password: "s3cret".to_owned(), ..c });
    let refused = store(wrong).connect().await.unwrap_err();
    assert!(matches!(refused, StoreError::Misconfigured(_)), "{refused:?}");
    let told = refused.to_string();
    assert!(told.contains("DB_PASSWORD") && !told.contains("s3cret"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_address_is_worth_another_attempt() {
    let server = Server::new(Storage::Memory).unwrap();
    let store = store(options(server.endpoint()));
    let refused = store.connect().await.unwrap_err();
    assert!(matches!(refused, StoreError::ConnectionFailed(_)), "{refused:?}");
    assert!(!store.is_reachable().await);
}

/// A server builds its indexes while it serves, and may be told to start over.
#[tokio::test(flavor = "multi_thread")]
async fn indexes_are_built_anew_behind_lists_that_are_right() {
    let options = SurrealOptions { database: "rebuilt".to_owned(), ..server_options() };
    let store = store(options.clone());
    store.connect().await.unwrap();
    put(&store, 1, &[note("a", 1, 1), note("b", 1, 2), note("c", 1, 3)]).await;
    for _ in 0..3 {
        assert_eq!(store.rebuild_indexes().await.unwrap(), Rebuilt::Volatile);
        assert_lists(&store, &["c", "b", "a"], &["c", "b", "a"]).await;
    }
    put(&store, 2, &[note("a", 2, 9)]).await;
    assert_lists(&store, &["c", "b", "a"], &["a", "c", "b"]).await;
    let client = Arc::new(dial(&options, &target(&options)).await.unwrap());
    let built = rebuild::all_completed(&client);
    tokio::time::timeout(Duration::from_secs(60), built).await.unwrap().unwrap();
    let explain = "EXPLAIN SELECT * FROM notes ORDER BY updated_rank LIMIT 2";
    let mut plan = client.query(explain).await.unwrap();
    let plan = plan.take::<Option<String>>(0).unwrap().unwrap();
    assert!(plan.contains("index: by_updated"), "{plan}");
    assert_lists(&store, &["c", "b", "a"], &["a", "c", "b"]).await;
}
