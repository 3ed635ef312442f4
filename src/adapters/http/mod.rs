//! HTTP (axum): requests become commands and queries, outcomes become answers.
//!
//! | request | answers |
//! | --- | --- |
//! | `POST /v1/notes` | 201, or 202 when the outcome is not known in time |
//! | `GET /v1/notes/{id}` | 200, 304 |
//! | `PUT /v1/notes/{id}` | 201, 200, 202 |
//! | `PATCH /v1/notes/{id}` | 200, 202 |
//! | `DELETE /v1/notes/{id}` | 204, 202 |
//! | `GET /v1/notes` | 200 |
//! | `GET /v1/commands/{command_id}` | 200 |
//! | `GET /v1/parked`, `GET /v1/parked/{command_id}` | 200 |
//! | `POST /v1/parked/{command_id}/retry`, `DELETE /v1/parked/{command_id}` | 200 |
//! | `GET /health`, `/health/live`, `/health/ready` | 200, 503 |
//!
//! Each request is read to its end, parsed once into domain types (`request`,
//! `precondition`, `list`), handed to the application with a deadline (`call`)
//! and answered (`answer`). What goes wrong on the way is a problem document;
//! `problem` has the table of their types. `router` puts around all of it the
//! request's ids and its line in the log (`trace`), a last deadline and a net
//! for panics.

mod answer;
mod call;
mod commands;
mod cursor;
mod etag;
mod health;
mod list;
mod notes;
mod options;
mod parked;
mod precondition;
mod prefer;
mod problem;
mod query_string;
mod request;
mod router;
mod serve;
mod trace;

pub use commands::CommandBody;
pub use options::{Options, RequestTimeoutError};
pub use parked::{ParkedBody, ParkedPage};
pub use router::{router, router_with};
pub use serve::serve;
#[cfg(feature = "otlp")]
pub(crate) use trace::REQUESTS;

#[cfg(test)]
mod tests;
