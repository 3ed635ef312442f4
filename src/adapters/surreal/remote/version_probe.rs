//! Asking what answers at an address before the SDK connects to it.
//!
//! To the SDK an old server, or something else altogether, looks like a network
//! failure: it would be tried for ever. `GET /version` needs no authentication
//! and is answered alike by every release.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use rustls::ClientConfig;

use super::target::untrusted;
use crate::ports::StoreError;

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much of an answer that is none is repeated.
const QUOTED: usize = 60;

/// The server's HTTP side.
#[derive(Clone)]
pub(in crate::adapters::surreal) struct Probe {
    client: Client,
    base: String,
}

impl Probe {
    pub(super) fn new(secure: bool, host: &str, tls: ClientConfig) -> Result<Self, StoreError> {
        let client = Client::builder().no_proxy().timeout(PATIENCE);
        // Each question is a connection of its own: it is about the server there
        // is now. And no redirection: the SDK would not follow it either.
        let client = client.pool_max_idle_per_host(0).redirect(Policy::none());
        let client = client.tls_backend_preconfigured(tls).build();
        let client = client.map_err(|error| StoreError::Internal(chain_of(&error)))?;
        Ok(Self { client, base: format!("{}://{host}", if secure { "https" } else { "http" }) })
    }

    /// The version, as the server tells it.
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`] when no SurrealDB answers there,
    /// [`StoreError::ConnectionFailed`] when nothing does.
    pub(in crate::adapters::surreal) async fn version(&self) -> Result<String, StoreError> {
        let response = self.client.get(format!("{}/version", self.base)).send().await;
        let response = response.map_err(|error| self.unanswered(&error))?;
        let status = response.status();
        if status.is_server_error() {
            // A server that starts, or a proxy whose server is away.
            return Err(StoreError::ConnectionFailed(format!("GET /version answered {status}")));
        }
        let text = response.text().await.map_err(|error| self.unanswered(&error))?;
        match text.trim().strip_prefix("surrealdb-") {
            Some(version) if status == StatusCode::OK => Ok(version.to_owned()),
            _ => {
                let text: String = text.chars().filter(|c| !c.is_control()).take(QUOTED).collect();
                Err(self.stranger(&format!("GET /version answered {status}: {text:?}")))
            }
        }
    }

    /// Whether the server says that it works.
    pub(in crate::adapters::surreal) async fn is_healthy(&self) -> bool {
        let response = self.client.get(format!("{}/health", self.base)).send().await;
        response.is_ok_and(|response| response.status() == StatusCode::OK)
    }

    fn unanswered(&self, error: &reqwest::Error) -> StoreError {
        let chain = chain_of(error);
        // Bytes came back, but not those of HTTP.
        if ["invalid HTTP", "parse", "corrupt message"].iter().any(|sign| chain.contains(sign)) {
            return self.stranger(&chain);
        }
        untrusted(&chain).unwrap_or(StoreError::ConnectionFailed(chain))
    }

    fn stranger(&self, why: &str) -> StoreError {
        let base = &self.base;
        StoreError::Misconfigured(format!("DB_ENDPOINT: no SurrealDB answers at {base}: {why}"))
    }
}

/// An error with what caused it, without the address.
fn chain_of(error: &reqwest::Error) -> String {
    let mut source = std::error::Error::source(error);
    let mut chain = if error.is_timeout() { "no answer in time" } else { "no answer" }.to_owned();
    while let Some(error) = source {
        chain = format!("{chain}: {error}");
        source = error.source();
    }
    chain
}
