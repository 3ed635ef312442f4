//! The program in front of a server behind TLS.

use std::path::Path;
use std::process::Command;

use daybook_rig::{Authority, Server, Storage};

use crate::program::{Service, daybook, run};

async fn server(authority: &Authority) -> Server {
    let (certificate, key) = authority.server().unwrap();
    let mut server = Server::new(Storage::Memory).unwrap().with_certificate(&certificate, &key);
    server.start().await.unwrap();
    server
}

fn against(endpoint: &str, folder: &Path, ca_file: &Path) -> Command {
    let mut command = daybook(folder);
    command.env("DB_ENDPOINT", endpoint).env("DB_USERNAME", "root").env("DB_PASSWORD", "root");
    command.env("DB_CA_FILE", ca_file);
    command
}

#[tokio::test]
async fn a_server_behind_tls_is_used() {
    let authority = Authority::new().unwrap();
    let server = server(&authority).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = against(&server.endpoint(), folder.path(), &authority.certificate());
    let service = Service::start_with(&mut command).await;
    service.create("over TLS").await;
    assert_eq!(service.list().await.len(), 1);
    service.stop();
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_ends_the_start() {
    let authority = Authority::new().unwrap();
    let server = server(&authority).await;
    let folder = tempfile::tempdir().unwrap();
    let other = Authority::new().unwrap().certificate();
    let told = refusal(against(&server.endpoint(), folder.path(), &other)).await;
    assert!(told.contains("DB_CA_FILE"), "the file is gone: {told}");
    let other = Authority::new().unwrap();
    let told = refusal(against(&server.endpoint(), folder.path(), &other.certificate())).await;
    assert!(told.contains("DB_CA_FILE") && told.contains("not trusted"), "{told}");
}

async fn refusal(mut command: Command) -> String {
    let output = tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    told
}
