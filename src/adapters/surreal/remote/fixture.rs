//! What the tests of the adapter for servers share.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use daybook_rig::{Server, Storage};
use tokio::time::{Instant, sleep};
use tracing_subscriber::fmt::MakeWriter;

use super::target::Target;
use crate::adapters::surreal::{AuthLevel, Credentials, SurrealOptions, SurrealStore};

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// One server for the tests that do not harm it, with the runtime that watches
/// its process. It ends with the process of the tests.
static SHARED: LazyLock<(tokio::runtime::Runtime, Server)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let server = runtime.block_on(Server::started(Storage::Memory)).unwrap();
    (runtime, server)
});

pub(in crate::adapters::surreal) fn root() -> Option<Credentials> {
    let (username, password) = ("root".to_owned(), "root".to_owned());
    Some(Credentials { level: AuthLevel::Root, username, password })
}

pub(in crate::adapters::surreal) fn options(endpoint: String) -> SurrealOptions {
    let ping_timeout = Duration::from_secs(5);
    SurrealOptions { credentials: root(), ping_timeout, ..SurrealOptions::new(endpoint) }
}

/// How to reach the shared server. From a thread of its own, since the first
/// caller starts the server, and may be in a runtime.
pub(in crate::adapters::surreal) fn server_options() -> SurrealOptions {
    let endpoint = std::thread::spawn(|| SHARED.1.endpoint()).join().unwrap();
    // Many tests share it, on a machine that may be busy.
    SurrealOptions { ping_timeout: Duration::from_secs(60), ..options(endpoint) }
}

pub(in crate::adapters::surreal) fn store(options: SurrealOptions) -> SurrealStore {
    SurrealStore::new(options).unwrap()
}

/// The server of these options, which is one without TLS.
pub(super) fn target(options: &SurrealOptions) -> Target {
    let host = options.endpoint.trim_start_matches("ws://");
    Target::new(options.endpoint.clone(), false, host, None).unwrap()
}

/// Waits until it is so.
pub(in crate::adapters::surreal) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} did not happen");
        sleep(Duration::from_millis(5)).await;
    }
}

/// The warnings of this thread.
#[derive(Clone, Default)]
pub(in crate::adapters::surreal) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Collects what is warned about until the guard is dropped.
    pub(in crate::adapters::surreal) fn collect() -> (Self, tracing::subscriber::DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_ansi(false)
            .with_writer(lines.clone())
            .finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    pub(in crate::adapters::surreal) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
