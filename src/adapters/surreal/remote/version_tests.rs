//! What a server says of its version, and what comes of it.

use daybook_rig::{Server, Storage};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::fixture::{Lines, options, store};
use crate::ports::{NoteStore, StoreError};

/// A front for a server that tells another version of it.
async fn imposter(server: String, version: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(answer(client, server.clone(), version));
        }
    });
    endpoint
}

async fn answer(mut client: TcpStream, server: String, version: &str) -> std::io::Result<()> {
    let mut start = vec![0; 4096];
    let length = client.read(&mut start).await?;
    start.truncate(length);
    if start.starts_with(b"GET /version") {
        let length = version.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{version}");
        return client.write_all(answer.as_bytes()).await;
    }
    let mut server = TcpStream::connect(server).await?;
    server.write_all(&start).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// What is warned about when such a server is connected to twice.
async fn warnings(version: &'static str) -> String {
    let server = Server::started(Storage::Memory).await.unwrap();
    let store = store(options(imposter(server.address(), version).await));
    let (lines, _guard) = Lines::collect();
    store.connect().await.unwrap();
    store.connect().await.unwrap();
    store.ping().await.unwrap();
    lines.text()
}

#[rstest]
#[case::tested("surrealdb-3.3.5", "", 0)]
#[case::untested("surrealdb-3.9.1", "this version of SurrealDB was not tested", 1)]
#[case::unknown("surrealdb-nightly", "the version of SurrealDB is unknown", 1)]
#[tokio::test]
async fn it_is_warned_about_once(
    #[case] version: &'static str,
    #[case] warning: &str,
    #[case] times: usize,
) {
    let lines = warnings(version).await;
    assert_eq!(lines.matches("version").count(), 2 * times, "{lines}");
    assert!(lines.contains(warning), "{lines}");
    assert_eq!(lines.contains(version.trim_start_matches("surrealdb-")), times > 0, "{lines}");
}

#[tokio::test]
async fn a_version_out_of_range_is_final() {
    let server = Server::started(Storage::Memory).await.unwrap();
    let store = store(options(imposter(server.address(), "surrealdb-2.6.1").await));
    let refused = store.connect().await.unwrap_err();
    assert!(matches!(refused, StoreError::UnsupportedVersion { .. }), "{refused:?}");
    assert!(!refused.is_transient());
}
