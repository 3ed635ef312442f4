//! The command log in the files of a folder: [`FileLog`], a
//! [`CommandLog`](crate::ports::CommandLog).
//!
//! This page is the specification of what is on disk. Tests lock the bytes
//! (`frame`, `envelope_tests`) and read golden segments and logs, damaged ones too
//! (`tests/fixtures/log`, `corpus_tests`).
//!
//! # Files
//!
//! | name | holds |
//! | --- | --- |
//! | `<first sequence, 20 decimal digits>.log` | a segment: a header, then frames |
//! | `<first>-<last, 20 decimal digits each>.log` | a snapshot: a segment that stands for all commands from the first to the last, and takes the place of every other segment of them |
//! | `<first>.first` | empty; tells that the commands before that one were given up |
//! | `lock` | the process id of the process that has the log open, which holds a lock on this file |
//! | `<segment>.torn-<offset>`, `…-2`, `…-3` | bytes that were cut from there; kept for people, never read |
//! | `<segment>.new` | a segment in the making, to take the place of others; means nothing |
//! | `reserve` | space for a full disk, without a meaning; `reserve.new` while it is made |
//! | `quarantine-<time>-lost-<n>-of-<first>-to-<last>` | a folder with files as they were before a repair; never read |
//!
//! # Bytes
//!
//! All integers are little-endian and unsigned. Checksums are CRC-32C
//! (Castagnoli, as in RFC 3720). The segment header has 44 bytes:
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 8 | magic `DAYBOOK\0` |
//! | 8 | 2 | format version: 1 |
//! | 10 | 1 | payload format: 1 JSON, 2 CBOR, 3 Bincode, 4 MessagePack; each segment has its own |
//! | 11 | 1 | contents: 0 commands, 1 a snapshot |
//! | 12 | 16 | log id: a UUID, in the byte order of its text |
//! | 28 | 8 | first sequence |
//! | 36 | 4 | salt: random, for this segment only |
//! | 40 | 4 | checksum of the 40 bytes before |
//!
//! A later version may change everything but the header, so that a version is
//! always told from damage. A frame has 24 bytes and its payload:
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 4 | size of the payload: 1 to 1 MiB ([`MAX_PAYLOAD_BYTES`]) |
//! | 4 | 4 | checksum of the salt, the size and everything after this field |
//! | 8 | 8 | sequence |
//! | 16 | 8 | durable: the last sequence that was synced when this was written; in a snapshot the sequence of the frame before, 0 in the first |
//! | 24 | | payload: one envelope (`envelope`) in the payload format |
//!
//! The envelope is one to all formats, and of four kinds: `V1` of a command,
//! `LostV1` in the place of one that `daybook log repair` could not keep, and in
//! snapshots `RestateV1` of a note that a command made or removed and `RefuseV1` of a
//! command that was rejected. JSON is RFC 8259, CBOR RFC 8949 and
//! MessagePack that of its specification, with fields and variants by name, in
//! maps of definite length. Bincode is version 2 in its standard configuration:
//! no names, fields in the order of the envelope, variants by their number from
//! 0, lengths and integers in Bincode's variable length, little-endian.
//!
//! The salt keeps clients, who choose what is in a payload, from putting bytes
//! there that pass for a frame of the segment.
//!
//! # Invariants
//!
//! 1. Sequences start at 1, or where a `.first` file tells, and have no
//!    holes, within a segment and from one to the next. A frame of a snapshot stands
//!    for the commands behind its `durable` up to its sequence, of which the others
//!    left nothing of their own. All segments have one log id.
//! 2. `durable` is smaller than the sequence of its frame. It proves frames to
//!    have been complete: a bad frame is damage when an intact one behind it
//!    has a `durable` of at least its sequence. Without that proof it is a
//!    write that never finished, even if frames behind it are intact: pages of
//!    one write reach the disk in any order.
//! 3. A segment is synced to its end before the next one is made. Its header is
//!    synced, and its name in the folder, before its first frame is written. So
//!    only the last segment can end with an unfinished write, and only one of
//!    at most 44 bytes can lack its header. A snapshot gets its name when all of it
//!    was synced, and is followed by a segment of commands.
//! 4. Bytes are appended behind the last acknowledged frame only. What a failed
//!    group left there is cut first, and the cut is synced.
//! 5. Nothing is acknowledged, shown to readers or named in `durable` because of
//!    a sync that followed a failed one, unless its bytes were written again in
//!    between.
//!
//! # Crashes
//!
//! What each leaves behind, and what opening does with it, is the table in
//! `recovery`. In short: an unfinished write at the end is kept aside and cut,
//! with a warning; anything else that is wrong is [`OpenError::Corrupt`] with
//! file and offset (or [`OpenError::Newer`]), and nothing is touched; a read that fails is
//! [`OpenError::Io`], and nothing is touched either.
//!
//! `daybook log repair` mends what a start refuses, in the steps that `repair`
//! lists.
//!
//! `daybook log compact` puts a snapshot in the place of segments, in the steps that
//! `snapshot` lists; retention gives segments up, in those of `retention`. Segments
//! that a stop left behind are not read, and removed by the next start.
//!
//! `daybook log convert` writes a log into a folder `log.unfinished` beside the
//! place of the new one. It gets the name of a log after it was synced and
//! compared with the old one; whatever stops that before leaves no log. In a
//! converted segment `durable` is the sequence before that of its frame, since
//! all of it was synced before it had its name.
//!
//! `daybook log adopt` writes a log with a new id in the same way and puts it in
//! the place of the old one, whose folder becomes `log.before-<time>`; see
//! `successor`.
//!
//! # Sync policies
//!
//! What an acknowledged command survives:
//!
//! | [`SyncPolicy`] | kill of the process | crash of the system, power loss |
//! | --- | --- | --- |
//! | `Always` | yes | yes |
//! | `Interval` | yes | but for the last interval |
//! | `Never` | yes | but for the last segment |
//!
//! # Failures while running
//!
//! After a failed write or sync nothing of the group is acknowledged. Before its
//! callers are answered, it is taken back: the file is cut to the last
//! acknowledged frame and synced. If that succeeds they get `Full` or `Refused`
//! (it never comes back), otherwise `Unclear`. Either way the log is poisoned:
//! the next append first opens the file anew, checks the whole segment, cuts
//! what is behind the last acknowledged frame, writes anew what was not synced,
//! and syncs (`mend`). Until that succeeds every append is refused, naming the
//! first failure; after a failed attempt without another one for
//! [`FileLogOptions::mend_holdoff`]. Nothing has to be restarted.
//!
//! Where the file system writes changes beside what they replace, a cut or a sync
//! may itself need space. So the log holds a file `reserve` of
//! [`FileLogOptions::reserve_bytes`], made when the log is opened if there is room.
//! It is removed, and the step tried once more, when the disk is too full to take a
//! group back, to mend, to sync at the end, to keep and cut an unfinished write, or
//! to sync what was found at a start. A reserve that was given up is made again
//! before the next command is written, and as long as the disk has no room for it
//! commands are refused with `Full`. One that was never there is tried again at the
//! end of an outage and before each new segment, and the log works without it.
//!
//! # Layers
//!
//! `frame` knows bytes, `segment` and `proof` frames in a file, `survey` and `recovery`
//! segments in a folder; `envelope` and `codec` know commands. `writer` appends
//! a group, `queue` gives it a thread, `reader` reads what it published, and
//! `log` is the port. `reserve` keeps space, `retention` cuts the beginning. `copy`
//! writes a surveyed log anew, `successor` one that takes its place, `snapshot`
//! compacts one, `repair` mends one, and `follow` reads on in one that another
//! process writes. All of them touch files through [`disk`] only, but that
//! `successor` looks at and removes whole folders.

