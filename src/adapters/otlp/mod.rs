//! Traces for an OpenTelemetry collector (OTLP over HTTP, protobuf).
//!
//! Two things become spans: a request, when its tracing span closes, and what
//! became of a command, when its event is written. The application knows nothing
//! of it: it tells both to `tracing`, with the id of their trace, which the
//! command log keeps. So the two are in one trace, also when the command is
//! applied by the next process. `layer` makes the spans, `export` sends them.
//!
//! `tracing-opentelemetry` is not used: it makes a span of every tracing span of
//! every library, and none of an event; and what is applied here are not single
//! commands but batches, of which each command is told afterwards.
//!
//! Sending is beside the service. What ends is put into a queue of bounded size,
//! which a thread of its own empties; where the queue is full, spans are dropped.

mod export;
mod layer;
mod trace_id;

pub use export::{Export, ExportError};
pub use layer::Traces;

#[cfg(test)]
mod tests;
