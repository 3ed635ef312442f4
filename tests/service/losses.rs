//! A server whose storage loses acknowledged transactions from the middle when
//! it is killed, which surrealkv 0.21.4 does each time that its memtable is full:
//! the transaction that fills it is written to the old segment of its log and
//! kept in the new memtable. The smaller the memtable, the more often.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use daybook_rig::{Mode, Proxy, Server, Storage};
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use surrealdb::Surreal;
use surrealdb::engine::any::{Any, connect};
use surrealdb::opt::auth::Root;

use crate::outages::{against, ready, until, until_within};
use crate::program::{MACHINE, Service, json_of};

/// The smallest memtable that the server takes.
const MEMTABLE: (&str, &str) = ("SURREAL_SURREALKV_MAX_MEMTABLE_SIZE", "2097152");

/// How many clients write at the same time.
const WRITERS: u64 = 16;

/// How much is written between two kills: more than fills the memtable.
const NOTES_PER_KILL: u64 = 128;
const NOTE_BYTES: usize = 10_000;

/// How long mending may take on a busy machine: every index is built from all
/// notes, seven times over, after each loss.
const PATIENCE: Duration = Duration::from_secs(600);

/// `DAYBOOK_KILLS` for the long run.
fn kills() -> u64 {
    let set = std::env::var("DAYBOOK_KILLS").ok();
    set.map_or(4, |kills| kills.parse().unwrap())
}

async fn client(server: &Server, database: &str) -> Surreal<Any> {
    let client = connect(server.endpoint()).await.unwrap();
    let root = Root { username: "root".to_owned(), password: "root".to_owned() };
    client.signin(root).await.unwrap();
    client.use_ns("daybook").use_db(database).await.unwrap();
    client
}

/// A client like any other, which believes what it is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_plain_client_loses_what_was_acknowledged() {
    let _machine = MACHINE.read().await;
    let (name, bytes) = MEMTABLE;
    let mut server = Server::new(Storage::SurrealKv).unwrap().with_variable(name, bytes);
    server.start().await.unwrap();
    let mut written = 0_i64;
    for _ in 0..kills() {
        let client = client(&server, "plain").await;
        for _ in 0..NOTES_PER_KILL * 2 {
            written += 1;
            let filling = "x".repeat(NOTE_BYTES);
            let create = "CREATE batch SET number = $number, filling = $filling RETURN NONE";
            let created = client.query(create).bind(("number", written)).bind(("filling", filling));
            created.await.unwrap().check().unwrap();
        }
        server.kill().await.unwrap();
        server.start().await.unwrap();
    }
    let mut found =
        client(&server, "plain").await.query("SELECT VALUE number FROM batch").await.unwrap();
    let found: Vec<i64> = found.take(0).unwrap();
    let lost = written - i64::try_from(found.len()).unwrap();
    println!("a plain client lost {lost} of {written} acknowledged batches in {} kills", kills());
    assert!(lost > 0, "the storage has become better: healing is no longer tested");
}

/// How many batches the database has lost: stretches of log that no marker
/// covers, as Daybook would find them, from what the database says itself.
async fn gaps(server: &Server) -> u64 {
    let client = client(server, "daybook").await;
    let mut told = client
        .query("SELECT VALUE horizon FROM checkpoint; SELECT VALUE applied FROM checkpoint")
        .query("SELECT VALUE first FROM marker; SELECT VALUE record::id(id)[1] FROM marker")
        .await
        .unwrap();
    let (horizon, applied): (Option<i64>, Option<i64>) =
        (told.take(0).unwrap(), told.take(1).unwrap());
    let (firsts, lasts): (Vec<i64>, Vec<i64>) = (told.take(2).unwrap(), told.take(3).unwrap());
    let Some((mut from, applied)) = horizon.zip(applied) else { return 0 };
    let mut markers: Vec<(i64, i64)> = firsts.into_iter().zip(lasts).collect();
    markers.sort_by_key(|(_, last)| *last);
    let mut gaps = 0;
    for (first, last) in markers {
        gaps += u64::from(first > from);
        from = from.max(last + 1);
    }
    gaps + u64::from(from <= applied)
}

/// What clients were told of their notes: title and version by id.
type Told = BTreeMap<String, (String, u64)>;

