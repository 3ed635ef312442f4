//! Which commands of which note wait for the database, in few bytes each.
//!
//! A backlog may hold a million commands, so neither commands nor note ids are
//! kept: sequences are dense, so a queue of slots holds for each command a hash
//! of its note and the command before it with the same hash. Who follows such a
//! chain reads the commands from the log and leaves out those of other notes.

use std::collections::{HashMap, VecDeque};

use crate::domain::Sequence;

/// Maps keep this much room for a new start when they shrink.
const SPARE: usize = 1024;

/// Stands for a note. Two notes may have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::app) struct NoteHash(u64);

impl NoteHash {
    /// From any number; 0 is taken by what is not known.
    pub(in crate::app) fn new(number: u64) -> Self {
        Self(number.max(1))
    }

    pub(in crate::app) fn get(self) -> u64 {
        self.0
    }
}

/// One command.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The hash of its note; 0 while that is not known.
    hash: u64,
    /// The command before it with the same hash; 0 when there is none.
    previous: u64,
}

/// The commands after some place in the log, by note.
///
/// They may be told in any order and with holes. A hole is a command that was
/// not told yet: one of an earlier process, or one whose submitter is about to
/// tell it.
#[derive(Debug, Default)]
pub(in crate::app) struct PendingIndex {
    /// The first slot is the command after this one.
    base: u64,
    slots: VecDeque<Slot>,
    /// The last command of each hash.
    last: HashMap<u64, u64>,
    /// Up to here there are no holes.
    known: u64,
}

impl PendingIndex {
    /// One that does not know yet what the commands after `base` up to `end` are
    /// about.
    pub(in crate::app) fn new(base: Sequence, end: Sequence) -> Self {
        let mut index = Self { base: base.get(), known: base.get(), ..Self::default() };
        index.reach(end.get());
        index
    }

    /// The commands after this one are indexed.
    pub(in crate::app) fn base(&self) -> Sequence {
        Sequence::new(self.base)
    }

    /// The last command that it has heard of.
    pub(in crate::app) fn end(&self) -> Sequence {
        Sequence::new(self.base + self.slots.len() as u64)
    }

    /// The first hole up to and including `upto`.
    pub(in crate::app) fn first_hole(&self, upto: Sequence) -> Option<Sequence> {
        (self.known < upto.get()).then(|| Sequence::new(self.known + 1))
    }

    /// A command is about that note. Telling it again changes nothing.
    pub(in crate::app) fn insert(&mut self, seq: Sequence, hash: NoteHash) {
        let after = self.last.get(&hash.0).copied();
        self.link(seq.get(), hash.0, after);
        self.advance();
    }

    /// The same for many commands, in ascending order. Each chain is walked once.
    pub(in crate::app) fn fill(&mut self, commands: &[(Sequence, NoteHash)]) {
        let mut reached: HashMap<u64, u64> = HashMap::new();
        for (seq, hash) in commands.iter().rev() {
            let after = reached.get(&hash.0).or_else(|| self.last.get(&hash.0)).copied();
            if self.link(seq.get(), hash.0, after) {
                reached.insert(hash.0, seq.get());
            }
        }
        self.advance();
    }

    /// Puts a command into its chain, looking for its place from `after` down.
    /// Tells whether it was not there yet.
    fn link(&mut self, seq: u64, hash: u64, after: Option<u64>) -> bool {
        self.reach(seq);
        if self.slot(seq).is_none_or(|slot| slot.hash != 0) {
            return false;
        }
        let mut next = after.filter(|after| *after > seq);
        let mut previous = match next {
            Some(next) => self.previous(next),
            None => after.unwrap_or_default(),
        };
        while previous > seq {
            next = Some(previous);
            previous = self.previous(previous);
        }
        match next.and_then(|next| self.slot_mut(next)) {
            Some(slot) => slot.previous = seq,
            None => {
                self.last.insert(hash, seq);
            }
        }
        if let Some(slot) = self.slot_mut(seq) {
            *slot = Slot { hash, previous };
        }
        true
    }

    /// Forgets the commands up to and including that one.
    pub(in crate::app) fn drop_upto(&mut self, seq: Sequence) {
        while self.base < seq.get() {
            let Some(slot) = self.slots.pop_front() else {
                self.base = seq.get();
                break;
            };
            self.base += 1;
            if self.last.get(&slot.hash) == Some(&self.base) {
                self.last.remove(&slot.hash);
            }
        }
        self.known = self.known.max(self.base);
        self.advance();
        if self.last.capacity() / 4 > self.last.len() + SPARE {
            self.last.shrink_to(2 * self.last.len());
        }
        if self.slots.capacity() / 4 > self.slots.len() + SPARE {
            self.slots.shrink_to(2 * self.slots.len());
        }
    }

    /// Makes room again for the commands after `base`, of which nothing is known.
    pub(in crate::app) fn go_back(&mut self, base: Sequence) {
        if base.get() >= self.base {
            return;
        }
        // What was forgotten must be told again; until then no chain leads there.
        for slot in &mut self.slots {
            if slot.previous <= self.base {
                slot.previous = 0;
            }
        }
        while self.base > base.get() {
            self.slots.push_front(Slot::default());
            self.base -= 1;
        }
        self.known = self.base;
    }

