//! Notes as they were seen last, for reads while the database is away.
//!
//! Bounded by bytes, so any note may be missing. For each note there may be
//! *a base*, what the database held, and *a fold*, what the commands that are
//! pending make of it. A fold foresees the judgement and is dropped with the
//! first command of its note that is judged; a base was judged.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use super::overlay::Overlaid;
use super::pending::NoteHash;
use crate::domain::{Note, NoteId, Sequence};

/// Changes are counted in so many groups of notes.
const GROUPS: usize = 1024;

/// About what an entry takes beside the texts of its notes.
const OVERHEAD: usize = 512;

/// A note as the database held it.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// The note; `None` when there was none.
    pub(super) note: Option<Note>,
    /// It reflects every command of this log up to here that was judged.
    pub(super) reflects: Sequence,
    /// It may reflect commands up to here; it reflects none that come later.
    pub(super) may_reflect: Sequence,
    /// When that was so.
    pub(super) at: Instant,
}

/// A note as its pending commands make it.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub(super) state: Overlaid,
    /// The last command of the note that was folded.
    pub(super) upto: Sequence,
}

/// What is known of one note.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) base: Option<Arc<Base>>,
    pub(super) fold: Option<Arc<Fold>>,
}

/// What some commands of one note amounted to when they were judged.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect<'a> {
    /// They changed nothing.
    Nothing,
    /// The note is this now; `None` when it is gone.
    Is(Option<&'a Note>),
    /// They may have changed it; how was not told.
    Untold,
}

/// A moment, to find out later whether a note was changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    cleared: u64,
    changes: u64,
}

/// The bounded memory of notes. Its owner keeps it in step with what is pending.
pub(super) struct LastKnown {
    notes: Cache<NoteId, Known>,
    keeps_any: bool,
    ttl: Duration,
    changes: Vec<u64>,
    cleared: u64,
}

impl LastKnown {
    /// At most so many bytes; what is older than `ttl` is not shown as it is any
    /// more, but pending commands may still build on it.
    pub(super) fn new(max_bytes: u64, ttl: Duration) -> Self {
        let notes = Cache::builder().max_capacity(max_bytes).weigher(weight).build();
        Self { notes, keeps_any: max_bytes > 0, ttl, changes: vec![0; GROUPS], cleared: 0 }
    }

    pub(super) fn get(&self, id: &NoteId) -> Known {
        self.notes.get(id).unwrap_or_default()
    }

    /// Whether a note of that age may be shown as it is.
    pub(super) fn is_fresh(&self, base: &Base) -> bool {
        base.at.elapsed() <= self.ttl
    }

    pub(super) fn mark(&self, hash: NoteHash) -> Mark {
        let changes = self.changes.get(group(hash)).copied().unwrap_or_default();
        Mark { cleared: self.cleared, changes }
    }

    /// Commands of that note were judged, the last of the batch being `upto`.
    pub(super) fn judged(
        &mut self,
        id: &NoteId,
        hash: NoteHash,
        effect: Effect<'_>,
        upto: Sequence,
    ) {
        self.changed(hash);
        match effect {
            Effect::Is(note) => {
                let (note, at) = (note.cloned(), Instant::now());
                let base = Base { note, reflects: upto, may_reflect: upto, at };
                self.put(id, Known { base: Some(Arc::new(base)), fold: None });
            }
            Effect::Nothing => {
                let known = self.get(id);
                if known.fold.is_some() {
                    self.put(id, Known { fold: None, ..known });
                }
            }
            Effect::Untold => self.notes.invalidate(id),
        }
    }

    /// Which commands stand before the database changed for that note.
    pub(super) fn forget(&mut self, id: &NoteId, hash: NoteHash) {
        self.changed(hash);
        self.notes.invalidate(id);
    }

    /// The database is not where it was left.
    pub(super) fn forget_all(&mut self) {
        self.cleared += 1;
        self.notes.invalidate_all();
    }

    /// The database was read, the reading having begun at that mark.
    pub(super) fn read(&mut self, id: &NoteId, hash: NoteHash, since: Mark, base: Base) {
        let mut known = self.get(id);
        let is_older = known.base.as_ref().is_some_and(|known| known.reflects > base.reflects);
        if self.mark(hash) != since || is_older {
            return;
        }
        // On a base that is known more can be told.
        known.fold = known.fold.filter(|fold| fold.state.is_exact());
        known.base = Some(Arc::new(base));
        self.put(id, known);
    }

    /// Pending commands were folded that were pending at that mark.
    pub(super) fn folded(&mut self, id: &NoteId, hash: NoteHash, since: Mark, fold: Fold) {
        let known = self.get(id);
        let is_older = known.fold.as_ref().is_some_and(|known| known.upto > fold.upto);
        if self.mark(hash) == since && !is_older {
            self.put(id, Known { fold: Some(Arc::new(fold)), ..known });
        }
    }

    fn put(&self, id: &NoteId, known: Known) {
        if self.keeps_any {
            self.notes.insert(id.clone(), known);
        }
    }

