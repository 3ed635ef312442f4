//! Learning from the log what the commands of an earlier process are about.

use super::desk::Desk;
use crate::domain::Sequence;
use crate::ports::{LogError, ReadLimit};

/// How much of the log is read at once.
const BATCH: ReadLimit = ReadLimit { max_commands: 1024, max_bytes: 4 << 20 };

/// Indexes the end of the log as it was when the service started, beside
/// everything else, so that reads need not wait for it when the database is away.
/// What the database is found to have applied meanwhile is left out.
pub(super) async fn index_backlog(desk: &Desk) {
    let end = desk.pending.opened_at().seq;
    let indexed = async {
        let floor = desk.ports.log.floor(end, desk.options.queue.max_bytes).await?;
        desk.pending.skip_before(floor);
        index_upto(desk, end).await
    };
    if let Err(error) = indexed.await {
        // Reads try again, each up to its deadline.
        tracing::warn!(code = error.code(), reason = %error, "the backlog was not indexed");
    }
}

/// Makes sure that every command up to that one is indexed. Dropping the call
/// keeps what was reached.
pub(super) async fn index_upto(desk: &Desk, upto: Sequence) -> Result<(), LogError> {
    while desk.pending.first_hole(upto).is_some() {
        // Of many readers only one reads the log.
        let _turn = desk.pending.indexing().await;
        let Some(from) = desk.pending.first_hole(upto) else { break };
        match desk.ports.log.read(from, BATCH).await {
            Ok(entries) if entries.is_empty() => {
                return Err(LogError::PastEnd { asked: from, last: upto });
            }
            Ok(entries) => desk.pending.index(&entries),
            // What is no longer retained was applied.
            Err(LogError::BeforeFirst { first, .. }) if first > from => {
                desk.pending.skip_before(first);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
