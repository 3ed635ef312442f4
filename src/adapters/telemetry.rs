//! Where log lines go: to standard error, for a person or as JSON.

use std::env;
use std::io::{self, IsTerminal};
use std::panic::{self, PanicHookInfo};

use tracing::{Subscriber, error};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, registry};

#[cfg(not(feature = "otlp"))]
pub use super::no_traces::Traces;
#[cfg(feature = "otlp")]
pub use super::otlp::Traces;

/// Where the SDK warns that a watch was not ended. It asks for that whenever one
/// is dropped, over a session that it never signs in (3.3.5, `method/live.rs`),
/// so a server with users always refuses. It ends the watch anyway when the
/// connection is closed, which Daybook does at the same time.
const SDK_KILLS: &str = "surrealdb::method::live";

/// Where the storage engine warns that it cannot be closed correctly, whenever its
/// thread for syncing ends, which is after it was closed (surrealkv 0.21.4, `lsm.rs`).
/// Of its other warnings there the one that matters is what a crash did to its log,
/// which Daybook finds out and tells by itself.
const ENGINE_CLOSES: &str = "surrealkv::lsm";

/// Where axum tells, at trace, what it refused, which quotes what a client sent.
pub(crate) const REJECTIONS: &str = "axum::rejection";

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogStyle {
    /// One readable line each, in colour on a terminal.
    #[default]
    Text,
    /// One JSON object (RFC 8259) per line, fields at its top.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is neither a level nor a list of directives.
    #[error(
        "the log level {filter:?} cannot be used: {reason}; accepted: error, warn, info, debug, \
         trace, off, or a filter such as warn,daybook::app=debug"
    )]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something else in this process set it up before.
    #[error("logging was set up twice")]
    Twice,
}

/// Sends the log lines of this process, panics included, to standard error.
///
/// `filter` is a level, which then holds for this crate while all others keep
/// to warnings, or a filter as `RUST_LOG` has it. The default is `info`.
///
/// Returns what could be sent to a collector beside that.
///
/// # Errors
/// When the filter cannot be used, or when it was called before.
pub fn start(style: LogStyle, filter: Option<&str>) -> Result<Traces, TelemetryError> {
    let filter = parse_filter(filter.unwrap_or("info"))?;
    let colour = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
    let lines = lines(style, colour, io::stderr).with_filter(filter);
    let traces = Traces::default();
    let subscriber = traces.clone().over(registry().with(lines));
    subscriber.try_init().map_err(|_| TelemetryError::Twice)?;
    panic::set_hook(Box::new(log_panic));
    Ok(traces)
}

/// Writes each event as a line.
fn lines<S, W>(style: LogStyle, colour: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    match style {
        LogStyle::Text => lines.with_ansi(colour).boxed(),
        LogStyle::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    }
}

/// Panics are log lines like all others. The message is only told where it is a
/// constant: one that was put together may quote a note.
fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let message = info.payload().downcast_ref::<&str>().copied().unwrap_or("(not told)");
    error!(location, panic = message, "a defect: a part of the service panicked");
}

fn parse_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    // The database and its storage engine say a lot at info, so a bare level
    // is a wish about this crate.
    let directives = match filter.parse::<LevelFilter>() {
        Ok(LevelFilter::OFF) => "off".to_owned(),
        Ok(LevelFilter::ERROR) => "error".to_owned(),
        Ok(level) => format!("warn,{SDK_KILLS}=error,{ENGINE_CLOSES}=error,daybook={level}"),
        Err(_) => format!("{filter},{REJECTIONS}=off"),
    };
    EnvFilter::builder().parse(directives).map_err(|error| TelemetryError::Filter {
        filter: filter.to_owned(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("info", "surrealdb::method::live=error,surrealkv::lsm=error,daybook=info,warn")]
    #[case("debug", "surrealdb::method::live=error,surrealkv::lsm=error,daybook=debug,warn")]
    #[case("error", "error")]
    #[case("off", "off")]
    #[case("warn,daybook::app=debug", "axum::rejection=off,daybook::app=debug,warn")]
    #[case("warn,axum=trace", "axum::rejection=off,axum=trace,warn")]
    fn a_bare_level_is_for_this_crate(#[case] given: &str, #[case] used: &str) {
        assert_eq!(parse_filter(given).unwrap().to_string(), used);
    }

    /// What `docs/logs.md` says of every JSON line.
    #[test]
    fn a_json_line_has_its_fields_at_the_top() {
        let (read, write) = std::io::pipe().unwrap();
        let write = std::sync::Mutex::new(write);
        let subscriber = registry().with(lines(LogStyle::Json, true, write));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(last = 7_u64, retry_after_ms = 1.5, code = "timeout", "alone");
            let request_id = "req-1";
            let _entered = tracing::info_span!("request", request_id).entered();
            tracing::warn!(trace_id = None::<&str>, "in a request");
        });
        let lines: Vec<serde_json::Value> = io::BufRead::lines(io::BufReader::new(read))
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect();
        let keys = |line: &serde_json::Value| -> Vec<String> {
            line.as_object().unwrap().keys().cloned().collect()
        };
        let [alone, inside] = &lines[..] else { panic!("{lines:?}") };
        let common = ["level", "message", "target", "timestamp"];
        let own = ["code", "last", "retry_after_ms"];
        let mut expected = [&common[..], &own[..]].concat();
        expected.sort_unstable();
        assert_eq!(keys(alone), expected);
        assert_eq!((&alone["last"], &alone["retry_after_ms"]), (&7.into(), &1.5.into()));
        assert!(alone["timestamp"].as_str().unwrap().ends_with('Z'), "{alone}");
        assert_eq!((&alone["level"], &alone["message"]), (&"INFO".into(), &"alone".into()));
        assert_eq!(alone["target"], "daybook::adapters::telemetry::tests");
        let mut expected = [&common[..], &["spans"]].concat();
        expected.sort_unstable();
        assert_eq!(keys(inside), expected, "what is not there is left out");
        let span = serde_json::json!([{ "name": "request", "request_id": "req-1" }]);
        assert_eq!(inside["spans"], span);
    }

    #[rstest]
    #[case("daybook=loud")]
    #[case("a=b=c")]
    fn a_filter_that_cannot_be_used_is_told(#[case] given: &str) {
        let told = parse_filter(given).unwrap_err().to_string();
        assert!(told.contains(given) && told.contains("accepted"), "{told}");
    }
}
