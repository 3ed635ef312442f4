//! The settings of a file log.

use std::time::Duration;

use super::PayloadFormat;
use super::reserve::RESERVE_BYTES;

/// When written commands are synced, by the crash that an acknowledged command
/// survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before a command is acknowledged, one sync for all that wait. Survives a
    /// kill of the process, a crash of the system and a power loss. Only this
    /// keeps the promise of the service.
    #[default]
    Always,
    /// That long after the first unsynced write, at the latest. Survives a kill
    /// of the process. A crash of the system or a power loss may take the
    /// commands of the last interval, a whole end of the log, never its middle.
    Interval(Duration),
    /// When a segment is full and when the log is closed. Survives a kill of
    /// the process. A crash of the system or a power loss may take an end of
    /// the log as large as a segment.
    Never,
}

/// How much of its beginning a log keeps that nobody needs any more. Whole segments
/// are given up, so it keeps up to one more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// All of it.
    #[default]
    All,
    /// What was accepted within that time.
    Age(Duration),
    /// So many bytes of log.
    Bytes(u64),
}

/// The settings of a file log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLogOptions {
    /// How commands are encoded. Default: CBOR. Segments that are there keep
    /// theirs.
    pub format: PayloadFormat,
    /// When written commands are synced. Default: always.
    pub sync: SyncPolicy,
    /// A segment of at least this size is followed by a new one. Default:
    /// 64 MiB. A segment may be larger by one group.
    pub segment_bytes: u64,
    /// What is kept of the beginning. Default: all.
    pub retention: Retention,
    /// How many commands may wait for the writer; more callers wait to hand
    /// theirs over. Default: 1024. Minimum: 1.
    pub queue_commands: usize,
    /// At most so many commands are written and synced together. Default: 1024.
    /// Minimum: 1.
    pub group_commands: usize,
    /// A group of at least this size takes no more commands. Default: 4 MiB.
    pub group_bytes: usize,
    /// After a failed attempt to take commands again, how long they are refused
    /// without another: an attempt reads the whole last segment. Default: 1
    /// second.
    pub mend_holdoff: Duration,
    /// The size of the file that is given up where a full disk has no room to
    /// close the log cleanly. Default: 1 MiB; 0 for none.
    pub reserve_bytes: usize,
}

impl Default for FileLogOptions {
    fn default() -> Self {
        Self {
            format: PayloadFormat::default(),
            sync: SyncPolicy::default(),
            segment_bytes: 64 << 20,
            retention: Retention::default(),
            queue_commands: 1024,
            group_commands: 1024,
            group_bytes: 4 << 20,
            mend_holdoff: Duration::from_secs(1),
            reserve_bytes: RESERVE_BYTES,
        }
    }
}
