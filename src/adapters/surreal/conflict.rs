//! Trying again what met another transaction.

use std::time::Duration;

use tokio::time::sleep;

use crate::ports::StoreError;

/// How often it is tried again.
const ATTEMPTS: usize = 64;

/// The longest pause before that.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Makes an attempt, and others for as long as they conflict with what someone
/// else does at the same time: definitions of tables and indexes, and watches,
/// which are written into the definition of their table.
pub(super) async fn despite_conflicts<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 0..ATTEMPTS {
        match attempt().await {
            Err(StoreError::Conflict(_)) => sleep(LONGEST_PAUSE.mul_f32(fastrand::f32())).await,
            other => return other,
        }
    }
    attempt().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn conflict() -> StoreError {
        StoreError::Conflict("another was quicker".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn conflicts_are_outlasted_and_nothing_else() {
        let made = Cell::new(0);
        let third = despite_conflicts(|| async {
            made.set(made.get() + 1);
            if made.get() < 3 { Err(conflict()) } else { Ok(made.get()) }
        });
        assert_eq!(third.await.unwrap(), 3);
        let other = despite_conflicts(|| async {
            made.set(made.get() + 1);
            Err::<(), _>(StoreError::Moved)
        });
        assert!(matches!(other.await, Err(StoreError::Moved)));
        assert_eq!(made.get(), 4);
        let always = despite_conflicts(|| async { Err::<(), _>(conflict()) });
        assert!(matches!(always.await, Err(StoreError::Conflict(_))));
    }
}
