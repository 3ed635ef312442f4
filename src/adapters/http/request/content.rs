//! The body of a request: its size, its arrival, its media type.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, EXPECT,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, timeout_at};

use crate::adapters::http::problem::{InputError, Kind, Problem};

/// Most bytes of a request body: 256 KiB.
pub(in crate::adapters::http) const MAX_BODY_BYTES: usize = 256 * 1024;

/// Of a body that is too large, so many more bytes are read and dropped, for so
/// long. A client that is still sending when the connection is closed gets a
/// reset instead of the answer.
const LINGER_BYTES: usize = 8 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// Which media types a method reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::adapters::http) enum Media {
    /// POST: JSON.
    Post,
    /// PUT: JSON.
    Put,
    /// PATCH: a JSON merge patch, also when it is called JSON.
    Patch,
}

/// The whole body of a request.
///
/// It is read before anything else is looked at, so that the connection can be
/// used for the next request whatever is wrong with this one.
///
/// # Errors
/// 413 for more than [`MAX_BODY_BYTES`], announced or not; 408 when it has not
/// arrived by the deadline; 400 when it breaks off; 415 when the method does not
/// read it.
pub(in crate::adapters::http) async fn read(
    media: Media,
    headers: &HeaderMap,
    mut body: Body,
    by: Instant,
) -> Result<Vec<u8>, Problem> {
    let content = match timeout_at(by, collect(&mut body)).await {
        Ok(Ok(content)) => content,
        Ok(Err(Broken::TooLarge)) => {
            let awaits_go_ahead = headers.contains_key(EXPECT);
            if !awaits_go_ahead {
                // In vain or not, the answer follows.
                let _ = timeout_at(by.min(Instant::now() + LINGER), discard(&mut body)).await;
            }
            let detail = format!("A body may have {MAX_BODY_BYTES} bytes.");
            return Err(Problem::new(Kind::ContentTooLarge, detail));
        }
        Ok(Err(Broken::Incomplete)) => {
            let reason = "broke off before it was complete";
            return Err(Problem::malformed([InputError::body("", reason)]));
        }
        Err(_) => {
            let detail = "The body did not arrive in time. Nothing was recorded.";
            return Err(Problem::new(Kind::RequestTimeout, detail)
                .with_header(CONNECTION, HeaderValue::from_static("close")));
        }
    };
    media.check(headers)?;
    Ok(content)
}

/// Why there is no whole body.
enum Broken {
    TooLarge,
    Incomplete,
}

async fn collect(body: &mut Body) -> Result<Vec<u8>, Broken> {
    // What the client announces is only a reason to refuse early.
    if body.size_hint().lower() > u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX) {
        return Err(Broken::TooLarge);
    }
    let mut content = Vec::new();
    while let Some(data) = next(body).await {
        let data = data.map_err(|_| Broken::Incomplete)?;
        if content.len().saturating_add(data.len()) > MAX_BODY_BYTES {
            return Err(Broken::TooLarge);
        }
        content.extend_from_slice(&data);
    }
    Ok(content)
}

async fn discard(body: &mut Body) {
    let mut discarded = 0_usize;
    while let Some(Ok(data)) = next(body).await {
        discarded = discarded.saturating_add(data.len());
        if discarded > LINGER_BYTES {
            return;
        }
    }
}

/// The next piece of a body; trailers are passed over.
async fn next(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

impl Media {
    /// Refuses a body of another type, in another character set than UTF-8, or
    /// compressed.
    fn check(self, headers: &HeaderMap) -> Result<(), Problem> {
        let encoded = headers.get_all(CONTENT_ENCODING).iter();
        if encoded.into_iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Problem::new(
                Kind::UnsupportedMediaType,
                "A compressed body is not read here.",
            )
            .with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity")));
        }
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        let (first, second) = (types.next(), types.next());
        let text = first.filter(|_| second.is_none()).and_then(|value| value.to_str().ok());
        if text.is_some_and(|text| self.reads(text)) {
            return Ok(());
        }
        let (name, accepted) = self.accepted();
        let detail = format!("Content-Type must be {accepted}, in UTF-8.");
        Err(Problem::new(Kind::UnsupportedMediaType, detail)
            .with_header(name, HeaderValue::from_static(accepted)))
    }

    /// Whether it reads that `Content-Type`. Parameters are allowed; JSON has
    /// one character set (RFC 8259, section 8.1).
    fn reads(self, content_type: &str) -> bool {
        let mut parts = content_type.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let utf8 = parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        });
        let (_, accepted) = self.accepted();
        utf8 && accepted.split(", ").any(|known| media_type.eq_ignore_ascii_case(known))
    }

    /// The header that tells what the method reads (RFC 9110, section 15.5.16;
    /// RFC 5789, section 3.1), and what it reads.
    fn accepted(self) -> (HeaderName, &'static str) {
        match self {
            Self::Post => (HeaderName::from_static("accept-post"), "application/json"),
            Self::Put => (ACCEPT, "application/json"),
            Self::Patch => (
                HeaderName::from_static("accept-patch"),
                "application/merge-patch+json, application/json",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Media::Post, "application/json", true)]
    #[case(Media::Put, "Application/JSON; Charset=\"UTF-8\"", true)]
    #[case(Media::Put, "application/json;charset=utf-8;x=y", true)]
    #[case(Media::Patch, "application/json", true)]
    #[case(Media::Patch, "application/merge-patch+json", true)]
    #[case(Media::Post, "application/merge-patch+json", false)]
    #[case(Media::Post, "application/json; charset=latin1", false)]
    #[case(Media::Post, "application/jsonp", false)]
    #[case(Media::Post, "text/json", false)]
    #[case(Media::Post, "", false)]
    #[case(Media::Patch, "application/json-patch+json", false)]
    fn media_types(#[case] media: Media, #[case] content_type: &str, #[case] read: bool) {
        assert_eq!(media.reads(content_type), read);
    }

    #[rstest]
    #[case::none(&[])]
    #[case::two(&[("content-type", "application/json"), ("content-type", "application/json")])]
    #[case::compressed(&[("content-type", "application/json"), ("content-encoding", "gzip")])]
    fn other_headers_are_refused(#[case] lines: &[(&'static str, &'static str)]) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        assert!(Media::Post.check(&headers).is_err());
    }
}
