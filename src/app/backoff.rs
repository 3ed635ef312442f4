//! When to try again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

const MAX_JITTER_SECONDS: f32 = 1.0;

/// Delays of 1, 2, 4, 8, 16, 32, 60, 60 … seconds, each with up to one second
/// of jitter so that instances do not come back in step.
#[derive(Debug)]
pub(super) struct Backoff {
    delays: ExponentialBackoff,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { delays: delays() }
    }

    /// How long to wait before the next attempt.
    pub(super) fn next_delay(&mut self) -> Duration {
        let delay = self.delays.next().unwrap_or(Duration::from_secs(60));
        delay + Duration::from_secs_f32(fastrand::f32() * MAX_JITTER_SECONDS)
    }

    /// Starts over, after a success.
    pub(super) fn reset(&mut self) {
        self.delays = delays();
    }
}

fn delays() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_factor(2.0)
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(60))
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_a_minute_and_starts_over_after_a_success() {
        let mut backoff = Backoff::new();
        for _ in 0..2 {
            for seconds in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
                let delay = backoff.next_delay();
                let least = Duration::from_secs(seconds);
                assert!(least <= delay && delay <= least + Duration::from_secs(1), "{delay:?}");
            }
            backoff.reset();
        }
    }
}
