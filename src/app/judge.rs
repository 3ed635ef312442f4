//! From commands and the notes they meet to what a transaction shall hold.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::Outcome;
use super::parking::ParkedCommands;
use crate::domain::{Change, Command, Entry, LogId, Note, NoteId, Sequence, decide};
use crate::ports::{Batch, Checkpoint, Found, Marker, Parked, Provenance, Stamp, Stored, Write};

/// What became of some commands, in log order.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// How the notes were found.
    pub(super) found: Vec<Found>,
    /// The notes that were taken to be absent without looking.
    pub(super) absent: Vec<NoteId>,
    /// The outcome of each command that was judged.
    pub(super) outcomes: Vec<(Sequence, Outcome)>,
    /// What becomes of the notes, at most one write per note.
    pub(super) writes: Vec<Write>,
    /// The commands that wait behind a parked one.
    pub(super) parked: Vec<Parked>,
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

/// The notes that some commands begin by making, in the order of [`notes_of`].
pub(super) fn made_by(entries: &[Entry]) -> Vec<NoteId> {
    let mut begun: BTreeMap<&NoteId, bool> = BTreeMap::new();
    for entry in entries {
        let makes = matches!(entry.submission.command, Command::Create { .. });
        begun.entry(entry.note_id()).or_insert(makes);
    }
    begun.into_iter().filter(|(_, makes)| *makes).map(|(id, _)| id.clone()).collect()
}

/// Judges commands in log order against the notes as the database has them.
///
/// A command is left alone when its note reflects that command or a later one of
/// the same log. Applying a stretch of log again therefore changes nothing, and
/// healing puts back only what is missing. The note is written as it is all the
/// same: a batch holds every note that its marker stands for, and does not rely
/// on another batch to be there.
///
/// A command whose note has an earlier one among `parked` is parked behind it,
/// at the time `now`; one that is parked itself stays so.
pub(super) fn judge(
    log: LogId,
    entries: &[Entry],
    stored: Vec<Stored>,
    parked: &ParkedCommands,
    now: DateTime<Utc>,
) -> Judged {
    let mut stored: HashMap<NoteId, Stored> =
        stored.into_iter().map(|stored| (stored.id.clone(), stored)).collect();
    let mut notes: BTreeMap<NoteId, Working> = BTreeMap::new();
    let mut judged = Judged::default();
    for id in notes_of(entries) {
        let known = stored.remove(&id).unwrap_or(Stored { id, note: None, deleted: None });
        judged.found.push(Found::of(&known));
        notes.insert(known.id.clone(), Working::of(log, known));
    }
    for entry in entries {
        if parked.get(entry.seq()).is_some() {
            continue;
        }
        if let Some(ahead) = parked.ahead_of(entry.note_id(), entry.seq()) {
            let reason = format!("it waits behind command {ahead}");
            judged.parked.push(parked_command(entry, 0, reason, now));
            continue;
        }
        let Some(note) = notes.get_mut(entry.note_id()) else { continue };
        if note.seq >= entry.seq() {
            judged.left_alone += 1;
            note.is_written = true;
            continue;
        }
        judged.outcomes.push((entry.seq(), note.apply(log, entry)));
    }
    judged.writes = notes.into_iter().filter_map(|(id, note)| note.into_write(id)).collect();
    judged
}

/// A command that is parked now.
pub(super) fn parked_command(
    entry: &Entry,
    attempts: u32,
    reason: String,
    since: DateTime<Utc>,
) -> Parked {
    Parked { seq: entry.seq(), note: entry.note_id().clone(), attempts, reason, since }
}

impl Judged {
    /// The transaction of these outcomes.
    pub(super) fn batch(
        &self,
        log: LogId,
        expected: Option<Checkpoint>,
        checkpoint: Checkpoint,
        marker: Marker,
    ) -> Batch {
        let rejection = |(seq, outcome): &(Sequence, Outcome)| Some((*seq, outcome.clone().err()?));
        let version = |(seq, outcome): &(Sequence, Outcome)| {
            Some((*seq, outcome.as_ref().ok()?.note()?.version))
        };
        Batch {
            found: self.found.clone(),
            absent: self.absent.clone(),
            writes: self.writes.clone(),
            rejections: self.outcomes.iter().filter_map(rejection).collect(),
            versions: self.outcomes.iter().filter_map(version).collect(),
            parked: self.parked.clone(),
            ..Batch::new(log, expected, checkpoint, marker)
        }
    }
}

/// A note while a batch is judged.
#[derive(Default)]
struct Working {
    note: Option<Note>,
    /// The commands that the note and the trace of its deletion reflect.
    reflected: Vec<Provenance>,
    /// The command of this log that they reflect last.
    seq: Sequence,
    is_written: bool,
}

impl Working {
    fn of(log: LogId, stored: Stored) -> Self {
        let (note, written) = match stored.note {
            Some((note, provenance)) => (Some(note), Some(provenance)),
            None => (None, None),
        };
        // What the note itself reflects comes first: it is written again as it is.
        let reflected: Vec<Provenance> = written.into_iter().chain(stored.deleted).collect();
        let seq = reflected.iter().filter_map(|provenance| provenance.of(log)).max();
        Self { note, reflected, seq: seq.unwrap_or_default(), is_written: false }
    }

    fn apply(&mut self, log: LogId, entry: &Entry) -> Outcome {
        let submission = &entry.submission;
        let change = decide(
            self.note.as_ref(),
            &submission.command,
            &submission.precondition,
            submission.accepted_at,
        )?;
        self.note = change.note().cloned();
        self.seq = entry.seq();
        let stamp = Stamp { log, seq: self.seq };
        self.reflected = vec![Provenance::after(&self.reflected, stamp)];
        self.is_written = true;
        Ok(change)
    }

    fn into_write(self, id: NoteId) -> Option<Write> {
        let provenance = self.reflected.into_iter().next().filter(|_| self.is_written)?;
        Some(match self.note {
            Some(note) => Write::Put { note, provenance },
            None => Write::Delete { id, provenance },
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