mod codec;
pub(crate) mod copy;
mod creation;
pub mod disk;
mod envelope;
mod envelope_snapshot;
mod failure;
mod fault;
pub(crate) mod follow;
mod frame;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod index;
mod log;
mod mend;
mod name;
mod options;
mod outage;
mod proof;
mod queue;
mod reader;
mod recovery;
pub(crate) mod repair;
mod repair_piece;
mod reserve;
mod retention;
mod segment;
mod shared;
pub(crate) mod snapshot;
pub(crate) mod successor;
pub(crate) mod survey;
mod sync_cost;
mod window;
mod writer;

pub use codec::{CodecError, PayloadFormat, UnknownPayloadFormat};
pub use failure::OpenError;
pub use fault::{Damage, Fault, FrameDamage, ReadFault};
pub use frame::{HeaderDamage, MAX_PAYLOAD_BYTES};
pub use log::FileLog;
pub use options::{FileLogOptions, Retention, SyncPolicy};
pub use sync_cost::SyncCost;

/// The folder of the log in the data folder.
pub const LOG_FOLDER: &str = "log";

/// The file that the process which has the log open holds locked.
pub(crate) const LOCK_FILE: &str = "lock";

#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod copy_tests;
#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod crash_matrix_tests;
#[cfg(test)]
mod envelope_tests;
#[cfg(test)]
mod follow_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod model_crash_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod proof_tests;
#[cfg(test)]
mod recovery_tests;
#[cfg(test)]
mod repair_tests;
#[cfg(test)]
mod reserve_tests;
#[cfg(test)]
mod retention_tests;
#[cfg(test)]
mod snapshot_tests;
#[cfg(test)]
mod successor_tests;