    fn changed(&mut self, hash: NoteHash) {
        if let Some(changes) = self.changes.get_mut(group(hash)) {
            *changes += 1;
        }
    }
}

fn group(hash: NoteHash) -> usize {
    usize::try_from(hash.get() % GROUPS as u64).unwrap_or_default()
}

fn weight(id: &NoteId, known: &Known) -> u32 {
    let base = known.base.as_ref().and_then(|base| base.note.as_ref());
    let fold = known.fold.as_ref().and_then(|fold| fold.state.note());
    let notes: usize = [base, fold].into_iter().flatten().map(size).sum();
    u32::try_from(OVERHEAD + id.key().len() + notes).unwrap_or(u32::MAX)
}

fn size(note: &Note) -> usize {
    let Note { id, title, content, author, tags, .. } = note;
    let tags: usize = tags.iter().map(|tag| size_of::<String>() + tag.len()).sum();
    size_of::<Note>() + id.key().len() + title.len() + content.len() + author.len() + tags
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{draft, id};
    use super::*;
    use crate::domain::{Change, Command, Precondition, decide};

    const HASH: fn(u64) -> NoteHash = NoteHash::new;

    fn note(key: &str) -> Note {
        let command = Command::Create { id: id(key), draft: draft("title") };
        let at = chrono::DateTime::UNIX_EPOCH;
        match decide(None, &command, &Precondition::None, at) {
            Ok(Change::Created(note)) => note,
            other => panic!("{other:?}"),
        }
    }

    fn base(key: &str, seq: u64) -> Base {
        let seq = Sequence::new(seq);
        Base { note: Some(note(key)), reflects: seq, may_reflect: seq, at: Instant::now() }
    }

    #[test]
    fn it_is_bounded_by_bytes() {
        let mut known = LastKnown::new(64 * 1024, Duration::from_secs(1));
        for number in 0..10_000 {
            let key = format!("k{number}");
            let effect_of = note(&key);
            known.judged(&id(&key), HASH(number), Effect::Is(Some(&effect_of)), Sequence::FIRST);
        }
        known.notes.run_pending_tasks();
        let (bytes, count) = (known.notes.weighted_size(), known.notes.entry_count());
        assert!(bytes <= 64 * 1024 && count > 20, "{count} entries of {bytes} bytes");
    }

    #[test]
    fn without_room_it_keeps_nothing() {
        let mut known = LastKnown::new(0, Duration::from_secs(1));
        known.judged(&id("a"), HASH(1), Effect::Is(None), Sequence::FIRST);
        assert!(known.get(&id("a")).base.is_none());
    }

    #[test]
    fn a_read_that_was_overtaken_is_not_kept() {
        let mut known = LastKnown::new(1 << 20, Duration::from_secs(1));
        let before = known.mark(HASH(1));
        known.judged(&id("a"), HASH(1), Effect::Is(None), Sequence::new(5));
        // Also when the judged state was evicted meanwhile.
        known.notes.invalidate(&id("a"));
        known.read(&id("a"), HASH(1), before, base("a", 4));
        assert!(known.get(&id("a")).base.is_none());
        let before = known.mark(HASH(1));
        known.forget_all();
        known.read(&id("a"), HASH(1), before, base("a", 6));
        assert!(known.get(&id("a")).base.is_none());
    }

    #[test]
    fn a_later_state_is_never_replaced_by_an_earlier_one() {
        let mut known = LastKnown::new(1 << 20, Duration::from_secs(1));
        known.judged(&id("a"), HASH(1), Effect::Is(None), Sequence::new(5));
        known.read(&id("a"), HASH(1), known.mark(HASH(1)), base("a", 4));
        assert!(known.get(&id("a")).base.unwrap().note.is_none());
        known.read(&id("a"), HASH(1), known.mark(HASH(1)), base("a", 5));
        assert!(known.get(&id("a")).base.unwrap().note.is_some());
    }

    #[test]
    fn a_fold_goes_with_the_first_judgement_and_a_base_stays_after_a_rejection() {
        let mut known = LastKnown::new(1 << 20, Duration::from_secs(1));
        let fold = |upto| Fold { state: Overlaid::gone(), upto: Sequence::new(upto) };
        known.read(&id("a"), HASH(1), known.mark(HASH(1)), base("a", 4));
        known.folded(&id("a"), HASH(1), known.mark(HASH(1)), fold(7));
        assert!(known.get(&id("a")).fold.is_some());
        let before = known.mark(HASH(1));
        known.judged(&id("a"), HASH(1), Effect::Nothing, Sequence::new(5));
        known.folded(&id("a"), HASH(1), before, fold(8));
        let kept = known.get(&id("a"));
        assert!(kept.fold.is_none() && kept.base.is_some());
        known.judged(&id("a"), HASH(1), Effect::Untold, Sequence::new(6));
        assert!(known.get(&id("a")).base.is_none());
    }
}
