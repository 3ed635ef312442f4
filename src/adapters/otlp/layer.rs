//! What is told to `tracing`, as spans of a collector.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
    TraceFlags, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{self, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use super::export::{Export, ExportError, export_to};
use super::trace_id::trace_id;
use crate::adapters::http::REQUESTS;
use crate::app::COMMANDS;

/// What happens in the service, for a collector.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    /// Set once there is a collector.
    tracer: Arc<OnceLock<SdkTracer>>,
}

impl Traces {
    /// Has it looked at, whatever is logged: requests, and what becomes of commands.
    pub(crate) fn over<S>(self, subscriber: S) -> impl Subscriber + Send + Sync
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let wanted = filter_fn(is_wanted).with_max_level_hint(LevelFilter::DEBUG);
        subscriber.with(Spans { tracer: self.tracer }.with_filter(wanted))
    }

    /// Sends spans to that URL from now on. It must be called on the runtime
    /// that is to send them.
    ///
    /// # Errors
    /// When no client can be made for it, and when there is one already.
    pub fn export_to(&self, url: &str) -> Result<Export, ExportError> {
        let (export, tracer) = export_to(url)?;
        self.tracer.set(tracer).map_err(|_| ExportError::Twice)?;
        Ok(export)
    }
}

fn is_wanted(metadata: &Metadata<'_>) -> bool {
    [COMMANDS, REQUESTS].contains(&metadata.target())
}

struct Spans {
    tracer: Arc<OnceLock<SdkTracer>>,
}

impl<S> Layer<S> for Spans
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: layer::Context<'_, S>) {
        let Some(span) = context.span(id).filter(|_| self.tracer.get().is_some()) else { return };
        let mut request = Request { started: SystemTime::now(), fields: Fields::default() };
        attributes.record(&mut request.fields);
        span.extensions_mut().insert(request);
    }

    fn on_event(&self, event: &Event<'_>, context: layer::Context<'_, S>) {
        let Some(tracer) = self.tracer.get() else { return };
        if event.metadata().target() == COMMANDS {
            let mut fields = Fields::default();
            event.record(&mut fields);
            command(tracer, &fields, SystemTime::now());
        } else if let Some(span) = context.event_span(event)
            && let Some(request) = span.extensions_mut().get_mut::<Request>()
        {
            // The line of the request has its status.
            event.record(&mut request.fields);
        }
    }

    fn on_close(&self, id: Id, context: layer::Context<'_, S>) {
        let (Some(tracer), Some(span)) = (self.tracer.get(), context.span(&id)) else { return };
        if let Some(request) = span.extensions_mut().remove::<Request>() {
            request.end(tracer);
        }
    }
}

/// A request that is not answered yet.
struct Request {
    started: SystemTime,
    fields: Fields,
}

impl Request {
    fn end(self, tracer: &SdkTracer) {
        let Fields { method, route, status, trace_id: trace, parent_span_id, .. } = &self.fields;
        // A method is what the client writes, but for these.
        let method = METHODS.into_iter().find(|known| method.as_deref() == Some(*known));
        let route = route.as_deref().filter(|route| *route != "none");
        let verb = method.unwrap_or("HTTP");
        let name = match route {
            Some(route) => Cow::from(format!("{verb} {route}")),
            None => Cow::from(verb),
        };
        let mut attributes = vec![
            KeyValue::new("http.request.method", method.unwrap_or("_OTHER")),
            KeyValue::new("url.scheme", "http"),
        ];
        attributes.extend(route.map(|route| KeyValue::new("http.route", route.to_owned())));
        if let Some(status) = *status {
            attributes.push(KeyValue::new("http.response.status_code", status));
        }
        let failed = status.is_some_and(|status| status >= 500);
        if let Some(status) = status.filter(|_| failed) {
            attributes.push(KeyValue::new("error.type", status.to_string()));
        }
        let trace = trace_id(trace.as_deref().unwrap_or_default());
        let builder = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_trace_id(trace)
            .with_start_time(self.started)
            .with_attributes(attributes);
        let parent = parent_span_id.as_deref().and_then(|id| SpanId::from_hex(id).ok());
        let context = parent.map_or_else(Context::new, |parent| {
            let (flags, state) = (TraceFlags::SAMPLED, TraceState::default());
            let caller = SpanContext::new(trace, parent, flags, true, state);
            Context::new().with_remote_span_context(caller)
        });
        let mut span = tracer.build_with_context(builder, &context);
        if failed {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// The methods that HTTP defines.
const METHODS: [&str; 9] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

/// What became of a command. It is in the trace of the request that submitted it,
/// and has no parent: the log does not keep the span of the request.
fn command(tracer: &SdkTracer, fields: &Fields, now: SystemTime) {
    let Some(outcome) = fields.outcome.clone() else { return };
    let took = Duration::try_from_secs_f64(fields.duration_ms / 1000.0).unwrap_or_default();
    let is_parked = outcome == "parked";
    let mut attributes = vec![KeyValue::new("daybook.command.outcome", outcome)];
    attributes.extend(fields.seq.map(|seq| KeyValue::new("daybook.command.seq", seq)));
    let mut builder = SpanBuilder::from_name("apply command")
        .with_kind(SpanKind::Internal)
        .with_start_time(now.checked_sub(took).unwrap_or(now))
        .with_attributes(attributes);
    if let Some(trace) = &fields.trace_id {
        builder = builder.with_trace_id(trace_id(trace));
    }
    let mut span = tracer.build_with_context(builder, &Context::new());
    if is_parked {
        span.set_status(Status::error(""));
    }
    span.end_with_timestamp(now);
}

/// The fields that matter here, of spans and events.
#[derive(Debug, Default)]
struct Fields {
    trace_id: Option<String>,
    parent_span_id: Option<String>,
    method: Option<String>,
    route: Option<String>,
    status: Option<i64>,
    seq: Option<i64>,
    outcome: Option<String>,
    duration_ms: f64,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        let value = i64::try_from(value).ok();
        match field.name() {
            "status" => self.status = value,
            "seq" => self.seq = value,
            _ => {}
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "duration_ms" {
            self.duration_ms = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let place = match field.name() {
            "trace_id" => &mut self.trace_id,
            "parent_span_id" => &mut self.parent_span_id,
            "method" => &mut self.method,
            "route" => &mut self.route,
            "outcome" => &mut self.outcome,
            _ => return,
        };
        *place = Some(value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // What was told by `%` comes here, and prints as it displays.
        if ["trace_id", "method"].contains(&field.name()) {
            self.record_str(field, &format!("{value:?}"));
        }
    }
}
