//! Lines that an outage would otherwise fill the log with.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a kind of event is not told again.
const QUIET: Duration = Duration::from_secs(10);

/// What happens again and again while something is away: the first of a kind is
/// told at once, then one in ten seconds, with the number of those left out.
///
/// A kind is an event and its code. Both are constants of the program, so the
/// number of kinds is bounded.
#[derive(Debug, Default)]
pub struct Repeats {
    kinds: Mutex<HashMap<(&'static str, &'static str), Kind>>,
}

#[derive(Debug)]
struct Kind {
    told_at: Instant,
    suppressed: u64,
}

impl Repeats {
    /// It happened. Where it is to be told, how many of its kind were left out
    /// since it was told last.
    pub fn tell(&self, event: &'static str, code: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        match kinds.get_mut(&(event, code)) {
            Some(kind) if now.saturating_duration_since(kind.told_at) < QUIET => {
                kind.suppressed += 1;
                None
            }
            Some(kind) => {
                kind.told_at = now;
                Some(std::mem::take(&mut kind.suppressed))
            }
            None => {
                kinds.insert((event, code), Kind { told_at: now, suppressed: 0 });
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_is_told_at_once_and_one_in_ten_seconds_after_that() {
        let repeats = Repeats::default();
        let mut told = Vec::new();
        for tenth in 0..250 {
            if let Some(suppressed) = repeats.tell("a read failed", "timeout") {
                told.push((tenth, suppressed));
            }
            advance(Duration::from_millis(100)).await;
        }
        assert_eq!(told, [(0, 0), (100, 99), (200, 99)]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_kind_has_its_own_time() {
        let repeats = Repeats::default();
        for (event, code) in [("read", "timeout"), ("read", "lost"), ("probe", "timeout")] {
            assert_eq!(repeats.tell(event, code), Some(0));
            assert_eq!(repeats.tell(event, code), None);
        }
    }
}
