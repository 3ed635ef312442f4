//! The pool against a real server: its bounds, its times, its repairs.

use std::sync::Arc;
use std::time::Duration;

use daybook_rig::{Mode, Proxy, Server, Storage};
use tokio::time::Instant;

use super::fixture::{options, server_options, store, until};
use super::session::{Caller, Session};
use crate::adapters::memory::MemoryMetrics;
use crate::adapters::surreal::engine::Client;
use crate::adapters::surreal::error::classify;
use crate::adapters::surreal::store::Link;
use crate::adapters::surreal::{PoolOptions, SurrealOptions, SurrealStore};
use crate::domain::LogId;
use crate::ports::{
    ConnectionEnding, Measurement, NoteQuery, NoteStore, PoolState, Sort, SortKey, StoreError,
};

/// A server, a proxy in front of it, and a store that is connected through it.
async fn connected(pool: PoolOptions) -> (Server, Proxy, Arc<SurrealStore>) {
    let (server, proxy, store, _) = measured(pool).await;
    (server, proxy, store)
}

/// The same, and what was measured.
async fn measured(pool: PoolOptions) -> (Server, Proxy, Arc<SurrealStore>, Arc<MemoryMetrics>) {
    let server = Server::started(Storage::Memory).await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let metrics = Arc::new(MemoryMetrics::default());
    let store = store(SurrealOptions { pool, ..options(proxy.endpoint()) });
    let store = Arc::new(store.with_metrics(metrics.clone()));
    store.connect().await.unwrap();
    (server, proxy, store, metrics)
}

/// How the connections ended that were closed, and how long they lived.
fn closed(metrics: &MemoryMetrics) -> Vec<(ConnectionEnding, Duration)> {
    let taken = metrics.taken().into_iter();
    let closed = taken.filter_map(|of| match of {
        Measurement::ConnectionClosed { ending, lived } => Some((ending, lived)),
        _ => None,
    });
    closed.collect()
}

fn pool(min: u32, max: u32) -> PoolOptions {
    PoolOptions { min, max, health_interval: Duration::from_millis(50), ..PoolOptions::default() }
}

fn state(store: &SurrealStore) -> PoolState {
    store.pool().unwrap()
}

fn log() -> LogId {
    LogId::from_uuid(uuid::Uuid::nil())
}

fn list() -> NoteQuery {
    let sort = Sort { key: SortKey::CreatedAt, descending: true };
    NoteQuery { author: None, tag: None, sort, limit: 1, after: None }
}

/// So many calls at once, each of which takes a while.
async fn calls(proxy: &Proxy, store: &Arc<SurrealStore>, count: usize) {
    proxy.set(Mode::Delay(Duration::from_millis(20)));
    let calls = (0..count).map(|_| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.query(&list()).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    proxy.set(Mode::Pass);
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
    let held = store.checkpoint(log());
    let late = async {
        tokio::task::yield_now().await;
        let late = store.checkpoint(log()).await;
        proxy.set(Mode::Pass);
        late
    };
    let (held, late) = tokio::join!(held, late);
    assert!(matches!(late, Err(StoreError::Busy { .. })), "{late:?}");
    assert_eq!(held.unwrap(), None);
    assert_eq!(store.checkpoint(log()).await.unwrap(), None);
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
    let hasty = tokio::time::timeout(Duration::from_millis(50), store.checkpoint(log())).await;
    assert!(hasty.is_err(), "it was given up");
    let next = store.checkpoint(log()).await;
    assert!(matches!(next, Err(StoreError::Busy { .. })), "{next:?}");
    proxy.set(Mode::Pass);
    assert_eq!(store.checkpoint(log()).await.unwrap(), None);
    assert_eq!(store.pool().unwrap().total, 1);
}

/// Connections that a busy time needed are closed when it is over, and checks
/// are no use that would keep them.
#[tokio::test(flavor = "multi_thread")]
async fn it_shrinks_to_its_minimum_and_not_below() {
    let idle_timeout = Duration::from_millis(400);
    let options = PoolOptions { idle_timeout, ..pool(2, 6) };
    let (_server, proxy, store, metrics) = measured(options).await;
    assert_eq!(state(&store).total, 2, "it is filled before anyone calls");
    until("growth", async || {
        calls(&proxy, &store, 12).await;
        state(&store).total == 6
    })
    .await;
    until("shrinking", async || {
        let total = state(&store).total;
        assert!((2..=6).contains(&total), "{total}");
        total == 2
    })
    .await;
    // The anchor is no part of the pool.
    until("closing", async || proxy.open() == 3).await;
    let closed = closed(&metrics);
    assert!(closed.len() >= 4, "{closed:?}");
    let is_idle = |(ending, lived): &_| *ending == ConnectionEnding::Idle && *lived >= idle_timeout;
    assert!(closed.iter().all(is_idle), "{closed:?}");
    let quiet = Instant::now();
    while quiet.elapsed() < 2 * idle_timeout {
        assert_eq!(state(&store).total, 2);
        tokio::task::yield_now().await;
    }
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_is_replaced_in_its_place() {
    let max_lifetime = Duration::from_millis(300);
    let options = PoolOptions { max_lifetime, ..pool(2, 2) };
    let (_server, proxy, store, metrics) = measured(options).await;
    let made = proxy.made();
    until("replacement", async || {
        assert_eq!(state(&store).total, 2);
        proxy.made() >= made + 4
    })
    .await;
    store.checkpoint(log()).await.unwrap();
    until("closing", async || proxy.open() <= 5).await;
    let closed = closed(&metrics);
    assert!(closed.len() >= 2, "{closed:?}");
    let is_old =
        |(ending, lived): &_| *ending == ConnectionEnding::Expired && *lived >= max_lifetime;
    assert!(closed.iter().all(is_old), "{closed:?}");
}

/// One that is always in use at the time of a check gets old, too.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_is_replaced_under_load() {
    let max_lifetime = Duration::from_millis(200);
    let options = PoolOptions { max_lifetime, ..pool(1, 1) };
    let (_server, proxy, store, metrics) = measured(options).await;
    let made = proxy.made();
    until("replacement", async || {
        let calls = (0..8).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.checkpoint(log()).await.unwrap() })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
        assert!(state(&store).total <= 1);
        proxy.made() >= made + 2
    })
    .await;
    let closed = closed(&metrics);
    // One that was made while a caller made another was never needed.
    let is_surplus =
        |(ending, lived): &_| *ending == ConnectionEnding::Idle && *lived < max_lifetime;
    let is_old = |(ending, _): &_| *ending == ConnectionEnding::Expired;
    assert!(closed.iter().all(|of| is_old(of) || is_surplus(of)), "{closed:?}");
    assert!(closed.iter().any(is_old), "{closed:?}");
}

