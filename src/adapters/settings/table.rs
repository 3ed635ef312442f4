//! The table of settings, and the struct that is read by it.

use std::path::PathBuf;

use super::collector::CollectorEndpoint;
use super::remote::{AuthLevel, Optional, Secret};
use super::retention::LogRetention;
use super::sources::Reader;
use super::values::{
    BindAddress, ByteSize, Count, DatabaseName, Endpoint, LogFormat, LogSync, TimeSpan,
    UnavailableTimeout,
};
use super::versions::{VersionList, VersionRange};
use super::{SettingsError, Sources};

/// What there is to know of one setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name as the environment spells it.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Its value when it is not set.
    pub default: &'static str,
    /// The least value, where there is one.
    pub minimum: Option<&'static str>,
    /// What may be written.
    pub accepts: &'static str,
}

/// The least value, where one is declared.
macro_rules! minimum {
    () => {
        None
    };
    ($minimum:literal) => {
        Some($minimum)
    };
}

/// Each setting is declared once: its documentation, its name, the field and
/// type that hold it, its default, what is accepted and the least value.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $name:literal => $field:ident: $type:ty = $default:literal,
        accepts $accepts:literal $(, at least $minimum:literal)?;
    )+) => {
        /// What the service runs with. Every value was checked.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Settings {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        /// All settings, in the order of their page.
        pub const SETTINGS: &[Setting] = &[$(
            Setting {
                name: $name,
                about: concat!($($doc),+).trim_ascii(),
                default: $default,
                minimum: minimum!($($minimum)?),
                accepts: $accepts,
            },
        )+];

        impl Settings {
            /// Reads every setting.
            ///
            /// # Errors
            /// [`SettingsError`] with every bad value.
            pub fn read(sources: &Sources) -> Result<Self, SettingsError> {
                let mut reader = Reader::new(sources);
                $( let $field: Option<$type> = reader.read($name); )+
                let all = move || Some(Self { $( $field: $field?, )+ });
                all().ok_or_else(|| reader.into_error())
            }
        }
    };
}

