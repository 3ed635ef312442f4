//! A note as it is known without the database, together with the commands that
//! this does not reflect.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;

use super::Pending;
use crate::app::last_known::{Base, Fold, Mark};
use crate::domain::{Note, NoteId, Sequence};

/// What is known of a note and which commands that does not reflect.
pub(in crate::app) struct Snapshot {
    /// The note with some of its pending commands.
    pub(in crate::app) fold: Option<Arc<Fold>>,
    /// The note without them.
    pub(in crate::app) base: Option<Arc<Base>>,
    /// Whether the base may be shown as it is.
    pub(in crate::app) is_fresh: bool,
    /// Whether there can be no command that is pending and not indexed.
    pub(in crate::app) is_complete: bool,
    /// What is still to be folded, ascending. Some may be about other notes.
    pub(in crate::app) commands: Vec<Sequence>,
    /// When that was so; `None` where the outcome must not be remembered.
    since: Option<Mark>,
}

/// A reading of the database that has begun.
pub(in crate::app) struct Reading {
    since: Mark,
    reflects: Sequence,
    at: Instant,
    /// The commands that are held for the note.
    pub(in crate::app) held: BTreeSet<Sequence>,
}

impl Pending {
    /// What can be told of that note when every command up to `upto` is indexed.
    pub(in crate::app) fn snapshot(&self, note: &NoteId, upto: Sequence) -> Snapshot {
        let hash = self.hash(note);
        let state = self.lock();
        let (known, since) = (state.known.get(note), state.known.mark(hash));
        let unindexed = self.unindexed(&state);
        let mut base = known.base.filter(|base| Some(base.reflects) >= unindexed);
        let is_fresh = base.as_ref().is_some_and(|base| state.known.is_fresh(base));
        let is_complete = base.is_some() || unindexed.is_none();
        let chain = |after| state.index.chain(hash, after, upto);
        let commands = chain(self.applied());
        // It cannot be told whether the base has the effect of the first already.
        base.take_if(|base| commands.first().is_some_and(|first| *first <= base.may_reflect));
        if let Some(held) = state.held.get(note) {
            let commands = held.iter().copied().chain(commands).collect();
            return Snapshot { fold: None, base, is_fresh, is_complete, commands, since: None };
        }
        let since = Some(since);
        let fold = known.fold.filter(|fold| fold.upto > self.applied());
        if let Some(fold) = fold {
            let commands = chain(fold.upto);
            return Snapshot { fold: Some(fold), base, is_fresh, is_complete, commands, since };
        }
        Snapshot { fold: None, base, is_fresh, is_complete, commands, since }
    }

    /// The note as the database has it, where that is remembered and no command of it is
    /// pending. Only for a database that nobody else changes.
    pub(in crate::app) fn settled(&self, note: &NoteId) -> Option<Option<Note>> {
        let hash = self.hash(note);
        let state = self.lock();
        // A hole in the index may be one of its commands.
        let is_indexed = self.applied() >= state.backlog_end && self.unindexed(&state).is_none();
        if !is_indexed || state.index.last(hash).is_some() || state.held.contains_key(note) {
            return None;
        }
        let known = state.known.get(note);
        drop(state);
        known.base.map(|base| base.note.clone())
    }

    /// The commands that are to be folded on a note as the database has it.
    pub(in crate::app) fn snapshot_held(&self, note: &NoteId, upto: Sequence) -> Snapshot {
        Snapshot { base: None, fold: None, since: None, ..self.snapshot(note, upto) }
    }

    /// The commands of a snapshot were folded up to some place.
    pub(in crate::app) fn folded(&self, note: &NoteId, snapshot: &Snapshot, fold: Fold) {
        if let Some(since) = snapshot.since {
            self.lock().known.folded(note, self.hash(note), since, fold);
        }
    }

    /// The database is about to be asked for that note.
    pub(in crate::app) fn reading(&self, note: &NoteId) -> Reading {
        let state = self.lock();
        Reading {
            since: state.known.mark(self.hash(note)),
            reflects: self.applied(),
            at: Instant::now(),
            held: state.held.get(note).cloned().unwrap_or_default(),
        }
    }

    /// The database answered, while the log ended at `end`. Tells whether what
    /// is held for the note is still the same.
    pub(in crate::app) fn read(
        &self,
        note: &NoteId,
        reading: &Reading,
        found: Option<&Note>,
        end: Sequence,
    ) -> bool {
        let Reading { since, reflects, at, held } = reading;
        let base = Base { note: found.cloned(), reflects: *reflects, may_reflect: end, at: *at };
        let mut state = self.lock();
        state.known.read(note, self.hash(note), *since, base);
        state.held.get(note).map_or(held.is_empty(), |now| now == held)
    }
}
