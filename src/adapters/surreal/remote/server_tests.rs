//! A real server, as the adapter meets it.

use std::sync::Arc;
use std::time::Duration;

use daybook_rig::{Mode, Proxy, Server, Storage};

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

/// The pool keeps its bounds while many call at once.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_callers_share_a_few_connections() {
    let mut few = server_options();
    (few.pool.min, few.pool.max) = (2, 5);
    few.pool.acquire_timeout = Duration::from_secs(30);
    let store = Arc::new(store(few));
    store.connect().await.unwrap();
    let pool = store.pool().unwrap();
    assert_eq!((pool.active, pool.total), (0, 2), "it is filled to its minimum");
    let callers = (0..200).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            store.query(&list()).await.unwrap();
            store.pool().unwrap().total
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert!(caller.await.unwrap() <= 5);
    }
    assert_eq!(store.pool().unwrap().active, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_pool_says_so_and_the_session_goes_on() {
    let server = Server::started(Storage::Memory).await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let mut one = options(proxy.endpoint());
    (one.pool.min, one.pool.max) = (1, 1);
    one.pool.acquire_timeout = Duration::from_millis(200);
    let store = store(one);
    store.connect().await.unwrap();
    proxy.set(Mode::Silent);
    let log = crate::domain::LogId::from_uuid(uuid::Uuid::nil());
    let held = store.checkpoint(log);
    let late = async {
        tokio::task::yield_now().await;
        let late = store.checkpoint(log).await;
        proxy.set(Mode::Pass);
        late
    };
    let (held, late) = tokio::join!(held, late);
    assert!(matches!(late, Err(StoreError::Busy { .. })), "{late:?}");
    assert_eq!(held.unwrap(), None);
    assert_eq!(store.checkpoint(log).await.unwrap(), None);
}

/// A client that hangs up neither costs a connection, which takes long to make
/// anew, nor frees it while the server is at work for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_keeps_its_connection_to_its_end() {
    let server = Server::started(Storage::Memory).await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let mut one = options(proxy.endpoint());
    (one.pool.min, one.pool.max) = (1, 1);
    one.pool.acquire_timeout = Duration::from_millis(200);
    let store = store(one);
    store.connect().await.unwrap();
    proxy.set(Mode::Silent);
    let log = crate::domain::LogId::from_uuid(uuid::Uuid::nil());
    let hasty = tokio::time::timeout(Duration::from_millis(50), store.checkpoint(log)).await;
    assert!(hasty.is_err(), "it was given up");
    let next = store.checkpoint(log).await;
    assert!(matches!(next, Err(StoreError::Busy { .. })), "{next:?}");
    proxy.set(Mode::Pass);
    assert_eq!(store.checkpoint(log).await.unwrap(), None);
    assert_eq!(store.pool().unwrap().total, 1);
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

fn list() -> crate::ports::NoteQuery {
    let sort = crate::ports::Sort { key: crate::ports::SortKey::CreatedAt, descending: true };
    crate::ports::NoteQuery { author: None, tag: None, sort, limit: 1, after: None }
}
