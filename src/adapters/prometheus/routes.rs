//! `GET /metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::PrometheusMetrics;
use crate::app::Daybook;

/// The text format, version 0.0.4.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The route for a scrape, beside those of the service.
pub fn routes(metrics: Arc<PrometheusMetrics>, daybook: Arc<Daybook>) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state((metrics, daybook))
}

async fn scrape(
    State((metrics, daybook)): State<(Arc<PrometheusMetrics>, Arc<Daybook>)>,
) -> Response {
    let gauges = daybook.gauges().await;
    match metrics.render(&gauges) {
        Ok(text) => {
            ([(CONTENT_TYPE, TEXT_FORMAT), (CACHE_CONTROL, "no-store")], text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written down");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