    /// The last command of that note.
    pub(in crate::app) fn last(&self, hash: NoteHash) -> Option<Sequence> {
        self.last.get(&hash.0).copied().map(Sequence::new)
    }

    /// The commands of that note after `after` up to and including `upto`,
    /// ascending.
    pub(in crate::app) fn chain(
        &self,
        hash: NoteHash,
        after: Sequence,
        upto: Sequence,
    ) -> Vec<Sequence> {
        let least = after.get().max(self.base);
        let mut chain = Vec::new();
        let mut at = self.last.get(&hash.0).copied().unwrap_or_default();
        while at > least {
            if at <= upto.get() {
                chain.push(Sequence::new(at));
            }
            at = self.previous(at);
        }
        chain.reverse();
        chain
    }

    /// Makes slots up to that command.
    fn reach(&mut self, seq: u64) {
        let count = usize::try_from(seq.saturating_sub(self.base)).unwrap_or(usize::MAX);
        if count > self.slots.len() {
            self.slots.resize(count, Slot::default());
        }
    }

    fn advance(&mut self) {
        while self.slot(self.known + 1).is_some_and(|slot| slot.hash != 0) {
            self.known += 1;
        }
    }

    fn previous(&self, seq: u64) -> u64 {
        self.slot(seq).map_or(0, |slot| slot.previous)
    }

    fn slot(&self, seq: u64) -> Option<&Slot> {
        self.slots.get(usize::try_from(seq.checked_sub(self.base + 1)?).ok()?)
    }

    fn slot_mut(&mut self, seq: u64) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(seq.checked_sub(self.base + 1)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Action {
        /// Tells the command so many after the last applied one.
        Tell(u64),
        /// Tells so many commands from the first hole on.
        Fill(usize),
        Apply(u64),
        GoBack(u64),
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            6 => (1..20_u64).prop_map(Action::Tell),
            2 => (1..9_usize).prop_map(Action::Fill),
            2 => (1..12_u64).prop_map(Action::Apply),
            1 => (1..15_u64).prop_map(Action::GoBack),
        ]
    }

    fn seq(number: u64) -> Sequence {
        Sequence::new(number)
    }

    /// Which of three notes a command is about.
    fn hash(seed: u64, number: u64) -> NoteHash {
        NoteHash::new((number.wrapping_mul(seed | 1) >> 3) % 3)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn it_is_what_was_told_and_not_applied(
            seed in any::<u64>(),
            start in (0..10_u64, 0..10_u64),
            actions in prop::collection::vec(action(), 1..60),
        ) {
            let (mut base, mut end) = (start.0, start.0 + start.1);
            let mut told = std::collections::BTreeSet::new();
            let mut index = PendingIndex::new(seq(base), seq(end));
            for action in actions {
                match action {
                    Action::Tell(ahead) => {
                        index.insert(seq(base + ahead), hash(seed, base + ahead));
                        told.insert(base + ahead);
                        end = end.max(base + ahead);
                    }
                    Action::Fill(count) => {
                        let Some(first) = index.first_hole(seq(end)) else { continue };
                        let last = end.min(first.get() + count as u64 - 1);
                        let batch: Vec<_> = (first.get()..=last)
                            .map(|number| (seq(number), hash(seed, number)))
                            .collect();
                        index.fill(&batch);
                        told.extend(first.get()..=last);
                    }
                    Action::Apply(ahead) => {
                        base += ahead;
                        end = end.max(base);
                        index.drop_upto(seq(base));
                        told.retain(|number| *number > base);
                    }
                    Action::GoBack(by) => {
                        base = base.saturating_sub(by);
                        index.go_back(seq(base));
                    }
                }
                prop_assert_eq!((index.base(), index.end()), (seq(base), seq(end)));
                let hole = (base + 1..=end).find(|number| !told.contains(number)).map(seq);
                prop_assert_eq!(index.first_hole(seq(end)), hole);
                for note in (0..3).map(NoteHash::new) {
                    let of_note = told.iter().copied().filter(|at| hash(seed, *at) == note);
                    let of_note: Vec<_> = of_note.map(seq).collect();
                    prop_assert_eq!(index.last(note), of_note.last().copied());
                    prop_assert_eq!(&index.chain(note, seq(0), seq(end)), &of_note);
                    let part: Vec<_> =
                        of_note.iter().copied().filter(|at| (base + 3..=base + 9).contains(&at.get())).collect();
                    prop_assert_eq!(index.chain(note, seq(base + 2), seq(base + 9)), part);
                }
            }
        }
    }

    #[test]
    fn a_command_takes_sixteen_bytes() {
        assert_eq!(size_of::<Slot>(), 16);
    }

    #[test]
    fn a_backlog_of_one_hot_note_is_put_before_its_later_commands_in_no_time() {
        let mut index = PendingIndex::new(seq(0), seq(100_000));
        let note = NoteHash::new(7);
        (100_001..=200_000).for_each(|number| index.insert(seq(number), note));
        while let Some(first) = index.first_hole(seq(100_000)) {
            let batch: Vec<_> = (first.get()..first.get() + 1000).map(|n| (seq(n), note)).collect();
            index.fill(&batch);
        }
        assert_eq!(index.chain(note, seq(0), seq(200_000)).len(), 200_000);
        index.drop_upto(seq(200_000));
        assert_eq!(index.last(note), None);
        assert!(index.slots.capacity() < 10_000, "the memory is given back");
    }
}
