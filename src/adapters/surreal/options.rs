//! The settings of the adapter.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::VersionPolicy;

/// How to reach and use the database.
#[derive(Clone, Debug)]
pub struct SurrealOptions {
    /// Setting `DB_ENDPOINT`: `surrealkv://PATH`, with an interval such as `?sync=1s`
    /// (default), `?sync=every` commit or `?sync=never`; `mem://`; or a server,
    /// `ws://HOST:PORT` or `wss://HOST:PORT`.
    pub endpoint: String,
    /// Setting `DB_NAMESPACE`. Default: `daybook`.
    pub namespace: String,
    /// Setting `DB_DATABASE`. Default: `daybook`.
    pub database: String,
    /// Setting `DB_OPERATION_TIMEOUT`: within which every call ends but those to
    /// connect, to rebuild the indexes and to close. Default: 30 s.
    pub operation_timeout: Duration,
    /// Within which connecting ends, the recovery of a large write-ahead log
    /// included. Default: 180 s.
    pub connect_timeout: Duration,
    /// Within which rebuilding the indexes ends: each is built from all notes,
    /// one after the other. Default: 1 h.
    pub rebuild_timeout: Duration,
    /// Which versions of the database are accepted.
    pub versions: VersionPolicy,
    /// Who signs in to a server; `None`: nobody does.
    pub credentials: Option<Credentials>,
    /// Setting `DB_CA_FILE`: the certificates of the authorities that a server
    /// behind TLS may have its own from, in PEM. `None`: those that the system
    /// trusts.
    pub ca_file: Option<PathBuf>,
    /// Within which a sign of life is given. Default: 2.5 s.
    pub ping_timeout: Duration,
    /// The connections to a server.
    pub pool: PoolOptions,
}

/// A user of a server.
#[derive(Clone)]
pub struct Credentials {
    /// Where the user was defined.
    pub level: AuthLevel,
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("level", &self.level).finish_non_exhaustive()
    }
}

/// Where a user was defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthLevel {
    /// On the server.
    Root,
    /// In the namespace.
    Namespace,
    /// In the database.
    Database,
}

impl fmt::Display for AuthLevel {
    /// As the setting spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "root",
            Self::Namespace => "namespace",
            Self::Database => "database",
        })
    }
}

/// How many connections to a server there are, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// At least so many. Default: 2.
    pub min: u32,
    /// At most so many. Default: 10.
    pub max: u32,
    /// How long a call waits for a free one. Default: 5 s.
    pub acquire_timeout: Duration,
    /// After which time without use one is closed. Default: 600 s.
    pub idle_timeout: Duration,
    /// After which time one is replaced. Default: 1800 s.
    pub max_lifetime: Duration,
    /// How often idle ones are tried. Default: 30 s.
    pub health_interval: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            min: 2,
            max: 10,
            acquire_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(600),
            max_lifetime: Duration::from_secs(1800),
            health_interval: Duration::from_secs(30),
        }
    }
}

impl SurrealOptions {
    /// The default settings for that endpoint.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            namespace: "daybook".to_owned(),
            database: "daybook".to_owned(),
            operation_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(180),
            rebuild_timeout: Duration::from_secs(60 * 60),
            versions: VersionPolicy::default(),
            credentials: None,
            ca_file: None,
            ping_timeout: Duration::from_millis(2500),
            pool: PoolOptions::default(),
        }
    }
}
