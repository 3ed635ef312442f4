//! Measuring requests.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;
use tokio::time::Instant;

use super::PrometheusMetrics;

/// The methods that have a name of their own; a client may make up any other.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// Those routes, with every request measured.
pub fn measured(router: Router, metrics: Arc<PrometheusMetrics>) -> Router {
    router.layer(middleware::from_fn_with_state(metrics, measure))
}

async fn measure(
    State(metrics): State<Arc<PrometheusMetrics>>,
    request: Request,
    next: Next,
) -> Response {
    let method = METHODS.into_iter().find(|method| method == request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let running = Running { metrics, method, route, started: Instant::now(), status: None };
    let response = next.run(request).await;
    running.answered(&response);
    response
}

/// A request under way. It is measured when it goes: with a status, or without one
/// when the client went away first.
struct Running {
    metrics: Arc<PrometheusMetrics>,
    method: Option<Method>,
    route: Option<MatchedPath>,
    started: Instant,
    status: Option<String>,
}

impl Running {
    fn answered(mut self, response: &Response) {
        self.status = Some(response.status().as_str().to_owned());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let method = self.method.as_ref().map_or("other", Method::as_str);
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
        let status = self.status.as_deref().unwrap_or("gone");
        self.metrics.detailed.requested(method, route, status, self.started.elapsed());
    }
}
