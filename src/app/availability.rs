//! Whether the database is there, and what follows for reads and writes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{DatabaseHealth, State};

/// How long the service is Unhealthy because of one refused write.
const LOG_FAILURE_STANDS: Duration = Duration::from_secs(10);

/// The state machine of the service, driven by what calls to the database and
/// the service's own probe report.
#[derive(Debug)]
pub(super) struct Availability {
    inner: Mutex<Inner>,
    /// For who waits for the database to go away.
    reach: watch::Sender<Reach>,
    /// How long writes are accepted while the database is away.
    unavailable_after: Option<Duration>,
}

/// What is known of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// It was not tried yet.
    Unknown,
    Up,
    Away,
}

#[derive(Debug)]
struct Inner {
    reached: bool,
    connection: Connection,
    /// Why the last probe was not answered, while the connection still counts as
    /// up, and since when.
    silence: Option<(Instant, String)>,
    next_attempt: Instant,
    log_failure: Option<LogFailure>,
    database: DatabaseHealth,
    /// The state that was logged last.
    announced: &'static str,
    is_queue_nearly_full: bool,
}

/// The log did not take the last command.
#[derive(Debug)]
struct LogFailure {
    code: &'static str,
    at: Instant,
}

#[derive(Debug)]
enum Connection {
    /// No attempt to reach it has ended.
    Untried {
        since: Instant,
    },
    Up,
    Down {
        since: Instant,
        reason: String,
    },
    /// It is there, but must not be written to.
    Barred {
        reason: String,
    },
}

