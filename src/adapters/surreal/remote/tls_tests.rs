//! Servers behind TLS, with a certificate of a private authority.

use std::path::{Path, PathBuf};

use daybook_rig::{Authority, Server, Storage};

use super::fixture::{options, store, until};
use crate::adapters::surreal::{SurrealOptions, SurrealStore};
use crate::ports::{Continuity, NoteStore, StoreError};

async fn server(authority: &Authority) -> Server {
    let (certificate, key) = authority.server().unwrap();
    let mut server = Server::new(Storage::Memory).unwrap().with_certificate(&certificate, &key);
    server.start().await.unwrap();
    server
}

fn trusting(server: &Server, ca_file: Option<PathBuf>) -> SurrealOptions {
    SurrealOptions { ca_file, ..options(server.endpoint()) }
}

/// The first answer that is not that the server is still starting.
async fn connected(store: &SurrealStore) -> Result<Continuity, StoreError> {
    let mut answer = store.connect().await;
    until("an answer", async || {
        if matches!(answer, Err(StoreError::ConnectionFailed(_))) {
            answer = store.connect().await;
        }
        !matches!(answer, Err(StoreError::ConnectionFailed(_)))
    })
    .await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authority_of_the_file_is_trusted() {
    let authority = Authority::new().unwrap();
    let server = server(&authority).await;
    let store = store(trusting(&server, Some(authority.certificate())));
    connected(&store).await.unwrap();
    assert!(store.is_reachable().await);
    assert_eq!(store.version().await.unwrap(), "3.3.5");
    assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_authority_is_final_and_so_is_none() {
    let authority = Authority::new().unwrap();
    let server = server(&authority).await;
    let other = Authority::new().unwrap();
    for ca_file in [Some(other.certificate()), None] {
        let store = store(trusting(&server, ca_file));
        let refused = connected(&store).await.unwrap_err();
        assert!(matches!(refused, StoreError::Misconfigured(_)), "{refused:?}");
        assert!(!refused.is_transient());
        let told = refused.to_string();
        assert!(told.contains("DB_CA_FILE") && told.contains("not trusted"), "{told}");
        assert!(!store.is_reachable().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_tls_is_no_server_behind_it() {
    let plain = Server::started(Storage::Memory).await.unwrap();
    let authority = Authority::new().unwrap();
    let endpoint = plain.endpoint().replace("ws://", "wss://");
    let ca_file = Some(authority.certificate());
    let refused = store(SurrealOptions { ca_file, ..options(endpoint) }).connect().await;
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("no SurrealDB answers") && told.contains("https://"), "{told}");
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let named = |endpoint: &str, path: &Path| {
        let options =
            SurrealOptions { ca_file: Some(path.to_owned()), ..SurrealOptions::new(endpoint) };
        match SurrealStore::new(options) {
            Err(StoreError::Misconfigured(told)) => told,
            other => panic!("accepted: {:?}", other.map(|_| ())),
        }
    };
    let missing = folder.path().join("missing.pem");
    let told = named("wss://db", &missing);
    assert!(told.starts_with("DB_CA_FILE: ") && told.contains("missing.pem"), "{told}");
    let bad = folder.path().join("bad.pem");
    let block =
        |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    for text in [String::new(), "none".to_owned(), block("####"), block("AAAA")] {
        std::fs::write(&bad, text).unwrap();
        let told = named("wss://db", &bad);
        assert!(told.starts_with("DB_CA_FILE: ") && told.contains("bad.pem"), "{told}");
    }
    let authority = Authority::new().unwrap();
    for endpoint in ["ws://db", "mem://"] {
        let told = named(endpoint, &authority.certificate());
        assert!(told.starts_with("DB_CA_FILE: ") && told.contains("wss://"), "{told}");
    }
}