settings! {
    /// The address that the service listens on. Port 0 takes a free one, which
    /// the service tells in its log.
    "BIND_ADDRESS" => bind_address: BindAddress = "127.0.0.1:8080",
    accepts "HOST:PORT";

    /// The folder of the command log and of the embedded database. It is made
    /// when it is not there, and belongs to one process at a time.
    "DATA_DIR" => data_dir: PathBuf = "./data",
    accepts "a folder";

    /// The database. `surrealkv://` is an embedded one in the folder `database`
    /// under `DATA_DIR`, `surrealkv://FOLDER` one elsewhere; `mem://` keeps
    /// nothing and is built anew from the command log at every start.
    /// `ws://HOST:PORT` is a SurrealDB server, `wss://HOST:PORT` one behind TLS.
    "DB_ENDPOINT" => db_endpoint: Endpoint = "surrealkv://",
    accepts "surrealkv://, surrealkv://FOLDER, mem://, ws://HOST:PORT or wss://HOST:PORT";

    /// The namespace in the database.
    "DB_NAMESPACE" => db_namespace: DatabaseName = "daybook",
    accepts "1 to 64 of A-Z, a-z, 0-9, _ and -";

    /// The database in the namespace.
    "DB_DATABASE" => db_database: DatabaseName = "daybook",
    accepts "1 to 64 of A-Z, a-z, 0-9, _ and -";

    /// The user on a database server. With `none` nobody signs in.
    "DB_USERNAME" => db_username: Optional<String> = "none",
    accepts "none, or a name";

    /// The password of that user.
    "DB_PASSWORD" => db_password: Optional<Secret> = "none",
    accepts "none, or a password";

    /// A file that holds the password instead; the end of its last line is left
    /// out.
    "DB_PASSWORD_FILE" => db_password_file: Optional<PathBuf> = "none",
    accepts "none, or a file";

    /// Where that user was defined.
    "DB_AUTH_LEVEL" => db_auth_level: AuthLevel = "root",
    accepts "root, namespace or database";

    /// The certificates (PEM) of the authorities whose word counts for a server
    /// behind TLS. Only theirs are accepted then; with `none` those that the
    /// system trusts.
    "DB_CA_FILE" => db_ca_file: Optional<PathBuf> = "none",
    accepts "none, or a file";

    /// Which versions of the database may be used; another one ends the start.
    /// Only the numbers of a release are looked at: 3.4.0-beta.1 counts as
    /// 3.4.0. Releases before 3.3.5 can lose data when the power fails.
    "DB_VERSION_RANGE" => db_version_range: VersionRange = ">=3.3.5, <4.0.0",
    accepts "a range of versions, such as >=3.3.5, <4.0.0";

    /// Which of them are known to work. Another one in the range is used, too,
    /// but warned about.
    "DB_VERSIONS_TESTED" => db_versions_tested: VersionList = "3.3.5",
    accepts "versions, separated by commas";

    /// Within which time a database that is dead or frozen is noticed. It is
    /// asked for a sign of life twice as often, and has half of it to answer.
    "DB_DETECTION_TIME" => db_detection_time: TimeSpan = "5",
    accepts "a time, such as 30, 500ms, 30s, 5m or 1h", at least "100ms";

    /// How many connections to a database server are kept at the least.
    "POOL_MIN" => pool_min: Count = "2",
    accepts "a whole number", at least "1";

    /// How many connections to a database server there may be, one of which is
    /// left to what is applied. One more watches whether the server is the same.
    "POOL_MAX" => pool_max: Count = "10",
    accepts "a whole number", at least "1";

    /// How long a call waits for a free connection.
    "POOL_ACQUIRE_TIMEOUT" => pool_acquire_timeout: TimeSpan = "5",
    accepts "a time, such as 30, 500ms, 30s, 5m or 1h", at least "10ms";

    /// After which time without use a connection is closed, down to `POOL_MIN`.
    "POOL_IDLE_TIMEOUT" => pool_idle_timeout: TimeSpan = "600",
    accepts "a time, such as 30, 500ms, 30s, 5m or 1h", at least "1s";

    /// After which time a connection is replaced.
    "POOL_MAX_LIFETIME" => pool_max_lifetime: TimeSpan = "1800",
    accepts "a time, such as 30, 500ms, 30s, 5m or 1h", at least "1s";

    /// How often idle connections are tried and broken ones replaced.
    "POOL_HEALTH_INTERVAL" => pool_health_interval: TimeSpan = "30",
    accepts "a time, such as 30, 500ms, 30s, 5m or 1h", at least "100ms";

    /// How long the database may take to be reached at the start. After that
    /// the process ends with the reason; the command log keeps everything.
    "STARTUP_MAX_WAIT" => startup_max_wait: TimeSpan = "600",
    accepts "a time, such as 30, 500ms, 30s, 5m or 1h", at least "1s";

    /// How long one call to the database may take.
    "DB_OPERATION_TIMEOUT" => db_operation_timeout: TimeSpan = "30",
    accepts "a time, such as 30, 500ms, 30s, 5m or 1h", at least "10ms";

    /// How long the database may be away before writes are refused. With
    /// `never` they are accepted until the queue is full.
    "DB_UNAVAILABLE_TIMEOUT" => db_unavailable_timeout: UnavailableTimeout = "30",
    accepts "never, or a time, such as 30, 500ms, 30s, 5m or 1h", at least "100ms";

    /// How commands are written into new segments of the log. Another format
    /// starts a new segment; segments of the others stay readable beside it.
    "COMMAND_LOG_FORMAT" => command_log_format: LogFormat = "cbor",
    accepts "bincode, cbor, json or messagepack";

    /// When the log is synced to the disk. `always`: before every
    /// acknowledgement, so acknowledged writes survive a kill and a power loss.
    /// `interval:200ms`: so often; they survive a kill, a power loss takes the
    /// last interval. `never`: they survive a kill, a power loss takes whatever
    /// the operating system had not written.
    /// After a power loss the database may be ahead of such a log; the service
    /// then applies nothing and says so.
    "COMMAND_LOG_SYNC" => command_log_sync: LogSync = "always",
    accepts "always, never, or interval:TIME from 1ms to 60s";

    /// The size at which a new segment of the log is started.
    "COMMAND_LOG_SEGMENT_BYTES" => command_log_segment_bytes: ByteSize = "64 MiB",
    accepts "a size, such as 1048576, 64 KiB, 64 MiB or 1 GiB", at least "64 KiB";

    /// How much is kept of the beginning of the log. `all`: everything, so that the
    /// log stays a backup from which any database can be made anew. A time: what was
    /// accepted within it. A size: so many bytes of log. Older segments are then
    /// removed, whole ones, by the running service: never one that is not applied, that
    /// holds a parked command or that `HEAL_WINDOW` covers. What was removed is gone:
    /// a database that is lost cannot be made anew from such a log, nor compared with
    /// it. To keep the log small and whole there is `daybook log compact`.
    "COMMAND_LOG_RETENTION" => command_log_retention: LogRetention = "all",
    accepts "all, a time with h or d, such as 72h or 30d, or a size with KiB, MiB or GiB, such as 10 GiB";

    /// How much log before the checkpoint is compared with the database after a
    /// crash. It must cover what the database keeps in memory; batches that it
    /// lost further back are not found. SurrealDB on surrealkv keeps 64 MiB below
    /// 1 GiB of memory (of the machine, or of the container where that is less),
    /// 128 MiB below 4 GiB, 256 MiB below 16 GiB, 1 GiB below 64 GiB, and 4 GiB
    /// from there. For an embedded database a smaller window is warned about at
    /// the start; a server does not tell, and has the setting
    /// `SURREAL_SURREALKV_MAX_MEMTABLE_SIZE`.
    "HEAL_WINDOW" => heal_window: ByteSize = "1 GiB",
    accepts "a size, such as 1048576, 64 KiB, 64 MiB or 1 GiB", at least "1 MiB";

    /// How many commands may wait for the database before writes are refused.
    "QUEUE_MAX_COMMANDS" => queue_max_commands: Count = "100000",
    accepts "a whole number", at least "1";

    /// How many bytes of log may wait for the database before writes are
    /// refused.
    "QUEUE_MAX_BYTES" => queue_max_bytes: ByteSize = "256 MiB",
    accepts "a size, such as 1048576, 64 KiB, 64 MiB or 1 GiB", at least "1 MiB";

    /// How much memory is for notes as they were known last, which reads are
    /// answered from while the database is away, and also while it is not where
    /// nobody else can change it, which is so of an embedded one. `0` remembers none.
    "CACHE_MAX_BYTES" => cache_max_bytes: ByteSize = "64 MiB",
    accepts "a size, such as 1048576, 64 KiB, 64 MiB or 1 GiB";

    /// How old a note may be that is shown as it was known last while the
    /// database is away. Writes that wait for the database are shown as long as
    /// they wait.
    "CACHE_TTL" => cache_ttl: TimeSpan = "10m",
    accepts "a time, such as 30, 500ms, 30s, 5m or 1h";

    /// How long a request may take. A write that is recorded but not applied by
    /// then is answered 202, and at once where the database is known to be away.
    "REQUEST_TIMEOUT" => request_timeout: TimeSpan = "30",
    accepts "a time, such as 30, 500ms, 30s, 5m or 1h", at least "100ms";

    /// How long requests in flight may take to end when the service stops.
    "SHUTDOWN_TIMEOUT" => shutdown_timeout: TimeSpan = "30",
    accepts "a time, such as 30, 500ms, 30s, 5m or 1h", at least "100ms";

    /// The OpenTelemetry collector that traces are sent to, over HTTP; `/v1/traces`
    /// is added. With `none` nothing is sent. It takes a build with the feature
    /// `otlp`; another one refuses it. See [Traces](traces.md).
    "OTLP_ENDPOINT" => otlp_endpoint: Optional<CollectorEndpoint> = "none",
    accepts "none, or a URL, such as http://127.0.0.1:4318";
}
