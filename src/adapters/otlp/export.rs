//! Sending spans, beside the service and never in its way.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanData,
    SpanExporter,
};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tracing::warn;

use crate::app::Repeats;

/// How many spans wait to be sent; further ones are dropped.
const QUEUE: usize = 2048;
/// How many are sent at once.
const BATCH: usize = 512;
/// How often they are sent where they do not fill a batch.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long the collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to be reached.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// How long the last spans may take to be sent when the service stops.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No client can be made for HTTP.
    #[error("no client can be made: {0}")]
    Client(#[from] reqwest::Error),
    /// The URL cannot be used.
    #[error("{0}")]
    Exporter(#[from] ExporterBuildError),
    /// They are sent already.
    #[error("traces are sent already")]
    Twice,
}

/// Spans on their way to a collector.
#[derive(Debug)]
pub struct Export {
    provider: SdkTracerProvider,
}

impl Export {
    /// Sends what is left, for five seconds at most. A failure is told.
    pub async fn stop(self) {
        // It waits for a thread that needs this runtime to send.
        let stopped = spawn_blocking(move || self.provider.shutdown_with_timeout(LAST_PATIENCE));
        let reason = match stopped.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        warn!(reason, "the last traces were not sent");
    }
}

/// Makes what sends spans to that URL, on the runtime that it is called on.
pub(super) fn export_to(url: &str) -> Result<(Export, SdkTracer), ExportError> {
    let builder = reqwest::Client::builder().timeout(PATIENCE).connect_timeout(CONNECT_PATIENCE);
    let client = Client { client: builder.build()?, runtime: Handle::current() };
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(url)
        .build()?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(INTERVAL)
        .build();
    let exporter = Telling { exporter, repeats: Repeats::default() };
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_service_name("daybook").with_attribute(version).build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        // The log keeps no word of the caller on sampling, so a command could not
        // follow its request. A collector can choose by the trace.
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(resource)
        .build();
    let scope = InstrumentationScope::builder("daybook").with_version(env!("CARGO_PKG_VERSION"));
    let tracer = provider.tracer_with_scope(scope.build());
    Ok((Export { provider }, tracer))
}

/// Sends on the runtime of the service: the thread that asks has none.
#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move {
            let answer = client.execute(request).await?.error_for_status()?;
            Ok::<_, reqwest::Error>((answer.status(), answer.bytes().await?))
        });
        let (status, body) = sending.await??;
        Ok(Response::builder().status(status).body(body)?)
    }
}

/// Tells, now and then, that spans could not be sent. They are then dropped.
#[derive(Debug)]
struct Telling {
    exporter: opentelemetry_otlp::SpanExporter,
    repeats: Repeats,
}

impl SpanExporter for Telling {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let dropped = batch.len();
        let sent = self.exporter.export(batch).await;
        if let Err(error) = &sent
            && let Some(suppressed) = self.repeats.tell("traces could not be sent", "export")
        {
            warn!(dropped, reason = %error, suppressed, "traces could not be sent");
        }
        sent
    }

    fn shutdown_with_timeout(&mut self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&mut self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