/// The session goes on: the anchor tells that the server is the same.
#[tokio::test(flavor = "multi_thread")]
async fn one_broken_connection_is_replaced_before_anyone_needs_it() {
    let (_server, proxy, store, metrics) = measured(pool(2, 3)).await;
    until("rest", async || proxy.open() == 3 && state(&store).idle == 2).await;
    for _ in 0..3 {
        let made = proxy.made();
        proxy.cut_latest();
        // The SDK makes one by itself, which is not to be used; the pool another.
        until("replacement", async || proxy.made() >= made + 2 && proxy.open() == 3).await;
        until("rest", async || state(&store).idle == 2).await;
        assert_eq!(state(&store).total, 2);
        for _ in 0..4 {
            store.checkpoint(log()).await.unwrap();
        }
    }
    store.ping().await.unwrap();
    let endings: Vec<_> = closed(&metrics).into_iter().map(|(ending, _)| ending).collect();
    assert_eq!(endings, [ConnectionEnding::Error; 3]);
}

fn session(store: &SurrealStore) -> Arc<Session> {
    let Link::Server(session) = store.link().unwrap() else { panic!("no server") };
    session
}

async fn slow(client: Arc<Client>) -> Result<(), StoreError> {
    client.query("SLEEP 20s").await.map_err(|error| classify(&error)).map(drop)
}

/// What is slow is given up, and says nothing of the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_call_costs_no_other() {
    let (_server, _proxy, store) = connected(pool(2, 3)).await;
    let after = Duration::from_millis(200);
    let slow = session(&store).call(Caller::Applier, "slow", after, slow).await;
    assert!(matches!(slow, Err(StoreError::Timeout { operation: "slow", .. })), "{slow:?}");
    store.checkpoint(log()).await.unwrap();
    store.ping().await.unwrap();
}

/// However many readers there are, the applier finds a connection.
#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_leave_a_connection_to_the_applier() {
    let (_server, _proxy, store) = connected(pool(1, 3)).await;
    let readers = (0..5).map(|_| {
        let (session, after) = (session(&store), Duration::from_secs(30));
        tokio::spawn(async move { session.call(Caller::Reader, "slow", after, slow).await })
    });
    let readers: Vec<_> = readers.collect();
    until("readers", async || state(&store).active == 2).await;
    for _ in 0..4 {
        store.checkpoint(log()).await.unwrap();
    }
    readers.into_iter().for_each(|reader| reader.abort());
}

/// Between two checks a call may meet one. The session goes on then, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_broke_while_idle_costs_no_call() {
    let rarely = PoolOptions { health_interval: Duration::from_secs(600), ..pool(2, 3) };
    let (_server, proxy, store) = connected(rarely).await;
    let made = proxy.made();
    proxy.cut_latest();
    until("a reconnect by the SDK", async || proxy.made() > made).await;
    for _ in 0..4 {
        store.checkpoint(log()).await.unwrap();
    }
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_call_that_timed_out_no_connection_is_used_again() {
    let server = Server::started(Storage::Memory).await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let store = store(SurrealOptions {
        pool: PoolOptions { health_interval: Duration::from_secs(60), ..pool(1, 2) },
        operation_timeout: Duration::from_millis(500),
        ..options(proxy.endpoint())
    });
    store.connect().await.unwrap();
    proxy.set(Mode::Silent);
    let late = store.checkpoint(log()).await;
    assert!(matches!(late, Err(StoreError::Timeout { operation: "checkpoint", .. })), "{late:?}");
    proxy.set(Mode::Pass);
    let made = proxy.made();
    let refused = store.checkpoint(log()).await;
    assert!(matches!(refused, Err(StoreError::NotConnected)), "{refused:?}");
    assert_eq!(proxy.made(), made);
    until("another session", async || store.connect().await.is_ok()).await;
    assert!(proxy.made() >= made + 2);
    store.checkpoint(log()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_what_is_in_use() {
    let (_server, proxy, store) = connected(pool(2, 2)).await;
    until("rest", async || state(&store) == PoolState { active: 0, idle: 2, total: 2 }).await;
    proxy.set(Mode::Silent);
    let call = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.checkpoint(log()).await }
    });
    until("use", async || {
        let PoolState { active, idle, total } = state(&store);
        assert_eq!((active + idle, total), (2, 2));
        active >= 1
    })
    .await;
    proxy.set(Mode::Pass);
    assert_eq!(call.await.unwrap().unwrap(), None);
    until("rest", async || state(&store).idle == 2).await;
}
