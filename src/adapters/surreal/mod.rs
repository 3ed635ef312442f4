//! SurrealDB as the [`NoteStore`](crate::ports::NoteStore): the embedded
//! engines `surrealkv://PATH` and `mem://`, SurrealDB 3.3.5.
//!
//! # Tables
//!
//! | table | record id | fields |
//! | --- | --- | --- |
//! | `notes` | `notes:<key>`, the id of the note | the note; `log` and `seq` of its last change; `earlier_logs` and `earlier_seqs`: the last change by each other log; two ranks, see `rank`; `lists`, see `list` |
//! | `deletion` | `deletion:<key of the note>` | `log` and `seq` of its last deletion, and `earlier_…` as above |
//! | `checkpoint` | `checkpoint:<log>` | `applied`, `accepted_at`, `commits`, `horizon`, `rebuilt_at` |
//! | `marker` | `marker:[<log>, <last>]` | `first`; `versions`, one per command |
//! | `parked` | `parked:[<log>, <seq>]` | `note`, `attempts`, `reason`, `since` |
//! | `rejection` | `rejection:[<log>, <seq>]` | `code`, `current` |
//!
//! Keys of notes and logs are always strings and always bound as record ids: a
//! key of digits in a query text would name another record. Markers and
//! rejections have array keys, so a stretch of a log is a range of record ids
//! and is read in order without an index.
//!
//! # Parts
//!
//! `endpoint` and `engine` say how a client is obtained and when an embedded engine
//! syncs, `folder` whether the database folder was left cleanly. Everything else is
//! about any client: `statements` holds the query texts, `row` turns records into
//! domain values and back, `read`, `list`, `commit`, `rebuild` and `migrate` run the
//! statements, `transaction` those that must not be broken off, and `error` is the
//! only place that interprets what SurrealDB says.
//!
//! # Measured traps
//!
//! - A query runs inside the future of its caller. Dropped half way, it leaves
//!   half a transaction behind, or one whose commit is unknown. So a commit
//!   runs in a task of its own, which its caller can only stop waiting for.
//! - `query().await` is `Ok` although the transaction failed, and `check()`
//!   reports that some statement was not executed. `error::finish` looks for
//!   the statement that did fail.
//! - Rolling back a savepoint walks everything written so far, and an `INSERT`
//!   of a row that exists does so once per row. New notes are inserted, others
//!   replaced one by one; see `commit`.
//! - The memtable of surrealkv starts a backward scan at its very end and walks
//!   to the place asked for: 0.2 s with 100,000 notes in it (unoptimised build).
//!   Notes therefore carry ranks that grow as time goes back, so that the latest
//!   come first in a forward scan. Lists with the oldest first do scan backward.
//! - Only writes conflict. The guard on the checkpoint is safe because every
//!   commit writes the checkpoint with a changed value.
//! - Closing is asynchronous and silent: after the last client is dropped the
//!   engine flushes and then releases its lock, also when flushing failed. See
//!   `folder` for what counts as a clean close.
//! - surrealkv can lose a batch that it acknowledged, with its index entries,
//!   when it is killed or the power fails: the one that filled the memtable is
//!   in a segment of the log that is deleted before that batch is flushed. How
//!   far back it can be is `memtable_bytes`; what to do is `folder`, healing in
//!   the application, and `rebuild`.
//! - `REBUILD INDEX` deletes all entries in one transaction; see `rebuild`.
//! - Every `mem://` connection is a database of its own, so that client is kept
//!   until the store is dropped.

mod commit;
mod conflict;
mod endpoint;
mod engine;
mod error;
mod folder;
mod list;
mod memtable;
mod migrate;
mod note_store;
mod options;
mod rank;
mod read;
mod rebuild;
mod remote;
mod row;
mod schema;
mod statements;
mod store;
mod transaction;
mod version;

pub use memtable::memtable_bytes;
pub use options::{AuthLevel, Credentials, PoolOptions, SurrealOptions};
pub use store::SurrealStore;
pub use version::VersionPolicy;

#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod error_tests;
#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod rebuild_tests;
#[cfg(test)]
mod store_tests;