impl Availability {
    pub(super) fn new(unavailable_after: Option<Duration>) -> Self {
        let now = Instant::now();
        let inner = Inner {
            reached: false,
            connection: Connection::Untried { since: now },
            silence: None,
            next_attempt: now,
            log_failure: None,
            database: DatabaseHealth::default(),
            announced: State::Starting.name(),
            is_queue_nearly_full: false,
        };
        Self {
            inner: Mutex::new(inner),
            reach: watch::Sender::new(Reach::Unknown),
            unavailable_after,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database answered, and took that long.
    pub(super) fn answered(&self, at: DateTime<Utc>, latency: Duration) {
        let mut inner = self.lock();
        inner.database.last_check = Some(at);
        inner.database.latency = Some(latency);
        if inner.silence.take().is_some() {
            self.announce(&mut inner);
        }
    }

    /// The database did not answer a probe.
    pub(super) fn silent(&self, at: DateTime<Utc>, reason: String) {
        let mut inner = self.lock();
        inner.database.last_check = Some(at);
        inner.silence.get_or_insert((Instant::now(), reason));
        self.announce(&mut inner);
    }

    /// Whether the applier holds a connection, as far as it knows.
    pub(super) fn is_attached(&self) -> bool {
        matches!(self.lock().connection, Connection::Up)
    }

    /// The database told its version.
    pub(super) fn found(&self, version: String) {
        self.lock().database.version = Some(version);
    }

    /// The database is connected, belongs to the log, is whole, and takes
    /// commands.
    pub(super) fn up(&self) {
        let mut inner = self.lock();
        inner.reached = true;
        inner.connection = Connection::Up;
        inner.silence = None;
        self.announce(&mut inner);
    }

    /// The database cannot be used; the next attempt is after that delay.
    pub(super) fn down(&self, at: DateTime<Utc>, reason: String, retry_after: Duration) {
        let mut inner = self.lock();
        let now = Instant::now();
        inner.database.last_check = Some(at);
        inner.next_attempt = now + retry_after;
        let since = match inner.connection {
            Connection::Untried { since } | Connection::Down { since, .. } => since,
            Connection::Up | Connection::Barred { .. } => now,
        };
        let since = inner.silence.take().map_or(since, |(silent, _)| silent.min(since));
        inner.connection = Connection::Down { since, reason };
        self.announce(&mut inner);
    }

    /// The database and the log must not meet until someone steps in.
    pub(super) fn barred(&self, reason: String, retry_after: Duration) {
        let mut inner = self.lock();
        inner.next_attempt = Instant::now() + retry_after;
        inner.connection = Connection::Barred { reason };
        self.announce(&mut inner);
    }

    /// Why someone has to step in, if so.
    pub(super) fn barrier(&self) -> Option<String> {
        match &self.lock().connection {
            Connection::Barred { reason } => Some(reason.clone()),
            Connection::Untried { .. } | Connection::Up | Connection::Down { .. } => None,
        }
    }

    /// The log took a command, or with which code it did not. Tells whether that
    /// differs from the last time.
    pub(super) fn log_answered(&self, failure: Option<&'static str>) -> bool {
        let mut inner = self.lock();
        let differs = failure != inner.log_failure.as_ref().map(|failure| failure.code);
        // Success is the common case: touch nothing then.
        if failure.is_some() || inner.log_failure.is_some() {
            inner.log_failure = failure.map(|code| LogFailure { code, at: Instant::now() });
            self.announce(&mut inner);
        }
        differs
    }

    /// Whether reads can be answered by the database.
    pub(super) fn is_up(&self) -> bool {
        self.lock().is_up()
    }

    /// For how long the database has not answered, if so.
    pub(super) fn away_for(&self) -> Option<Duration> {
        self.lock().away().map(|(since, _)| since.elapsed())
    }

    /// Waits until reads cannot be answered by the database.
    pub(super) async fn away(&self) {
        // The sender lives as long as `self`, so this cannot end early.
        drop(self.reach.subscribe().wait_for(|reach| *reach != Reach::Up).await);
    }

    /// Waits until an attempt has shown that the database is away: one that is
    /// about to be reached for the first time is worth a moment.
    pub(super) async fn known_away(&self) {
        drop(self.reach.subscribe().wait_for(|reach| *reach == Reach::Away).await);
    }

    /// Whether writes are accepted. A failing log is not a reason to refuse
    /// here: only an attempt can show that it works again.
    pub(super) fn accepts_writes(&self) -> bool {
        !matches!(self.connection_state(&self.lock()), State::Unhealthy { .. })
    }

    /// Whole seconds until it is worth asking again, from 1 to 60.
    pub(super) fn retry_after_seconds(&self) -> u64 {
        let wait = self.lock().next_attempt.saturating_duration_since(Instant::now());
        let rounded_up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        rounded_up.clamp(1, 60)
    }

    /// How the service is, the queue left aside.
    pub(super) fn state(&self) -> State {
        self.state_of(&self.lock())
    }

    /// The database as it was found last.
    pub(super) fn database(&self) -> DatabaseHealth {
        self.lock().database.clone()
    }

    fn state_of(&self, inner: &Inner) -> State {
        let state = self.connection_state(inner);
        let Some(failure) = &inner.log_failure else { return state };
        let reason = format!("the command log took no write: {}", failure.code);
        match state {
            // Only a write can show that the log works again, so after a while
            // the service asks for one.
            State::Healthy if failure.at.elapsed() >= LOG_FAILURE_STANDS => {
                State::Degraded { reason }
            }
            _ => State::Unhealthy { reason },
        }
    }

    fn connection_state(&self, inner: &Inner) -> State {
        if let Connection::Barred { reason } = &inner.connection {
            return State::Unhealthy { reason: reason.clone() };
        }
        match inner.away() {
            None => State::Healthy,
            Some((since, reason)) => {
                let reason = reason.to_owned();
                if self.unavailable_after.is_some_and(|limit| since.elapsed() >= limit) {
                    State::Unhealthy { reason }
                } else if inner.reached {
                    State::Degraded { reason }
                } else {
                    State::Starting
                }
            }
        }
    }

    /// Logs a change of state that came with time alone, or with the queue.
    pub(super) fn tell(&self, is_queue_nearly_full: bool) {
        let mut inner = self.lock();
        inner.is_queue_nearly_full = is_queue_nearly_full;
        self.announce(&mut inner);
    }

    /// Logs a change of state, once.
    fn announce(&self, inner: &mut Inner) {
        let reach = match inner.connection {
            Connection::Untried { .. } => Reach::Unknown,
            _ if inner.is_up() => Reach::Up,
            _ => Reach::Away,
        };
        self.reach.send_if_modified(|was| std::mem::replace(was, reach) != reach);
        let state = self.state_of(inner).with_queue(inner.is_queue_nearly_full);
        if inner.announced == state.name() {
            return;
        }
        let (from, to) = (inner.announced, state.name());
        inner.announced = to;
        match state.reason() {
            Some(reason) => tracing::warn!(from, to, reason, "the service changed its state"),
            None => tracing::info!(from, to, "the service changed its state"),
        }
    }
}

impl Inner {
    /// Since when the database does not answer, and why.
    fn away(&self) -> Option<(Instant, &str)> {
        match &self.connection {
            Connection::Up => {
                self.silence.as_ref().map(|(since, reason)| (*since, reason.as_str()))
            }
            Connection::Barred { .. } => None,
            Connection::Untried { since } => Some((*since, "not reached yet")),
            Connection::Down { since, reason } => Some((*since, reason)),
        }
    }

    fn is_up(&self) -> bool {
        matches!(self.connection, Connection::Up) && self.silence.is_none()
    }
}