/// Writes until so many were acknowledged in all.
async fn writer(service: &Service, acknowledged: &AtomicU64, until: u64, mut told: Told) -> Told {
    while acknowledged.fetch_add(1, Ordering::Relaxed) < until {
        let known: Vec<String> = told.keys().cloned().collect();
        let title = format!("title {}", fastrand::u32(..));
        let chosen = fastrand::choice(known).filter(|_| fastrand::u8(..3) == 0);
        let answer = match &chosen {
            Some(id) => {
                service
                    .send(Method::PATCH, &format!("/v1/notes/{id}"), &json!({"title": title}))
                    .await
            }
            None => {
                let note = json!({"title": title, "content": "x".repeat(NOTE_BYTES), "author": "ada", "tags": []});
                service.send(Method::POST, "/v1/notes", &note).await
            }
        };
        assert!(answer.status().is_success(), "{}", answer.status());
        let body = json_of(answer).await;
        let id = body["id"].as_str().unwrap().to_owned();
        let version = told.get(&id).map_or(0, |(_, version)| *version) + 1;
        told.insert(id, (title, version));
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn daybook_loses_nothing_on_the_same_server() {
    let _machine = MACHINE.read().await;
    let (name, bytes) = MEMTABLE;
    let mut server = Server::new(Storage::SurrealKv).unwrap().with_variable(name, bytes);
    server.start().await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = against(&proxy.endpoint(), folder.path());
    command.args(["--log-level", "warn,daybook::app::heal=info,daybook::wiring=info"]);
    let mut service = Service::start_with(&mut command).await;
    let acknowledged = AtomicU64::new(0);
    let mut accounts = vec![Told::new(); usize::try_from(WRITERS).unwrap()];
    let mut lost = 0;
    for round in 1..=kills() {
        acknowledged.store(0, Ordering::Relaxed);
        let mut back = Instant::now();
        let writers = accounts
            .drain(..)
            .map(|told| writer(&service, &acknowledged, NOTES_PER_KILL * 2, told));
        let writers = join_all(writers.collect::<Vec<_>>());
        let killer = async {
            // Somewhere in the last half of the load, after the memtable was full.
            let kill_at = NOTES_PER_KILL + fastrand::u64(..NOTES_PER_KILL);
            until("enough load", async || acknowledged.load(Ordering::Relaxed) >= kill_at).await;
            server.kill().await.unwrap();
            // What is there after the restart is looked at before Daybook mends it.
            proxy.set(Mode::Refuse);
            server.start().await.unwrap();
            lost += gaps(&server).await;
            proxy.set(Mode::Pass);
            back = Instant::now();
        };
        (accounts, ()) = tokio::join!(writers, killer);
        let drained = async || {
            let health = json_of(service.get("/health").send().await.unwrap()).await;
            health["queue"]["commands"] == 0 && health["state"] == "healthy"
        };
        until_within(PATIENCE, "the end of the backlog", drained).await;
        let took = back.elapsed();
        println!("kill {round}: {lost} batches lost so far, mended within {took:?}");
    }
    assert_eq!(ready(&service).await.0, StatusCode::OK);
    let mut notes = 0;
    for (id, (title, version)) in accounts.iter().flatten() {
        let read = service.get(&format!("/v1/notes/{id}")).send().await.unwrap();
        assert_eq!(read.status(), StatusCode::OK, "{id}");
        let note = json_of(read).await;
        assert_eq!((&note["title"], &note["version"]), (&json!(title), &json!(version)), "{id}");
        notes += 1;
    }
    assert_eq!(list(&service).await, notes, "the list has each of them once");
    service.signal("TERM");
    let mut healed = 0;
    service.wait_for_line(|line| {
        healed += u64::from(line.get("restored").is_some());
        line["message"] == "stopped"
    });
    println!(
        "{notes} notes, all as acknowledged; the database lost {lost} batches in {} kills, {healed} were healed",
        kills()
    );
    assert_eq!(healed, lost, "what the logs say is what the database had lost");
    assert!(lost > 0, "the storage has become better: healing is no longer tested");
}

/// How many notes the list shows, each counted once.
async fn list(service: &Service) -> usize {
    let mut ids = std::collections::BTreeSet::new();
    let mut path = "/v1/notes?limit=200".to_owned();
    loop {
        let page = json_of(service.get(&path).send().await.unwrap()).await;
        for note in page["items"].as_array().unwrap() {
            assert!(ids.insert(note["id"].to_string()), "it is shown twice: {}", note["id"]);
        }
        let Value::String(cursor) = &page["next_cursor"] else { return ids.len() };
        path = format!("/v1/notes?limit=200&cursor={cursor}");
    }
}
