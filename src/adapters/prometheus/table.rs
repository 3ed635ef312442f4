//! Every family of metrics: the one place that names them.

/// A family of metrics.
#[derive(Clone, Copy, Debug, PartialEq)]
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// It goes up only, and starts over with the process.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many observations were at or below each of these bounds; it goes up only.
    Histogram(&'static [f64]),
}

impl Kind {
    /// Its name in the text format.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// With which feature a family is compiled; each level has those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `metrics-basic`: how the service is.
    Basic,
    /// `metrics-detailed`: how long things take, and what fails.
    Detailed,
    /// `metrics-all`: what else there is to know of the way to the database.
    All,
}

impl Level {
    /// The name of the feature.
    #[must_use]
    pub fn feature(self) -> &'static str {
        match self {
            Self::Basic => "metrics-basic",
            Self::Detailed => "metrics-detailed",
            Self::All => "metrics-all",
        }
    }

    /// Whether this program was built with it.
    #[must_use]
    pub fn is_compiled(self) -> bool {
        match self {
            Self::Basic => cfg!(feature = "metrics-basic"),
            Self::Detailed => cfg!(feature = "metrics-detailed"),
            Self::All => cfg!(feature = "metrics-all"),
        }
    }
}

/// In seconds: from a sync of a fast disk to the timeout of a request.
const DURATIONS: Kind = Kind::Histogram(&[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
]);

/// Up to what a transaction holds.
const BATCHES: Kind = Kind::Histogram(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]);

/// In seconds: from a connection that was lost at once to one that expired.
const LIFETIMES: Kind = Kind::Histogram(&[1.0, 10.0, 60.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0]);

macro_rules! families {
    ($($constant:ident: $level:ident, $name:literal, $kind:expr, [$($label:literal),*], $help:expr;)*) => {
        $(pub(super) const $constant: Family = Family {
            name: $name,
            kind: $kind,
            level: Level::$level,
            labels: &[$($label),*],
            help: $help,
        };)*

        /// All of them, in the order of `docs/metrics.md`.
        pub const FAMILIES: &[Family] = &[$($constant),*];
    };
}

families! {
    CONNECTION_STATE: Basic, "database_connection_state", Kind::Gauge, ["state"],
        "1 for the state that the service is in (starting, healthy, degraded, unhealthy), 0 for the others.";
    POOL_SIZE: Basic, "database_connection_pool_size", Kind::Gauge, ["state"],
        "Connections to a database server: active, idle, and total. 0 for an embedded database.";
    UNAVAILABLE_SINCE: Basic, "database_unavailable_since_timestamp_seconds", Kind::Gauge, [],
        "Since when the database does not answer, in seconds since 1970; 0 while it does.";
    ACCEPTED_UNTIL: Basic, "writes_accepted_until_timestamp_seconds", Kind::Gauge, [],
        "When writes are refused if the database stays away, in seconds since 1970, also when that is past; 0 while it answers, and where they are accepted for ever.";
    QUEUE_SIZE: Basic, "database_write_queue_size", Kind::Gauge, [],
        "Commands that are logged and wait for the database, parked ones included.";
    QUEUE_FILL: Basic, "database_write_queue_fill_ratio", Kind::Gauge, [],
        "How full the queue is, by commands or by bytes, whichever is more; at 1 writes are refused.";
    LAST_APPENDED: Basic, "command_log_last_appended_sequence", Kind::Gauge, [],
        "The last command that is durable in the log.";
    LAST_APPLIED: Basic, "command_log_last_applied_sequence", Kind::Gauge, [],
        "The last command that the database has applied; 0 until it was asked.";
    OLDEST_UNAPPLIED: Basic, "command_log_oldest_unapplied_timestamp_seconds", Kind::Gauge, [],
        "When the oldest command that waits and is not parked was accepted, in seconds since 1970; 0 when none waits.";
    LOG_BYTES: Basic, "command_log_bytes", Kind::Gauge, [],
        "The size of what is retained of the log, in bytes.";
    LOG_SEGMENTS: Basic, "command_log_segments", Kind::Gauge, [],
        "The segments that the log is in.";
    DISK_AVAILABLE: Basic, "command_log_disk_available_bytes", Kind::Gauge, [],
        "The room that is left on the disk of the log, in bytes; -1 where the system does not tell.";
    PARKED: Basic, "command_log_parked_commands", Kind::Gauge, [],
        "Commands that the database refuses for good, and those that wait behind them.";
    CORRUPT_READS: Basic, "command_log_corrupt_reads_total", Kind::Counter, [],
        "How often a command could not be read because the log is damaged there.";
    HEALED: Basic, "database_healed_batches_total", Kind::Counter, [],
        "Batches that the database had acknowledged and lost, and that were applied again.";
    REFUSED: Basic, "writes_refused_total", Kind::Counter, ["reason"],
        "Writes that were refused before they were logged: queue-full, unavailable, disk or shutting-down.";
    BUILD_INFO: Basic, "daybook_build_info", Kind::Gauge, ["version"],
        "Always 1; the version of the program.";

    QUERY_DURATION: Detailed, "database_query_duration_seconds", DURATIONS, ["operation", "collection"],
        "How long calls to the database took, failed ones included; a commit is one, with all of its batch.";
    QUERIES: Detailed, "database_queries_total", Kind::Counter, ["operation", "collection"],
        "Calls to the database that ended.";
    ERRORS: Detailed, "database_errors_total", Kind::Counter, ["kind"],
        "Calls to the database that failed, pings included, by what the service makes of the error.";
    PING_DURATION: Detailed, "database_ping_duration_seconds", DURATIONS, [],
        "How long pings of the database took, failed ones included.";
    QUEUE_FULL: Detailed, "database_write_queue_full_total", Kind::Counter, [],
        "Writes that were refused because the queue was full.";
    BATCH_COMMANDS: Detailed, "database_batch_commands", BATCHES, [],
        "Commands in a transaction.";
    APPEND_DURATION: Detailed, "command_log_append_duration_seconds", DURATIONS, [],
        "How long commands took to be durable, waiting for others included.";
    SYNC_DURATION: Detailed, "command_log_sync_duration_seconds", DURATIONS, [],
        "How long the disk took to make what was appended durable (fdatasync).";
    REQUEST_DURATION: Detailed, "http_request_duration_seconds", DURATIONS, ["method", "route", "status"],
        "How long requests took, by the route that matched; route none is a path that none matches, status gone a client that went away.";

    CONNECTION_LIFETIME: All, "database_connection_lifetime_seconds", LIFETIMES, ["reason"],
        "How long connections of the pool were there that were closed: expired, idle for too long, or with an error.";
    RETRIES: All, "database_retry_attempts_total", Kind::Counter, [],
        "How often the applier could not go on and tried again after a pause.";
    CACHE_HITS: All, "database_cache_hit_ratio", Kind::Gauge, [],
        "Of the reads that had to be answered from memory because the database was away, and of a note without pending commands, the share that was; 0 before the first.";
    VERSION_INFO: All, "database_version_info", Kind::Gauge, ["version"],
        "Always 1; the version of the database, once it was reached.";
}
