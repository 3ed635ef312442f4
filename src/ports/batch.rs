//! What is exchanged with the database: batches, and what it knows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::domain::{LogId, Note, NoteId, Rejection, Sequence, Version};

/// Whether a database can have lost batches that it had acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// It was closed cleanly, or never stopped: nothing can be missing.
    Intact,
    /// It may have crashed: any acknowledged batch may be missing.
    Suspect,
}

/// How firmly indexes stand that were made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// No crash undoes it or loses anything that was committed before it.
    Durable,
    /// Lists are right, but a crash may take parts of the indexes without a
    /// trace.
    Volatile,
}

/// How far a log has been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last sequence whose outcome is in the database.
    pub applied: Sequence,
    /// When that command was accepted. Together with the sequence it tells this
    /// log's command from one that another history has at the same place.
    pub accepted_at: DateTime<Utc>,
    /// How many batches were committed for this log, repairs included. It grows
    /// with every one, so that no two commits expect the same checkpoint.
    pub commit: u64,
    /// The first command that healing may look at. It never goes back; markers
    /// and traces of deletions by commands before it are forgotten in the
    /// transaction that moves it.
    pub horizon: Sequence,
    /// The last command that was applied when the indexes were made anew, unless
    /// that was [`Rebuilt::Durable`]; 0 for never. Not before the horizon, it
    /// tells that a crash may have taken a part of them.
    pub rebuilt_at: Sequence,
}

/// A transaction to be: the changes of some commands with all they entail.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The log that the commands come from.
    pub log: LogId,
    /// What the checkpoint must be for this to be applied.
    pub expected: Option<Checkpoint>,
    /// What the notes that the commands were judged against must be; none where
    /// nobody else can change them.
    pub found: Vec<Found>,
    /// Notes that nobody looked for, of which there must be none.
    pub absent: Vec<NoteId>,
    /// What the checkpoint is afterwards; its `commit` is larger than that of
    /// `expected`.
    pub checkpoint: Checkpoint,
    /// The commands whose outcome this holds, for the trace that it leaves; none
    /// where losing it would leave another.
    pub marker: Option<Marker>,
    /// What becomes of notes, at most one entry per note.
    pub writes: Vec<Write>,
    /// The commands among them that were rejected.
    pub rejections: Vec<(Sequence, Rejection)>,
    /// The versions that the commands among them gave to their notes, by
    /// sequence ascending. They are remembered as long as the marker.
    pub versions: Vec<(Sequence, Version)>,
    /// The commands that are parked from now on, or parked with a new reason.
    pub parked: Vec<Parked>,
    /// The commands that are no longer parked.
    pub released: Vec<Sequence>,
}

impl Batch {
    /// A batch that moves the checkpoint and leaves its marker, nothing else.
    #[must_use]
    pub fn new(
        log: LogId,
        expected: Option<Checkpoint>,
        checkpoint: Checkpoint,
        marker: Marker,
    ) -> Self {
        Self {
            log,
            expected,
            found: Vec::new(),
            absent: Vec::new(),
            checkpoint,
            marker: Some(marker),
            writes: Vec::new(),
            rejections: Vec::new(),
            versions: Vec::new(),
            parked: Vec::new(),
            released: Vec::new(),
        }
    }
}

/// The trace that a batch leaves in its own transaction: if it is there, so is
/// the rest of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marker {
    /// The first command of the batch.
    pub first: Sequence,
    /// The last command of the batch.
    pub last: Sequence,
}

/// What becomes of one note.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// It is this from now on.
    Put {
        /// The note.
        note: Note,
        /// The commands that it reflects.
        provenance: Provenance,
    },
    /// It is gone; a trace of the deletion stays until it is pruned.
    Delete {
        /// The note.
        id: NoteId,
        /// The commands that its absence reflects.
        provenance: Provenance,
    },
}

impl Write {
    /// The note that it is about.
    #[must_use]
    pub fn note_id(&self) -> &NoteId {
        match self {
            Self::Put { note, .. } => &note.id,
            Self::Delete { id, .. } => id,
        }
    }

    /// The commands that this is the effect of.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        match self {
            Self::Put { provenance, .. } | Self::Delete { provenance, .. } => provenance,
        }
    }
}

/// Which command changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The log that holds the command.
    pub log: LogId,
    /// Its sequence there.
    pub seq: Sequence,
}

/// Which commands a note, or the trace of its deletion, reflects: a version
/// vector with one entry per log that ever changed the note (Parker et al.,
/// "Detection of Mutual Inconsistency in Distributed Systems", 1983).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The command that changed it last. No two states of a note share it.
    pub last: Stamp,
    /// The last command of each other log before that.
    pub earlier: BTreeMap<LogId, Sequence>,
}

impl Provenance {
    /// That of something which only this command has changed.
    #[must_use]
    pub fn new(last: Stamp) -> Self {
        Self { last, earlier: BTreeMap::new() }
    }

    /// The last command of that log that is reflected.
    #[must_use]
    pub fn of(&self, log: LogId) -> Option<Sequence> {
        if self.last.log == log { Some(self.last.seq) } else { self.earlier.get(&log).copied() }
    }

    /// That of a state which comes from these and one more command.
    #[must_use]
    pub fn after<'a>(before: impl IntoIterator<Item = &'a Self>, last: Stamp) -> Self {
        let mut earlier = BTreeMap::new();
        for provenance in before {
            let Self { last: Stamp { log, seq }, earlier: others } = provenance;
            for (log, seq) in others.iter().chain([(log, seq)]) {
                let known: &mut Sequence = earlier.entry(*log).or_default();
                *known = (*known).max(*seq);
            }
        }
        earlier.remove(&last.log);
        Self { last, earlier }
    }
}

/// What the database knows of one note.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The note's id.
    pub id: NoteId,
    /// The note with the commands that it reflects; `None` when there is no such
    /// note.
    pub note: Option<(Note, Provenance)>,
    /// The commands that the last deletion of a note of this id reflects, as
    /// long as that is remembered. A note that is there may have been made again
    /// since.
    pub deleted: Option<Provenance>,
}

/// How a note was found when commands were judged against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The note's id.
    pub id: NoteId,
    /// The command that had changed it last; `None` when there was no such note.
    pub note: Option<Stamp>,
    /// The command that had deleted it last, as far as that was remembered.
    pub deleted: Option<Stamp>,
}

impl Found {
    /// How the database knew that note.
    #[must_use]
    pub fn of(stored: &Stored) -> Self {
        Self {
            id: stored.id.clone(),
            note: stored.note.as_ref().map(|(_, provenance)| provenance.last),
            deleted: stored.deleted.as_ref().map(|provenance| provenance.last),
        }
    }
}

/// A command that could not be applied and stands aside, so that others go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The command.
    pub seq: Sequence,
    /// Its note; later commands of that note are parked behind it.
    pub note: NoteId,
    /// How often it was attempted; 0 when it only waits behind another.
    pub attempts: u32,
    /// What the last attempt ended with, or what it waits for; for operators.
    pub reason: String,
    /// When it was parked.
    pub since: DateTime<Utc>,
}

/// What is recorded of a command that was judged or parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It took effect; with the version that it gave to its note, where it left
    /// one and as long as that is remembered.
    Applied(Option<Version>),
    /// It was judged and refused.
    Rejected(Rejection),
    /// It stands aside.
    Parked(Parked),
}

/// The connections to a database server.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// In use.
    pub active: u32,
    /// Not in use.
    pub idle: u32,
    /// All of them.
    pub total: u32,
}
