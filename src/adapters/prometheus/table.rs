//! Every family of metrics: the one place that names them.

/// A family of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// With which feature it is compiled.
    pub level: Level,
    /// Its labels, in order.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

/// What the values of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It goes up only, and starts over with the process.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Kind {
    /// Its name in the text format.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// With which feature a family is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `metrics-basic`
    Basic,
}

impl Level {
    /// The name of the feature.
    #[must_use]
    pub fn feature(self) -> &'static str {
        match self {
            Self::Basic => "metrics-basic",
        }
    }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, level: Level::Basic, labels, help }
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family { name, kind: Kind::Counter, level: Level::Basic, labels, help }
}

pub(super) const CONNECTION_STATE: Family = gauge(
    "database_connection_state",
    &["state"],
    "1 for the state that the service is in (starting, healthy, degraded, unhealthy), 0 for the others.",
);
pub(super) const POOL_SIZE: Family = gauge(
    "database_connection_pool_size",
    &["state"],
    "Connections to a database server: active, idle, and total. 0 for an embedded database.",
);
pub(super) const QUEUE_SIZE: Family = gauge(
    "database_write_queue_size",
    &[],
    "Commands that are logged and wait for the database, parked ones included.",
);
pub(super) const LAST_APPENDED: Family = gauge(
    "command_log_last_appended_sequence",
    &[],
    "The last command that is durable in the log.",
);
pub(super) const LAST_APPLIED: Family = gauge(
    "command_log_last_applied_sequence",
    &[],
    "The last command that the database has applied; 0 until it was asked.",
);
pub(super) const OLDEST_UNAPPLIED: Family = gauge(
    "command_log_oldest_unapplied_timestamp_seconds",
    &[],
    "When the oldest command that waits was accepted, in seconds since 1970; 0 when none waits.",
);
pub(super) const LOG_BYTES: Family =
    gauge("command_log_bytes", &[], "The size of what is retained of the log, in bytes.");
pub(super) const PARKED: Family = gauge(
    "command_log_parked_commands",
    &[],
    "Commands that the database refuses for good, and those that wait behind them.",
);
pub(super) const HEALED: Family = counter(
    "database_healed_batches_total",
    &[],
    "Batches that the database had acknowledged and lost, and that were applied again.",
);
pub(super) const REFUSED: Family = counter(
    "writes_refused_total",
    &["reason"],
    "Writes that were refused before they were logged: queue-full, unavailable, disk or shutting-down.",
);
pub(super) const BUILD_INFO: Family =
    gauge("daybook_build_info", &["version"], "Always 1; the version of the program.");

/// All of them, in the order of `docs/metrics.md`.
pub const FAMILIES: [Family; 11] = [
    CONNECTION_STATE,
    POOL_SIZE,
    QUEUE_SIZE,
    LAST_APPENDED,
    LAST_APPLIED,
    OLDEST_UNAPPLIED,
    LOG_BYTES,
    PARKED,
    HEALED,
    REFUSED,
    BUILD_INFO,
];
