//! Which request goes where, and what surrounds every one of them.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::time::timeout_at;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::error;

use super::options::Deadlines;
use super::problem::{Kind, Problem};
use super::{Options, commands, health, list, notes, parked, trace};
use crate::app::Daybook;

/// The HTTP interface of the service, ready to be [served](super::serve).
pub fn router(daybook: Arc<Daybook>, options: Options) -> Router {
    router_with(Router::new(), daybook, options)
}

/// The same, with further routes.
pub fn router_with(further: Router, daybook: Arc<Daybook>, options: Options) -> Router {
    surround(routes().with_state(daybook).merge(further), options)
}

fn routes() -> Router<Arc<Daybook>> {
    Router::new()
        .route("/v1/notes", get(list::list).post(notes::create))
        .route(
            "/v1/notes/{id}",
            get(notes::read).put(notes::put).patch(notes::patch).delete(notes::delete),
        )
        .route("/v1/commands/{command_id}", get(commands::read))
        .route("/v1/parked", get(parked::list))
        .route("/v1/parked/{command_id}", get(parked::read).delete(parked::discard))
        .route("/v1/parked/{command_id}/retry", post(parked::retry))
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
}

/// Puts around routes what every request needs: ids and a line in the log, an
/// end in time, an answer even after a panic, and a problem for every error.
pub(super) fn surround(routes: Router, options: Options) -> Router {
    routes
        .fallback(no_such_resource)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(options, in_time))
        .layer(middleware::from_fn(trace::observe))
}

async fn no_such_resource() -> Problem {
    Problem::new(Kind::NoSuchResource, "The path names nothing that this service has.")
}

async fn method_not_allowed() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "See Allow for the methods of this resource.")
}

/// Turns a panic into an answer. What it said may hold a note, so it is not
/// repeated here.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    error!("a request panicked");
    Problem::internal().into_response()
}

/// Ends a request that nothing else has ended in time. The application keeps
/// its own, earlier deadline, so this is the last resort.
async fn in_time(State(options): State<Options>, mut request: Request, next: Next) -> Response {
    let deadlines = Deadlines::from_now(options);
    request.extensions_mut().insert(deadlines);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match timeout_at(deadlines.last, next.run(request)).await {
        Ok(response) => response,
        Err(_) if reads => Problem::reads_unavailable(1).into_response(),
        Err(_) => Problem::outcome_unknown()
            .with_header(CONNECTION, HeaderValue::from_static("close"))
            .into_response(),
    }
}
