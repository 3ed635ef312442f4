//! What the beginning of a log amounts to, to stand in its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::fold::{begins_with_its_first, each_command};
use super::unpark::learn_parked;
use super::{Replay, ReplayError};
use crate::domain::{Command, Entry, Note, NoteId, Rejection, Sequence, Submission, decide};
use crate::ports::{Checkpoint, CommandLog, LogError, NoteStore};

/// The last command that nobody needs as it was submitted any more, given where the
/// database is, from where on healing looks at the log, and what is parked.
pub(super) fn settled(
    checkpoint: &Checkpoint,
    heal_floor: Sequence,
    first_parked: Option<Sequence>,
) -> Sequence {
    // Healing compares from the horizon on, whatever the window is now.
    let needed = checkpoint.horizon.min(heal_floor).min(checkpoint.applied.next());
    first_parked.map_or(needed, |parked| parked.min(needed)).previous()
}

impl Replay {
    /// The last command that nobody needs as it was submitted any more: the database
    /// has applied it, healing does not look at it, and none up to it is parked.
    /// 0 where there is none.
    ///
    /// # Errors
    /// When the database is not reached, or the log cannot be read.
    pub async fn settled(&mut self) -> Result<Sequence, ReplayError> {
        let log = &self.desk.ports.log;
        let Some(checkpoint) = self.desk.ports.store.checkpoint(log.id()).await? else {
            return Ok(Sequence::ZERO);
        };
        let refused = |error: LogError| ReplayError::Refused(error.to_string());
        let window = self.desk.options.heal_window_bytes;
        let floor = log.floor(checkpoint.applied, window).await.map_err(refused)?;
        learn_parked(&self.desk).await?;
        let first_parked = self.desk.parked().all().map(|parked| parked.seq).min();
        Ok(settled(&checkpoint, floor, first_parked))
    }
}

/// The commands of a log up to one of them, reduced to what they amounted to.
///
/// Of each note the last command that changed it is kept, as the note that it made,
/// and of each command that was rejected the reason. What is left are those that
/// later ones have overtaken. All of it is held in memory.
pub struct Compaction {
    log: Arc<dyn CommandLog>,
    store: Arc<dyn NoteStore>,
    through: Sequence,
    notes: BTreeMap<NoteId, Restated>,
    /// What is kept of each command of which something is.
    kept: BTreeMap<Sequence, (DateTime<Utc>, Kept)>,
}

/// A note, and the command that changed it last.
struct Restated {
    note: Option<Note>,
    last: Sequence,
}

/// What is kept of a command.
enum Kept {
    /// The note that it made or removed.
    Note(NoteId),
    /// A command that says all of it.
    Command(Command),
}

impl Compaction {
    /// A compaction of the commands up to `through`, which nobody needs as they were.
    ///
    /// # Errors
    /// [`ReplayError::Refused`] when the log does not begin with its first command.
    pub fn new(
        log: Arc<dyn CommandLog>,
        store: Arc<dyn NoteStore>,
        through: Sequence,
    ) -> Result<Self, ReplayError> {
        begins_with_its_first(&*log)?;
        Ok(Self { log, store, through, notes: BTreeMap::new(), kept: BTreeMap::new() })
    }

    /// Judges the commands, and tells after each piece of the log which it is at.
    ///
    /// # Errors
    /// [`ReplayError::Refused`] when the log cannot be read,
    /// [`ReplayError::Database`] when the database does not answer.
    pub async fn fold(&mut self, at: impl FnMut(Sequence)) -> Result<(), ReplayError> {
        let (log, store, upto) = (Arc::clone(&self.log), Arc::clone(&self.store), self.through);
        each_command(&*log, &*store, upto, |entry, given_up| self.judge(entry, given_up), at).await
    }

    fn judge(&mut self, entry: &Entry, is_given_up: bool) {
        let Submission { command, precondition, accepted_at, .. } = &entry.submission;
        let (seq, id) = (entry.seq(), entry.note_id());
        if *command == Command::Lost {
            self.kept.insert(seq, (*accepted_at, Kept::Command(Command::Lost)));
            return;
        }
        let current = self.notes.get(id);
        let decided = match is_given_up {
            true => Err(Rejection::Discarded),
            false => {
                let note = current.and_then(|restated| restated.note.as_ref());
                decide(note, command, precondition, *accepted_at)
            }
        };
        let kept = match decided {
            Ok(change) => {
                let note = change.note().cloned();
                let before = self.notes.insert(id.clone(), Restated { note, last: seq });
                if let Some(Restated { last, .. }) = before {
                    self.kept.remove(&last);
                }
                Kept::Note(id.clone())
            }
            Err(rejection) => Kept::Command(Command::Refuse { id: id.clone(), rejection }),
        };
        self.kept.insert(seq, (*accepted_at, kept));
    }

    /// How many commands there were.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.through.get()
    }

    /// Of how many of them something is kept.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept.len() as u64
    }

    /// How many notes there are after them.
    #[must_use]
    pub fn notes(&self) -> u64 {
        self.notes.values().filter(|restated| restated.note.is_some()).count() as u64
    }

    /// What is kept, in the order of the log. The last one is always the last command
    /// that was compacted: nothing can have overtaken it.
    pub fn entries(&self) -> impl Iterator<Item = (Sequence, Submission)> {
        self.kept.iter().map(|(seq, (accepted_at, kept))| {
            let command = match kept {
                Kept::Command(command) => command.clone(),
                Kept::Note(id) => {
                    let restated = self.notes.get(id);
                    let note = restated.and_then(|restated| restated.note.clone()).map(Box::new);
                    Command::Restate { id: id.clone(), note }
                }
            };
            (*seq, Submission::of_the_log(*accepted_at, command))
        })
    }
}
