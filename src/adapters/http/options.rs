//! The settings of the HTTP adapter.

use std::time::Duration;

use tokio::time::Instant;

/// How the HTTP adapter behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    request_timeout: Duration,
}

/// A request timeout outside its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request timeout must be above zero and at most {} s", Options::MAX_REQUEST_TIMEOUT.as_secs())]
pub struct RequestTimeoutError;

impl Options {
    /// Longest request timeout: one day.
    pub const MAX_REQUEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

    /// The same with another request timeout: how long a request may take from
    /// its headers to its answer, the arrival of a slow body included. Default:
    /// 30 s.
    ///
    /// # Errors
    /// When it is zero or longer than [`Options::MAX_REQUEST_TIMEOUT`].
    pub fn with_request_timeout(
        self,
        request_timeout: Duration,
    ) -> Result<Self, RequestTimeoutError> {
        if request_timeout.is_zero() || request_timeout > Self::MAX_REQUEST_TIMEOUT {
            return Err(RequestTimeoutError);
        }
        Ok(Self { request_timeout })
    }

    /// How long a request may take.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        self.request_timeout
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { request_timeout: Duration::from_secs(30) }
    }
}

/// Until when a request must be answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// By the application, which then says what is known (202 for a write).
    pub(super) app: Instant,
    /// By anyone: past it the request is given up.
    pub(super) last: Instant,
}

impl Deadlines {
    /// Those of a request that came in now.
    pub(super) fn from_now(options: Options) -> Self {
        let total = options.request_timeout;
        // Room for the answer of the application to get out.
        let margin = (total / 10).min(Duration::from_millis(500));
        let now = Instant::now();
        Self { app: now + total.saturating_sub(margin), last: now + total }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Duration::ZERO, false)]
    #[case(Duration::from_nanos(1), true)]
    #[case(Options::MAX_REQUEST_TIMEOUT, true)]
    #[case(Options::MAX_REQUEST_TIMEOUT + Duration::from_nanos(1), false)]
    #[case(Duration::MAX, false)]
    fn a_request_timeout_has_bounds(#[case] timeout: Duration, #[case] allowed: bool) {
        let options = Options::default().with_request_timeout(timeout);
        assert_eq!(options.is_ok(), allowed);
    }

    #[tokio::test(start_paused = true)]
    async fn the_application_answers_first() {
        let now = Instant::now();
        let deadlines = Deadlines::from_now(Options::default());
        assert_eq!(deadlines.app - now, Duration::from_millis(29_500));
        assert_eq!(deadlines.last - now, Duration::from_secs(30));
    }
}
