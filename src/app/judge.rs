//! From commands and the notes they meet to what a transaction shall hold.

use std::collections::HashMap;

use super::Outcome;
use crate::domain::{Change, Entry, LogId, Note, NoteId, Rejection, Sequence, decide};
use crate::ports::{Stamp, Stored, Write};

/// What became of some commands, in log order.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// The outcome of each command that was judged.
    pub(super) outcomes: Vec<(Sequence, Outcome)>,
    /// What becomes of the notes, at most one write per note.
    pub(super) writes: Vec<Write>,
    /// The rejections among the outcomes.
    pub(super) rejections: Vec<(Sequence, Rejection)>,
    /// How many commands were left alone: their note already reflects them, or
    /// a later command.
    pub(super) left_alone: u64,
}

/// The notes that some commands are about, each once.
pub(super) fn notes_of(entries: &[Entry]) -> Vec<NoteId> {
    let mut ids: Vec<NoteId> = entries.iter().map(|entry| entry.note_id().clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Judges commands in log order against the notes as the database has them.
///
/// A command is left alone when its note was last changed by that command or by
/// a later one of the same log. Applying a stretch of log again therefore
/// changes nothing, and healing puts back only what is missing. The note is
/// written as it is all the same: a batch holds every note that its marker
/// stands for, and does not rely on another batch to be there.
pub(super) fn judge(log: LogId, entries: &[Entry], stored: Vec<Stored>) -> Judged {
    let mut notes: HashMap<NoteId, Working> =
        stored.into_iter().map(|stored| (stored.id.clone(), Working::of(log, stored))).collect();
    let mut judged = Judged::default();
    for entry in entries {
        let note = notes.entry(entry.note_id().clone()).or_default();
        if note.seq >= entry.seq() {
            judged.left_alone += 1;
            note.is_written = true;
            continue;
        }
        let outcome = note.apply(entry);
        if let Err(rejection) = &outcome {
            judged.rejections.push((entry.seq(), *rejection));
        }
        judged.outcomes.push((entry.seq(), outcome));
    }
    judged.writes = notes.into_iter().filter_map(|(id, note)| note.into_write(id)).collect();
    // In log order, so that the same commands make the same transaction.
    judged.writes.sort_unstable_by_key(Write::seq);
    judged
}

/// A note while a batch is judged.
#[derive(Default)]
struct Working {
    note: Option<Note>,
    /// The command of this log that the note reflects last.
    seq: Sequence,
    is_written: bool,
}

impl Working {
    fn of(log: LogId, stored: Stored) -> Self {
        let (note, written) = match stored.note {
            Some((note, stamp)) => (Some(note), Some(stamp)),
            None => (None, None),
        };
        let of_this_log = |stamp: Stamp| (stamp.log == log).then_some(stamp.seq);
        let seq = written.and_then(of_this_log).max(stored.deleted.and_then(of_this_log));
        Self { note, seq: seq.unwrap_or_default(), is_written: false }
    }

    fn apply(&mut self, entry: &Entry) -> Outcome {
        let submission = &entry.submission;
        let change = decide(
            self.note.as_ref(),
            &submission.command,
            &submission.precondition,
            submission.accepted_at,
        )?;
        self.note = change.note().cloned();
        self.seq = entry.seq();
        self.is_written = true;
        Ok(change)
    }

    fn into_write(self, id: NoteId) -> Option<Write> {
        let seq = self.seq;
        self.is_written.then_some(match self.note {
            Some(note) => Write::Put { note, seq },
            None => Write::Delete { id, seq },
        })
    }
}

/// One word for an outcome, for the logs.
pub(super) fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Ok(Change::Created(_)) => "created",
        Ok(Change::Updated(_)) => "updated",
        Ok(Change::Deleted) => "deleted",
        Err(rejection) => rejection.code(),
    }
}
