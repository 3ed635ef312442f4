//! Commands that stand aside because they can never be applied.
//!
//! A command that the database refuses for what it is (poison) is parked: the
//! transaction that moves the checkpoint past it records it with its reason.
//! Later commands of the same note are parked behind it, in order; other notes
//! go on. A transient failure never parks anything.
//!
//! Which command of a batch is refused is found by halving: see [`Narrowing`].
//! At every start and every reconnect the parked commands are attempted once
//! more, since someone may have mended what was in their way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use crate::domain::{NoteId, Sequence};
use crate::ports::{Batch, Parked};

/// How often a command is refused on its own before it is parked.
const ATTEMPTS: u32 = 3;

/// How long to wait before the next attempt, times the attempts so far.
const PAUSE: Duration = Duration::from_millis(50);

/// The parked commands of this log, as the database has them.
#[derive(Debug, Default)]
pub(super) struct ParkedCommands {
    by_seq: BTreeMap<Sequence, Parked>,
    of_note: HashMap<NoteId, BTreeSet<Sequence>>,
}

impl ParkedCommands {
    pub(super) fn insert(&mut self, parked: Parked) {
        self.of_note.entry(parked.note.clone()).or_default().insert(parked.seq);
        self.by_seq.insert(parked.seq, parked);
    }

    fn remove(&mut self, seq: Sequence) {
        let Some(parked) = self.by_seq.remove(&seq) else { return };
        if let Some(of_note) = self.of_note.get_mut(&parked.note) {
            of_note.remove(&seq);
            if of_note.is_empty() {
                self.of_note.remove(&parked.note);
            }
        }
    }

    /// A batch was committed.
    pub(super) fn committed(&mut self, batch: &Batch) {
        batch.released.iter().for_each(|seq| self.remove(*seq));
        batch.parked.iter().for_each(|parked| self.insert(parked.clone()));
    }

    pub(super) fn get(&self, seq: Sequence) -> Option<&Parked> {
        self.by_seq.get(&seq)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Parked> {
        self.by_seq.values()
    }

    /// Those from there on, in order.
    pub(super) fn from(&self, seq: Sequence) -> impl Iterator<Item = &Parked> {
        self.by_seq.range(seq..).map(|(_, parked)| parked)
    }

    /// The first parked command of that note, if it comes before `seq`.
    pub(super) fn ahead_of(&self, note: &NoteId, seq: Sequence) -> Option<Sequence> {
        let first = self.of_note.get(note)?.first()?;
        (*first < seq).then_some(*first)
    }

    /// The commands of that note, in order.
    pub(super) fn of_note(&self, note: &NoteId) -> Vec<Sequence> {
        self.of_note.get(note).map_or_else(Vec::new, |seqs| seqs.iter().copied().collect())
    }

    /// The notes that have any.
    pub(super) fn notes(&self) -> Vec<NoteId> {
        self.of_note.keys().cloned().collect()
    }

    pub(super) fn len(&self) -> u64 {
        self.by_seq.len() as u64
    }
}

/// Finds the command that a transaction is refused for: after each refusal half
/// as many are attempted, down to one; after each success twice as many again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Narrowing {
    most: usize,
    /// How many commands the next transaction may hold.
    limit: usize,
    /// How often the first of them was refused on its own.
    refused: u32,
}

/// What to do about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Attempt fewer commands.
    Narrow,
    /// Attempt the same command once more after that time.
    Again(Duration),
    /// Park it; it was attempted so often.
    Park(u32),
}

impl Narrowing {
    pub(super) fn new(most: usize) -> Self {
        Self { most, limit: most, refused: 0 }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A transaction of so many commands was refused for what it held.
    pub(super) fn refused(&mut self, commands: usize) -> Refused {
        if commands > 1 {
            self.limit = commands / 2;
            return Refused::Narrow;
        }
        self.refused += 1;
        if self.refused < ATTEMPTS {
            Refused::Again(PAUSE * self.refused)
        } else {
            Refused::Park(self.refused)
        }
    }

    /// A transaction was committed.
    pub(super) fn committed(&mut self) {
        self.limit = self.limit.saturating_mul(2).min(self.most);
        self.refused = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrowing_halves_to_one_and_widens_again() {
        let mut narrowing = Narrowing::new(100);
        let mut limits = Vec::new();
        while narrowing.limit() > 1 {
            assert_eq!(narrowing.refused(narrowing.limit()), Refused::Narrow);
            limits.push(narrowing.limit());
        }
        assert_eq!(limits, [50, 25, 12, 6, 3, 1]);
        assert_eq!(narrowing.refused(1), Refused::Again(PAUSE));
        assert_eq!(narrowing.refused(1), Refused::Again(PAUSE * 2));
        assert_eq!(narrowing.refused(1), Refused::Park(3));
        for limit in [2, 4, 8, 16, 32, 64, 100, 100] {
            narrowing.committed();
            assert_eq!(narrowing.limit(), limit);
        }
        assert_eq!(narrowing.refused(1), Refused::Again(PAUSE), "the count starts over");
    }
}
