//! A running service, spoken to over HTTP by the commands that need it.

use std::fmt;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::adapters::http::{ParkedBody, ParkedPage};
use crate::domain::CommandId;

/// How long an answer may take: longer than the service takes for any.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the answer to a look may take.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);

/// Why a service gave no answer, or not the one that was wanted.
#[derive(Debug, thiserror::Error)]
pub enum ServiceClientError {
    /// Nobody answers there, or no Daybook.
    #[error("no service answers at {address}: {reason}")]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// The service said no.
    #[error("{0}")]
    Refused(String),
}

/// How a service is.
#[derive(Clone, Debug)]
pub struct ServiceHealth {
    /// What it answered.
    pub body: Value,
}

impl ServiceHealth {
    /// Its state, in one word.
    #[must_use]
    pub fn state(&self) -> &str {
        self.body.get("state").and_then(Value::as_str).unwrap_or("unknown")
    }
}

impl fmt::Display for ServiceHealth {
    /// The state, and the reason where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.body.get("reason").and_then(Value::as_str) {
            Some(reason) => write!(f, "{}: {reason}", self.state()),
            None => f.write_str(self.state()),
        }
    }
}

/// A client of the service at one address.
pub struct ServiceClient {
    client: Client,
    address: String,
}

impl ServiceClient {
    /// The service that listens on that address, which may be one that stands for
    /// all addresses of this machine.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub fn at(bind_address: &str) -> Result<Self, ServiceClientError> {
        let address = match bind_address.rsplit_once(':') {
            Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
            Some(("[::]", port)) => format!("[::1]:{port}"),
            _ => bind_address.to_owned(),
        };
        let client = Client::builder().timeout(PATIENCE).no_proxy().build();
        let client = client.map_err(|error| ServiceClientError::Refused(error.to_string()))?;
        Ok(Self { client, address })
    }

    /// What `GET /health` answers.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn health(&self) -> Result<ServiceHealth, ServiceClientError> {
        self.health_within(PATIENCE).await
    }

    /// The same, within that time.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn health_within(
        &self,
        patience: Duration,
    ) -> Result<ServiceHealth, ServiceClientError> {
        let request = self.request(Method::GET, "/health").timeout(patience);
        Ok(ServiceHealth { body: self.read(request).await? })
    }

    /// What `GET /metrics` answers, within that time; `None` where the service was
    /// built without.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn metrics(&self, patience: Duration) -> Result<Option<String>, ServiceClientError> {
        let request = self.request(Method::GET, "/metrics").timeout(patience);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let text = text(response).await.map_err(|error| self.unreachable(&error))?;
        match status {
            StatusCode::OK => Ok(Some(text)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.unreachable(&format!("it answered {status}"))),
        }
    }

    /// Every parked command.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn parked(&self) -> Result<Vec<ParkedBody>, ServiceClientError> {
        let mut all = Vec::new();
        let mut from = 0;
        loop {
            let path = format!("/v1/parked?limit=200&from={from}");
            let page: ParkedPage = self.read(self.request(Method::GET, &path)).await?;
            all.extend(page.items);
            match page.next_from {
                Some(next) => from = next,
                None => return Ok(all),
            }
        }
    }

    /// Has a parked command attempted again, and returns how far it has come.
    ///
    /// # Errors
    /// When nobody answers, it is not parked, or the database is away.
    pub async fn retry(&self, id: CommandId) -> Result<Value, ServiceClientError> {
        self.read(self.request(Method::POST, &format!("/v1/parked/{id}/retry"))).await
    }

    /// Has a parked command given up, and returns how far it has come.
    ///
    /// # Errors
    /// As for [`retry`](Self::retry).
    pub async fn discard(&self, id: CommandId) -> Result<Value, ServiceClientError> {
        self.read(self.request(Method::DELETE, &format!("/v1/parked/{id}"))).await
    }

    /// What it answers to a `GET` of that path, whatever the status.
    ///
    /// # Errors
    /// When nobody answers, or not with JSON.
    pub async fn get(&self, path: &str) -> Result<(StatusCode, Value), ServiceClientError> {
        let request = self.request(Method::GET, path).timeout(LOOK_PATIENCE);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = text(response).await.map_err(|error| self.unreachable(&error))?;
        let body = serde_json::from_str(&body).map_err(|error| self.unreachable(&error))?;
        Ok((status, body))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    async fn read<T: for<'de> Deserialize<'de>>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, ServiceClientError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let text = text(response).await.map_err(|error| self.unreachable(&error))?;
        if status == StatusCode::OK {
            return serde_json::from_str(&text).map_err(|error| self.unreachable(&error));
        }
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        match problem.get("detail").and_then(Value::as_str) {
            Some(detail) => Err(ServiceClientError::Refused(detail.to_owned())),
            None => Err(self.unreachable(&format!("it answered {status}"))),
        }
    }

    fn unreachable(&self, reason: &dyn ToString) -> ServiceClientError {
        let (address, reason) = (self.address.clone(), reason.to_string());
        ServiceClientError::Unreachable { address, reason }
    }
}

async fn text(response: Response) -> reqwest::Result<String> {
    response.text().await
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get as route;
    use rstest::rstest;
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;
    use crate::adapters::http::serve;

    #[tokio::test]
    async fn what_a_service_answers_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new()
            .route("/there", route(async || axum::Json(serde_json::json!({ "a": 1 }))))
            .route("/text", route(async || "text"));
        let (stop, stopped) = oneshot::channel::<()>();
        let until = async { drop(stopped.await) };
        let serving = tokio::spawn(serve(listener, router, until, Duration::from_secs(9)));
        let client = ServiceClient::at(&address).unwrap();
        let (status, body) = client.get("/there").await.unwrap();
        assert_eq!((status, &body["a"]), (StatusCode::OK, &Value::from(1)));
        client.get("/text").await.unwrap_err();
        client.health().await.unwrap_err();
        drop(client);
        drop(stop);
        serving.await.unwrap().unwrap();
        ServiceClient::at(&address).unwrap().get("/there").await.unwrap_err();
    }

    #[rstest]
    #[case("0.0.0.0:8080", "127.0.0.1:8080")]
    #[case("[::]:8080", "[::1]:8080")]
    #[case("host:1", "host:1")]
    fn all_addresses_of_a_machine_are_its_own(#[case] bound: &str, #[case] asked: &str) {
        assert_eq!(ServiceClient::at(bound).unwrap().address, asked);
    }
}
