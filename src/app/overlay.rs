//! A note as its pending commands will make it, as far as that can be told
//! without the database.
//!
//! The commands of the note that are not applied yet are read from the log and
//! judged, by the same `decide`, on what is known of the note. Where nothing is
//! known, some commands tell enough by themselves: see [`Overlaid::after`].

use super::desk::Desk;
use super::index_backlog::index_upto;
use super::last_known::Fold;
use super::pending::Snapshot;
use super::{Consistency, ReadNote};
use crate::domain::{Change, Command, Note, NoteId, Precondition, Sequence, Submission, decide};
use crate::ports::{LogError, Measurement, ReadLimit};

/// A stretch of log is read at once when at least every second command of it is
/// wanted, up to so many.
const MAX_STRETCH: u64 = 256;

/// At most so many bytes of log are read at once.
const MAX_STRETCH_BYTES: u64 = 1 << 20;

/// After so many commands the state that was reached is remembered.
const REMEMBER_EVERY: usize = 256;

/// What is known of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Overlaid {
    Unknown,
    Known {
        /// The note; `None` when it is not there.
        note: Option<Note>,
        /// It was taken not to have been there before it was put: its version
        /// and the time of its creation may be others.
        assumed: bool,
    },
}

impl Overlaid {
    pub(super) fn known(note: Option<Note>) -> Self {
        Self::Known { note, assumed: false }
    }

    pub(super) fn gone() -> Self {
        Self::known(None)
    }

    pub(super) fn is_exact(&self) -> bool {
        matches!(self, Self::Known { assumed: false, .. })
    }

    pub(super) fn note(&self) -> Option<&Note> {
        match self {
            Self::Unknown => None,
            Self::Known { note, .. } => note.as_ref(),
        }
    }

    /// The state after one more command.
    pub(super) fn after(self, submission: &Submission) -> Self {
        let Submission { command, precondition, accepted_at, .. } = submission;
        let decided = |note: Option<&Note>| decide(note, command, precondition, *accepted_at);
        match self {
            // Whether it met the version that it expects cannot be told.
            Self::Known { assumed: true, .. }
                if matches!(precondition, Precondition::VersionIn(_)) =>
            {
                Self::Unknown
            }
            Self::Known { note, assumed } => match decided(note.as_ref()) {
                Ok(Change::Deleted) => Self::gone(),
                Ok(Change::Created(note)) => Self::known(Some(note)),
                Ok(Change::Updated(note)) => Self::Known { note: Some(note), assumed },
                Err(_) => Self::Known { note, assumed },
            },
            Self::Unknown => match (command, precondition) {
                // Whatever it was before.
                (Command::Restate { note, .. }, _) => Self::known(note.as_deref().cloned()),
                // The service chooses a new id for each: there was no such note.
                (Command::Create { .. }, _) => {
                    decided(None).map_or(self, |change| Self::known(change.note().cloned()))
                }
                (Command::Put { .. }, Precondition::None | Precondition::MustNotExist) => {
                    decided(None).map_or(self, |change| Self::Known {
                        note: change.note().cloned(),
                        assumed: true,
                    })
                }
                // Deleted now, or not there in the first place.
                (Command::Delete { .. }, Precondition::None | Precondition::MustExist) => {
                    Self::gone()
                }
                _ => Self::Unknown,
            },
        }
    }
}

/// The note with every command that was acknowledged before the call, or as it
/// was known last if there is none; `None` when that cannot be told.
pub(super) async fn overlay(desk: &Desk, id: &NoteId) -> Result<Option<ReadNote>, LogError> {
    let upto = desk.pending.registered();
    index_upto(desk, upto).await?;
    // Of many readers of one note only one reads its commands.
    let _turn = desk.pending.turn(id).await;
    let snapshot = desk.pending.snapshot(id, upto);
    let (start, is_folded) = match (&snapshot.fold, &snapshot.base) {
        (Some(fold), _) => (fold.state.clone(), true),
        (None, Some(base)) => (Overlaid::known(base.note.clone()), false),
        (None, None) => (Overlaid::Unknown, false),
    };
    let (state, folded) = fold(desk, id, &snapshot, start).await?;
    if is_folded || folded > 0 {
        return Ok(shown(state, Consistency::Pending));
    }
    let may_show = snapshot.is_fresh && snapshot.is_complete;
    let recalled = shown(state, Consistency::Stale).filter(|_| may_show);
    desk.ports.metrics.record(Measurement::Recalled { found: recalled.is_some() });
    Ok(recalled)
}

/// The note with the commands that are held for it, on what the database holds.
pub(super) async fn overlay_held(
    desk: &Desk,
    id: &NoteId,
    found: Option<Note>,
) -> Result<Option<ReadNote>, LogError> {
    let upto = desk.pending.registered();
    index_upto(desk, upto).await?;
    let snapshot = desk.pending.snapshot_held(id, upto);
    let (state, _) = fold(desk, id, &snapshot, Overlaid::known(found)).await?;
    Ok(shown(state, Consistency::Pending))
}

fn shown(state: Overlaid, consistency: Consistency) -> Option<ReadNote> {
    match state {
        Overlaid::Unknown => None,
        Overlaid::Known { note, assumed } => Some(ReadNote { note, consistency, assumed }),
    }
}

/// Judges the commands of a snapshot. Tells how many were about the note.
async fn fold(
    desk: &Desk,
    id: &NoteId,
    snapshot: &Snapshot,
    mut state: Overlaid,
) -> Result<(Overlaid, usize), LogError> {
    let mut folded = 0;
    let mut remembered = 0;
    let mut rest = snapshot.commands.as_slice();
    while let Some(first) = rest.first() {
        let limit = ReadLimit { max_commands: stretch(*first, rest), max_bytes: MAX_STRETCH_BYTES };
        let mut reached = *first;
        for entry in desk.ports.log.read(*first, limit).await? {
            reached = entry.seq();
            if entry.note_id() == id && rest.binary_search(&reached).is_ok() {
                state = state.after(&entry.submission);
                folded += 1;
            }
        }
        rest = rest.get(rest.partition_point(|seq| *seq <= reached)..).unwrap_or_default();
        if folded >= remembered + REMEMBER_EVERY || (rest.is_empty() && folded > remembered) {
            remembered = folded;
            desk.pending.folded(id, snapshot, Fold { state: state.clone(), upto: reached });
        }
    }
    Ok((state, folded))
}

/// How many commands of the log from `first` on are worth reading at once.
fn stretch(first: Sequence, wanted: &[Sequence]) -> usize {
    let length = |seq: &Sequence| seq.since(first) + 1;
    let dense = wanted
        .iter()
        .zip(1_u64..)
        .take_while(|(seq, count)| length(seq) <= MAX_STRETCH && length(seq) <= 2 * count);
    dense.last().map_or(1, |(seq, _)| usize::try_from(length(seq)).unwrap_or(1))
}
