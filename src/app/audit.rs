//! Whether a database is what its log amounts to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fold::{begins_with_its_first, each_command};
use super::{AppliedLog, ReplayError};
use crate::domain::{Command, Entry, LogId, Note, NoteId, Sequence, decide};
use crate::ports::{After, CommandLog, NoteQuery, NoteStore, Provenance, Sort, SortKey, Stored};

/// How many notes are asked for at once.
const NOTES_PER_READ: usize = 200;

/// Compares the notes of a connected database with those that the log amounts
/// to, judged anew from its first command on. It changes nothing, and neither
/// may anyone else meanwhile.
///
/// The fold holds every note that the log amounts to in memory, and the id of
/// every other one that it, or the database, ever names.
pub struct Audit {
    log: Arc<dyn CommandLog>,
    store: Arc<dyn NoteStore>,
    /// The commands that the database has applied, and those that it has parked.
    applied: AppliedLog,
    /// By id; `None` for a note that is not there.
    notes: BTreeMap<NoteId, Option<Note>>,
    lost: u64,
}

/// One note on both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AuditedNote<'a> {
    /// The note's id.
    pub id: &'a NoteId,
    /// What the log amounts to.
    pub log: Option<&'a Note>,
    /// What the database has.
    pub database: Option<&'a Note>,
    /// Whether another log has changed it, so that this one alone does not tell
    /// what it should be.
    pub of_other_logs: bool,
}

impl Audit {
    /// An audit of what that database has applied of that log. It was checked that
    /// they belong together.
    ///
    /// # Errors
    /// [`ReplayError::Refused`] when the log does not begin with its first
    /// command, [`ReplayError::Database`] when the database does not answer.
    pub async fn new(
        log: Arc<dyn CommandLog>,
        store: Arc<dyn NoteStore>,
    ) -> Result<Self, ReplayError> {
        begins_with_its_first(&*log)?;
        let applied = AppliedLog::of(&*store, log.id()).await?;
        Ok(Self { log, store, applied, notes: BTreeMap::new(), lost: 0 })
    }

    /// How many commands are to be judged.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.applied.checkpoint.unwrap_or_default().get()
    }

    /// How many commands the database has not applied yet. They are left out.
    #[must_use]
    pub fn unapplied(&self) -> u64 {
        self.log.positions().last.seq.since(self.applied.checkpoint.unwrap_or_default())
    }

    /// How many commands the database has parked. They are left out, too.
    #[must_use]
    pub fn parked(&self) -> u64 {
        self.applied.parked.len() as u64
    }

    /// How many of the judged commands the log has lost. What they had changed is
    /// a difference.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Judges the log, but for the commands that an operator gave up, and tells after
    /// each piece of it which command it is at.
    ///
    /// # Errors
    /// [`ReplayError::Refused`] when the log cannot be read,
    /// [`ReplayError::Database`] when the database does not answer.
    pub async fn fold(&mut self, at: impl FnMut(Sequence)) -> Result<(), ReplayError> {
        let upto = self.applied.checkpoint.unwrap_or_default();
        let (log, store) = (Arc::clone(&self.log), Arc::clone(&self.store));
        let judge = |entry: &Entry, is_given_up: bool| {
            if !is_given_up {
                self.judge(entry);
            }
        };
        each_command(&*log, &*store, upto, judge, at).await
    }

    fn judge(&mut self, entry: &Entry) {
        if self.applied.parked.contains(&entry.seq()) {
            return;
        }
        let submission = &entry.submission;
        if submission.command == Command::Lost {
            self.lost += 1;
            return;
        }
        let note = self.notes.entry(entry.note_id().clone()).or_default();
        let decided = decide(
            note.as_ref(),
            &submission.command,
            &submission.precondition,
            submission.accepted_at,
        );
        if let Ok(change) = decided {
            *note = change.note().cloned();
        }
    }

    /// Learns which other notes the database has. Returns how many notes there
    /// are to [compare](Self::compare).
    ///
    /// # Errors
    /// [`ReplayError::Database`] when the database does not answer.
    pub async fn list(&mut self) -> Result<u64, ReplayError> {
        let sort = Sort { key: SortKey::CreatedAt, descending: false };
        let mut after: Option<After> = None;
        loop {
            let limit = NOTES_PER_READ;
            let query = NoteQuery { author: None, tag: None, sort, limit, after };
            let page = self.store.query(&query).await?;
            for note in page.notes {
                self.notes.entry(note.id).or_default();
            }
            after = page.next;
            if after.is_none() {
                return Ok(self.notes.len() as u64);
            }
        }
    }

    /// Shows every note that either side has, by id ascending, and tells after
    /// each piece how many were compared.
    ///
    /// # Errors
    /// [`ReplayError::Database`] when the database does not answer.
    pub async fn compare(
        &self,
        mut visit: impl FnMut(AuditedNote<'_>),
        mut at: impl FnMut(u64),
    ) -> Result<(), ReplayError> {
        let log = self.log.id();
        let mut ids: Vec<NoteId> = Vec::with_capacity(NOTES_PER_READ);
        let mut done = 0;
        let mut left = self.notes.keys();
        loop {
            ids.clear();
            ids.extend(left.by_ref().take(NOTES_PER_READ).cloned());
            if ids.is_empty() {
                return Ok(());
            }
            let stored = self.store.load(&ids).await?;
            let stored: BTreeMap<NoteId, Stored> =
                stored.into_iter().map(|stored| (stored.id.clone(), stored)).collect();
            for id in &ids {
                let folded = self.notes.get(id).and_then(Option::as_ref);
                let stored = stored.get(id);
                let found = stored.and_then(|stored| stored.note.as_ref()).map(|(note, _)| note);
                let of_other_logs = stored.is_some_and(|stored| is_of_other_logs(stored, log));
                if folded.is_some() || found.is_some() {
                    visit(AuditedNote { id, log: folded, database: found, of_other_logs });
                }
            }
            done += ids.len() as u64;
            at(done);
        }
    }
}

/// Whether the note, or the trace of its deletion, reflects another log.
fn is_of_other_logs(stored: &Stored, log: LogId) -> bool {
    let written = stored.note.as_ref().map(|(_, provenance)| provenance);
    let reflects_another = |provenance: &Provenance| {
        provenance.last.log != log || provenance.earlier.keys().any(|other| *other != log)
    };
    written.into_iter().chain(&stored.deleted).any(reflects_another)
}
