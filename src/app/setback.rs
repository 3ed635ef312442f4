//! What the applier does when it cannot go on.

use std::time::Duration;

use super::attach::Failure;
use super::telling::whole_ms;
use super::{Applier, ApplierError};
use crate::ports::{LogError, Measurement, StoreError};

impl Applier {
    /// Says what is in the way and when to try again.
    pub(super) fn blocked(&mut self, failure: &Failure) -> Result<Duration, ApplierError> {
        let retry_after = self.backoff.next_delay().min(self.patience(failure)?);
        tracing::warn!(
            code = failure.code(), reason = %failure, retry_after_ms = whole_ms(retry_after),
            "commands cannot be applied at the moment"
        );
        let metrics = &self.desk.ports.metrics;
        metrics.record(Measurement::Retrying { code: failure.code(), after: retry_after });
        if matches!(failure, Failure::Log(LogError::Corrupt { .. })) {
            metrics.record(Measurement::CorruptRead);
        }
        self.lost(failure, retry_after);
        Ok(retry_after)
    }

    /// The next step has to bring log and database together again.
    pub(super) fn lost(&mut self, failure: &Failure, retry_after: Duration) {
        self.cursor = None;
        self.tell_settled();
        if let Failure::Store(error) = failure
            && !error.is_an_answer()
        {
            self.connected = None;
        }
        let (availability, reason) = (&self.desk.availability, failure.public_reason());
        // What answers in its place may be a proxy whose server is away.
        let was_right = matches!(failure, Failure::Store(StoreError::Misconfigured(_)));
        if failure.is_transient() || (self.reached && was_right) {
            availability.down(self.desk.ports.clock.now(), reason, retry_after);
        } else {
            availability.barred(reason, retry_after);
        }
    }

    /// How long to wait at the most before the database must be reached.
    fn patience(&self, failure: &Failure) -> Result<Duration, ApplierError> {
        let Failure::Store(error) = failure else { return Ok(Duration::MAX) };
        if self.reached {
            return Ok(Duration::MAX);
        }
        let reason = error.to_string();
        if matches!(error, StoreError::UnsupportedVersion { .. } | StoreError::Misconfigured(_)) {
            return Err(ApplierError::Unusable { reason });
        }
        let waited = self.started.elapsed();
        match self.desk.options.startup_max_wait.checked_sub(waited) {
            None | Some(Duration::ZERO) => Err(ApplierError::NeverReached { waited, reason }),
            Some(left) => Ok(left),
        }
    }
}
