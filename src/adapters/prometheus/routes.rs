//! `GET /metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::task::spawn_blocking;

use super::{LogFiles, PrometheusMetrics};
use crate::app::Daybook;

/// The text format, version 0.0.4.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How to look at the files of the log. It may block.
type Look = dyn Fn() -> LogFiles + Send + Sync;

#[derive(Clone)]
struct Scraped {
    metrics: Arc<PrometheusMetrics>,
    daybook: Arc<Daybook>,
    look: Arc<Look>,
}

/// The route for a scrape, beside those of the service.
pub fn routes(
    metrics: Arc<PrometheusMetrics>,
    daybook: Arc<Daybook>,
    look: impl Fn() -> LogFiles + Send + Sync + 'static,
) -> Router {
    let scraped = Scraped { metrics, daybook, look: Arc::new(look) };
    Router::new().route("/metrics", get(scrape)).with_state(scraped)
}

async fn scrape(State(Scraped { metrics, daybook, look }): State<Scraped>) -> Response {
    let gauges = daybook.gauges().await;
    let files = spawn_blocking(move || look()).await.unwrap_or_default();
    match metrics.render(&gauges, files) {
        Ok(text) => {
            ([(CONTENT_TYPE, TEXT_FORMAT), (CACHE_CONTROL, "no-store")], text).into_response()
        }
        Err(error) => {
            tracing::error!(reason = %error, "the metrics could not be written down");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
