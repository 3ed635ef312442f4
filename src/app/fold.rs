//! Judging a log anew from its first command on, without a database.

use std::collections::BTreeSet;

use super::ReplayError;
use crate::domain::{Entry, Rejection, Sequence};
use crate::ports::{CommandLog, LogError, NoteStore, ReadLimit};

/// How much of the log is read at once.
const PIECE: ReadLimit = ReadLimit { max_commands: 1024, max_bytes: 8 << 20 };

/// That a log can be judged from its first command on.
///
/// # Errors
/// [`ReplayError::Refused`] when its beginning is no longer retained.
pub(super) fn begins_with_its_first(log: &dyn CommandLog) -> Result<(), ReplayError> {
    match log.positions().first {
        first if first > Sequence::FIRST => Err(ReplayError::Refused(format!(
            "the log begins with command {first}: what the commands before it made of the notes \
             is not in it"
        ))),
        _ => Ok(()),
    }
}

/// Shows every command up to `upto`, and whether an operator gave it up, which only
/// the database knows; tells after each piece of the log which command it is at.
///
/// # Errors
/// [`ReplayError::Refused`] when the log cannot be read,
/// [`ReplayError::Database`] when the database does not answer.
pub(super) async fn each_command(
    log: &dyn CommandLog,
    store: &dyn NoteStore,
    upto: Sequence,
    mut visit: impl FnMut(&Entry, bool),
    mut at: impl FnMut(Sequence),
) -> Result<(), ReplayError> {
    let unreadable = |error: LogError| ReplayError::Refused(error.to_string());
    let mut from = Sequence::FIRST;
    while from <= upto {
        let entries = log.read(from, PIECE).await.map_err(unreadable)?;
        let Some(last) = entries.last() else {
            let last = log.positions().last.seq;
            return Err(unreadable(LogError::PastEnd { asked: from, last }));
        };
        let rejected = store.rejections(log.id(), from, last.seq()).await?;
        let given_up: BTreeSet<Sequence> = rejected
            .into_iter()
            .filter_map(|(seq, why)| (why == Rejection::Discarded).then_some(seq))
            .collect();
        for entry in entries.iter().filter(|entry| entry.seq() <= upto) {
            visit(entry, given_up.contains(&entry.seq()));
        }
        at(last.seq().min(upto));
        from = last.seq().next();
    }
    Ok(())
}
