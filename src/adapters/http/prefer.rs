//! `Prefer: respond-async` and `Prefer: wait=N` (RFC 7240).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::app::Wait;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What a client prefers of the answer to a write. Preferences that are not known,
/// and those that cannot be read, are ignored, as section 2 has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Preferences {
    /// Not to wait for the outcome; with `wait`, not for longer than that.
    respond_async: bool,
    /// For how many seconds to wait for it.
    wait: Option<u32>,
}

impl Preferences {
    /// Reads every line of the header as one list. Of a preference that is there
    /// twice the first counts.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut preferences = Self::default();
        let lines = headers.get_all(PREFER).iter().filter_map(|line| line.to_str().ok());
        // A quoted string may hold commas, but no preference of ours has one.
        for preference in lines.flat_map(|line| line.split(',')) {
            // Parameters say nothing about these two.
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = match preference.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
                None => (preference.trim(), None),
            };
            if name.eq_ignore_ascii_case("respond-async") {
                preferences.respond_async = true;
            } else if name.eq_ignore_ascii_case("wait") && preferences.wait.is_none() {
                preferences.wait = value.and_then(|value| value.parse().ok());
            }
        }
        preferences
    }

    /// How long a write that came in now waits for its outcome.
    pub(super) fn wait(self, now: Instant) -> Wait {
        match (self.wait, self.respond_async) {
            (Some(seconds @ 1..), _) => Wait::Until(now + Duration::from_secs(seconds.into())),
            (Some(0), _) | (None, true) => Wait::No,
            (None, false) => Wait::ToDeadline,
        }
    }

    /// The header that tells which of them were followed, if any: `respond-async` is
    /// when the outcome is not told, and a wait by every answer that came within it.
    pub(super) fn applied(self, is_outcome_told: bool) -> Option<(HeaderName, HeaderValue)> {
        let respond_async =
            (self.respond_async && !is_outcome_told).then(|| "respond-async".to_owned());
        let wait = self.wait.map(|seconds| format!("wait={seconds}"));
        let applied: Vec<_> = respond_async.into_iter().chain(wait).collect();
        let value = HeaderValue::try_from(applied.join(", ")).ok()?;
        (!applied.is_empty()).then_some((PREFERENCE_APPLIED, value))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(lines: &[&'static str]) -> Preferences {
        let lines = lines.iter().map(|line| (PREFER, HeaderValue::from_static(line)));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        Preferences::read(&headers)
    }

    #[rstest]
    #[case(&[], false, None)]
    #[case(&["respond-async"], true, None)]
    #[case(&["Respond-Async"], true, None)]
    #[case(&["wait=10"], false, Some(10))]
    #[case(&["wait=\"10\""], false, Some(10))]
    #[case(&["respond-async, wait=10"], true, Some(10))]
    #[case(&["respond-async; foo=bar", "WAIT = 3"], true, Some(3))]
    #[case(&["wait=1, wait=2"], false, Some(1))]
    #[case(&["return=minimal"], false, None)]
    #[case(&["wait"], false, None)]
    #[case(&["wait=soon"], false, None)]
    #[case(&["wait=-1"], false, None)]
    #[case(&["wait=1.5"], false, None)]
    #[case(&["wait=99999999999"], false, None)]
    #[case(&["respond-asynchronously"], false, None)]
    fn preferences(
        #[case] lines: &[&'static str],
        #[case] respond_async: bool,
        #[case] wait: Option<u32>,
    ) {
        assert_eq!(read(lines), Preferences { respond_async, wait });
    }

    #[rstest]
    #[case(&[], None, None)]
    #[case(&["respond-async"], None, Some("respond-async"))]
    #[case(&["wait=2"], Some("wait=2"), Some("wait=2"))]
    #[case(&["respond-async, wait=2"], Some("wait=2"), Some("respond-async, wait=2"))]
    fn what_was_applied_is_told(
        #[case] lines: &[&'static str],
        #[case] with_outcome: Option<&str>,
        #[case] without: Option<&str>,
    ) {
        for (is_told, expected) in [(true, with_outcome), (false, without)] {
            let applied = read(lines).applied(is_told);
            let value = applied.as_ref().map(|(_, value)| value.to_str().unwrap());
            assert_eq!(value, expected);
        }
    }
}
