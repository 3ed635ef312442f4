//! The settings of the adapter.

use std::time::Duration;

use super::VersionPolicy;

/// How to reach and use the database.
#[derive(Clone, Debug)]
pub struct SurrealOptions {
    /// Setting `DB_ENDPOINT`: `surrealkv://PATH`, with `?sync=every` (default),
    /// `?sync=never` or an interval such as `?sync=1s`; or `mem://`.
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
        }
    }
}
