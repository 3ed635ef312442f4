//! Users of a namespace and of a database.

use daybook_rig::{Server, Storage};
use rstest::rstest;

use super::connection::dial;
use super::fixture::{options, store, target};
use crate::adapters::surreal::{AuthLevel, Credentials, SurrealOptions};
use crate::ports::{Continuity, NoteStore, StoreError};

const USERS: &str = "
DEFINE USER editor ON NAMESPACE PASSWORD 'of the namespace' ROLES OWNER;
DEFINE USER editor ON DATABASE PASSWORD 'of the database' ROLES EDITOR;
DEFINE USER reader ON DATABASE PASSWORD 'of a reader' ROLES VIEWER;
";

/// A server on which root has defined the users.
async fn server() -> Server {
    let server = Server::started(Storage::Memory).await.unwrap();
    let options = options(server.endpoint());
    let client = dial(&options, &target(&options)).await.unwrap();
    client.query(USERS).await.unwrap().check().unwrap();
    server
}

fn as_user(server: &Server, level: AuthLevel, username: &str, password: &str) -> SurrealOptions {
    let (username, password) = (username.to_owned(), password.to_owned());
    let credentials = Some(Credentials { level, username, password });
    SurrealOptions { credentials, ..options(server.endpoint()) }
}

#[rstest]
#[case::of_the_namespace(AuthLevel::Namespace, "of the namespace")]
#[case::of_the_database(AuthLevel::Database, "of the database")]
#[tokio::test(flavor = "multi_thread")]
async fn a_user_below_root_can_do_everything(#[case] level: AuthLevel, #[case] password: &str) {
    let server = server().await;
    let store = store(as_user(&server, level, "editor", password));
    // They may not know the server's processes, so a restart cannot be excluded.
    assert_eq!(store.connect().await.unwrap(), Continuity::Suspect);
    let note = crate::adapters::surreal::rebuild_tests::note("a", 1, 1);
    crate::adapters::surreal::rebuild_tests::put(&store, 1, std::slice::from_ref(&note)).await;
    assert_eq!(store.get(&note.id).await.unwrap(), Some(note));
    assert_eq!(store.connect().await.unwrap(), Continuity::Suspect);
}

#[rstest]
#[case::namespace_as_root(AuthLevel::Root, "of the namespace")]
#[case::database_as_root(AuthLevel::Root, "of the database")]
#[case::database_as_namespace(AuthLevel::Namespace, "of the database")]
#[case::namespace_as_database(AuthLevel::Database, "of the namespace")]
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_level_is_named(#[case] level: AuthLevel, #[case] password: &str) {
    let server = server().await;
    let refused = store(as_user(&server, level, "editor", password)).connect().await.unwrap_err();
    assert!(matches!(refused, StoreError::Misconfigured(_)), "{refused:?}");
    assert!(!refused.is_transient());
    let told = refused.to_string();
    assert!(told.contains("DB_AUTH_LEVEL") && told.contains("DB_PASSWORD"), "{told}");
    assert!(!told.contains(password), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_only_read_is_of_no_use() {
    let server = server().await;
    let reader = as_user(&server, AuthLevel::Database, "reader", "of a reader");
    let refused = store(reader).connect().await.unwrap_err();
    assert!(matches!(refused, StoreError::Misconfigured(_)), "{refused:?}");
}
