//! `/health`, `/health/live` and `/health/ready`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::app::{Daybook, Health};
use crate::ports::PoolState;

const NO_STORE: [(HeaderName, HeaderValue); 1] =
    [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// `GET /health`: how the service is. The answer is 200 in every state.
pub(super) async fn health(State(daybook): State<Arc<Daybook>>) -> Response {
    (NO_STORE, Json(HealthBody::from(daybook.health()))).into_response()
}

/// `GET /health/live`: whether the process answers at all.
pub(super) async fn live() -> Response {
    (NO_STORE, Json(LiveBody { state: "live" })).into_response()
}

/// `GET /health/ready`: whether to send requests here; 503 when not.
pub(super) async fn ready(State(daybook): State<Arc<Daybook>>) -> Response {
    let health = daybook.health();
    let ready = health.state.is_ready();
    let retry_after = [(RETRY_AFTER, HeaderValue::from(health.retry_after_seconds))];
    let body = (NO_STORE, Json(HealthBody::from(health)));
    if ready {
        body.into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, retry_after, body).into_response()
    }
}

#[derive(Serialize)]
struct LiveBody {
    state: &'static str,
}

#[derive(Serialize)]
struct HealthBody {
    state: &'static str,
    reason: Option<String>,
    database: DatabaseBody,
    queue: QueueBody,
}

#[derive(Serialize)]
struct DatabaseBody {
    version: Option<String>,
    latency_ms: Option<f64>,
    last_check: Option<DateTime<Utc>>,
    /// Only a server has one.
    pool: Option<PoolBody>,
}

#[derive(Serialize)]
struct PoolBody {
    active: u32,
    idle: u32,
    total: u32,
}

impl From<PoolState> for PoolBody {
    fn from(PoolState { active, idle, total }: PoolState) -> Self {
        Self { active, idle, total }
    }
}

#[derive(Serialize)]
struct QueueBody {
    commands: u64,
    max_commands: u64,
    parked: u64,
    bytes: u64,
    max_bytes: u64,
}

impl From<Health> for HealthBody {
    fn from(health: Health) -> Self {
        let Health { state, retry_after_seconds: _, database, queue } = health;
        Self {
            state: state.name(),
            reason: state.reason().map(str::to_owned),
            database: DatabaseBody {
                version: database.version,
                latency_ms: database.latency.map(|latency| latency.as_secs_f64() * 1000.0),
                last_check: database.last_check,
                pool: database.pool.map(PoolBody::from),
            },
            queue: QueueBody {
                commands: queue.commands,
                max_commands: queue.max_commands,
                parked: queue.parked,
                bytes: queue.bytes,
                max_bytes: queue.max_bytes,
            },
        }
    }
}
