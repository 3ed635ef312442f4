//! A real server, as the adapter meets it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use daybook_rig::{Mode, Proxy, Server, Storage};

use super::connection::dial;
use super::fixture::{options, root, server_options, store, target};
use crate::adapters::surreal::rebuild_tests::{note, put};
use crate::adapters::surreal::schema::INDEXES;
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

/// Notes that change while a server builds an index leave wrong entries in it,
/// so it is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn indexes_are_complete_when_they_were_built_anew() {
    let options = SurrealOptions { database: "rebuilt".to_owned(), ..server_options() };
    let store = store(options.clone());
    store.connect().await.unwrap();
    let client = Arc::new(dial(&options, &target(&options)).await.unwrap());
    for round in 1..=3 {
        let notes: Vec<_> = (0..400).map(|n| note(&format!("n{n}"), round, n)).collect();
        put(&store, round, &notes).await;
        assert_eq!(store.rebuild_indexes().await.unwrap(), Rebuilt::Volatile);
        for index in &INDEXES {
            assert!(rebuild::is_built(&client, index).await.unwrap(), "{}", index.name);
        }
    }
    let explain =
        "EXPLAIN SELECT * FROM notes WHERE lists CONTAINS '*' ORDER BY updated_rank LIMIT 2";
    let mut plan = client.query(explain).await.unwrap();
    let plan = plan.take::<Option<String>>(0).unwrap().unwrap();
    assert!(plan.contains("index: by_list_updated"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_outlives_a_lost_connection_and_not_the_server() {
    let mut server = Server::started(Storage::SurrealKv).await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let store = Arc::new(store(options(proxy.endpoint())));
    store.connect().await.unwrap();
    let notes: Vec<_> = (0..400).map(|n| note(&format!("n{n}"), 1, n)).collect();
    put(&store, 1, &notes).await;
    let begun = || store.begun.load(Ordering::Acquire);
    // Each question takes a while: a build must not end before it is disturbed.
    proxy.set(Mode::Delay(Duration::from_millis(100)));
    for cut in [true, false] {
        let building = Arc::clone(&store);
        let building = tokio::spawn(async move { building.rebuild_indexes().await });
        while begun() < 2 {
            tokio::task::yield_now().await;
        }
        if cut {
            proxy.cut();
        } else {
            server.kill().await.unwrap();
        }
        assert!(building.await.unwrap().is_err());
        assert!((2..INDEXES.len()).contains(&begun()), "{}", begun());
        if cut {
            assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
            assert!(begun() >= 2);
            assert_eq!(store.rebuild_indexes().await.unwrap(), Rebuilt::Volatile);
        } else {
            server.start().await.unwrap();
            assert_eq!(store.connect().await.unwrap(), Continuity::Suspect);
        }
        assert_eq!(begun(), 0);
    }
}
