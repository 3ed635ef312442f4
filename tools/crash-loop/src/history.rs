//! What one note may be, given everything that was done to it and answered.
//!
//! Each note has one writer that has one request under way, so its requests
//! have an order. The history keeps the set of states that the note may be in:
//! an acknowledged write moves every state, a write of unknown outcome adds the
//! states after it to those before it, and a look at the note must find one of
//! them. Anything else is a broken promise, and its kind is told.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

/// How many requests are remembered for the report of a finding.
const REMEMBERED: usize = 12;

/// A note, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Its version.
    pub version: u64,
    /// The counter that its content carries.
    pub counter: u64,
}

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Makes the note; rejected when it is there.
    Create {
        /// The counter that it gets.
        counter: u64,
    },
    /// Changes the note; rejected when it is not there, or not at that version.
    Change {
        /// The counter that it gets.
        counter: u64,
        /// The version that it must have.
        if_match: Option<u64>,
    },
    /// Deletes the note; rejected when it is not there, or not at that version.
    Delete {
        /// The version that it must have.
        if_match: Option<u64>,
    },
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done; the note is now this (`None` after a delete).
    Done(Option<Seen>),
    /// It is recorded and will be judged later (202).
    Recorded,
    /// It was judged and not done (404, 409, 412).
    Rejected,
    /// It was refused before it was recorded (503) and never takes effect.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// How a promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The effect of an acknowledged write is not there.
    Lost,
    /// An effect is there more often than it was asked for.
    Duplicated,
    /// The effects are there, but not as their order would have it.
    OutOfOrder,
    /// An answer that no order of the writes explains.
    Unexpected,
}

/// A state of a note: `None` when it is not there.
type State = Option<Seen>;

/// The history of one note.
#[derive(Clone, Debug)]
pub struct History {
    possible: BTreeSet<State>,
    /// Whether any write that makes the note may have taken effect.
    made: bool,
    recent: VecDeque<(Write, Answer)>,
}

impl Default for History {
    fn default() -> Self {
        Self { possible: BTreeSet::from([None]), made: false, recent: VecDeque::new() }
    }
}

impl History {
    /// The state, where only one is possible.
    #[must_use]
    pub fn settled(&self) -> Option<State> {
        let mut states = self.possible.iter();
        match (states.next(), states.next()) {
            (Some(state), None) => Some(*state),
            _ => None,
        }
    }

    /// Takes the answer to a write, and tells whether it breaks a promise.
    pub fn answered(&mut self, write: Write, answer: Answer) -> Option<Breach> {
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((write, answer));
        if matches!(write, Write::Create { .. }) && answer != Answer::Refused {
            self.made = true;
        }
        let applied = |state: &State| apply(*state, write);
        match answer {
            Answer::Refused => None,
            Answer::Unknown => {
                let after: Vec<State> = self.possible.iter().filter_map(applied).collect();
                self.possible.extend(after);
                None
            }
            Answer::Recorded => {
                let judged = |state: &State| applied(state).unwrap_or(*state);
                self.possible = self.possible.iter().map(judged).collect();
                None
            }
            Answer::Rejected => {
                let rejecting = |state: &&State| applied(state).is_none();
                let left: BTreeSet<State> =
                    self.possible.iter().filter(rejecting).copied().collect();
                if left.is_empty() {
                    return Some(Breach::Unexpected);
                }
                self.possible = left;
                None
            }
            Answer::Done(state) => {
                let after: BTreeSet<State> = self.possible.iter().filter_map(applied).collect();
                let breach = if after.is_empty() {
                    Some(impossible(write))
                } else {
                    self.judge(&after, state)
                };
                self.possible = BTreeSet::from([state]);
                breach
            }
        }
    }

    /// Takes a look at the note, and tells whether it breaks a promise.
    pub fn observed(&mut self, state: State) -> Option<Breach> {
        let breach = self.judge(&self.possible, state);
        self.possible = BTreeSet::from([state]);
        breach
    }

    fn judge(&self, possible: &BTreeSet<State>, found: State) -> Option<Breach> {
        if possible.contains(&found) {
            return None;
        }
        let Some(found) = found else { return Some(Breach::Lost) };
        let versions = || possible.iter().flatten().map(|seen| seen.version);
        Some(match (versions().min(), versions().max()) {
            (Some(least), _) if found.version < least => Breach::Lost,
            (_, Some(most)) if found.version > most => Breach::Duplicated,
            (Some(_), Some(_)) => Breach::OutOfOrder,
            // It should not be there: its deletion was lost, unless it was
            // never made at all.
            _ if self.made => Breach::Lost,
            _ => Breach::Duplicated,
        })
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "possible {:?}, after {:?}", self.possible, self.recent)
    }
}

/// The state after a write, or `None` when it is rejected.
fn apply(state: State, write: Write) -> Option<State> {
    let matches = |seen: &Seen, wanted: Option<u64>| wanted.is_none_or(|v| v == seen.version);
    match (write, state) {
        (Write::Create { counter }, None) => Some(Some(Seen { version: 1, counter })),
        (Write::Change { counter, if_match }, Some(seen)) if matches(&seen, if_match) => {
            Some(Some(Seen { version: seen.version + 1, counter }))
        }
        (Write::Delete { if_match }, Some(seen)) if matches(&seen, if_match) => Some(None),
        _ => None,
    }
}

/// What it means that a write was done which every possible state rejects.
fn impossible(write: Write) -> Breach {
    match write {
        // The note was not there although it was made, or there although it was
        // deleted.
        Write::Create { .. } | Write::Delete { .. } => Breach::Lost,
        Write::Change { .. } => Breach::OutOfOrder,
    }
}
