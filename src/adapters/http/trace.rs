//! What identifies a request, and the one line that the log has of it.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, info, info_span};
use uuid::Builder;

use super::problem;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const MAX_REQUEST_ID_BYTES: usize = 128;

/// The target of the span and the line of a request.
#[cfg(feature = "otlp")]
pub(crate) const REQUESTS: &str = module_path!();

/// The trace that a request belongs to: that of a W3C `traceparent` header, or
/// else the request's own id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TraceId(pub(super) String);

/// Gives a request its ids, a span and a line in the log; gives the answer its
/// `X-Request-Id` and, if it is an error, its problem document.
///
/// The line tells the route that matched, never the path, the query or a body:
/// those hold what clients write.
pub(super) async fn observe(mut request: Request, next: Next) -> Response {
    let (request_id, echo) = request_id(request.headers());
    let caller = caller(request.headers());
    let parent_span_id = caller.as_ref().map(|caller| caller.span_id.as_str());
    let trace_id = caller.as_ref().map_or(&request_id, |caller| &caller.trace_id).clone();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let method = request.method().as_str();
    let span = info_span!("request", %request_id, %trace_id, parent_span_id, %method, route);
    let line = Line { started: Instant::now(), status: None, span: span.clone() };
    request.extensions_mut().insert(TraceId(trace_id.clone()));

    let response = next.run(request).instrument(span).await;
    let mut response = problem::render(response, &trace_id);
    response.headers_mut().insert(REQUEST_ID, echo);
    line.answered(response.status());
    response
}

/// Writes the line when it goes: with a status, or without one when the client
/// went away first.
struct Line {
    started: Instant,
    status: Option<StatusCode>,
    span: Span,
}

impl Line {
    fn answered(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let duration_ms = self.started.elapsed().as_secs_f64() * 1000.0;
        let _entered = self.span.enter();
        match self.status {
            Some(status) => info!(status = status.as_u16(), duration_ms, "request answered"),
            None => info!(duration_ms, "request given up by the client"),
        }
    }
}

/// The client's id for the request when it gave a sane one, else a new one; as
/// text and as the header to answer with.
fn request_id(headers: &HeaderMap) -> (String, HeaderValue) {
    let sane = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (1..=MAX_REQUEST_ID_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    };
    let given = only(headers, REQUEST_ID).filter(sane);
    if let Some((text, value)) = given.and_then(|value| Some((value.to_str().ok()?, value))) {
        return (text.to_owned(), value.clone());
    }
    // It need not be hard to guess, and the system takes its time for what is.
    let made = Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid().to_string();
    // A UUID is always a header value.
    let value = HeaderValue::try_from(&made).unwrap_or(HeaderValue::from_static("-"));
    (made, value)
}

/// Who called, by a `traceparent`.
#[derive(Debug, PartialEq, Eq)]
struct Caller {
    trace_id: String,
    span_id: String,
}

/// What a valid `traceparent` tells (W3C Trace Context, section 3.2).
fn caller(headers: &HeaderMap) -> Option<Caller> {
    let text = only(headers, TRACEPARENT)?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |text: &str| text.bytes().all(|b| b == b'0');
    let well_formed = hex(version, 2) && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    // A later version may add parts, version 00 has four.
    let known = version != "ff" && (version != "00" || parts.next().is_none());
    (well_formed && known && !zero(trace) && !zero(parent))
        .then(|| Caller { trace_id: trace.to_owned(), span_id: parent.to_owned() })
}

/// A header that is there exactly once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[rstest]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true)]
    #[case("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later", true)]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later", false)]
    #[case("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false)]
    #[case("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false)]
    #[case("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false)]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false)]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", false)]
    #[case("", false)]
    fn traceparents(#[case] value: &'static str, #[case] valid: bool) {
        let headers = HeaderMap::from_iter([(TRACEPARENT, HeaderValue::from_static(value))]);
        let expected =
            Caller { trace_id: TRACE.to_owned(), span_id: "00f067aa0ba902b7".to_owned() };
        assert_eq!(caller(&headers), valid.then_some(expected));
    }

    #[rstest]
    #[case("a", true)]
    #[case("req-1/2:~!", true)]
    #[case("", false)]
    #[case("a b", false)]
    #[case("a\tb", false)]
    fn request_ids(#[case] value: &'static str, #[case] kept: bool) {
        let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(value))]);
        let (text, echo) = request_id(&headers);
        assert_eq!(text == value, kept, "{text}");
        assert_eq!(echo, text.as_str());
    }

    #[test]
    fn a_request_id_has_128_bytes() {
        for (len, kept) in [(128, true), (129, false)] {
            let long = "x".repeat(len);
            let headers =
                HeaderMap::from_iter([(REQUEST_ID, HeaderValue::try_from(&long).unwrap())]);
            assert_eq!(request_id(&headers).0 == long, kept);
        }
    }

    #[test]
    fn of_two_request_ids_none_counts() {
        let mut headers = HeaderMap::new();
        headers.append(REQUEST_ID, HeaderValue::from_static("a"));
        headers.append(REQUEST_ID, HeaderValue::from_static("b"));
        assert_eq!(request_id(&headers).0.len(), 36);
    }
}
